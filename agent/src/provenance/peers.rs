//! Processes that hand data to others through sockets of this host.

use std::collections::BTreeSet;

use super::{
    Carried, Node, Provenance, SOURCES_MAX, Source, VISITS_MAX,
    hops::{self, Hop},
    sinks::is_sink,
};
use crate::{
    event::{BootTime, Flow, ProcessKey, UnixSocket},
    process::Process,
};

/// Stories beside its own that may send to a process. One that serves more, such as a data base, answers each of them
/// with what is theirs: whose data it hands on cannot be told any more, and only its own story's is followed. A relay
/// that somebody has set up for himself has one client at a time or two; eight leave room for a shared one.
const STORIES_MAX: usize = 8;

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

impl Node {
    /// Whether what a peer carries counts as carried by this process.
    pub(super) fn follows(&self, peer: &Peer) -> bool {
        !self.crowded || self.story == Some(peer.story)
    }

    /// Whether a peer is a service that this process asked: one of another story.
    fn asks(&self, peer: &Peer) -> bool {
        peer.answers && self.story != Some(peer.story)
    }

    /// A peer is gone for good, and leaves what it carried, of which it had read `own` itself.
    pub(super) fn lose(&mut self, process: ProcessKey, carried: &Carried, own: &Carried) {
        let found = self.peers().find(|peer| peer.process == process);
        if let Some(peer) = found
            && self.follows(&peer)
        {
            self.left.merge(carried);
            if self.asks(&peer) {
                self.answered.merge(own);
            }
        }
        self.sources.retain(|source| !matches!(source, Source::Peer(peer) if peer.process == process));
        self.count();
    }

    fn peers(&self) -> impl Iterator<Item = Peer> {
        self.sources
            .iter()
            .filter_map(|source| if let Source::Peer(peer) = source { Some(*peer) } else { None })
    }

    fn count(&mut self) {
        let strangers = self.peers().map(|peer| peer.story).filter(|&story| self.story != Some(story));
        self.crowded = strangers.collect::<BTreeSet<_>>().len() > STORIES_MAX;
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
            self.hops.asks(hop);
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
            return self.hops.asks(Hop::Unix(used.inode));
        }
        let hop = Hop::Unix(used.inode);
        for early in self.hops.accepted(used.name) {
            self.hops.sends(hop, early);
        }
        self.receives(process, story, hop, now);
    }

    /// Whether a process carries what came to it in another way than that it read it, or that a service had read which
    /// it asked for it: a web server has its backends.
    #[must_use]
    pub fn is_fed(&self, process: ProcessKey) -> bool {
        let mut answers: Vec<&Carried> = Vec::new();
        let mut seen = BTreeSet::from([process]);
        let mut queue = vec![process];
        while let Some(at) = queue.pop() {
            let Some(node) = self.processes.get(&at) else { continue };
            answers.extend([&node.own, &node.answered]);
            for peer in node.peers().filter(|peer| node.asks(peer)) {
                if seen.len() < VISITS_MAX && seen.insert(peer.process) {
                    queue.push(peer.process);
                }
            }
        }
        let carried = self.carried(process);
        carried.origins().any(|(key, _)| !answers.iter().any(|read| read.has(*key)))
    }

    fn sends(&mut self, process: ProcessKey, story: ProcessKey, hop: Hop, now: BootTime) {
        self.processes.entry(process).or_default().story = Some(story);
        for receiver in self.hops.sends(hop, process) {
            self.link(process, receiver, hop, now);
        }
    }

    fn receives(&mut self, process: &Process, story: ProcessKey, hop: Hop, now: BootTime) {
        if is_sink(process) {
            return;
        }
        self.processes.entry(process.key).or_default().story = Some(story);
        for sender in self.hops.receives(hop, process.key) {
            self.link(sender, process.key, hop, now);
        }
    }

    /// What `from` carries reaches `to`.
    fn link(&mut self, from: ProcessKey, to: ProcessKey, hop: Hop, now: BootTime) {
        let Some(sender) = self.processes.get_mut(&from).filter(|_| from != to) else { return };
        let story = sender.story.unwrap_or(from);
        if !sender.feeds.contains(&to) {
            if sender.feeds.len() == SOURCES_MAX {
                sender.feeds.remove(0);
            }
            sender.feeds.push(to);
        }
        if self.processes.get(&to).is_some_and(|node| node.peers().any(|peer| peer.process == from)) {
            return;
        }
        let answers = self.hops.is_asked(hop);
        self.source(to, Source::Peer(Peer { process: from, story, hop, first: now, answers }));
        if let Some(receiver) = self.processes.get_mut(&to) {
            receiver.count();
        }
    }
}

#[cfg(test)]
mod tests;
