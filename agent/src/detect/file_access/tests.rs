//! Opens and what they are worth.

use std::time::Duration;

use super::{Analytic, FileAccess, Object, Signal, Stage};
use crate::{
    config::classify::{FileClass, Rating},
    config::{Files, Rated},
    detect::{Observation, testing},
    event::{FileKey, Open},
    process::Process,
};

const SECOND: u64 = 1_000_000_000;

fn analytic(mass_count: u32) -> FileAccess {
    let none = Rated { globs: globset::GlobSet::empty(), risks: Vec::new() };
    FileAccess::new(&Files {
        staging: none.clone(),
        sensitive: none,
        document_extensions: Vec::new(),
        mass_count,
        mass_window: Duration::from_mins(1),
        quiet: Vec::new(),
    })
}

fn rating(risk: f64) -> Rating {
    Rating { pattern: "pattern".to_owned(), risk }
}

fn opened(path: &str, ino: u64, mode: &str) -> Open {
    Open {
        file: FileKey { dev: 1, ino, generation: 0 },
        path: testing::path(path),
        size: u64::from(!mode.contains('0')) * 100,
        mode: if mode.contains('d') { 0o040_755 } else { 0o100_644 },
        read: mode.contains('r'),
        write: mode.contains('w'),
        ..Open::default()
    }
}

fn see(
    analytic: &mut FileAccess,
    now: u64,
    process: &Process,
    lineage: &[&Process],
    open: &Open,
    class: &FileClass,
) -> Vec<Signal> {
    let observation = Observation::Open { open, class, labelled: false };
    testing::signals(process, lineage, &observation, |subject, observation, out| {
        analytic.observe(now, subject, observation, out);
    })
}

type Row<'a> = (&'a FileClass, &'static str, &'a [(Analytic, Stage, f64)]);

#[test]
fn staging_places_and_sensitive_files() {
    let staging = FileClass { staging: Some(rating(8.0)), ..FileClass::default() };
    let sensitive = FileClass { sensitive: Some(rating(7.0)), ..FileClass::default() };
    let both = FileClass { staging: Some(rating(9.0)), sensitive: Some(rating(7.0)), ..FileClass::default() };
    let quiet = FileClass { quiet: true, ..sensitive.clone() };
    let rows: &[Row<'_>] = &[
        (&staging, "w", &[(Analytic::FileAccess, Stage::Staging, 8.0)]),
        (&staging, "w0", &[(Analytic::FileAccess, Stage::Staging, 8.0)]),
        (&staging, "rw", &[(Analytic::FileAccess, Stage::Staging, 8.0)]),
        (&staging, "r", &[(Analytic::FileAccess, Stage::Collection, 8.0)]),
        (&staging, "r0", &[]),
        (&staging, "rd", &[]),
        (&sensitive, "r", &[(Analytic::SensitiveFileAccess, Stage::Collection, 7.0)]),
        (&sensitive, "r0", &[(Analytic::SensitiveFileAccess, Stage::Collection, 7.0)]),
        (&sensitive, "w", &[]),
        (&quiet, "r", &[]),
        (
            &both,
            "r",
            &[
                (Analytic::FileAccess, Stage::Collection, 9.0),
                (Analytic::SensitiveFileAccess, Stage::Collection, 7.0),
            ],
        ),
    ];
    for (class, mode, expected) in rows {
        let process = testing::process(1, "cat");
        let mut analytic = analytic(10);
        let open = opened("/srv/f", 1, mode);
        let found = see(&mut analytic, 1, &process, &[], &open, class);
        let seen: Vec<_> = found.iter().map(|signal| (signal.analytic, signal.stage, signal.risk)).collect();
        assert_eq!(seen, *expected, "{class:?} {mode}");
        // The same file again says nothing; another one does.
        assert_eq!(see(&mut analytic, 2, &process, &[], &open, class), []);
        assert_eq!(
            see(&mut analytic, 3, &process, &[], &opened("/srv/g", 2, mode), class).len(),
            expected.len()
        );
    }
}

#[test]
fn a_staged_file_is_collected_by_another_process_than_its_writer() {
    let class = FileClass { staging: Some(rating(8.0)), ..FileClass::default() };
    let mut analytic = analytic(10);
    let rows =
        [(1, "w", Some(Stage::Staging)), (1, "r", None), (2, "r", Some(Stage::Collection)), (2, "r", None)];
    for (pid, mode, stage) in rows {
        let process = testing::process(pid, "cat");
        let found = see(&mut analytic, 1, &process, &[], &opened("/var/tmp/f", 1, mode), &class);
        assert_eq!(found.first().map(|signal| signal.stage), stage, "{pid} {mode}");
    }
}

#[test]
fn many_staged_files_are_told_at_each_doubling() {
    let class = FileClass { staging: Some(rating(5.0)), ..FileClass::default() };
    let (mut analytic, process) = (analytic(10), testing::process(1, "cp"));
    let told: Vec<u64> = (1..=1_000)
        .filter(|&ino| !see(&mut analytic, 1, &process, &[], &opened("/tmp/f", ino, "w"), &class).is_empty())
        .collect();
    assert_eq!(told, (1..=16).chain([32, 64, 128, 256, 512]).collect::<Vec<_>>());
    assert_eq!(analytic.evicted(), 1_000 - super::REPORTED as u64);
}

#[test]
fn programs_read_their_own() {
    let rows: &[(&str, &str, &str, bool)] = &[
        ("/usr/sbin/sshd", "sshd", "/etc/ssh/ssh_host_rsa_key", true),
        ("/usr/lib/openssh/sshd-session", "sshd-session", "/etc/shadow", true),
        ("/usr/bin/ssh", "ssh h", "/home/ann/.ssh/id_ed25519", true),
        ("/usr/bin/scp", "scp /home/ann/.ssh/id_ed25519 h:", "/home/ann/.ssh/id_ed25519", false),
        ("/usr/bin/cat", "cat x", "/home/ann/.ssh/id_ed25519", false),
        ("/tmp/ssh", "ssh h", "/home/ann/.ssh/id_ed25519", false),
        ("/home/ann/bin/sshd", "sshd", "/etc/shadow", false),
        ("/usr/bin/cat", "sshd", "/etc/shadow", false),
        ("/usr/bin/su", "su -", "/etc/shadow", true),
        ("/usr/bin/sudo", "sudo ls", "/etc/shadow", true),
        ("/usr/sbin/unix_chkpwd", "unix_chkpwd ann nullok", "/etc/shadow", true),
        ("/usr/sbin/cron", "cron -f", "/etc/shadow", true),
        ("/usr/bin/passwd", "passwd", "/etc/shadow", true),
        ("/usr/bin/passwd", "passwd", "/home/ann/.ssh/id_rsa", false),
        ("/usr/bin/dpkg", "dpkg -i x", "/etc/shadow", true),
        ("/usr/lib/firefox/firefox", "firefox", "/home/ann/.mozilla/firefox/x/logins.json", true),
        ("/usr/lib/firefox/firefox", "firefox", "/home/ann/.config/google-chrome/Default/Login Data", false),
        ("/opt/google/chrome/chrome", "chrome", "/home/ann/.config/google-chrome/Default/Cookies", true),
        ("/usr/bin/chromium", "chromium", "/home/ann/.mozilla/firefox/x/key4.db", false),
        ("/usr/bin/python3.11", "python3 /usr/bin/aws s3 ls", "/home/ann/.aws/credentials", true),
        ("/usr/bin/python3.11", "python3 /home/ann/aws s3 ls", "/home/ann/.aws/credentials", false),
        ("/usr/bin/python3.11", "python3 /usr/bin/../../tmp/aws", "/home/ann/.aws/credentials", false),
        ("/home/ann/python3", "python3 /usr/bin/aws s3 ls", "/home/ann/.aws/credentials", false),
        ("/usr/bin/python3.11", "python3 -c x", "/home/ann/.aws/credentials", false),
        ("/usr/bin/gpg-agent", "gpg-agent", "/home/ann/.gnupg/private-keys-v1.d/x.key", true),
        ("/usr/sbin/nginx", "nginx", "/etc/ssl/private/x.key", true),
        ("/usr/sbin/nginx", "nginx", "/etc/shadow", false),
        ("/usr/bin/getent", "getent shadow", "/etc/shadow", false),
        ("/usr/tmp/sshd", "sshd", "/etc/shadow", false),
        ("/usr/share/code/code", "code", "/home/ann/.config/Code/Cookies", true),
        ("/usr/share/code/code", "code", "/home/ann/.config/Slack/Cookies", false),
        (
            "/snap/chromium/1/usr/lib/chrome",
            "chrome",
            "/home/ann/snap/chromium/common/chromium/Default/Cookies",
            true,
        ),
        ("/usr/bin/cat", "cat x", "/proc/1/environ", true),
        ("/usr/bin/cat", "cat x", "/proc/12/environ", false),
        ("/usr/sbin/blkid", "blkid", "/dev/sda1", true),
        ("/usr/bin/dd", "dd if=/dev/sda1", "/dev/sda1", false),
        ("/usr/sbin/apache2", "apache2", "/var/www/x/wp-config.php", true),
    ];
    let class = FileClass { sensitive: Some(rating(7.0)), ..FileClass::default() };
    for (exe, line, path, quiet) in rows {
        let process = testing::process_of(1, exe, line);
        let found = see(&mut analytic(10), 1, &process, &[], &opened(path, 1, "r"), &class);
        assert_eq!(found.is_empty(), *quiet, "{exe} {line}: {path}");
    }
    let mut unlinked = testing::process_of(1, "/usr/bin/ssh", "ssh h");
    unlinked.exe_unlinked = true;
    assert_eq!(see(&mut analytic(10), 1, &unlinked, &[], &opened("/r/.ssh/id", 1, "r"), &class).len(), 1);
}

#[test]
fn browsers_download_quietly() {
    let class = FileClass { staging: Some(rating(5.0)), ..FileClass::default() };
    let rows = [
        ("/usr/lib/firefox/firefox", "/home/ann/Downloads/a.pdf", 0),
        ("/usr/lib/firefox/firefox", "/var/tmp/a.pdf", 1),
        ("/usr/bin/cp", "/home/ann/Downloads/a.pdf", 1),
        ("/usr/bin/chromium", "/dev/shm/.org.chromium.x", 0),
        ("/usr/lib/postgresql/17/bin/postgres", "/dev/shm/PostgreSQL.1", 0),
        ("/usr/bin/tar", "/dev/shm/PostgreSQL.1", 1),
        ("/tmp/firefox", "/home/ann/Downloads/a.pdf", 1),
    ];
    for (exe, path, count) in rows {
        let process = testing::process_of(1, exe, "x");
        assert_eq!(
            see(&mut analytic(10), 1, &process, &[], &opened(path, 1, "w"), &class).len(),
            count,
            "{exe} {path}"
        );
    }
}

/// Opens documents `inodes` one millisecond apart; returns (document number, files, risk) of each signal.
fn documents(
    analytic: &mut FileAccess,
    process: &Process,
    inodes: impl Iterator<Item = u64>,
) -> Vec<(u64, u32, f64)> {
    let class = FileClass { document: true, ..FileClass::default() };
    let mut told = Vec::new();
    for (index, ino) in (1..).zip(inodes) {
        for signal in see(analytic, index * 1_000_000, process, &[], &opened("/srv/a.pdf", ino, "r"), &class)
        {
            assert_eq!((signal.analytic, signal.stage), (Analytic::MassFileAccess, Stage::Collection));
            match signal.object {
                Object::Files(count) => told.push((index, count, signal.risk)),
                other @ (Object::Command(_)
                | Object::Script(_)
                | Object::File(_)
                | Object::Shared(_)
                | Object::Destination(_)
                | Object::Content(_)) => {
                    panic!("{other:?}")
                }
            }
        }
    }
    told
}

#[test]
fn mass_access_at_each_doubling() {
    let process = testing::process(1, "cat");
    let burst = (8, 8, 6.0);
    assert_eq!(documents(&mut analytic(10), &process, 0..7), []);
    assert_eq!(documents(&mut analytic(10), &process, 0..10), [burst, (10, 10, 6.0)]);
    let many = documents(&mut analytic(10), &process, 0..200);
    assert_eq!(many, [burst, (10, 10, 6.0), (20, 20, 7.0), (40, 40, 8.0), (80, 80, 9.0), (160, 160, 9.0)]);
    // Distinct files count, opens do not.
    assert_eq!(documents(&mut analytic(10), &process, (0..100).map(|index| index % 7)), []);
    let beyond_exact = documents(&mut analytic(500), &process, 0..2_001);
    assert_eq!(beyond_exact.iter().map(|told| told.1).collect::<Vec<_>>(), [200, 500, 1_000, 2_000]);
    let indexer = testing::process_of(1, "/usr/libexec/tracker-miner-fs-3", "tracker-miner-fs-3");
    assert_eq!(documents(&mut analytic(10), &indexer, 0..10), [(10, 10, 2.0)]);
}

#[test]
fn mass_access_needs_the_window() {
    let class = FileClass { document: true, ..FileClass::default() };
    let process = testing::process(1, "cat");
    let mut analytic = analytic(10);
    let mut told = 0;
    for ino in 0..100 {
        told +=
            see(&mut analytic, ino * 7 * SECOND, &process, &[], &opened("/a.pdf", ino, "r"), &class).len();
    }
    assert_eq!(told, 0);
    // A burst is told once; after a quiet time the next is told again.
    for burst in [800, 1_000] {
        for ino in 0..15 {
            told += see(
                &mut analytic,
                (burst + ino) * SECOND,
                &process,
                &[],
                &opened("/a.pdf", ino, "r"),
                &class,
            )
            .len();
        }
    }
    assert_eq!(told, 2);
    told = 0;
    // 60 s hold ten opens that are 6 s apart, and one more.
    for ino in 0..10 {
        told += see(
            &mut analytic,
            (2_000 + ino * 6) * SECOND,
            &process,
            &[],
            &opened("/a.pdf", ino, "r"),
            &class,
        )
        .len();
    }
    assert_eq!(told, 1);
}

#[test]
fn mass_access_by_a_story_of_short_processes() {
    let class = FileClass { document: true, ..FileClass::default() };
    let root = testing::process(1, "bash a.sh");
    let mut analytic = analytic(10);
    let mut told = Vec::new();
    for ino in 0..20u32 {
        let process = testing::process(100 + ino, "cat x");
        let open = opened("/a.pdf", u64::from(ino), "r");
        told.extend(
            see(&mut analytic, 1, &process, &[&root], &open, &class).into_iter().map(|signal| signal.object),
        );
        analytic.forget(process.key);
    }
    assert_eq!(told, [8, 10, 20].map(Object::Shared));
}

#[test]
fn what_is_shared_is_told_in_whatever_order_it_was_read() {
    type Row = (&'static str, &'static [(u32, u64)], bool);
    // Reader and document: eight are a burst.
    let alone: Vec<(u32, u64)> = (0..8).map(|file| (1, file)).collect();
    let rows: [Row; 4] = [
        ("alone", &[], false),
        ("another document", &[(2, 8)], true),
        ("one that the first one read as well", &[(2, 0)], true),
        ("by an indexer, which does its work", &[(3, 8)], false),
    ];
    let class = FileClass { document: true, ..FileClass::default() };
    let root = testing::process(9, "bash a.sh");
    for (name, others, shared) in rows {
        for place in 0..=alone.len() {
            let (before, after) = alone.split_at(place);
            let mut analytic = analytic(20);
            let mut told = false;
            for &(pid, file) in [before, others, after].into_iter().flatten() {
                let exe = if pid == 3 { "/usr/libexec/tracker-miner-fs-3" } else { "/usr/bin/cat" };
                let process = testing::process_of(pid, exe, "x");
                let open = opened("/srv/a.pdf", file, "r");
                let found = see(&mut analytic, 1, &process, &[&root], &open, &class);
                told |= found.iter().any(|signal| signal.object.is_shared());
            }
            assert_eq!(told, shared, "{name}, after {place}");
        }
    }
}

#[test]
fn plain_quiet_empty_and_written_documents_do_not_count() {
    let process = testing::process(1, "cat");
    for (mode, quiet) in [("w", false), ("r0", false), ("r", true), ("rd", false)] {
        let class = FileClass { document: true, quiet, ..FileClass::default() };
        let mut analytic = analytic(1);
        assert_eq!(
            see(&mut analytic, 1, &process, &[], &opened("/a.pdf", 1, mode), &class),
            [],
            "{mode} {quiet}"
        );
    }
}

#[test]
fn state_is_bounded() {
    let class = FileClass { sensitive: Some(rating(5.0)), document: true, ..FileClass::default() };
    let mut analytic = analytic(1_000_000);
    for pid in 0..5_000 {
        let process = testing::process(pid, "cat");
        see(&mut analytic, 1, &process, &[], &opened("/a", u64::from(pid), "r"), &class);
    }
    assert_eq!((analytic.processes.len(), analytic.stories.len()), (super::PROCESSES, super::STORIES));
    assert!(analytic.evicted() > 0);
}

#[test]
fn some_documents_within_a_second_are_read_by_no_hand() {
    let class = FileClass { document: true, ..FileClass::default() };
    let rows = [
        ("a program that walks a folder", "/usr/bin/python3", 8, 100, true),
        ("a person who opens one after the other", "/usr/bin/python3", 19, 1_500, false),
        ("a handful", "/usr/bin/python3", 7, 10, false),
        ("a dialogue of a browser", "/usr/lib/firefox/firefox", 12, 1, false),
        ("a browser's name elsewhere", "/tmp/firefox", 8, 1, true),
    ];
    for (name, exe, documents, step_ms, told) in rows {
        let mut analytic = analytic(20);
        let process = testing::process_of(1, exe, exe);
        let mut found = Vec::new();
        for ino in 0..documents {
            let open = opened("/srv/a.pdf", ino, "r");
            found.extend(see(&mut analytic, ino * step_ms * SECOND / 1_000, &process, &[], &open, &class));
        }
        let risks: Vec<f64> = found.iter().map(|signal| signal.risk).collect();
        assert_eq!(risks, if told { vec![6.0] } else { vec![] }, "{name}");
    }
}
