//! Many distinct documents within a window, or some within a second.

use std::collections::VecDeque;

use crate::{
    detect::recent::Recent,
    event::{BootTime, FileKey},
};

/// Distinct documents that one count remembers exactly; what is above is counted without remembering.
const EXACT: usize = 512;
/// A burst: nobody opens several documents within a second by hand.
const BURST_NS: u64 = 1_000_000_000;

/// Distinct documents within the window, of one process or one story.
#[derive(Debug)]
pub(super) struct Documents {
    /// When each was opened last.
    seen: Recent<FileKey, BootTime>,
    /// The count at which the next signal is due; zero before the first.
    next: u32,
    /// When documents were opened that had not been before, the last few.
    bursts: VecDeque<BootTime>,
    burst_told: bool,
}

impl Default for Documents {
    fn default() -> Self {
        Self { seen: Recent::new(EXACT), next: 0, bursts: VecDeque::new(), burst_told: false }
    }
}

impl Documents {
    /// Counts a document. Returns the number within the window.
    pub(super) fn count(&mut self, now: BootTime, file: FileKey, window: u64) -> u32 {
        while self.seen.oldest().is_some_and(|(_, &time)| now.saturating_sub(time) > window) {
            self.seen.drop_oldest();
        }
        if self.seen.len() == 0 {
            // The window went by without a document: a new burst begins.
            *self = Self::default();
        }
        if self.seen.get(&file).is_none() {
            self.bursts.push_back(now);
        }
        *self.seen.entry(file) = now;
        let above = self.seen.evicted();
        u32::try_from(self.seen.len())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::try_from(above).unwrap_or(u32::MAX))
    }

    /// Whether the last `least` new documents were opened within a second, for the first time.
    pub(super) fn bursts(&mut self, least: u32) -> bool {
        let least = usize::try_from(least).unwrap_or(usize::MAX);
        while self.bursts.len() > least {
            self.bursts.pop_front();
        }
        let (Some(oldest), Some(newest)) = (self.bursts.front(), self.bursts.back()) else { return false };
        let in_time = self.bursts.len() == least && newest.saturating_sub(*oldest) <= BURST_NS;
        in_time && !std::mem::replace(&mut self.burst_told, true)
    }

    /// Whether a signal is due at `count`, the first at `least`, each next at twice the count; returns how often it
    /// doubled.
    pub(super) fn due(&mut self, count: u32, least: u32) -> Option<u32> {
        let least = least.max(1);
        if count < least / 2 {
            // The burst is over; the next one is told from its beginning.
            self.next = 0;
        }
        let next = self.next.max(least);
        if count < next {
            return None;
        }
        let doublings = (count / least).checked_ilog2().unwrap_or_default();
        self.next = least.saturating_mul(2u32.saturating_pow(doublings.saturating_add(1)));
        Some(doublings)
    }
}
