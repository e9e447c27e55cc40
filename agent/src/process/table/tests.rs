use super::*;
use crate::event::{Bytes, FdObject, Path};

const SECOND: u64 = 1_000_000_000;

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: u64::from(pid) * 10 }
}

fn seen(table: &mut Table, pid: u32, parent: u32, exe: &str) {
    let parent = if parent == 0 { ProcessKey::HOST } else { key(parent) };
    table.seen(key(pid), &Seen { parent, exe: exe.into(), argv: vec![exe.into()], ..Seen::default() }, 0);
}

fn fork(table: &mut Table, parent: u32, child: u32) {
    table.fork(key(parent), &Fork { child: key(child), comm: "x".into(), uid: 0 }, SECOND);
}

fn exec(table: &mut Table, pid: u32, exe: &str, argv: &[&str], stdin: FdObject) {
    let exec = Exec {
        exe: Path { bytes: exe.into(), ..Path::default() },
        argv: argv.iter().map(|&text| Bytes::from(text)).collect(),
        fds: [stdin, FdObject::None, FdObject::None],
        ..Exec::default()
    };
    table.exec(key(pid), &exec, SECOND);
}

const TTY: FdObject = FdObject::Device { rdev: 136 << 20 };

#[test]
fn a_story_begins_below_the_nearest_launcher() {
    let rows: &[(&str, &[&str], FdObject, u32)] = &[
        // What the middle process (pid 20) is, and the story of its grandchild (pid 40, child of 30).
        ("/bin/bash", &["bash"], TTY, 30),
        ("/bin/bash", &["bash", "job.sh"], TTY, 20),
        ("/bin/bash", &["bash", "-c", "tar c ."], TTY, 20),
        ("/bin/bash", &["bash"], FdObject::Pipe { dev: 0, ino: 1, read: true, write: false }, 20),
        ("/usr/sbin/cron", &["cron"], FdObject::None, 30),
        ("/usr/bin/python3", &["python3", "x.py"], FdObject::None, 20),
    ];
    for (exe, argv, stdin, story) in rows {
        let mut table = Table::default();
        seen(&mut table, 10, 0, "/sbin/init");
        fork(&mut table, 10, 20);
        exec(&mut table, 20, exe, argv, *stdin);
        fork(&mut table, 20, 30);
        exec(&mut table, 30, "/bin/tar", &["tar"], FdObject::None);
        fork(&mut table, 30, 40);
        assert_eq!(table.story(key(40)), key(*story), "{exe} {argv:?}");
    }
}

#[test]
fn lineage_survives_the_death_of_the_middle() {
    let mut table = Table::default();
    seen(&mut table, 10, 0, "/usr/bin/harness");
    fork(&mut table, 10, 20);
    exec(&mut table, 20, "/bin/sh", &["sh", "a.sh"], FdObject::None);
    fork(&mut table, 20, 30);
    fork(&mut table, 30, 40);
    table.exit(key(30), 2 * SECOND);
    table.exit(key(20), 2 * SECOND);
    let mut forgotten = Vec::new();
    table.expire(3 * SECOND + ENDED_RETENTION_NS, |_| false, |key| forgotten.push(key));
    assert_eq!(forgotten, []);
    let lineage: Vec<u32> = table.lineage(key(40)).iter().map(|process| process.key.pid).collect();
    assert_eq!(lineage, [30, 20]);
    table.exit(key(40), 4 * SECOND);
    for round in 2..6 {
        table.expire(round * (ENDED_RETENTION_NS + 10 * SECOND), |_| false, |key| forgotten.push(key));
    }
    forgotten.sort();
    assert_eq!(forgotten, [key(20), key(30), key(40)]);
}

#[test]
fn kernel_records_win_over_the_snapshot_in_any_order() {
    let mut table = Table::default();
    exec(&mut table, 20, "/bin/tar", &["tar"], FdObject::None);
    seen(&mut table, 20, 0, "/bin/old");
    fork(&mut table, 10, 20);
    let process = table.get(key(20)).unwrap();
    assert_eq!(process.exe.bytes, "/bin/tar".into());
    assert_eq!(process.parent, Some(key(10)));
    assert!(table.get(key(10)).unwrap().unknown);
}

#[test]
fn a_child_without_exec_is_a_copy_of_its_parent() {
    let mut table = Table::default();
    seen(&mut table, 10, 0, "/usr/bin/harness");
    fork(&mut table, 10, 20);
    exec(&mut table, 20, "/usr/bin/python3", &["python3", "x.py"], FdObject::None);
    fork(&mut table, 20, 30);
    let child = table.get(key(30)).unwrap();
    assert_eq!(child.exe.bytes, "/usr/bin/python3".into());
    assert_eq!(child.argv.len(), 2);
    assert_eq!(child.execs, 0);
}

#[test]
fn records_out_of_order_and_missed_ones_are_survived_and_marked() {
    type Tell = fn(&mut Table);
    // What is told about pid 20, child of 10; then its parent, whether it ended, and whether its begin was missed.
    let rows: &[(&str, Tell, Option<u32>, bool, bool)] = &[
        (
            "fork, exec, exit",
            |table| {
                fork(table, 10, 20);
                exec(table, 20, "/bin/tar", &["tar"], FdObject::None);
                table.exit(key(20), SECOND);
            },
            Some(10),
            true,
            false,
        ),
        (
            "exit, exec, fork",
            |table| {
                table.exit(key(20), SECOND);
                exec(table, 20, "/bin/tar", &["tar"], FdObject::None);
                fork(table, 10, 20);
            },
            Some(10),
            true,
            false,
        ),
        (
            "exit, fork",
            |table| {
                table.exit(key(20), SECOND);
                fork(table, 10, 20);
            },
            Some(10),
            true,
            false,
        ),
        (
            "exec, the fork was lost",
            |table| {
                let exec = Exec {
                    parent: key(10),
                    exe: Path { bytes: "/bin/tar".into(), ..Path::default() },
                    ..Exec::default()
                };
                table.exec(key(20), &exec, SECOND);
            },
            Some(10),
            false,
            true,
        ),
        (
            "an open, all else was lost",
            |table| {
                table.ensure(key(20), SECOND);
            },
            None,
            false,
            true,
        ),
        ("the agent came late", |table| seen(table, 20, 10, "/bin/tar"), Some(10), false, false),
        (
            "an open, then the snapshot",
            |table| {
                table.ensure(key(20), SECOND);
                seen(table, 20, 10, "/bin/tar");
            },
            Some(10),
            false,
            false,
        ),
    ];
    for (name, tell, parent, ended, missed) in rows {
        let mut table = Table::default();
        seen(&mut table, 10, 0, "/usr/bin/harness");
        tell(&mut table);
        let process = table.get(key(20)).unwrap();
        let got = (process.parent, process.ended.is_some(), process.begin_missed);
        assert_eq!(got, (parent.map(key), *ended, *missed), "{name}");
        // What ended goes, whatever came first; nothing stays for ever.
        table.exit(key(20), SECOND);
        let mut forgotten = Vec::new();
        table.expire(2 * SECOND + ENDED_RETENTION_NS, |_| false, |key| forgotten.push(key));
        assert_eq!(forgotten, [key(20)], "{name}");
    }
}

#[test]
fn an_ended_process_stays_a_day_for_its_evidence_and_no_more_than_fit() {
    let mut table = Table::default();
    seen(&mut table, 1, 0, "/sbin/init");
    let last = 100 + u32::try_from(WITNESSES_MAX).unwrap() + 150;
    for pid in 100..last {
        fork(&mut table, 1, pid);
        table.exit(key(pid), SECOND);
    }
    let mut forgotten = Vec::new();
    let needed = |process: ProcessKey| process.pid.is_multiple_of(2) || process.pid > 200;
    table.expire(2 * SECOND + ENDED_RETENTION_NS, needed, |key| forgotten.push(key));
    assert!(forgotten.iter().take(50).all(|key| !needed(*key)));
    assert!(table.len() <= WITNESSES_MAX + 1, "{}", table.len());
    assert!(table.get(key(last - 1)).is_some());
    table.expire(2 * SECOND + EVIDENCE_RETENTION_NS, needed, |key| forgotten.push(key));
    assert_eq!(table.len(), 1);
}
