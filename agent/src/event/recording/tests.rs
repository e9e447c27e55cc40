use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::{
    event::{Event, Exec, Fact, Loss, ProcessKey, Started},
    seeds::seeded,
};

/// Bytes of the header.
const HEADER: usize = 12;

fn events() -> Vec<Event> {
    let process = ProcessKey { pid: 4, start_ticks: 5 };
    let facts = [
        Fact::Started(Box::new(Started { host: "h".to_owned(), ..Started::default() })),
        Fact::Tick,
        Fact::Exec(Box::new(Exec { argv: vec!["a".into(), "".into()], ..Exec::default() })),
        Fact::Loss(vec![Loss { what: "open_dropped".to_owned(), count: 3 }]),
    ];
    facts.into_iter().zip(1..).map(|(fact, time)| Event { time, process, fact }).collect()
}

fn recording() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Path::new("test"), &mut bytes).unwrap();
    for event in events() {
        writer.write(&event).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    bytes
}

fn read(bytes: &[u8]) -> Result<Vec<Event>, RecordingError> {
    Reader::new(Path::new("test"), bytes)?.collect()
}

/// Offsets at which frames begin.
fn frames(bytes: &[u8]) -> Vec<usize> {
    let mut offsets = vec![];
    let mut at = HEADER;
    while at < bytes.len() {
        offsets.push(at);
        at += 8 + u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    }
    offsets
}

#[test]
fn what_is_written_is_read() {
    assert_eq!(read(&recording()).unwrap(), events());
    assert_eq!(read(&recording()[..HEADER]).unwrap(), []);
}

#[test]
fn a_file_is_created_private_and_read_back() {
    use std::os::unix::fs::PermissionsExt;
    let path = std::env::temp_dir().join(format!("weir-recording-{}", std::process::id()));
    let mut writer = Writer::create(&path).unwrap();
    writer.write(&events()[1]).unwrap();
    writer.finish().unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    let read: Vec<_> = Reader::open(&path).unwrap().collect::<Result<_, _>>().unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!((mode & 0o777, read), (0o600, vec![events()[1].clone()]));
    let error = Reader::open(&path).unwrap_err().to_string();
    assert!(error.contains("header at byte 0: No such file"), "{error}");
}

#[test]
fn an_older_recording_is_moved_aside() {
    let folder = std::env::temp_dir().join(format!("weir-older-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("r");
    for count in 1..=3 {
        let mut writer = Writer::create(&path).unwrap();
        for event in &events()[..count] {
            writer.write(event).unwrap();
        }
        writer.finish().unwrap();
    }
    let count = |name: &str| Reader::open(&folder.join(name)).unwrap().count();
    assert_eq!((count("r.1"), count("r.2"), count("r")), (1, 2, 3));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A recording with `edit` applied must fail with `expected` (the part after the file name).
fn check(edit: impl FnOnce(&mut Vec<u8>, &[usize]), expected: &str) {
    let mut bytes = recording();
    let frames = frames(&bytes);
    edit(&mut bytes, &frames);
    let error = read(&bytes).unwrap_err().to_string();
    assert_eq!(error.strip_prefix("recording test: ").unwrap(), expected);
}

#[test]
fn damage_is_named_with_its_place() {
    check(|bytes, _| bytes.clear(), "header at byte 0: not a weir recording");
    check(|bytes, _| bytes[0] ^= 1, "header at byte 0: not a weir recording");
    check(|bytes, _| bytes.truncate(10), "header at byte 0: truncated header: 10 of 12 bytes");
    check(
        |bytes, _| bytes[8] = 99,
        &format!("header at byte 0: format version 99 is newer than this agent's ({VERSION})"),
    );
    check(
        |bytes, _| bytes[8] = 0,
        &format!(
            "header at byte 0: format version 0 is no longer read (the oldest that this agent reads is {OLDEST})"
        ),
    );
    check(|bytes, at| bytes.truncate(at[1] + 3), "frame 2 at byte 34: truncated frame: 3 of 8 bytes");
    check(|bytes, at| bytes.truncate(at[1] + 9), "frame 2 at byte 34: truncated frame: 9 of 12 bytes");
    check(
        |bytes, at| bytes[at[1] + 3] = 0x40,
        "frame 2 at byte 34: frame of 1073741828 bytes is longer than the bound of 16777216",
    );
}

#[test]
fn a_flipped_bit_is_a_checksum_error() {
    let mut bytes = recording();
    let at = frames(&bytes)[2] + 12;
    bytes[at] ^= 4;
    let error = read(&bytes).unwrap_err();
    assert!(matches!(error.problem, Problem::Checksum { .. }), "{error}");
    assert_eq!((error.frame, error.offset), (3, frames(&bytes)[2] as u64));
}

/// A recording with one frame of this payload and the right checksum.
fn one_frame(payload: &[u8]) -> Vec<u8> {
    let mut bytes = recording()[..HEADER].to_vec();
    let len = u32::try_from(payload.len()).unwrap().to_le_bytes();
    bytes.extend_from_slice(&len);
    bytes.extend_from_slice(&checksum(len, payload).to_le_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn a_payload_that_is_no_event_is_refused() {
    let event = postcard::to_stdvec(&events()[1]).unwrap();
    assert_eq!(read(&one_frame(&event)).unwrap(), [events()[1].clone()]);
    let longer = [event.as_slice(), b"x"].concat();
    assert!(matches!(read(&one_frame(&longer)).unwrap_err().problem, Problem::Trailing(1)));
    assert!(matches!(read(&one_frame(&event[..1])).unwrap_err().problem, Problem::Payload(_)));
    assert!(matches!(read(&one_frame(&[0, 0, 0, 99])).unwrap_err().problem, Problem::Payload(_)));
}

#[test]
fn the_first_error_ends_the_iteration() {
    let mut bytes = recording();
    bytes[HEADER + 4] ^= 1;
    let mut reader = Reader::new(Path::new("test"), bytes.as_slice()).unwrap();
    assert!(reader.next().unwrap().is_err());
    assert!(reader.next().is_none());
}

#[test]
fn an_event_above_the_bound_is_not_written() {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(Path::new("test"), &mut bytes).unwrap();
    let reason = "x".repeat(FRAME_MAX as usize);
    let event = Event { fact: Fact::Stopping { reason }, ..events()[1].clone() };
    assert!(matches!(writer.write(&event).unwrap_err().problem, Problem::TooLong { .. }));
    writer.write(&events()[1]).unwrap();
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(read(&bytes).unwrap(), [events()[1].clone()]);
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn every_cut_is_noticed_or_between_frames(cut in 0_usize..100) {
        let whole = recording();
        let cut = cut.min(whole.len());
        let mut ends = frames(&whole);
        ends.push(whole.len());
        prop_assert_eq!(read(&whole[..cut]).is_ok(), ends.contains(&cut));
    }

    #[test]
    fn every_bit_counts(at in 0_usize..100, bit in 0_u8..8) {
        let mut bytes = recording();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn garbage_never_panics(payload in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&payload);
        let _ = read(&one_frame(&payload));
    }
}
