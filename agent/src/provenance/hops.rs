//! Sockets between two processes of this host: who sends into which end, and who receives from it.
//!
//! An end is known by what both sides tell of it: a unix socket by its inode, a connection by its addresses, which
//! mirror each other in the same network namespace. Where both are known the two processes are linked, and the link
//! stays when the end is forgotten.

use std::{collections::VecDeque, net::SocketAddr};

use agent_common::dns::DNS_PORT;

use super::push_latest;
use crate::{
    event::{BootTime, Flow, ProcessKey, UnixSocket},
    hash::Map,
};

/// Ends remembered at once, the oldest go first: half of the flows that the kernel's ledger holds.
const HOPS_MAX: usize = 32_768;
/// Processes remembered at one end.
const ENDS_MAX: usize = 16;
/// `SOCK_STREAM`.
const SOCK_STREAM: u16 = 1;
/// A connection that is waited for this long before somebody accepts it was closed: its name may be another's by now.
const UNACCEPTED_NS: u64 = 60_000_000_000;
/// So long after its end the last bytes of a connection may still be told, and nobody uses its addresses again.
const CLOSED_NS: u64 = 10_000_000_000;

/// The receiving end of a socket between two processes of this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hop {
    /// A unix socket, by inode.
    Unix(u64),
    /// A unix socket that nobody has accepted yet, by its name.
    Unaccepted(u64),
    /// One direction of a connection.
    Connection {
        /// Network namespace.
        net_ns: u32,
        /// The end that sends.
        from: SocketAddr,
        /// The end that receives.
        to: SocketAddr,
    },
    /// Datagrams to a port. Of an unconnected socket the kernel does not tell who sent what it received.
    Datagrams {
        /// Network namespace.
        net_ns: u32,
        /// Port.
        port: u16,
    },
    /// No socket: the receiver serves the file system of this device, to which the sender writes.
    Files(u32),
    /// No socket: the receiver may read the sender's memory.
    Memory,
}

/// Ends and who uses them.
#[derive(Debug, Default)]
pub struct Hops {
    ends: Map<Hop, Ends>,
    order: VecDeque<Hop>,
    evicted: u64,
}

#[derive(Debug, Default)]
struct Ends {
    senders: Vec<ProcessKey>,
    receivers: Vec<ProcessKey>,
    /// What arrives here was asked for: the end opened the connection, or sent before it received.
    asked: bool,
    /// First use.
    since: BootTime,
    /// The connection or the port was closed.
    closed: Option<BootTime>,
}

impl Hops {
    /// `process` sends into an end. Answers who is known to receive from it, at the first time.
    pub fn sends(&mut self, hop: Hop, process: ProcessKey, now: BootTime) -> Vec<ProcessKey> {
        let ends = self.ends(hop, now);
        if push_latest(&mut ends.senders, process, ENDS_MAX).is_new() {
            ends.receivers.clone()
        } else {
            Vec::new()
        }
    }

    /// `process` receives from an end. Answers who is known to send into it, at the first time.
    pub fn receives(&mut self, hop: Hop, process: ProcessKey, now: BootTime) -> Vec<ProcessKey> {
        let ends = self.ends(hop, now);
        if push_latest(&mut ends.receivers, process, ENDS_MAX).is_new() {
            ends.senders.clone()
        } else {
            Vec::new()
        }
    }

    /// An end asks the other one. Where it has been told something before, it does not.
    pub fn asks(&mut self, hop: Hop, now: BootTime) {
        let ends = self.ends(hop, now);
        ends.asked |= ends.receivers.is_empty();
    }

    /// Whether what arrives at an end was asked for.
    #[must_use]
    pub fn is_asked(&self, hop: Hop) -> bool {
        self.ends.get(&hop).is_some_and(|ends| ends.asked)
    }

    /// Who sent into an end before it was accepted. Once: the name is soon another socket's.
    pub fn accepted(&mut self, name: u64, now: BootTime) -> Vec<ProcessKey> {
        let waiting = self.ends.remove(&Hop::Unaccepted(name));
        let waiting = waiting.filter(|ends| now.saturating_sub(ends.since) <= UNACCEPTED_NS);
        waiting.map(|ends| ends.senders).unwrap_or_default()
    }

    /// A connection or a datagram socket was closed: who uses the same addresses later has nothing to do with it.
    pub fn closed(&mut self, flow: &Flow, now: BootTime) {
        let (into, out_of) = ends_of(flow);
        let into = into.filter(|_| flow.sock_type == SOCK_STREAM);
        for hop in into.into_iter().chain(out_of) {
            if let Some(ends) = self.ends.get_mut(&hop) {
                ends.closed.get_or_insert(now);
            }
        }
    }

    /// Ends that made room while nobody was known to receive what somebody sent, since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn ends(&mut self, hop: Hop, now: BootTime) -> &mut Ends {
        if !self.ends.contains_key(&hop) {
            self.order.push_back(hop);
            if self.order.len() > HOPS_MAX
                && let Some(gone) = self.order.pop_front().and_then(|oldest| self.ends.remove(&oldest))
                && !gone.senders.is_empty()
                && gone.receivers.is_empty()
            {
                self.evicted += 1;
            }
        }
        let new = || Ends { since: now, ..Ends::default() };
        let ends = self.ends.entry(hop).or_insert_with(new);
        if ends.closed.is_some_and(|closed| now.saturating_sub(closed) > CLOSED_NS) {
            *ends = new();
        }
        ends
    }
}

/// The end that a flow's process sends into, and the one that it receives from, where the other end is on this host and
/// something moved.
#[must_use]
pub fn of_flow(flow: &Flow) -> (Option<Hop>, Option<Hop>) {
    let sent = flow.tx_bytes > 0 || flow.tx_calls > 0;
    let received = flow.rx_bytes > 0 || flow.rx_calls > 0;
    let (into, out_of) = ends_of(flow);
    (into.filter(|_| sent), out_of.filter(|_| received))
}

fn ends_of(flow: &Flow) -> (Option<Hop>, Option<Hop>) {
    if flow.sock_type == SOCK_STREAM { connection(flow) } else { datagrams(flow) }
}

fn connection(flow: &Flow) -> (Option<Hop>, Option<Hop>) {
    let (Some(local), Some(remote)) = (flow.local, flow.remote) else { return (None, None) };
    if !is_here(local, remote) || local.port() == DNS_PORT || remote.port() == DNS_PORT {
        return (None, None);
    }
    let net_ns = flow.net_ns;
    let hop = |from, to| Some(Hop::Connection { net_ns, from, to });
    (hop(local, remote), hop(remote, local))
}

fn datagrams(flow: &Flow) -> (Option<Hop>, Option<Hop>) {
    let hop = |end: SocketAddr| {
        (end.port() != 0).then_some(Hop::Datagrams { net_ns: flow.net_ns, port: end.port() })
    };
    // What is asked of a name server on this host is not followed: it asks on behalf of everybody. Nor are its answers.
    if [flow.local, flow.remote].into_iter().flatten().any(|end| end.port() == DNS_PORT) {
        return (None, None);
    }
    let from_here = |remote: SocketAddr| {
        remote.ip().is_loopback() || flow.local.is_some_and(|local| is_here(local, remote))
    };
    let hears = |local: SocketAddr| match flow.remote {
        Some(remote) => is_here(local, remote),
        None => local.ip().is_unspecified() || local.ip().is_loopback(),
    };
    let into = flow.remote.filter(|&remote| from_here(remote)).and_then(hop);
    (into, flow.local.filter(|&local| hears(local)).and_then(hop))
}

/// Whether two ends are both on this host: a host that speaks to one of its own addresses speaks from the same one.
fn is_here(local: SocketAddr, remote: SocketAddr) -> bool {
    remote.ip().is_loopback() || remote.ip() == local.ip()
}

/// The end that a process sends into by a unix socket.
#[must_use]
pub const fn of_peer(used: &UnixSocket) -> Option<Hop> {
    match (used.peer_inode, used.peer_name) {
        (0, 0) => None,
        (0, name) => Some(Hop::Unaccepted(name)),
        (inode, _) => Some(Hop::Unix(inode)),
    }
}
