//! Many distinct documents within a window, or some within a second.

use std::collections::VecDeque;

use crate::{
    detect::recent::Recent,
    event::{BootTime, FileKey, ProcessKey},
};

/// Distinct documents that one count remembers exactly; what is above is counted without remembering.
const EXACT: usize = 512;
/// A burst: nobody opens several documents within a second by hand.
const BURST_NS: u64 = 1_000_000_000;

/// Distinct documents within the window, of one process or one story.
#[derive(Debug)]
pub(super) struct Documents {
    seen: Recent<FileKey, Seen>,
    /// The count at which the next signal is due; zero before the first.
    next: u32,
    /// When documents were opened that had not been before, the last few.
    bursts: VecDeque<BootTime>,
    burst_told: bool,
}

/// A document.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// When it was opened last.
    last: BootTime,
    /// It was opened by a program and not for a person who picked it.
    walked: bool,
}

/// Documents that the processes of a story read between them.
#[derive(Debug, Default)]
pub(super) struct Together {
    documents: Documents,
    /// Who read last.
    reader: Option<(ProcessKey, BootTime)>,
    /// When somebody else did.
    other: Option<BootTime>,
}

/// A document that is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) now: BootTime,
    pub(super) file: FileKey,
    pub(super) reader: ProcessKey,
    /// A person picked it: it is no part of a burst.
    pub(super) picked: bool,
}

/// From when on there are many.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Nanoseconds.
    pub(super) window: u64,
    /// Documents within the window.
    pub(super) least: u32,
    /// Documents within a second.
    pub(super) least_burst: u32,
}

/// What a document makes of those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sum {
    /// Documents within the window.
    pub(super) count: u32,
    /// How often the count doubled, where that is to be told.
    pub(super) doublings: Option<u32>,
    /// A burst is to be told.
    pub(super) bursts: bool,
}

impl Default for Documents {
    fn default() -> Self {
        Self { seen: Recent::new(EXACT), next: 0, bursts: VecDeque::new(), burst_told: false }
    }
}

impl Documents {
    /// Counts a document of the only process that reads here.
    pub(super) fn read(&mut self, read: &Read, limits: &Limits) -> Sum {
        self.sum(read, limits, |_| true)
    }

    /// Counts a document. What is due within a span is told only if it `may` be, and stays due otherwise.
    fn sum(&mut self, read: &Read, limits: &Limits, may: impl Fn(u64) -> bool) -> Sum {
        let count = self.count(read, limits.window);
        let doublings = self.due(count, limits.least, may(limits.window));
        let bursts = self.bursts(read.now, limits.least_burst, may(BURST_NS));
        Sum { count, doublings, bursts }
    }

    /// Returns the number within the window.
    fn count(&mut self, &Read { now, file, picked, .. }: &Read, window: u64) -> u32 {
        while self.seen.oldest().is_some_and(|(_, seen)| now.saturating_sub(seen.last) > window) {
            self.seen.drop_oldest();
        }
        if self.seen.len() == 0 {
            // The window went by without a document: a new burst begins.
            *self = Self::default();
        }
        let seen = self.seen.entry(file);
        seen.last = now;
        if !picked && !std::mem::replace(&mut seen.walked, true) {
            self.bursts.push_back(now);
        }
        let above = self.seen.evicted();
        u32::try_from(self.seen.len())
            .unwrap_or(u32::MAX)
            .saturating_add(u32::try_from(above).unwrap_or(u32::MAX))
    }

    /// Whether `least` new documents were opened within the last second, for the first time.
    fn bursts(&mut self, now: BootTime, least: u32, may: bool) -> bool {
        let least = usize::try_from(least).unwrap_or(usize::MAX);
        while self.bursts.len() > least {
            self.bursts.pop_front();
        }
        let Some(&oldest) = self.bursts.front() else { return false };
        let in_time = self.bursts.len() == least && now.saturating_sub(oldest) <= BURST_NS;
        may && in_time && !std::mem::replace(&mut self.burst_told, true)
    }

    /// Whether a signal is due at `count`, the first at `least`, each next at twice the count; returns how often it
    /// doubled.
    fn due(&mut self, count: u32, least: u32, may: bool) -> Option<u32> {
        let least = least.max(1);
        if count < least / 2 {
            // The burst is over; the next one is told from its beginning.
            self.next = 0;
        }
        let next = self.next.max(least);
        if count < next || !may {
            return None;
        }
        let doublings = (count / least).checked_ilog2().unwrap_or_default();
        self.next = least.saturating_mul(2u32.saturating_pow(doublings.saturating_add(1)));
        Some(doublings)
    }
}

impl Together {
    /// Counts a document of one of the processes. Something is told only where several read: what one reads alone is its
    /// own. Whether the other ones read before the count was full or after it makes no difference, nor does what they
    /// read.
    pub(super) fn read(&mut self, read: &Read, limits: &Limits) -> Sum {
        let &Read { now, reader, .. } = read;
        if let Some((before, last)) = self.reader.replace((reader, now))
            && before != reader
        {
            self.other = Some(last);
        }
        let other = self.other;
        let several = |span| other.is_some_and(|last| now.saturating_sub(last) <= span);
        self.documents.sum(read, limits, several)
    }
}
