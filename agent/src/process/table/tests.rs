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
    table.expire(3 * SECOND + ENDED_RETENTION_NS, |_, key| forgotten.push(key));
    assert_eq!(forgotten, []);
    let lineage: Vec<u32> = table.lineage(key(40)).iter().map(|process| process.key.pid).collect();
    assert_eq!(lineage, [30, 20]);
    table.exit(key(40), 4 * SECOND);
    for round in 2..6 {
        table.expire(round * (ENDED_RETENTION_NS + 10 * SECOND), |_, key| forgotten.push(key));
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
