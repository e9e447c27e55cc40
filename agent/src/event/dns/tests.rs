use proptest::prelude::*;

use super::*;
use crate::seeds::seeded;

/// Labels of a name, or a pointer.
enum Name<'a> {
    Labels(&'a [&'a [u8]]),
    Pointer(u16),
}

use Name::{Labels, Pointer};

const HOST: Name<'_> = Labels(&[b"Backup", b"example", b"NET"]);
/// Where a message's question is.
const QUESTION: Name<'_> = Pointer(0xc00c);

fn wire(name: &Name<'_>) -> Vec<u8> {
    match name {
        Labels(labels) => {
            let mut bytes: Vec<u8> = labels
                .iter()
                .flat_map(|label| [&[u8::try_from(label.len()).unwrap()], *label].concat())
                .collect();
            bytes.push(0);
            bytes
        }
        Pointer(word) => word.to_be_bytes().to_vec(),
    }
}

fn record(owner: &Name<'_>, kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = wire(owner);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(CLASS_IN.to_be_bytes());
    bytes.extend(ttl.to_be_bytes());
    bytes.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    bytes.extend(data);
    bytes
}

fn message(flags: u16, asked: &Name<'_>, records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34];
    let count = u16::try_from(records.len()).unwrap();
    for word in [flags, 1, count, 0, 0] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(wire(asked));
    bytes.extend([0, 1, 0, 1]);
    bytes.extend(records.concat());
    bytes
}

fn said(name: &str, addresses: &[&str], ttl: u32) -> Answer {
    let addresses = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Answer { name: name.into(), addresses, ttl, cut: false }
}

const V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

#[test]
fn answers_name_addresses() {
    let (alias, other) = (Labels(&[b"a7", b"cdn", b"example"]), Labels(&[b"other", b"example"]));
    let service =
        [&[0, 1, 0][..], &[0, 1, 0, 3, 2, b'h', b'2'], &[0, 4, 0, 8, 198, 51, 100, 7, 198, 51, 100, 8]]
            .concat();
    let elsewhere = [&[0, 1][..], &wire(&alias), &[0, 4, 0, 4, 198, 51, 100, 7]].concat();
    let rows = [
        (
            HOST,
            vec![record(&QUESTION, 1, 60, &[198, 51, 100, 7])],
            said("backup.example.net", &["198.51.100.7"], 60),
        ),
        (
            HOST,
            vec![record(&HOST, 28, 90, &V6), record(&QUESTION, 28, 30, &V6)],
            said("backup.example.net", &["2001:db8::7"], 30),
        ),
        // The aliases stand in any order, and lead from the asked name.
        (
            HOST,
            vec![
                record(&alias, 1, 300, &[198, 51, 100, 7]),
                record(&QUESTION, 5, 20, &wire(&alias)),
                record(&other, 1, 1, &[198, 51, 100, 9]),
            ],
            said("backup.example.net", &["198.51.100.7"], 20),
        ),
        // Aliases of each other lead nowhere.
        (
            HOST,
            vec![record(&QUESTION, 5, 20, &wire(&alias)), record(&alias, 5, 20, &wire(&HOST))],
            said("backup.example.net", &[], 20),
        ),
        (HOST, vec![record(&other, 1, 60, &[198, 51, 100, 7])], said("backup.example.net", &[], 0)),
        (HOST, vec![record(&QUESTION, 16, 60, b"\x03abc")], said("backup.example.net", &[], 0)),
        (
            HOST,
            vec![record(&QUESTION, 65, 60, &service)],
            said("backup.example.net", &["198.51.100.7", "198.51.100.8"], 60),
        ),
        (HOST, vec![record(&QUESTION, 65, 60, &elsewhere)], said("backup.example.net", &[], 60)),
        // An address of the wrong size is none.
        (HOST, vec![record(&QUESTION, 1, 60, &[198, 51, 100])], said("backup.example.net", &[], 0)),
        (
            Labels(&[]),
            vec![record(&QUESTION, 1, u32::MAX, &[198, 51, 100, 7])],
            said("", &["198.51.100.7"], 0),
        ),
        (Labels(&[b"a.b", b"c\x1b\\"]), vec![], said("a\\046b.c\\027\\092", &[], 0)),
    ];
    for (at, (asked, records, expected)) in rows.into_iter().enumerate() {
        assert_eq!(answer(&message(0x8180, &asked, &records)), Ok(expected), "row {at}");
    }
}

#[test]
fn what_is_cut_says_what_it_can() {
    let whole = message(
        0x8180,
        &HOST,
        &[record(&QUESTION, 1, 60, &[198, 51, 100, 7]), record(&QUESTION, 1, 60, &[198, 51, 100, 8])],
    );
    for cut in 1..16 {
        let expected = Answer { cut: true, ..said("backup.example.net", &["198.51.100.7"], 60) };
        assert_eq!(answer(&whole[..whole.len() - cut]), Ok(expected), "{cut}");
    }
}

#[test]
fn lies_are_refused() {
    let long = [b'x'; 63];
    let asked = |bytes: &[u8]| [&[0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0][..], bytes].concat();
    let rows = [
        (vec![], DnsError::Short(0)),
        (vec![0; 11], DnsError::NoAnswer { flags: 0, questions: 0 }),
        (message(0x0100, &HOST, &[]), DnsError::NoAnswer { flags: 0x0100, questions: 1 }),
        (message(0x8183, &HOST, &[]), DnsError::NoAnswer { flags: 0x8183, questions: 1 }),
        (asked(&[3, b'a']), DnsError::Short(14)),
        // At itself, forwards, and at each other.
        (asked(&[0xc0, 12]), DnsError::Name),
        (asked(&[0xc0, 200, 0]), DnsError::Name),
        (asked(&[1, b'a', 0xc0, 12, 0, 1, 0, 1]), DnsError::Name),
        (asked(&[0x40, 0]), DnsError::Name),
        (message(0x8180, &Labels(&[&long, &long, &long, &long]), &[]), DnsError::Name),
        (asked(&[0, 0, 1, 0, 3]), DnsError::Class(3)),
    ];
    for (bytes, expected) in rows {
        assert_eq!(answer(&bytes), Err(expected), "{bytes:?}");
    }
}

proptest! {
    #![proptest_config(seeded(256))]

    /// Whatever comes, an answer is no larger than its message allows.
    #[test]
    fn nothing_panics_or_grows(bytes in proptest::collection::vec(any::<u8>(), 0..600), shaped: bool) {
        let mut bytes = bytes;
        if shaped && let Some(header) = bytes.get_mut(2..6) {
            header.copy_from_slice(&[0x81, 0x80, 0, 1]);
        }
        if let Ok(answer) = answer(&bytes) {
            prop_assert!(answer.name.len() <= 4 * NAME_MAX);
            prop_assert!(answer.addresses.len() <= bytes.len() / 4);
            prop_assert!(answer.name.is_ascii());
        }
    }
}
