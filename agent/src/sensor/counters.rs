//! What was lost, as facts: the kernel's counters and the agent's own, each as a difference since the last look.

use std::collections::BTreeMap;

use agent_common::counters::Counter;
use aya::maps::{MapData, MapError, PerCpuArray};

use crate::event::{BootTime, Event, Fact, Loss, ProcessKey};

/// The kernel's counters, summed over all CPUs.
pub struct Counters {
    map: PerCpuArray<MapData, u64>,
    last: [u64; Counter::ALL.len()],
}

impl Counters {
    /// Counters in `map`, from zero.
    #[must_use]
    pub fn new(map: PerCpuArray<MapData, u64>) -> Self {
        Self { map, last: [0; Counter::ALL.len()] }
    }

    /// Reads all counters; the differences since the last read, without those that did not rise.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    pub fn read(&mut self) -> Result<Vec<(Counter, u64)>, MapError> {
        let mut risen = Vec::new();
        for (counter, last) in Counter::ALL.into_iter().zip(&mut self.last) {
            let sum =
                self.map.get(&(counter as u32), 0)?.iter().fold(0, |sum: u64, &cpu| sum.wrapping_add(cpu));
            let rise = sum.saturating_sub(*last);
            *last = sum;
            if rise > 0 {
                risen.push((counter, rise));
            }
        }
        Ok(risen)
    }

    /// Sums as last read, for status.
    pub fn totals(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        Counter::ALL.into_iter().zip(self.last)
    }
}

/// Losses that are waiting to become a fact.
#[derive(Debug, Default)]
pub struct Losses(BTreeMap<&'static str, u64>);

impl Losses {
    /// Adds `count` to the loss of this name.
    pub fn add(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            let sum = self.0.entry(what).or_default();
            *sum = sum.saturating_add(count);
        }
    }

    /// Adds those of the kernel's counters that mean a loss.
    pub fn add_kernel(&mut self, risen: &[(Counter, u64)]) {
        for &(counter, count) in risen.iter().filter(|(counter, _)| counter.is_loss()) {
            self.add(counter.name(), count);
        }
    }

    /// The fact about everything that was lost since the last one.
    pub fn take(&mut self, now: BootTime) -> Option<Event> {
        let losses = std::mem::take(&mut self.0);
        let losses: Vec<_> =
            losses.into_iter().map(|(what, count)| Loss { what: what.to_owned(), count }).collect();
        (!losses.is_empty()).then_some(Event {
            time: now,
            process: ProcessKey::HOST,
            fact: Fact::Loss(losses),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_summed_and_taken_once() {
        let mut losses = Losses::default();
        losses.add("decode_error", 0);
        assert_eq!(losses.take(1), None);
        losses.add("decode_error", 2);
        losses.add("decode_error", u64::MAX);
        losses.add_kernel(&[(Counter::OpenDropped, 5), (Counter::OpenSent, 9)]);
        let fact = losses.take(3).map(|event| event.fact);
        let expected = [("decode_error", u64::MAX), ("open_dropped", 5)]
            .map(|(what, count)| Loss { what: what.to_owned(), count });
        assert_eq!(fact, Some(Fact::Loss(expected.to_vec())));
        assert_eq!(losses.take(4), None);
    }
}
