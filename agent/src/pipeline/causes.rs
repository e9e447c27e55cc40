//! Sums over the runs of one job: what one cause carried off within a day, a little at a time.
//!
//! Only bytes of processes that carry collected data are summed. What a job sends of its own (telemetry, a heartbeat, a
//! push of the repository it keeps) says nothing about data, however often it does it.

use std::net::SocketAddr;

use super::flows::{Sent, Sums};
use crate::{
    event::{BootTime, ProcessKey},
    hash::{self, Lru},
    process::Cause,
};

/// Causes at once. The one that sent longest ago makes room, which is counted. At a destination or two each and the day's
/// quarters of an hour at most 4 kB, 16 MB in all.
pub const CAUSES_MAX: usize = 4_096;
/// One that sent nothing for a day is a new one.
const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// Longest time between two runs that is waited for, so that an alert stays open for a day at most.
const GAP_MAX_NS: u64 = DAY_NS / 2;

/// All causes whose runs sent collected data.
#[derive(Debug)]
pub struct Causes {
    known: Lru<Cause, Runs>,
    evicted: u64,
}

/// The runs of one cause.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// What they sent.
    pub sums: Sums,
    /// Story of the last one.
    pub story: Option<ProcessKey>,
    /// When it last sent.
    pub last: BootTime,
    /// Longest time that passed between the sends of two runs.
    pub gap_ns: u64,
}

impl Default for Causes {
    fn default() -> Self {
        // Bounded where something is added.
        Self { known: hash::lru_unbounded(), evicted: 0 }
    }
}

impl Causes {
    /// A run sent collected data.
    pub fn add(&mut self, cause: Cause, sent: &Sent, source: Option<SocketAddr>, now: BootTime) {
        let runs = self.entry(cause);
        if runs.story.is_some_and(|story| story != sent.story) {
            runs.gap_ns = runs.gap_ns.max(now.saturating_sub(runs.last).min(GAP_MAX_NS));
        }
        (runs.story, runs.last) = (Some(sent.story), now);
        runs.sums.add(sent, source, now);
    }

    /// Takes over what was known before the agent was started.
    pub fn restore(&mut self, cause: Cause, runs: Runs) {
        *self.entry(cause) = runs;
    }

    /// The runs of a cause.
    #[must_use]
    pub fn get(&self, cause: Cause) -> Option<&Runs> {
        self.known.peek(&cause)
    }

    /// All of them, the one that sent longest ago first.
    pub fn all(&self) -> impl Iterator<Item = (&Cause, &Runs)> {
        self.known.iter().rev()
    }

    /// Drops those that sent nothing for a day.
    pub fn expire(&mut self, now: BootTime) {
        while self.known.peek_lru().is_some_and(|(_, runs)| now.saturating_sub(runs.last) >= DAY_NS) {
            self.known.pop_lru();
        }
    }

    /// Causes that had to make room, since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn entry(&mut self, cause: Cause) -> &mut Runs {
        if self.known.len() >= CAUSES_MAX && !self.known.contains(&cause) {
            self.known.pop_lru();
            self.evicted += 1;
        }
        self.known.get_or_insert_mut(cause, Runs::default)
    }
}
