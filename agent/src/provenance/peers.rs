//! Processes that hand data to others through sockets of this host, or whose memory others read.

use std::ops::ControlFlow;

use super::{
    Carried, Node, Provenance, Pushed, Source,
    hops::{self, Hop},
    push_latest,
    sinks::is_sink,
    visits::Visits,
};
use crate::{
    event::{BootTime, Flow, ProcessKey, UnixSocket},
    process::Process,
};

/// Stories beside its own that may send to a process, ever. One that serves more (an agent of keys, a data base, a
/// collector of metrics) answers each of them with what is theirs: whose data it hands on cannot be told any more, and only
/// its own story's is followed. A relay that somebody has set up for himself has one client at a time.
const STRANGERS_MAX: usize = 1;
/// Peers remembered for one process, and processes that it feeds.
const PEERS_MAX: usize = 128;

/// Somebody who sends to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) process: ProcessKey,
    pub(super) story: ProcessKey,
    /// The end through which it was first known to.
    pub(super) hop: Hop,
    /// When that was.
    pub(super) first: BootTime,
    /// It answers what it was asked.
    pub(super) answers: bool,
}

/// More than may send to a process before nobody can tell whose data it hands on.
fn is_crowd(strangers: &[ProcessKey]) -> bool {
    strangers.len() > STRANGERS_MAX
}

impl Node {
    /// So many stories sent to it that it cannot be told whose data it hands on.
    pub(super) fn is_crowded(&self) -> bool {
        is_crowd(&self.strangers)
    }

    /// Whether what a peer carries counts as carried by this process.
    pub(super) fn follows(&self, peer: &Peer) -> bool {
        self.story == Some(peer.story) || !is_crowd(self.strangers_by(peer.hop))
    }

    const fn strangers_by(&self, hop: Hop) -> &Vec<ProcessKey> {
        if matches!(hop, Hop::Memory) { &self.strangers_in_memory } else { &self.strangers }
    }

    const fn strangers_by_mut(&mut self, hop: Hop) -> &mut Vec<ProcessKey> {
        if matches!(hop, Hop::Memory) { &mut self.strangers_in_memory } else { &mut self.strangers }
    }

    /// What those that are gone have left to it and that counts.
    pub(super) fn left(&self) -> impl Iterator<Item = &Carried> {
        [&self.left].into_iter().chain((!self.is_crowded()).then_some(&self.left_by_strangers))
    }

    /// A peer is gone for good, and leaves what it carried, of which it had read `own` itself.
    pub(super) fn lose(&mut self, process: ProcessKey, carried: &Carried, own: &Carried) {
        let Some(at) = self.peers.iter().position(|peer| peer.process == process) else { return };
        let peer = self.peers.remove(at);
        if self.story == Some(peer.story) {
            self.left.merge(carried);
        } else if self.follows(&peer) {
            self.left_by_strangers.merge(carried);
        }
        if peer.answers {
            self.answered.merge(own);
        }
    }

    /// Takes in somebody who sends to it; false when another one had to make room, a stranger where there is one.
    fn meet(&mut self, peer: Peer) -> bool {
        if self.story != Some(peer.story) {
            let strangers = self.strangers_by_mut(peer.hop);
            if !is_crowd(strangers) && !strangers.contains(&peer.story) {
                strangers.push(peer.story);
            }
        }
        let full = self.peers.len() >= PEERS_MAX;
        if full {
            let strange = |peer: &Peer| self.story != Some(peer.story);
            let oldest = self.peers.iter().position(strange).unwrap_or_default();
            self.peers.remove(oldest);
        }
        self.peers.push(peer);
        !full
    }
}

impl Provenance {
    /// Bytes moved through a flow, which this host may have opened: where its other end is on this host, its process
    /// hands on or receives.
    pub fn flow(
        &mut self,
        process: &Process,
        story: ProcessKey,
        (flow, outgoing): (&Flow, bool),
        now: BootTime,
    ) {
        let (into, out_of) = hops::of_flow(flow);
        if let Some(hop) = out_of.filter(|_| outgoing) {
            self.hops.asks(hop, now);
        }
        if let Some(hop) = into {
            self.sends(process.key, story, hop, now);
        }
        if let Some(hop) = out_of {
            self.receives(process, story, hop, now);
        }
    }

    /// A unix socket was used.
    pub fn unix(&mut self, process: &Process, story: ProcessKey, used: &UnixSocket, now: BootTime) {
        if used.sent {
            if let Some(hop) = hops::of_peer(used) {
                self.sends(process.key, story, hop, now);
            }
            return self.hops.asks(Hop::Unix(used.inode), now);
        }
        let hop = Hop::Unix(used.inode);
        for early in self.hops.accepted(used.name, now) {
            self.hops.sends(hop, early, now);
        }
        self.receives(process, story, hop, now);
    }

    /// A process may read and write another one's memory; both come with their story. What one carries the other carries.
    pub fn memory(&mut self, both: [(&Process, ProcessKey); 2], now: BootTime) {
        for (process, story) in both {
            self.processes.entry(process.key).or_default().story = Some(story);
        }
        let [(one, _), (other, _)] = both;
        for (from, to) in [(one, other), (other, one)] {
            if !is_sink(to) {
                self.link(from.key, to.key, Hop::Memory, now);
            }
        }
    }

    /// The first process writes to the file system of a device, which the other one serves.
    pub fn serves(
        &mut self,
        [(writer, story), (server, its_story)]: [(&Process, ProcessKey); 2],
        dev: u32,
        now: BootTime,
    ) {
        self.receives(server, its_story, Hop::Files(dev), now);
        self.sends(writer.key, story, Hop::Files(dev), now);
    }

    /// A connection or a datagram socket was closed.
    pub fn closed(&mut self, flow: &Flow, now: BootTime) {
        self.hops.closed(flow, now);
    }

    /// Whether a process carries what came to it in another way than that it read it, or that a service had read which
    /// it asked for it: a web server has its backends, and their workers have what their parents read.
    #[must_use]
    pub fn is_fed(&self, process: ProcessKey) -> bool {
        let mut answers: Vec<&Carried> = Vec::new();
        let mut visits = Visits::of(process);
        while let Some((at, _)) = visits.next() {
            let Some(node) = self.processes.get(&at) else { continue };
            answers.extend([&node.own, &node.answered]);
            let asked = node.peers.iter().filter(|peer| peer.answers).map(|peer| peer.process);
            let parents = node.sources.iter().filter_map(|source| match source {
                Source::Process(parent) if at != process => Some(*parent),
                Source::Process(_) | Source::Pipe(_) | Source::File(_) => None,
            });
            asked.chain(parents).for_each(|key| visits.add(key, false));
        }
        let mut fed = false;
        self.walk(process, |_, load| {
            fed = load.origins().any(|(key, _)| !answers.iter().any(|read| read.has(*key)));
            if fed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        fed
    }

    fn sends(&mut self, process: ProcessKey, story: ProcessKey, hop: Hop, now: BootTime) {
        self.processes.entry(process).or_default().story = Some(story);
        for receiver in self.hops.sends(hop, process, now) {
            self.link(process, receiver, hop, now);
        }
    }

    fn receives(&mut self, process: &Process, story: ProcessKey, hop: Hop, now: BootTime) {
        if is_sink(process) {
            self.hops.receives(hop, process.key, now);
            return;
        }
        self.processes.entry(process.key).or_default().story = Some(story);
        for sender in self.hops.receives(hop, process.key, now) {
            self.link(sender, process.key, hop, now);
        }
    }

    /// What `from` carries reaches `to`.
    fn link(&mut self, from: ProcessKey, to: ProcessKey, hop: Hop, now: BootTime) {
        let answers = self.hops.is_asked(hop);
        let Some(sender) = self.processes.get_mut(&from).filter(|_| from != to) else { return };
        let story = sender.story.unwrap_or(from);
        if push_latest(&mut sender.feeds, to, PEERS_MAX) == Pushed::Replaced {
            self.forgotten_peers += 1;
        }
        let receiver = self.processes.entry(to).or_default();
        if let Some(known) = receiver.peers.iter_mut().find(|peer| peer.process == from) {
            known.answers |= answers;
        } else if !receiver.meet(Peer { process: from, story, hop, first: now, answers }) {
            self.forgotten_peers += 1;
        }
    }
}

#[cfg(test)]
mod tests;
