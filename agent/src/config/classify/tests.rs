//! Paths and their classes.

use std::time::Duration;

use globset::{Glob, GlobSetBuilder};

use super::{Classifier, FileClass};
use crate::{
    config::{Files, Rated},
    event::{Bytes, Path},
};

fn rated(patterns: &[(&str, f64)]) -> Rated {
    let mut builder = GlobSetBuilder::new();
    for (pattern, _) in patterns {
        builder.add(Glob::new(pattern).expect(pattern));
    }
    Rated {
        globs: builder.build().expect("a set"),
        risks: patterns.iter().map(|(pattern, risk)| ((*pattern).to_owned(), *risk)).collect(),
    }
}

fn classifier() -> Classifier {
    Classifier::new(&Files {
        staging: rated(&[
            ("/media/exfil/**", 9.0),
            ("/var/tmp/**", 8.0),
            ("/home/*/Downloads/**", 5.0),
            ("/var/**", 1.0),
        ]),
        sensitive: rated(&[("/etc/shadow", 8.0), ("**/.ssh/id_*", 8.0), ("**/*.kdbx", 9.0)]),
        document_extensions: vec!["pdf".to_owned(), "DOCX".to_owned(), "tar.gz".to_owned()],
        mass_count: 10,
        mass_window: Duration::from_mins(1),
        quiet: vec!["/usr/share/".to_owned(), "/lib".to_owned()],
    })
}

fn told(class: &FileClass) -> String {
    let risk = |rating: &Option<super::Rating>| rating.as_ref().map_or(0.0, |rating| rating.risk);
    format!(
        "{} {} {}{}",
        risk(&class.staging),
        risk(&class.sensitive),
        if class.document { "d" } else { "-" },
        if class.quiet { "q" } else { "-" }
    )
}

#[test]
fn classes() {
    let rows: &[(&[u8], &str)] = &[
        (b"/media/exfil/a", "9 0 --"),
        (b"/var/tmp/a/b", "8 0 --"),
        (b"/var/log/a", "1 0 --"),
        (b"/home/ann/Downloads/a.pdf", "5 0 d-"),
        (b"/home/ann/Documents/a.PDF", "0 0 d-"),
        (b"/home/ann/a.docx", "0 0 d-"),
        (b"/home/ann/.pdf", "0 0 --"),
        (b"/home/ann/a.pdf/b", "0 0 --"),
        (b"/home/ann/a.pdf.", "0 0 --"),
        (b"/home/ann/a.averyveryverylongextension", "0 0 --"),
        (b"/home/ann/pdf", "0 0 --"),
        (b"/etc/shadow", "0 8 --"),
        (b"/etc/shadow-", "0 0 --"),
        (b"/home/ann/.ssh/id_rsa", "0 8 --"),
        (b"/var/tmp/x.kdbx", "8 9 --"),
        (b"/usr/share/a.pdf", "0 0 dq"),
        (b"/usr/share", "0 0 -q"),
        (b"/usr/shared/a", "0 0 --"),
        (b"/lib/x", "0 0 -q"),
        (b"/lib64/x", "0 0 --"),
        (b"/var/tmp/\xff\xfe\n.pdf", "8 0 d-"),
        (b"/h/\n/.ssh/id_\xff", "0 8 --"),
        (b"", "0 0 --"),
        (b".", "0 0 --"),
    ];
    let mut classifier = classifier();
    // The second round comes from memory.
    for (path, expected) in rows.iter().chain(rows) {
        let path = Path { bytes: Bytes::from(*path), ..Path::default() };
        assert_eq!(told(&classifier.classify(&path)), *expected, "{:?}", path.bytes);
    }
}

#[test]
fn the_pattern_of_highest_risk_is_named() {
    let path = Path { bytes: Bytes::from("/var/tmp/x"), ..Path::default() };
    let staging = classifier().classify(&path).staging.expect("a staging place");
    assert_eq!((staging.pattern.as_str(), staging.risk), ("/var/tmp/**", 8.0));
}

#[test]
fn memory_of_paths_is_bounded() {
    let mut classifier = classifier();
    for number in 0..10_000 {
        let _ = classifier
            .classify(&Path { bytes: Bytes::from(format!("/home/{number}").as_str()), ..Path::default() });
    }
    assert_eq!(classifier.recent.len(), super::PATHS.get());
}
