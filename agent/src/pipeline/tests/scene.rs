//! A builder of event sequences.

use std::net::SocketAddr;

use crate::event::{
    Bytes, Coverage, Direction, Event, Exec, Fact, FdObject, FileKey, Flow, FlowWhat, Fork, Loss, Names,
    Open, Path, ProcessKey, Resolvers, Seen, Started, State, UnixSocket,
};

pub(super) const TTY: FdObject = FdObject::Device { rdev: 136 << 20 };
const MS: u64 = 1_000_000;

/// Events in order; each call is one or more of them, 10 ms apart.
pub(super) struct Scene {
    pub(super) events: Vec<Event>,
    time: u64,
    step: u64,
    boot: String,
    boot_to_wall_ns: i64,
}

pub(super) fn pipe_in(ino: u64) -> [FdObject; 3] {
    [FdObject::Pipe { dev: 0, ino, read: true, write: false }, FdObject::None, FdObject::None]
}

pub(super) fn pipe_out(ino: u64) -> [FdObject; 3] {
    [FdObject::None, FdObject::Pipe { dev: 0, ino, read: false, write: true }, FdObject::None]
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: u64::from(pid) }
}

fn path(text: &str) -> Path {
    Path { bytes: text.into(), ..Path::default() }
}

impl Scene {
    /// The agent starts; pid 10 was there before it and is a launcher.
    pub(super) fn new() -> Self {
        let mut scene = Self {
            events: Vec::new(),
            time: 1_000_000 * MS,
            step: 10 * MS,
            boot: "test".into(),
            boot_to_wall_ns: 0,
        };
        scene.push(1, Fact::Started(Box::new(Started { boot_id: "test".into(), ..Started::default() })));
        scene.push(10, Fact::Seen(Box::new(Seen { exe: "/usr/sbin/init".into(), ..Seen::default() })));
        scene
    }

    /// The same on a host that asks 10.0.0.1 for names, in network namespace 7, and whose answers are watched.
    pub(super) fn with_names() -> Self {
        let mut scene = Self::new();
        let coverage =
            Coverage { sensor: "dns".into(), hook: "cgroup_skb:ingress".into(), ..Coverage::default() };
        if let Fact::Started(started) = &mut scene.events[0].fact {
            started.coverage.push(coverage);
        }
        scene.push(0, Fact::Resolvers(Resolvers { net_ns: 7, servers: vec!["10.0.0.1".parse().unwrap()] }));
        scene
    }

    /// `server` gives `name` an address.
    pub(super) fn answer(&mut self, server: &str, name: &str, address: &str) {
        let (server, addresses) = (server.parse().unwrap(), vec![address.parse().unwrap()]);
        let names =
            Names { server, net_ns: 7, protocol: 17, name: name.into(), addresses, ttl: 60, cut: false };
        self.push(0, Fact::Names(Box::new(names)));
    }

    pub(super) fn lose(&mut self, what: &str) {
        self.push(0, Fact::Loss(vec![Loss { what: what.into(), count: 1 }]));
    }

    /// The agent starts again, with what it kept before, in boot `boot`; where that is another one, time begins anew and
    /// the wall clock goes on.
    pub(super) fn again(&self, boot: &str, state: State) -> Self {
        let (mut time, mut boot_to_wall_ns) = (self.time, self.boot_to_wall_ns);
        if boot != self.boot {
            boot_to_wall_ns += i64::try_from(time).unwrap();
            time = 100_000 * MS;
        }
        let mut scene =
            Self { events: Vec::new(), time, step: self.step, boot: boot.into(), boot_to_wall_ns };
        let started = Started { boot_id: boot.into(), boot_to_wall_ns, ..Started::default() };
        scene.push(1, Fact::Started(Box::new(started)));
        scene.push(0, Fact::State(Box::new(state)));
        scene.push(10, Fact::Seen(Box::new(Seen { exe: "/usr/sbin/init".into(), ..Seen::default() })));
        scene
    }

    /// A process that stood before the agent.
    pub(super) fn seen(&mut self, parent: u32, pid: u32, exe: &str) {
        let seen = Seen { parent: key(parent), exe: exe.into(), argv: vec![exe.into()], ..Seen::default() };
        self.push(pid, Fact::Seen(Box::new(seen)));
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.time += seconds * 1_000 * MS;
    }

    /// From now on events happen at once.
    pub(super) fn hold(&mut self) {
        self.step = 0;
    }

    pub(super) fn tick(&mut self) {
        self.push(0, Fact::Tick);
    }

    pub(super) fn stop(&mut self) {
        self.push(0, Fact::Stopping { reason: "test".into() });
    }

    pub(super) fn spawn(&mut self, parent: u32, pid: u32, exe: &str, argv: &[&str]) {
        self.spawn_with(parent, pid, exe, argv, [FdObject::None; 3]);
    }

    pub(super) fn spawn_with(&mut self, parent: u32, pid: u32, exe: &str, argv: &[&str], fds: [FdObject; 3]) {
        self.push(parent, Fact::Fork(Fork { child: key(pid), comm: "fork".into(), uid: 0 }));
        let exec = Exec {
            parent: key(parent),
            exe: path(exe),
            filename: exe.into(),
            argv: argv.iter().map(|&argument| Bytes::from(argument)).collect(),
            fds,
            ..Exec::default()
        };
        self.push(pid, Fact::Exec(Box::new(exec)));
    }

    /// A child that calls no exec.
    pub(super) fn fork(&mut self, parent: u32, pid: u32) {
        self.push(parent, Fact::Fork(Fork { child: key(pid), comm: "fork".into(), uid: 0 }));
    }

    pub(super) fn exit(&mut self, pid: u32) {
        self.push(pid, Fact::Exit { code: 0 });
    }

    pub(super) fn read(&mut self, pid: u32, ino: u64, name: &str, size: u64) {
        self.open(pid, ino, name, size, false);
    }

    pub(super) fn write(&mut self, pid: u32, ino: u64, name: &str) {
        self.open(pid, ino, name, 0, true);
    }

    pub(super) fn connect(&mut self, pid: u32, socket: u64, remote: &str) {
        self.flow(pid, FlowWhat::Connect, socket, remote, Direction::Out, 0);
    }

    /// Cumulative snapshots up to `bytes`, one every 250 ms, each `step` larger than the one before.
    pub(super) fn send(&mut self, pid: u32, socket: u64, remote: &str, bytes: u64, step: u64) {
        let mut sent = 0;
        while sent < bytes {
            sent = bytes.min(sent + step);
            self.time += 240 * MS;
            self.flow(pid, FlowWhat::Snapshot, socket, remote, Direction::Out, sent);
        }
    }

    pub(super) fn snapshot(&mut self, pid: u32, socket: u64, remote: &str, bytes: u64) {
        self.flow(pid, FlowWhat::Snapshot, socket, remote, Direction::Out, bytes);
    }

    pub(super) fn close(&mut self, socket: u64) {
        self.flow(0, FlowWhat::Closed, socket, "0.0.0.0:0", Direction::Out, 0);
    }

    /// One process sends to another through a connection to a port of this host.
    pub(super) fn hand_over(&mut self, from: u32, to: u32, port: u16) {
        let ends = [SocketAddr::from(([127, 0, 0, 1], 40_000)), SocketAddr::from(([127, 0, 0, 1], port))];
        let [client, server] = ends;
        for (pid, local, remote, tx_bytes) in [(from, client, server, 9), (to, server, client, 0)] {
            let flow = Flow {
                what: FlowWhat::Active,
                socket: pid.into(),
                remote: Some(remote),
                local: Some(local),
                family: 2,
                protocol: 6,
                sock_type: 1,
                direction: if tx_bytes > 0 { Direction::Out } else { Direction::In },
                net_ns: 1,
                since: 1,
                tx_bytes,
                rx_bytes: 9 - tx_bytes,
                tx_calls: 0,
                rx_calls: 0,
            };
            self.push(pid, Fact::Flow(Box::new(flow)));
        }
    }

    /// A process that stood before the agent.
    pub(super) fn stand(&mut self, pid: u32, exe: &str) {
        self.push(pid, Fact::Seen(Box::new(Seen { exe: exe.into(), ..Seen::default() })));
    }

    /// A FIFO is opened.
    pub(super) fn fifo(&mut self, pid: u32, ino: u64, name: &str, write: bool) {
        let file = FileKey { dev: 1, ino, generation: 0 };
        let open = Open { file, path: path(name), mode: 0o010_644, read: !write, write, ..Open::default() };
        self.push(pid, Fact::Open(Box::new(open)));
    }

    pub(super) fn unix(&mut self, pid: u32, used: UnixSocket) {
        self.push(pid, Fact::Unix(used));
    }

    /// A process may read another one's memory.
    pub(super) fn memory(&mut self, reader: u32, owner: u32) {
        self.push(reader, Fact::Memory { owner: key(owner) });
    }

    /// A file is opened both ways, as for memory that is shared.
    pub(super) fn share(&mut self, pid: u32, ino: u64, name: &str) {
        let file = FileKey { dev: 1, ino, generation: 0 };
        let tmpfs = 0x0102_1994;
        let open = Open {
            file,
            path: path(name),
            mode: 0o100_600,
            magic: tmpfs,
            read: true,
            write: true,
            ..Open::default()
        };
        self.push(pid, Fact::Open(Box::new(open)));
    }

    pub(super) fn accept(&mut self, pid: u32, socket: u64, remote: &str, bytes: u64) {
        self.flow(pid, FlowWhat::Snapshot, socket, remote, Direction::In, bytes);
    }

    fn open(&mut self, pid: u32, ino: u64, name: &str, size: u64, write: bool) {
        let file = FileKey { dev: 1, ino, generation: 0 };
        let open =
            Open { file, path: path(name), size, mode: 0o100_644, read: !write, write, ..Open::default() };
        self.push(pid, Fact::Open(Box::new(open)));
    }

    /// A flow at an instant, without the pauses of [`Self::send`].
    pub(super) fn sent(&mut self, pid: u32, socket: u64, remote: &str, bytes: u64) {
        self.flow(pid, FlowWhat::Snapshot, socket, remote, Direction::Out, bytes);
    }

    fn flow(
        &mut self,
        pid: u32,
        what: FlowWhat,
        socket: u64,
        remote: &str,
        direction: Direction,
        tx_bytes: u64,
    ) {
        let remote: SocketAddr = remote.parse().unwrap();
        let flow = Flow {
            what,
            socket,
            remote: Some(remote),
            local: Some("198.51.100.1:40000".parse().unwrap()),
            family: 2,
            protocol: 6,
            sock_type: 1,
            direction,
            net_ns: 7,
            since: u64::from(tx_bytes > 0),
            tx_bytes,
            rx_bytes: 0,
            tx_calls: 1,
            rx_calls: 0,
        };
        self.push(pid, Fact::Flow(Box::new(flow)));
    }

    pub(super) fn push(&mut self, pid: u32, fact: Fact) {
        self.time += self.step;
        self.events.push(Event { time: self.time, process: key(pid), fact });
    }
}
