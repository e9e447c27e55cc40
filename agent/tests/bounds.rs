//! Memory on a host with 100,000 living processes and a million written files, and that no story is lost by it.

#![expect(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test ends by panicking and says what it saw; clippy's exemption for tests stops at their helpers"
)]

use std::{collections::HashSet, fs};

use weir::{
    alert::{Action, Alert, Body, Record},
    config::Config,
    event::{
        Direction, Event, Exec, Fact, FileKey, Flow, FlowWhat, Fork, Open, Path, ProcessKey, Seen, Started,
    },
    pipeline::Pipeline,
};

/// Living at once.
const PROCESSES: u32 = 100_000;
/// Written by each.
const FILES: u32 = 10;
/// Thieves who collect first and send when everything else has happened.
const THIEVES: u32 = 200;
/// The bound that ARCHITECTURE.md states for the pipeline with as much.
const BOUND_BYTES: u64 = 384 << 20;
/// Below it, and above the processes of thieves.
const FIRST: u32 = 100_000;

struct Host {
    pipeline: Pipeline,
    records: Vec<Record>,
    alerts: Vec<Alert>,
    time: u64,
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: 100 + u64::from(pid) }
}

fn path(text: &str) -> Path {
    Path { bytes: text.into(), ..Path::default() }
}

impl Host {
    fn tell(&mut self, pid: u32, fact: Fact) {
        self.time += 20_000;
        self.pipeline.step(&Event { time: self.time, process: key(pid), fact }, &mut self.records);
        self.alerts.extend(self.records.drain(..).filter_map(|record| match record.body {
            Body::Alert(alert) if alert.action == Action::Opened => Some(*alert),
            _ => None,
        }));
    }

    fn wait(&mut self, seconds: u64) {
        self.time += seconds * 1_000_000_000;
        self.tell(0, Fact::Tick);
    }

    fn spawn(&mut self, pid: u32, exe: &str) {
        self.tell(10, Fact::Fork(Fork { child: key(pid), comm: "x".into(), uid: 1000 }));
        let argv = vec![exe.into(), "--of".into(), pid.to_string().as_str().into()];
        let exec = Exec { parent: key(10), exe: path(exe), argv, ..Exec::default() };
        self.tell(pid, Fact::Exec(Box::new(exec)));
    }

    fn open(&mut self, pid: u32, ino: u64, name: &str, size: u64, write: bool) {
        let file = FileKey { dev: 1, ino, generation: 0 };
        let open =
            Open { file, path: path(name), size, mode: 0o100_644, read: !write, write, ..Open::default() };
        self.tell(pid, Fact::Open(Box::new(open)));
    }

    fn collect(&mut self, thief: u32) {
        let pid = 1_000 + thief;
        self.spawn(pid, "/usr/bin/tar");
        self.open(pid, u64::from(thief), &format!("/var/tmp/{thief}.tar"), 0, true);
        for number in 0..25 {
            let ino = 1_000_000_000 + u64::from(thief) * 100 + number;
            self.open(pid, ino, &format!("/srv/docs/{thief}/{number}.pdf"), 480_000, false);
        }
        self.tell(pid, Fact::Exit { code: 0 });
    }

    fn send(&mut self, thief: u32) {
        let pid = 50_000 + thief;
        self.spawn(pid, &format!("/opt/sender-{thief}"));
        self.open(pid, u64::from(thief), &format!("/var/tmp/{thief}.tar"), 12_000_000, false);
        let flow = Flow {
            what: FlowWhat::Snapshot,
            socket: pid.into(),
            remote: Some(([198, 51, 100, 2], 443).into()),
            local: Some(([198, 51, 100, 1], 40_000).into()),
            family: 2,
            protocol: 6,
            sock_type: 1,
            direction: Direction::Out,
            net_ns: 1,
            since: 1,
            tx_bytes: 12_050_000,
            rx_bytes: 0,
            tx_calls: 1,
            rx_calls: 0,
        };
        self.tell(pid, Fact::Flow(Box::new(flow)));
        self.tell(pid, Fact::Exit { code: 0 });
    }
}

/// Bytes of this process that are in memory.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn a_full_host_stays_within_the_bound_and_loses_no_story() {
    let pipeline = Pipeline::new(Config::default());
    let mut host = Host { pipeline, records: Vec::new(), alerts: Vec::new(), time: 1_000_000_000_000 };
    let before = resident();
    host.tell(1, Fact::Started(Box::new(Started { boot_id: "test".into(), ..Started::default() })));
    host.tell(10, Fact::Seen(Box::new(Seen { exe: "/usr/sbin/init".into(), ..Seen::default() })));
    for number in 0..PROCESSES {
        let pid = FIRST + number;
        host.spawn(pid, &format!("/usr/lib/worker/{}", number % 100));
        for file in 0..FILES {
            let ino = 10_000_000 + u64::from(number * FILES + file);
            host.open(pid, ino, &format!("/home/user/build/{number}/object-{file}.o"), 0, true);
        }
        // Thieves are spread over the time in which everybody else works.
        if number % (PROCESSES / THIEVES) == 0 {
            host.collect(number / (PROCESSES / THIEVES));
        }
    }
    for _ in 0..180 {
        host.wait(60);
    }
    let grown = resident().saturating_sub(before);
    let totals = host.pipeline.totals();
    println!("{} processes, {grown} bytes, {} lost", totals.processes, totals.lost);
    assert!(totals.processes >= u64::from(PROCESSES + THIEVES), "{totals:?}");
    assert!(grown <= BOUND_BYTES, "{grown} bytes");
    assert!(host.alerts.is_empty());
    for thief in 0..THIEVES {
        host.send(thief);
    }
    host.wait(5);
    let ids: HashSet<&str> = host.alerts.iter().map(|alert| alert.id.as_str()).collect();
    assert_eq!(ids.len(), THIEVES as usize);
    for alert in &host.alerts {
        assert!(alert.chain.iter().any(|link| link.process.name() == b"tar"), "{}", alert.id);
    }
}
