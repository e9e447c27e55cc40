//! Sums of the byte ledger's differences: per flow, per process, per story.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
};

use crate::event::{BootTime, Direction, Flow, FlowWhat, ProcessKey};

/// Flows held at once: twice the kernel's ledger.
const FLOWS_MAX: usize = 131_072;
/// Destinations kept one by one for a process or story.
const DESTINATIONS_MAX: usize = 32;
/// How long a closed flow stays, so that its last ledger entries are still differences.
const CLOSED_RETENTION_NS: u64 = 30_000_000_000;
/// How long a datagram or raw flow stays after its last byte: longer than the kernel's ledger keeps its entry, so that
/// one that comes back from zero is new here as well.
const DATAGRAM_IDLE_NS: u64 = 240_000_000_000;
/// Between two looks for such flows.
const DATAGRAM_SWEEP_NS: u64 = 60_000_000_000;
/// `SOCK_STREAM`.
const SOCK_STREAM: u16 = 1;
/// First port that Linux gives out by itself (`net.ipv4.ip_local_port_range`).
const EPHEMERAL: u16 = 32_768;

/// Key of a flow: the socket first, so that all that share it stand together.
type Key = (u64, ProcessKey, Option<SocketAddr>);

/// All flows and their sums.
#[derive(Debug, Default)]
pub struct Flows {
    states: BTreeMap<Key, State>,
    processes: HashMap<ProcessKey, Sums>,
    stories: HashMap<ProcessKey, Sums>,
    closed: VecDeque<(BootTime, u64)>,
    /// Closed sockets whose flows are still held, and when they were closed.
    closing: HashMap<u64, BootTime>,
    swept: BootTime,
    untracked: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    tx: u64,
    rx: u64,
    last: BootTime,
    datagram: bool,
}

/// What a flow event adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    /// The flow is new.
    pub new: bool,
    /// Bytes sent since the last event of the flow.
    pub tx: u64,
    /// Bytes received since then.
    pub rx: u64,
}

/// Bytes towards the outside.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    /// Sent.
    pub bytes_out: u64,
    /// Received.
    pub bytes_in: u64,
    /// Sent to ports of the first class.
    pub bytes_out_ports: u64,
    /// Sent per destination and protocol; bounded, the rest is only in `bytes_out`.
    pub destinations: BTreeMap<(SocketAddr, u8), u64>,
    /// Local end of the flow that sent last.
    pub source: Option<SocketAddr>,
    /// The process that sent last.
    pub last_sender: Option<ProcessKey>,
}

/// Bytes to add to sums.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// The sender.
    pub process: ProcessKey,
    /// Its story.
    pub story: ProcessKey,
    /// The destination.
    pub remote: SocketAddr,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// The port is of the first class.
    pub port_class: bool,
    /// The difference.
    pub delta: Delta,
}

impl Flows {
    /// Takes the cumulative bytes of a flow and answers the difference to what was known. Values that fell (an
    /// entry was made anew) count from zero. With the table full a new flow is not tracked and its bytes are not
    /// counted, which is counted: to begin an old one anew would count its bytes twice.
    pub fn update(&mut self, process: ProcessKey, flow: &Flow, now: BootTime) -> Delta {
        match flow.what {
            // The socket lives on, or its number serves another one.
            FlowWhat::Connect | FlowWhat::Active => {
                self.closing.remove(&flow.socket);
            }
            FlowWhat::Snapshot | FlowWhat::Closed | FlowWhat::Accepted => {}
        }
        let key = (flow.socket, process, flow.remote);
        let new = !self.states.contains_key(&key);
        if new && self.states.len() >= FLOWS_MAX {
            self.untracked += 1;
            return Delta::default();
        }
        let state = self.states.entry(key).or_default();
        let delta =
            Delta { new, tx: difference(flow.tx_bytes, state.tx), rx: difference(flow.rx_bytes, state.rx) };
        let datagram = flow.sock_type != SOCK_STREAM;
        *state = State { tx: flow.tx_bytes, rx: flow.rx_bytes, last: now, datagram };
        delta
    }

    /// Adds a difference to the sums of the process and its story.
    pub fn add(&mut self, sent: Sent, source: Option<SocketAddr>) {
        self.processes.entry(sent.process).or_default().add(&sent, source);
        self.stories.entry(sent.story).or_default().add(&sent, source);
    }

    /// A socket was closed: its flows go after a while.
    pub fn close(&mut self, socket: u64, now: BootTime) {
        self.closing.insert(socket, now);
        self.closed.push_back((now, socket));
    }

    /// Drops flows whose time has come.
    pub fn expire(&mut self, now: BootTime) {
        while let Some(&(closed, socket)) = self.closed.front() {
            if now.saturating_sub(closed) < CLOSED_RETENTION_NS {
                break;
            }
            self.closed.pop_front();
            // A later close of a socket that was used again has an entry of its own.
            if self.closing.get(&socket) != Some(&closed) {
                continue;
            }
            self.closing.remove(&socket);
            let first = (socket, ProcessKey::HOST, None);
            while let Some((&key, _)) = self.states.range(first..).next() {
                if key.0 != socket {
                    break;
                }
                self.states.remove(&key);
            }
        }
        if now.saturating_sub(self.swept) >= DATAGRAM_SWEEP_NS {
            self.swept = now;
            self.states
                .retain(|_, state| !state.datagram || now.saturating_sub(state.last) < DATAGRAM_IDLE_NS);
        }
    }

    /// The process is gone for good.
    pub fn forget(&mut self, process: ProcessKey) {
        self.processes.remove(&process);
        self.stories.remove(&process);
    }

    /// Sums of a process.
    #[must_use]
    pub fn process(&self, process: ProcessKey) -> Option<&Sums> {
        self.processes.get(&process)
    }

    /// Sums of a story.
    #[must_use]
    pub fn story(&self, story: ProcessKey) -> Option<&Sums> {
        self.stories.get(&story)
    }

    /// Flows held.
    #[must_use]
    pub fn count(&self) -> usize {
        self.states.len()
    }

    /// Flow events that found the table full, since the last call.
    pub fn take_untracked(&mut self) -> u64 {
        std::mem::take(&mut self.untracked)
    }
}

impl Sums {
    fn add(&mut self, sent: &Sent, source: Option<SocketAddr>) {
        let Delta { tx, rx, .. } = sent.delta;
        self.bytes_out = self.bytes_out.saturating_add(tx);
        self.bytes_in = self.bytes_in.saturating_add(rx);
        if sent.port_class {
            self.bytes_out_ports = self.bytes_out_ports.saturating_add(tx);
        }
        if tx > 0 {
            self.source = source.or(self.source);
            self.last_sender = Some(sent.process);
        }
        let key = (sent.remote, u8::try_from(sent.protocol).unwrap_or(u8::MAX));
        if let Some(bytes) = self.destinations.get_mut(&key) {
            *bytes = bytes.saturating_add(tx);
        } else if self.destinations.len() < DESTINATIONS_MAX {
            self.destinations.insert(key, tx);
        }
    }
}

/// Whether this host opened the flow. A connection that stood before the agent is judged by its ports: a server
/// listens below the ephemeral range.
#[must_use]
pub fn is_outgoing(flow: &Flow) -> bool {
    match flow.direction {
        Direction::Out => true,
        Direction::In => false,
        Direction::Unknown => {
            let port = |end: Option<SocketAddr>| end.map_or(0, |address| address.port());
            port(flow.remote) < EPHEMERAL || port(flow.local) >= EPHEMERAL
        }
    }
}

fn difference(now: u64, before: u64) -> u64 {
    if now >= before { now - before } else { now }
}
