//! Sums of the byte ledger's differences: per flow, per process, per story.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    net::SocketAddr,
};

use crate::event::{BootTime, Direction, Flow, ProcessKey};

/// Flows held at once; the ones closed longest go first, then the lowest socket.
const FLOWS_MAX: usize = 131_072;
/// Destinations kept one by one for a process or story.
const DESTINATIONS_MAX: usize = 32;
/// How long a closed flow stays, so that its last ledger entries are still differences.
const CLOSED_RETENTION_NS: u64 = 30_000_000_000;
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
    evicted: u64,
}

#[derive(Clone, Debug, Default)]
struct State {
    tx: u64,
    rx: u64,
}

/// What a flow event adds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// entry was made anew) count from zero.
    pub fn update(&mut self, process: ProcessKey, flow: &Flow) -> Delta {
        let key = (flow.socket, process, flow.remote);
        let new = !self.states.contains_key(&key);
        if new && self.states.len() >= FLOWS_MAX {
            self.evicted += 1;
            self.states.pop_first();
        }
        let state = self.states.entry(key).or_default();
        let delta =
            Delta { new, tx: difference(flow.tx_bytes, state.tx), rx: difference(flow.rx_bytes, state.rx) };
        *state = State { tx: flow.tx_bytes, rx: flow.rx_bytes };
        delta
    }

    /// Adds a difference to the sums of the process and its story.
    pub fn add(&mut self, sent: Sent, source: Option<SocketAddr>) {
        self.processes.entry(sent.process).or_default().add(&sent, source);
        self.stories.entry(sent.story).or_default().add(&sent, source);
    }

    /// A socket was closed: its flows go after a while.
    pub fn close(&mut self, socket: u64, now: BootTime) {
        self.closed.push_back((now, socket));
    }

    /// Drops flows whose time has come.
    pub fn expire(&mut self, now: BootTime) {
        while let Some(&(closed, socket)) = self.closed.front() {
            if now.saturating_sub(closed) < CLOSED_RETENTION_NS {
                break;
            }
            self.closed.pop_front();
            let first = (socket, ProcessKey::HOST, None);
            while let Some((&key, _)) = self.states.range(first..).next() {
                if key.0 != socket {
                    break;
                }
                self.states.remove(&key);
            }
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

    /// Flows dropped before their time since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
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
