//! What a recording holds about one story.

use std::{collections::BTreeSet, net::IpAddr, path::Path};

use anyhow::{Context as _, Result};
use weir::event::{Event, Fact, ProcessKey, recording::Reader};

use crate::expect::Story;

/// A recording, and who in it belongs to the story.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// All events.
    pub events: Vec<Event>,
    /// Script and service with all that came of them; the peer, which stands for another host, is none of it.
    pub members: BTreeSet<ProcessKey>,
    /// The program that started them.
    pub starter: Option<ProcessKey>,
    /// Addresses of the story.
    pub addresses: BTreeSet<IpAddr>,
}

impl Recorded {
    /// Reads a recording in which process `starter` set off the processes `roots`.
    ///
    /// # Errors
    /// Fails when the recording cannot be read.
    pub fn read(recording: &Path, story: &Story, roots: &[u32], starter: u32) -> Result<Self> {
        let reader = Reader::open(recording).context("cannot open the recording")?;
        let events: Vec<Event> = reader.collect::<Result<_, _>>().context("cannot read the recording")?;
        let addresses = story.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let (members, starter) = members(&events, roots, starter);
        Ok(Self { events, members, starter, addresses })
    }
}

/// A pid alone may come back; one that this very program started does not.
fn members(events: &[Event], roots: &[u32], starter: u32) -> (BTreeSet<ProcessKey>, Option<ProcessKey>) {
    let mut members = BTreeSet::new();
    let mut found = None;
    for event in events {
        let (parent, child) = if let Fact::Fork(fork) = &event.fact {
            (event.process, fork.child)
        } else if let Fact::Seen(seen) = &event.fact {
            (seen.parent, event.process)
        } else {
            continue;
        };
        if parent.pid == starter && roots.contains(&child.pid) {
            found = Some(parent);
            members.insert(child);
        } else if members.contains(&parent) {
            members.insert(child);
        }
    }
    (members, found)
}

#[cfg(test)]
mod tests {
    use weir::event::{Fork, Seen};

    use super::*;

    fn key(pid: u32) -> ProcessKey {
        ProcessKey { pid, start_ticks: u64::from(pid) }
    }

    fn event(process: u32, fact: Fact) -> Event {
        Event { time: 0, process: key(process), fact }
    }

    #[test]
    fn who_belongs_to_a_story() {
        let fork = |parent, child| event(parent, Fact::Fork(Fork { child: key(child), ..Fork::default() }));
        let seen = |parent, child| {
            event(child, Fact::Seen(Box::new(Seen { parent: key(parent), ..Seen::default() })))
        };
        // 1 starts 10 (a script), 20 (a service, before) and 30 (a peer); 99 has a child with the pid of nobody's.
        let events =
            [seen(1, 20), fork(1, 10), fork(1, 30), fork(10, 11), fork(11, 12), fork(20, 21), fork(99, 98)];
        let (members, starter) = members(&events, &[10, 20], 1);
        let expected: BTreeSet<_> = [10, 11, 12, 20, 21].map(key).into();
        assert_eq!((members, starter), (expected, Some(key(1))));
    }
}
