use std::net::SocketAddr;

use agent_common::{
    file::{self, PATH_FAULT, PATH_TRUNCATED, PATH_UNREACHABLE, PathInfo},
    process::{self, FdRecord, PIPEFS},
};
use proptest::prelude::*;
use zerocopy::{Immutable, IntoBytes};

use super::*;
use crate::{
    event::{Direction, FdObject, Path},
    seeds::seeded,
};

fn wire_key(pid: u32) -> process::ProcessKey {
    process::ProcessKey { start_ticks: 100 + u64::from(pid), pid, _pad: 0 }
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: 100 + u64::from(pid) }
}

fn head(kind: u16) -> RecordHead {
    RecordHead { time_ns: 5_000, process: wire_key(7), tid: 8, kind, cpu: 1, len: 0, _pad: 0 }
}

/// The record's bytes with its tail and the length that belongs in the head.
fn bytes<T: IntoBytes + Immutable>(record: &T, tail: &[&[u8]]) -> Vec<u8> {
    let mut bytes = record.as_bytes().to_vec();
    for part in tail {
        bytes.extend_from_slice(part);
    }
    with_length(bytes)
}

fn with_length(mut bytes: Vec<u8>) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap();
    if let Some(field) = bytes.get_mut(32..36) {
        field.copy_from_slice(&len.to_ne_bytes());
    }
    bytes
}

fn exec_record(tail: [&[u8]; 5]) -> ExecRecord {
    let [exe, cwd, filename, interp, argv] = tail.map(|part| u16::try_from(part.len()).unwrap());
    ExecRecord {
        head: head(KIND_EXEC),
        parent: wire_key(1),
        exe: PathInfo { len: exe, flags: 0 },
        cwd: PathInfo { len: cwd, flags: 0 },
        filename_len: filename,
        interp_len: interp,
        argv_len: argv.into(),
        argv_total: argv.into(),
        ..ExecRecord::default()
    }
}

fn fact(bytes: &[u8]) -> Fact {
    decode(bytes).unwrap().event.fact
}

#[test]
fn fork_and_exit_round_trip() {
    let comm = *b"sh\0garbage behin";
    let record = ForkRecord { head: head(KIND_FORK), child: wire_key(9), comm, uid: 33, _pad: 0 };
    let event = decode(&bytes(&record, &[])).unwrap().event;
    assert_eq!((event.time, event.process), (5_000, key(7)));
    assert_eq!(event.fact, Fact::Fork(Fork { child: key(9), comm: "sh".into(), uid: 33 }));

    let record = ExitRecord { head: head(KIND_EXIT), exit_code: 3 << 8, _pad: 0 };
    assert_eq!(fact(&bytes(&record, &[])), Fact::Exit { code: 768 });
}

#[test]
fn exec_round_trip() {
    let tail: [&[u8]; 5] =
        [b"bash/bin/usr/", b"a/home/", b"./run.sh", b"/bin/bash", b"bash\0./run.sh\0\0x\0"];
    let mut record = exec_record(tail);
    record.flags = EXEC_SCRIPT | EXEC_DELETED;
    record.exe_ino = 12;
    record.exe_dev = 0x80_0001;
    record.comm = *b"run.sh\0\0\0\0\0\0\0\0\0\0";
    record.fds[0] = FdRecord {
        ino: 77,
        dev: 13,
        mode: 0o010_600,
        fmode: FMODE_READ,
        magic: PIPEFS,
        ..FdRecord::default()
    };
    record.fds[15] = FdRecord { fmode: FMODE_WRITE, magic: 0xEF53, ..record.fds[0] };
    record.fds[9] = FdRecord { mode: 0o140_777, ..record.fds[0] };
    let Fact::Exec(exec) = fact(&bytes(&record, &tail)) else { panic!("not an exec") };
    assert_eq!(exec.exe, Path { bytes: "/usr/bin/bash".into(), ..Path::default() });
    assert_eq!(exec.cwd.bytes, "/home/a".into());
    assert_eq!((exec.filename.clone(), exec.script.clone()), ("./run.sh".into(), Some("./run.sh".into())));
    assert_eq!(exec.argv, ["bash", "./run.sh", "", "x"].map(Bytes::from));
    assert_eq!((exec.exe_file, exec.deleted, exec.memfd), ((0x80_0001, 12), true, false));
    assert_eq!((exec.parent, exec.comm.clone()), (key(1), "run.sh".into()));
    assert_eq!(
        exec.fds,
        [FdObject::Pipe { dev: 0, ino: 77, read: true, write: false }, FdObject::None, FdObject::None]
    );
    let fifo = FdObject::Pipe { dev: 13, ino: 77, read: false, write: true };
    assert_eq!(exec.more_fds, [FdSeen { fd: 15, object: fifo }], "pipes alone");
    assert!(!exec.argv_truncated);
}

#[test]
fn uses_of_unix_sockets_round_trip() {
    let record = UnixRecord {
        head: head(KIND_UNIX),
        inode: 1,
        name: 2,
        peer_inode: 3,
        peer_name: 4,
        what: UNIX_SENT,
        ..UnixRecord::default()
    };
    let said = UnixSocket { sent: true, inode: 1, name: 2, peer_inode: 3, peer_name: 4 };
    assert_eq!(fact(&bytes(&record, &[])), Fact::Unix(said));
    let received = UnixRecord { what: UNIX_RECEIVED, ..record };
    assert_eq!(fact(&bytes(&received, &[])), Fact::Unix(UnixSocket { sent: false, ..said }));
    let unknown = UnixRecord { what: 3, ..record };
    assert_eq!(decode(&bytes(&unknown, &[])), Err(DecodeError::Unix(3)));
}

#[test]
fn accesses_to_memory_round_trip() {
    let owner = process::ProcessKey { start_ticks: 5, pid: 6, _pad: 0 };
    let record = MemoryRecord { head: head(KIND_MEMORY), owner };
    assert_eq!(fact(&bytes(&record, &[])), Fact::Memory { owner: owner.into() });
    let long = decode(&bytes(&record, &[b"x"]));
    assert_eq!(long, Err(DecodeError::Tail { have: 1, need: 0 }));
}

#[test]
fn a_pipe_has_the_same_key_however_it_is_held() {
    let record = OpenRecord {
        head: head(KIND_OPEN),
        file: file::FileKey { ino: 77, dev: 13, generation: 0 },
        magic: PIPEFS,
        mode: 0o010_600,
        ..OpenRecord::default()
    };
    let Fact::Open(open) = fact(&bytes(&record, &[])) else { panic!("not an open") };
    assert_eq!((open.file.dev, open.file.ino), (0, 77));
}

#[test]
fn exec_says_when_arguments_are_missing() {
    for (flags, more, truncated) in
        [(0, 0, false), (EXEC_ARGV_TRUNCATED, 0, true), (EXEC_ARGV_UNREADABLE, 0, true), (0, 1, true)]
    {
        let tail: [&[u8]; 5] = [b"", b"", b"", b"", b"a\0"];
        let record = ExecRecord { flags, argv_total: 2 + more, ..exec_record(tail) };
        let Fact::Exec(exec) = fact(&bytes(&record, &tail)) else { panic!("not an exec") };
        assert_eq!(exec.argv_truncated, truncated, "flags {flags}, {more} more bytes");
    }
}

#[test]
fn open_round_trip() {
    let path = b"passwd/etc/";
    let record = OpenRecord {
        head: head(KIND_OPEN),
        file: file::FileKey { ino: 5, dev: 6, generation: 7 },
        size: 8,
        parent_ino: 9,
        ctime_sec: 10,
        open_flags: 0o2,
        magic: 0xEF53,
        flags: OPEN_IO_URING,
        path: PathInfo { len: 11, flags: 0 },
        mode: 0o100_644,
        fmode: FMODE_READ | FMODE_WRITE,
        mnt_ns: 11,
    };
    let expected = Open {
        file: FileKey { dev: 6, ino: 5, generation: 7 },
        path: Path { bytes: "/etc/passwd".into(), ..Path::default() },
        size: 8,
        mode: 0o100_644,
        flags: 2,
        read: true,
        write: true,
        magic: 0xEF53,
        ctime_sec: 10,
        parent_ino: 9,
        io_uring: true,
        received: false,
        mnt_ns: 11,
        written_before: false,
    };
    assert_eq!(fact(&bytes(&record, &[path])), Fact::Open(Box::new(expected)));
}

#[test]
fn paths_are_turned_round() {
    let rows: [(&[u8], u16, &str); 9] = [
        (b"", 0, "/"),
        (b"passwd/etc/", 0, "/etc/passwd"),
        (b"a/", 0, "/a"),
        (b"c/b/", PATH_TRUNCATED, "b/c"),
        (b"c/b/", PATH_FAULT, "b/c"),
        (b"", PATH_FAULT, ""),
        (b"f/m/", PATH_UNREACHABLE, "/m/f"),
        (b"memfd:x/etc/shadow/", PATH_UNREACHABLE, "/memfd:x/etc/shadow"),
        (b"memfd:x/etc/", 0, "/etc/memfd:x"),
    ];
    for (leaf_first, flags, expected) in rows {
        let path = path(leaf_first, flags).unwrap();
        assert_eq!(path.bytes, expected.into(), "{leaf_first:?}");
        assert_eq!(path.truncated, flags & (PATH_TRUNCATED | PATH_FAULT) != 0);
        assert_eq!(path.unreachable, flags == PATH_UNREACHABLE);
    }
    assert_eq!(path(b"passwd/etc", 0), Err(DecodeError::Path));
}

#[test]
fn arguments_are_split_and_empty_ones_kept() {
    let rows: [(&[u8], &[&str]); 6] = [
        (b"", &[]),
        (b"\0", &[""]),
        (b"a\0", &["a"]),
        (b"a\0\0\0", &["a", "", ""]),
        (b"\0a\0", &["", "a"]),
        (b"a\0cut", &["a", "cut"]),
    ];
    for (bytes, expected) in rows {
        assert_eq!(argv(bytes), expected.iter().map(|&text| Bytes::from(text)).collect::<Vec<_>>());
    }
}

#[test]
fn descriptors_are_told_apart() {
    let rows = [
        (0, FdObject::None),
        (0o100_644, FdObject::File { key: (3, 4), read: false, write: true }),
        (0o010_600, FdObject::Pipe { dev: 3, ino: 4, read: false, write: true }),
        (0o140_777, FdObject::Socket { ino: 4 }),
        (0o020_620, FdObject::Device { rdev: 5 }),
        (0o060_660, FdObject::Other { mode: 0o060_000 }),
        (0o600, FdObject::Other { mode: 0 }),
    ];
    for (mode, expected) in rows {
        let fd = FdRecord { ino: 4, dev: 3, rdev: 5, mode, fmode: FMODE_WRITE, magic: 0 };
        assert_eq!(wire::fd_object(&fd), expected, "{mode:o}");
    }
}

fn v4(octets: [u8; 4]) -> [u8; 16] {
    std::net::Ipv4Addr::from(octets).to_ipv6_mapped().octets()
}

fn flow_value() -> FlowValue {
    FlowValue {
        tx_bytes: 1_000,
        rx_bytes: 2,
        tx_calls: 3,
        rx_calls: 4,
        local: v4([198, 51, 100, 1]),
        remote: v4([198, 51, 100, 2]),
        local_port: 4_000,
        remote_port: 443,
        family: 2,
        protocol: 6,
        net_ns: 9,
        sock_type: 1,
        ..FlowValue::default()
    }
}

#[test]
fn flow_round_trip() {
    let key_wire = FlowKey { process: wire_key(11), cookie: 42, ..FlowKey::default() };
    let rows = [
        (FLOW_CONNECT, FlowWhat::Connect, key(11)),
        (FLOW_ACTIVE, FlowWhat::Active, key(11)),
        (FLOW_CLOSED, FlowWhat::Closed, ProcessKey::HOST),
        (FLOW_ACCEPTED, FlowWhat::Accepted, ProcessKey::HOST),
    ];
    for (wire, what, process) in rows {
        let record = FlowRecord {
            head: head(KIND_FLOW),
            key: key_wire,
            value: flow_value(),
            what: wire,
            _pad: [0; 6],
        };
        let decoded = decode(&bytes(&record, &[])).unwrap();
        assert_eq!((decoded.flow, decoded.event.process), (Some(key_wire), process));
        let Fact::Flow(flow) = decoded.event.fact else { panic!("not a flow") };
        assert_eq!((flow.what, flow.socket, flow.tx_bytes), (what, 42, 1_000));
        assert_eq!(flow.remote, Some("198.51.100.2:443".parse().unwrap()));
        assert_eq!(flow.local, Some("198.51.100.1:4000".parse().unwrap()));
        assert_eq!((flow.direction, flow.net_ns), (Direction::Out, 9));
    }
}

#[test]
fn the_peer_of_a_datagram_wins_over_the_socket() {
    let key = FlowKey { peer: v4([198, 51, 100, 9]), peer_port: 53, ..FlowKey::default() };
    let flow = flow_fact(FlowWhat::Snapshot, &key, &flow_value()).unwrap();
    assert_eq!(flow.remote, Some("198.51.100.9:53".parse().unwrap()));
}

#[test]
fn addresses() {
    let v6 = "[2001:db8::1]:25".parse::<SocketAddr>().unwrap();
    let SocketAddr::V6(raw) = v6 else { panic!("not IPv6") };
    let rows = [
        (2, v4([198, 51, 100, 1]), 80, Some("198.51.100.1:80")),
        (10, v4([198, 51, 100, 1]), 80, Some("198.51.100.1:80")),
        (10, raw.ip().octets(), 25, Some("[2001:db8::1]:25")),
        (2, [0; 16], 0, None),
        (10, [0; 16], 25, Some("[::]:25")),
        (1, v4([198, 51, 100, 1]), 80, None),
        (16, [0; 16], 0, None),
    ];
    for (family, address, port, expected) in rows {
        assert_eq!(socket_address(family, address, port), expected.map(|text| text.parse().unwrap()));
    }
}

/// An answer to a question for the address of the name `a`.
const ANSWER: &[u8] = b"\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x01A\0\0\x01\0\x01\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc6\x33\x64\x07";

#[test]
fn answer_round_trip() {
    let record = |len: usize| DnsRecord {
        head: head(KIND_DNS),
        server: v4([198, 51, 100, 53]),
        net_ns: 9,
        whole: 35,
        len: u32::try_from(len).unwrap(),
        protocol: 17,
        _pad: [0; 2],
    };
    let decoded = decode(&bytes(&record(ANSWER.len()), &[ANSWER])).unwrap();
    let expected = Names {
        server: "198.51.100.53".parse().unwrap(),
        net_ns: 9,
        protocol: 17,
        name: "a".into(),
        addresses: vec!["198.51.100.7".parse().unwrap()],
        ttl: 60,
        cut: false,
    };
    assert!(decoded.tells());
    assert_eq!(decoded.event.fact, Fact::Names(Box::new(expected)));
    let rows = [
        (record(ANSWER.len() + 1), ANSWER, DecodeError::Tail { have: 35, need: 36 }),
        (record(8), &ANSWER[..8], DecodeError::Dns(DnsError::Short(8))),
    ];
    for (record, tail, expected) in rows {
        assert_eq!(decode(&bytes(&record, &[tail])), Err(expected));
    }
}

#[test]
fn hostile_records_are_typed_errors() {
    let exit = bytes(&ExitRecord { head: head(KIND_EXIT), exit_code: 0, _pad: 0 }, &[]);
    let mut wrong_length = exit.clone();
    wrong_length.push(0);
    let flow = |what, direction| {
        let value = FlowValue { direction, ..flow_value() };
        bytes(&FlowRecord { head: head(KIND_FLOW), value, what, ..FlowRecord::default() }, &[])
    };
    let mut open = OpenRecord { head: head(KIND_OPEN), ..OpenRecord::default() };
    open.path.len = 5;
    let mut exec = exec_record([b""; 5]);
    exec.argv_len = u32::MAX;
    let rows = [
        (Vec::new(), DecodeError::Short { have: 0, need: 40 }),
        (vec![0; 39], DecodeError::Short { have: 39, need: 40 }),
        (wrong_length, DecodeError::Length { have: 49, said: 48 }),
        (with_length(exit[..40].to_vec()), DecodeError::Short { have: 40, need: 48 }),
        (bytes(&head(99), &[]), DecodeError::Kind(99)),
        (
            bytes(&ExitRecord { head: head(KIND_EXIT), ..ExitRecord::default() }, &[b"x"]),
            DecodeError::Tail { have: 1, need: 0 },
        ),
        (bytes(&open, &[b"a/b/"]), DecodeError::Tail { have: 4, need: 5 }),
        (bytes(&open, &[b"a/b/c"]), DecodeError::Path),
        (bytes(&exec, &[b"x"]), DecodeError::Tail { have: 1, need: u32::MAX as usize }),
        (flow(0, 0), DecodeError::Flow(0)),
        (flow(FLOW_ACTIVE, 3), DecodeError::Direction(3)),
    ];
    for (bytes, expected) in rows {
        assert_eq!(decode(&bytes), Err(expected));
    }
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn arbitrary_bytes_never_panic(raw in proptest::collection::vec(any::<u8>(), 0..600), kind in 0_u16..8) {
        let _ = decode(&raw);
        let mut shaped = with_length(raw);
        if let Some(field) = shaped.get_mut(28..30) {
            field.copy_from_slice(&kind.to_ne_bytes());
        }
        let _ = decode(&shaped);
    }

    #[test]
    fn a_path_of_names_survives(names in proptest::collection::vec("[^/\0]{1,12}", 0..8)) {
        let wire = names.iter().rev().fold(String::new(), |wire, name| wire + name + "/");
        let expected = format!("/{}", names.join("/"));
        prop_assert_eq!(path(wire.as_bytes(), 0).unwrap().bytes, Bytes::from(expected.as_str()));
    }
}
