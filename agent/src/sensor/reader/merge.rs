//! The window in which two rings become one order.

use std::{cmp::Ordering, collections::BinaryHeap};

use super::Entry;

/// Events that may wait for their order at once. More are released early, and counted.
const WAITING_MAX: usize = 262_144;

/// Events that wait for their order, oldest first.
pub(super) struct Merge<T> {
    heap: BinaryHeap<Waiting<T>>,
    sequence: u64,
    /// Events pushed out by the bound; they are released before all others.
    forced: Vec<Entry<T>>,
    forced_count: u64,
    bound: usize,
}

struct Waiting<T> {
    time: u64,
    sequence: u64,
    entry: Entry<T>,
}

impl<T> Merge<T> {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), sequence: 0, forced: Vec::new(), forced_count: 0, bound: WAITING_MAX }
    }

    /// Events that wait.
    pub(super) fn len(&self) -> usize {
        self.heap.len() + self.forced.len()
    }

    /// Events that the bound pushed out since the last call.
    pub(super) fn take_forced(&mut self) -> u64 {
        std::mem::take(&mut self.forced_count)
    }

    pub(super) fn push(&mut self, entry: Entry<T>) {
        self.sequence += 1;
        self.heap.push(Waiting { time: entry.decoded.event.time, sequence: self.sequence, entry });
        if self.heap.len() > self.bound
            && let Some(oldest) = self.heap.pop()
        {
            self.forced.push(oldest.entry);
            self.forced_count += 1;
        }
    }

    /// Appends events older than `before` in order of time; equal times keep the order in which they came.
    pub(super) fn release(&mut self, before: u64, out: &mut Vec<Entry<T>>) {
        out.append(&mut self.forced);
        while self.heap.peek().is_some_and(|oldest| oldest.time < before) {
            out.extend(self.heap.pop().map(|waiting| waiting.entry));
        }
    }
}

/// Reversed: the heap keeps its greatest on top, and the oldest is wanted.
impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.time, other.sequence).cmp(&(self.time, self.sequence))
    }
}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Waiting<T> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Fact, ProcessKey, decode::Decoded};

    fn merge(bound: usize, times: &[u64]) -> Merge<usize> {
        let mut merge = Merge { bound, ..Merge::new() };
        for (index, &time) in times.iter().enumerate() {
            let event = Event { time, process: ProcessKey::HOST, fact: Fact::Tick };
            merge.push(Entry { decoded: Decoded { event, flow: None }, attached: index });
        }
        merge
    }

    /// Releases and shows (time, place of arrival).
    fn released(merge: &mut Merge<usize>, before: u64) -> Vec<(u64, usize)> {
        let mut out = Vec::new();
        merge.release(before, &mut out);
        out.iter().map(|entry| (entry.decoded.event.time, entry.attached)).collect()
    }

    #[test]
    fn events_come_out_by_time_and_then_by_arrival() {
        let mut merge = merge(100, &[5, 3, 9, 3, 4]);
        assert_eq!(released(&mut merge, 5), [(3, 1), (3, 3), (4, 4)]);
        assert_eq!(released(&mut merge, 5), []);
        assert_eq!(merge.len(), 2);
        assert_eq!(released(&mut merge, u64::MAX), [(5, 0), (9, 2)]);
    }

    #[test]
    fn the_bound_pushes_out_the_oldest_and_counts() {
        let mut merge = merge(2, &[8, 7, 6, 9]);
        assert_eq!((merge.len(), merge.take_forced(), merge.take_forced()), (4, 2, 0));
        assert_eq!(released(&mut merge, 0), [(6, 2), (7, 1)]);
        assert_eq!(released(&mut merge, u64::MAX), [(8, 0), (9, 3)]);
    }
}
