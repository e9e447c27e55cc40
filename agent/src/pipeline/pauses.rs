//! What was sent between two pauses: sizes are compared when a sender, or all senders of a story, pause or end, since a
//! transfer that goes on passes every size on its way.
//!
//! A sender's whole life is compared once, when it has ended. Compared at each pause, the total of a program that sends
//! little all day would pass every size as well.

use std::collections::BTreeMap;

use crate::event::{BootTime, ProcessKey};

/// Processes, and stories, that are waited for.
const WAITING_MAX: usize = 16_384;
/// Senders of one burst whose shares are known; further ones only add to the sum.
const SHARES_MAX: usize = 64;

/// Processes and stories that sent since their last pause.
#[derive(Debug, Default)]
pub(super) struct Pauses {
    processes: BTreeMap<ProcessKey, Burst>,
    stories: BTreeMap<ProcessKey, Burst>,
    overflown: u64,
}

/// What was sent without a pause.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Burst {
    /// Bytes.
    pub(super) bytes: u64,
    /// Questions to name servers and ICMP messages that they went in.
    pub(super) messages: u64,
    shares: BTreeMap<ProcessKey, u64>,
    last: BootTime,
}

impl Burst {
    fn add(&mut self, process: ProcessKey, (bytes, messages): (u64, u64), now: BootTime) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.messages = self.messages.saturating_add(messages);
        self.last = now;
        if self.shares.len() < SHARES_MAX || self.shares.contains_key(&process) {
            let share = self.shares.entry(process).or_default();
            *share = share.saturating_add(bytes);
        }
    }

    /// The process that sent most, of several; none where a single one sent all.
    pub(super) fn main_of_several(&self) -> Option<ProcessKey> {
        let most = self.shares.iter().max_by_key(|&(&process, &bytes)| (bytes, process));
        most.filter(|_| self.shares.len() > 1).map(|(&process, _)| process)
    }
}

impl Pauses {
    /// `process` sent bytes, in so many messages where it did so in messages.
    pub(super) fn sent(&mut self, process: ProcessKey, story: ProcessKey, sent: (u64, u64), now: BootTime) {
        for (map, key) in [(&mut self.processes, process), (&mut self.stories, story)] {
            if map.len() >= WAITING_MAX && !map.contains_key(&key) {
                self.overflown += 1;
                continue;
            }
            map.entry(key).or_default().add(process, sent, now);
        }
    }

    /// `process` ended: if it ever sent, its whole life can be compared now.
    pub(super) fn ended(&mut self, process: ProcessKey, now: BootTime) {
        if self.processes.len() < WAITING_MAX {
            self.processes.entry(process).or_insert(Burst { last: now, ..Burst::default() });
        }
    }

    /// Takes out the processes that have sent nothing for `idle_ns`, or all when none is given.
    pub(super) fn processes(&mut self, now: BootTime, idle_ns: Option<u64>) -> Vec<(ProcessKey, Burst)> {
        take(&mut self.processes, now, idle_ns)
    }

    /// Takes out the stories that have sent nothing for as long.
    pub(super) fn stories(&mut self, now: BootTime, idle_ns: Option<u64>) -> Vec<(ProcessKey, Burst)> {
        take(&mut self.stories, now, idle_ns)
    }

    /// Whether somebody has sent and not paused yet.
    pub(super) fn is_waiting(&self) -> bool {
        !self.processes.is_empty() || !self.stories.is_empty()
    }

    /// Bursts that found no room, since the last call.
    pub(super) fn take_overflown(&mut self) -> u64 {
        std::mem::take(&mut self.overflown)
    }

    /// The process is gone for good.
    pub(super) fn forget(&mut self, process: ProcessKey) {
        self.processes.remove(&process);
        self.stories.remove(&process);
    }
}

fn take(
    map: &mut BTreeMap<ProcessKey, Burst>,
    now: BootTime,
    idle_ns: Option<u64>,
) -> Vec<(ProcessKey, Burst)> {
    let due = |burst: &Burst| idle_ns.is_none_or(|idle| now.saturating_sub(burst.last) >= idle);
    map.extract_if(.., |_, burst| due(burst)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(pid: u32) -> ProcessKey {
        ProcessKey { pid, start_ticks: 1 }
    }

    #[test]
    fn a_burst_ends_with_a_pause_of_all_its_senders() {
        let mut pauses = Pauses::default();
        for (process, bytes, time) in [(2, 10, 0), (3, 20, 5), (2, 30, 8)] {
            pauses.sent(key(process), key(1), (bytes, 1), time);
        }
        let bytes = |due: Vec<(ProcessKey, Burst)>| -> Vec<(u32, u64, Option<u32>)> {
            let main = |burst: &Burst| burst.main_of_several().map(|sender| sender.pid);
            due.into_iter().map(|(key, burst)| (key.pid, burst.bytes, main(&burst))).collect()
        };
        assert_eq!(bytes(pauses.processes(12, Some(5))), [(3, 20, None)]);
        assert_eq!(bytes(pauses.stories(12, Some(5))), []);
        assert_eq!(bytes(pauses.processes(13, Some(5))), [(2, 40, None)]);
        assert_eq!(bytes(pauses.stories(13, Some(5))), [(1, 60, Some(2))]);
        assert!(!pauses.is_waiting());
        pauses.sent(key(2), key(1), (7, 0), 14);
        assert_eq!(bytes(pauses.processes(14, None)), [(2, 7, None)]);
        // A process that ended is told once more, with nothing new.
        pauses.ended(key(2), 20);
        assert_eq!(bytes(pauses.processes(25, Some(5))), [(2, 0, None)]);
    }
}
