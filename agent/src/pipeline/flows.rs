//! Sums of the byte ledger's differences: per flow, per process, per story.

use std::{
    cmp::Ordering,
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
    since: BootTime,
    tx: u64,
    rx: u64,
    sends: u64,
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
    /// Calls that sent.
    pub sends: u64,
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
    /// Takes the cumulative bytes of a flow and answers the difference to what was known. An entry that was made anew
    /// counts from zero; values that fell within one are older than those that were known, and add nothing. With the
    /// table full a new flow is not tracked and its bytes are not counted, which is counted: to begin an old one anew
    /// would count its bytes twice.
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
        state.last = now;
        state.datagram = flow.sock_type != SOCK_STREAM;
        match flow.since.cmp(&state.since) {
            Ordering::Less => return Delta { new, ..Delta::default() },
            Ordering::Equal => {}
            Ordering::Greater => (state.since, state.tx, state.rx, state.sends) = (flow.since, 0, 0, 0),
        }
        let (tx, rx) = (flow.tx_bytes.saturating_sub(state.tx), flow.rx_bytes.saturating_sub(state.rx));
        let sends = flow.tx_calls.saturating_sub(state.sends);
        (state.tx, state.rx, state.sends) = (state.tx + tx, state.rx + rx, state.sends + sends);
        Delta { new, tx, rx, sends }
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
    /// The destination that most went to.
    #[must_use]
    pub fn main_destination(&self) -> Option<SocketAddr> {
        self.destinations.iter().max_by_key(|(_, bytes)| **bytes).map(|((remote, _), _)| *remote)
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    /// An event of one flow.
    fn event(what: FlowWhat, since: BootTime, tx_bytes: u64, rx_bytes: u64) -> Flow {
        Flow {
            what,
            socket: 7,
            remote: Some(SocketAddr::from(([198, 51, 100, 2], 443))),
            local: None,
            family: 2,
            protocol: 6,
            sock_type: SOCK_STREAM,
            direction: Direction::Out,
            net_ns: 1,
            since,
            tx_bytes,
            rx_bytes,
            tx_calls: 0,
            rx_calls: 0,
        }
    }

    #[test]
    fn bytes_count_once_in_whatever_order_they_are_told() {
        let process = ProcessKey { pid: 5, start_ticks: 9 };
        let mut flows = Flows::default();
        let rows = [
            // The connection begins before it has an entry.
            ((FlowWhat::Connect, 0, 0, 0), (true, 0, 0)),
            ((FlowWhat::Active, 10, 100, 0), (false, 100, 0)),
            ((FlowWhat::Snapshot, 10, 900, 50), (false, 800, 50)),
            // Older news that came later, one direction after the other.
            ((FlowWhat::Active, 10, 700, 50), (false, 0, 0)),
            ((FlowWhat::Active, 10, 850, 60), (false, 0, 10)),
            ((FlowWhat::Snapshot, 10, 1000, 60), (false, 100, 0)),
            // The entry was deleted and made anew; then comes something old.
            ((FlowWhat::Active, 20, 30, 0), (false, 30, 0)),
            ((FlowWhat::Snapshot, 10, 1000, 60), (false, 0, 0)),
            ((FlowWhat::Connect, 0, 0, 0), (false, 0, 0)),
            ((FlowWhat::Snapshot, 20, 40, 0), (false, 10, 0)),
        ];
        for (at, ((what, since, tx, rx), (new, delta_tx, delta_rx))) in rows.into_iter().enumerate() {
            let delta = flows.update(process, &event(what, since, tx, rx), 1);
            assert_eq!(delta, Delta { new, tx: delta_tx, rx: delta_rx, sends: 0 }, "row {at}");
        }
    }
}
