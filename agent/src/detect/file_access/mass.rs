//! Many distinct documents within a window.

use crate::{
    detect::recent::Recent,
    event::{BootTime, FileKey},
};

/// Distinct documents that one count remembers exactly; what is above is counted without remembering.
const EXACT: usize = 512;

/// Distinct documents within the window, of one process or one story.
#[derive(Debug)]
pub(super) struct Documents {
    /// When each was opened last.
    seen: Recent<FileKey, BootTime>,
    /// The count at which the next signal is due; zero before the first.
    next: u32,
}

impl Default for Documents {
    fn default() -> Self {
        Self { seen: Recent::new(EXACT), next: 0 }
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
        *self.seen.entry(file) = now;
        let above = self.seen.evicted();
        u32::try_from(self.seen.len())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::try_from(above).unwrap_or(u32::MAX))
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
