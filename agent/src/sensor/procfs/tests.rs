use std::{
    fs,
    os::unix::fs::symlink,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::*;
use crate::event::{FdObject, FdSeen};

/// A procfs made of files, removed at the end.
struct Fixture(PathBuf);

impl Fixture {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("weir-procfs-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        Self(root)
    }

    /// A process with name, parent, flags and start time.
    fn process(&self, pid: u32, comm: &str, parent: u32, flags: u32, start: u64) -> PathBuf {
        let dir = self.0.join(pid.to_string());
        fs::create_dir_all(dir.join("fd")).unwrap();
        fs::create_dir_all(dir.join("ns")).unwrap();
        let zeros = "0 ".repeat(12);
        let line = format!("{pid} ({comm}) S {parent} 7 8 0 -1 {flags} {zeros}{start} 1 2 3\n");
        fs::write(dir.join("stat"), line).unwrap();
        fs::write(dir.join("status"), "Name:\tx\nUid:\t1000\t0\t0\t0\nGid:\t50\t51\t52\t53\n").unwrap();
        dir
    }

    fn snapshot(&self) -> Vec<(ProcessKey, Seen)> {
        let snapshot = Procfs::at(&self.0).snapshot(9).unwrap();
        assert_eq!(snapshot.unreadable, 0);
        let seen = |event: Event| {
            let Fact::Seen(seen) = event.fact else { panic!("not seen") };
            (event.process, *seen)
        };
        snapshot.events.into_iter().map(seen).collect()
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_process_is_read_whole() {
    let fixture = Fixture::new("whole");
    let dir = fixture.process(20, "a) b (c", 0, 0, 777);
    symlink("/usr/bin/x (deleted)", dir.join("exe")).unwrap();
    symlink("/home/a", dir.join("cwd")).unwrap();
    fs::write(dir.join("cmdline"), b"x\0\xff\0\0").unwrap();
    fs::write(dir.join("loginuid"), "1000").unwrap();
    symlink("pipe:[31]", dir.join("fd/0")).unwrap();
    symlink("socket:[32]", dir.join("fd/7")).unwrap();
    symlink("/etc/passwd", dir.join("fd/5")).unwrap();
    let expected = Seen {
        comm: "a) b (c".into(),
        exe: "/usr/bin/x".into(),
        deleted: true,
        argv: vec!["x".into(), b"\xff".as_slice().into(), "".into()],
        cwd: "/home/a".into(),
        ids: Ids { uid: 1000, euid: 0, gid: 50, loginuid: 1000, sessionid: u32::MAX },
        session: 8,
        fds: vec![
            FdSeen { fd: 0, object: FdObject::Pipe { dev: 0, ino: 31, read: true, write: true } },
            FdSeen { fd: 7, object: FdObject::Socket { ino: 32 } },
        ],
        ..Seen::default()
    };
    assert_eq!(fixture.snapshot(), [(ProcessKey { pid: 20, start_ticks: 777 }, expected)]);
    assert!(Procfs::at(&fixture.0).is_alive(ProcessKey { pid: 20, start_ticks: 777 }));
    assert!(!Procfs::at(&fixture.0).is_alive(ProcessKey { pid: 20, start_ticks: 778 }));
}

#[test]
fn parents_come_first_and_broken_processes_are_left_out() {
    let fixture = Fixture::new("order");
    fixture.process(3, "child", 9, 0, 1);
    fixture.process(9, "parent", 1, 0, 2);
    fixture.process(1, "init", 0, 0, 3);
    fixture.process(4, "kthread", 2, 0x20_0000, 4);
    fixture.process(50, "circle", 51, 0, 5);
    fixture.process(51, "circle", 50, 0, 6);
    fs::write(fixture.process(6, "cut", 1, 0, 7).join("stat"), "6 (cut").unwrap();
    fs::remove_file(fixture.process(7, "gone", 1, 0, 8).join("status")).unwrap();
    fs::create_dir(fixture.0.join("sys")).unwrap();
    let seen = fixture.snapshot();
    let order: Vec<_> = seen.iter().map(|(key, seen)| (key.pid, seen.parent.pid)).collect();
    assert_eq!(order, [(1, 0), (9, 1), (3, 9), (4, 0), (51, 50), (50, 51)]);
    assert_eq!(seen[3].1.exe, Bytes::default());
}

#[test]
fn mounts_and_descriptors_are_parsed() {
    let text = b"25 1 254:0 / / rw shared:1 master:2 - ext4 /dev/vda rw\n\
        garbage\n\
        31 25 0:40 /a /mnt\\040b\\134\\012c ro - nfs4 host:/ rw,addr=198.51.100.2\n\
        32 25 0:41 / /\xff\\04\\ rw - tmpfs tmpfs rw\n";
    let mount = |id, dev, whole, place: &[u8], [fstype, source, options]: [&str; 3]| parse::Mount {
        id,
        dev,
        whole,
        place: place.to_vec(),
        fstype: fstype.to_owned(),
        source: source.to_owned(),
        options: options.to_owned(),
    };
    let expected = [
        mount(25, 254 << 20, true, b"/", ["ext4", "/dev/vda", "rw"]),
        mount(31, 40, false, b"/mnt b\\\nc", ["nfs4", "host:/", "rw,addr=198.51.100.2"]),
        mount(32, 41, true, b"/\xff\\04\\", ["tmpfs", "tmpfs", "rw"]),
    ];
    assert_eq!(parse::mountinfo(text), expected);
    assert_eq!(parse::fdinfo(b"pos:\t0\nflags:\t02\nmnt_id:\t25\nino:\t77\n"), Some((25, Some(77))));
    assert_eq!(parse::fdinfo(b"pos:\t0\nmnt_id:\t25\n"), Some((25, None)));
    assert_eq!(parse::fdinfo(b""), None);
}

#[test]
fn this_machine_s_processes_are_seen() {
    let file = fs::File::open("/etc/passwd").unwrap();
    let expected_ino = std::os::unix::fs::MetadataExt::ino(&file.metadata().unwrap());
    let mut child = Command::new("cat")
        .args(["-", ""])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .unwrap();
    let snapshot = Procfs::default().snapshot(1).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let event = snapshot.events.iter().find(|event| event.process.pid == child.id()).unwrap();
    let Fact::Seen(seen) = &event.fact else { panic!("not seen") };
    assert_eq!(seen.parent.pid, std::process::id());
    assert!(matches!(seen.fds[0].object, FdObject::Pipe { dev: 0, ino: 1.., read: true, write: false }));
    assert_eq!(seen.fds[1].object, FdObject::Device { rdev: 1 << 20 | 3 });
    assert!(matches!(seen.fds[2].object, FdObject::File { key: (_, ino), read: true, write: false }
        if ino == expected_ino));
}
