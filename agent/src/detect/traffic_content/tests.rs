//! Sizes and secrets, and as many that are none.

use super::{Observation, Settled, TrafficContent};
use crate::{
    detect::{ContentKind, Object, testing},
    provenance::{Cut, Load, Secrets},
};

/// Kinds found in what was sent by a process with such a load.
fn see(sent: &[u64], cuts: Vec<Cut>, secrets: Secrets) -> Vec<ContentKind> {
    see_messages((sent, 0), cuts, secrets)
}

/// The same where so many messages are among what was sent.
fn see_messages((sent, messages): (&[u64], u64), cuts: Vec<Cut>, secrets: Secrets) -> Vec<ContentKind> {
    let process = testing::process(1, "x");
    let load = Load { cuts, secrets };
    let remote = "198.51.100.1:443".parse().unwrap();
    let observation = Observation::Settled(Settled { remote, sent, messages, load: &load });
    let mut analytic = TrafficContent::new();
    let found = testing::signals(&process, &[], &observation, |subject, observation, out| {
        analytic.observe(1, subject, observation, out);
    });
    found
        .into_iter()
        .filter_map(
            |signal| if let Object::Content(content) = signal.object { Some(content.kind) } else { None },
        )
        .collect()
}

const fn collected(bytes: u64) -> Cut {
    Cut { bytes, derived: false }
}

const fn derived(bytes: u64) -> Cut {
    Cut { bytes, derived: true }
}

/// A question of 229 bytes for each 100 of an archive.
#[test]
fn questions_have_room_for_what_they_are_made_of() {
    for (messages, expected) in [(0, None), (12_000, Some(ContentKind::Encoded)), (3_000, None)] {
        let found = see_messages((&[2_748_000], messages), vec![derived(1_200_000)], Secrets::default());
        assert_eq!(found.first().copied(), expected, "{messages}");
    }
}

#[test]
fn sizes_that_agree() {
    use ContentKind::{Compressed, Encoded, Parity};
    let rows: &[(Cut, u64, Option<ContentKind>)] = &[
        (derived(12_000_000), 12_000_000, Some(Parity)),
        (derived(12_000_000), 12_700_000, Some(Parity)),
        (derived(12_000_000), 11_700_000, Some(Parity)),
        (derived(12_000_000), 13_000_000, None),
        (derived(12_000_000), 11_000_000, None),
        (derived(12_000_000), 5_000_000, None),
        (collected(12_000_000), 11_000_000, Some(Compressed)),
        (collected(12_000_000), 6_000_000, Some(Compressed)),
        (collected(12_000_000), 5_000_000, None),
        // base64 plain, with line ends, within a form; base32; hexadecimal.
        (derived(12_000_000), 16_000_000, Some(Encoded)),
        (derived(12_000_000), 16_250_000, Some(Encoded)),
        (derived(12_000_000), 17_100_000, Some(Encoded)),
        (collected(12_000_000), 19_300_000, Some(Encoded)),
        (collected(12_000_000), 24_100_000, Some(Encoded)),
        (collected(12_000_000), 30_000_000, None),
        // A page, a handshake: sizes of everything.
        (derived(60_000), 60_000, None),
        (derived(65_536), 70_000, Some(Parity)),
        (derived(0), 0, None),
        (derived(u64::MAX), u64::MAX, Some(Parity)),
    ];
    for &(cut, sent, expected) in rows {
        assert_eq!(see(&[sent], vec![cut], Secrets::default()).first(), expected.as_ref(), "{cut:?} {sent}");
    }
    // The surest agreement of any sum with any cut.
    let cuts = vec![collected(20_000_000), derived(12_000_000)];
    assert_eq!(see(&[11_000_000, 12_000_000], cuts, Secrets::default()), [Parity]);
}

#[test]
fn secrets_of_others() {
    let secrets = |files, bytes, others, passed_on| Secrets { files, bytes, others, passed_on };
    let rows = [
        ("a key through a pipe", secrets(1, 2_600, 0, true), 3_600, true),
        ("the same as hexadecimal in names", secrets(1, 3_400, 0, true), 10_200, true),
        ("the same packed", secrets(1, 3_400, 0, true), 2_700, true),
        ("a key that is used by its reader", secrets(1, 2_600, 0, false), 3_600, false),
        ("a key and its certificate's", secrets(2, 4_000, 0, false), 5_000, false),
        ("keys and tokens that one program gathers", secrets(3, 6_000, 0, false), 7_000, true),
        ("a token in a header", secrets(1, 95, 0, true), 1_400, false),
        ("less than there is", secrets(1, 2_600, 0, true), 1_500, false),
        ("a key in a backup", secrets(1, 2_600, 40_000_000, true), 40_000_000, false),
        ("an upload of something else", secrets(1, 2_600, 0, true), 5_000_000, false),
        ("nothing", secrets(0, 0, 0, false), 5_000, false),
    ];
    for (name, secrets, sent, expected) in rows {
        let found = see(&[sent], Vec::new(), secrets);
        assert_eq!(found.contains(&ContentKind::Secrets), expected, "{name}");
    }
}
