//! Sums of the byte ledger's differences: per flow, per process, per story.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
};

use agent_common::dns::DNS_PORT;

use super::horizon::{Counted, Horizon};
use crate::{
    event::{BootTime, Bytes, Direction, Flow, FlowWhat, ProcessKey, Remote},
    hash::{self, Lru, Map},
};

/// Flows held at once: twice the kernel's ledger.
const FLOWS_MAX: usize = 131_072;
/// Processes with sums, and stories: as many as there may be processes. The one that sent longest ago makes room.
const SUMS_MAX: usize = crate::process::table::PROCESSES_MAX;
/// Programs kept one by one for a story or job.
const PROGRAMS_MAX: usize = 8;
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
/// Processes remembered as answering questions.
const NAME_SERVERS_MAX: usize = 1_024;

/// Key of a flow: the socket first, so that all that share it stand together.
type Key = (u64, ProcessKey, Option<SocketAddr>);

/// All flows and their sums.
#[derive(Debug)]
pub struct Flows {
    states: BTreeMap<Key, State>,
    processes: Lru<ProcessKey, Sums>,
    stories: Lru<ProcessKey, Sums>,
    closed: VecDeque<(BootTime, u64)>,
    /// Closed sockets whose flows are still held, and when they were closed.
    closing: Map<u64, BootTime>,
    /// Processes that received something on the port of name servers.
    name_servers: Lru<ProcessKey, ()>,
    swept: BootTime,
    untracked: u64,
    evicted: u64,
}

impl Default for Flows {
    fn default() -> Self {
        Self {
            states: BTreeMap::new(),
            // Bounded where something is added, so that the room is not taken before it is needed.
            processes: hash::lru_unbounded(),
            stories: hash::lru_unbounded(),
            closed: VecDeque::new(),
            closing: Map::default(),
            name_servers: hash::lru_unbounded(),
            swept: 0,
            untracked: 0,
            evicted: 0,
        }
    }
}

#[derive(Clone, Debug, Default)]
struct State {
    since: BootTime,
    tx: u64,
    rx: u64,
    sends: u64,
    last: BootTime,
    datagram: bool,
    incoming: bool,
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
    /// The same of the last day, which thresholds are about: a process that lives for months must not have passed them
    /// for ever.
    pub day: Horizon,
    /// Sent per destination and protocol; bounded, the rest is only in `bytes_out`.
    pub destinations: BTreeMap<(Remote, u8), u64>,
    /// Local end of the flow that sent last.
    pub source: Option<SocketAddr>,
    /// The process that sent last.
    pub last_sender: Option<ProcessKey>,
    /// By executable; bounded, the rest is only in `bytes_out`.
    pub programs: BTreeMap<Bytes, Program>,
}

/// What the processes of one program sent.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// How many there were, as far as one sent after the other.
    pub processes: u32,
    /// Bytes.
    pub bytes_out: u64,
    last: Option<ProcessKey>,
}

/// Bytes to add to sums.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The sender.
    pub process: ProcessKey,
    /// Its story.
    pub story: ProcessKey,
    /// Its executable.
    pub executable: Bytes,
    /// The destination.
    pub remote: Remote,
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
        if flow.local.is_some_and(|local| local.port() == DNS_PORT) {
            if self.name_servers.len() >= NAME_SERVERS_MAX {
                self.name_servers.pop_lru();
            }
            self.name_servers.put(process, ());
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
        state.incoming = !is_outgoing(flow);
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

    /// The process that used a socket last, and whether the other end opened the connection.
    #[must_use]
    pub fn user(&self, socket: u64) -> Option<(ProcessKey, bool)> {
        let first: Key = (socket, ProcessKey::HOST, None);
        let users = self.states.range(first..).take_while(|(key, _)| key.0 == socket);
        users.max_by_key(|(_, state)| state.last).map(|(key, state)| (key.1, state.incoming))
    }

    /// Whether a process answers questions for names.
    #[must_use]
    pub fn serves_names(&self, process: ProcessKey) -> bool {
        self.name_servers.contains(&process)
    }

    /// Adds a difference to the sums of the process and its story.
    pub fn add(&mut self, sent: &Sent, source: Option<SocketAddr>, now: BootTime) {
        for (sums, key) in [(&mut self.processes, sent.process), (&mut self.stories, sent.story)] {
            if sums.len() >= SUMS_MAX && !sums.contains(&key) {
                sums.pop_lru();
                self.evicted += 1;
            }
            sums.get_or_insert_mut(key, Sums::default).add(sent, source, now);
        }
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
        self.processes.pop(&process);
        self.stories.pop(&process);
    }

    /// Sums of a process.
    #[must_use]
    pub fn process(&self, process: ProcessKey) -> Option<&Sums> {
        self.processes.peek(&process)
    }

    /// Sums of a story.
    #[must_use]
    pub fn story(&self, story: ProcessKey) -> Option<&Sums> {
        self.stories.peek(&story)
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

    /// Sums that had to make room, since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }
}

impl Sums {
    /// The destination that most went to.
    #[must_use]
    pub fn main_destination(&self) -> Option<Remote> {
        self.destinations.iter().max_by_key(|(_, bytes)| **bytes).map(|((remote, _), _)| *remote)
    }

    /// Adds a difference.
    pub fn add(&mut self, sent: &Sent, source: Option<SocketAddr>, now: BootTime) {
        let Delta { tx, rx, .. } = sent.delta;
        self.bytes_out = self.bytes_out.saturating_add(tx);
        self.bytes_in = self.bytes_in.saturating_add(rx);
        let out_ports = if sent.port_class { tx } else { 0 };
        // Files never answer: that nothing comes back from them says nothing.
        let back = if sent.remote.is_files() { tx } else { rx };
        self.day.add(Counted { out: tx, back, out_ports }, now);
        if tx > 0 {
            self.source = source.or(self.source);
            self.last_sender = Some(sent.process);
            if self.programs.len() < PROGRAMS_MAX || self.programs.contains_key(&sent.executable) {
                self.programs.entry(sent.executable.clone()).or_default().add(sent.process, tx);
            }
        }
        let key = (sent.remote, u8::try_from(sent.protocol).unwrap_or(u8::MAX));
        if let Some(bytes) = self.destinations.get_mut(&key) {
            *bytes = bytes.saturating_add(tx);
        } else if self.destinations.len() < DESTINATIONS_MAX {
            self.destinations.insert(key, tx);
        }
    }
}

impl Program {
    fn add(&mut self, process: ProcessKey, tx: u64) {
        self.bytes_out = self.bytes_out.saturating_add(tx);
        if self.last.replace(process) != Some(process) {
            self.processes = self.processes.saturating_add(1);
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
