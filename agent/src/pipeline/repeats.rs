//! Findings that come again: what one job was found to do gets a line of its own a few times, then at each doubling.
//!
//! Only lines are saved. Every finding is evidence and counts in the score as before.

use crate::{
    detect::{Analytic, Signal, Stage},
    event::{BootTime, ProcessKey},
    hash::{self, Lru},
    process::Cause,
};

/// Kinds of finding remembered; the one that came longest ago makes room and is told from its beginning.
const KINDS_MAX: usize = 8_192;
/// Lines before only doublings are told: enough to see what the findings have in common.
const SINGLY: u32 = 3;
/// A day later everything is news.
const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Who is found to do it again: a job or, where it has no identity, a story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Who {
    /// All runs of a job.
    Cause(Cause),
    /// One story.
    Story(ProcessKey),
}

type Kind = (Who, Analytic, Stage, &'static str);

/// How often each kind of finding came within a day.
#[derive(Debug)]
pub struct Repeats(Lru<Kind, Count>);

#[derive(Debug, Default)]
struct Count {
    since: BootTime,
    times: u32,
    /// Greatest of those that came.
    risk: f64,
}

impl Default for Repeats {
    fn default() -> Self {
        // Bounded where something is added.
        Self(hash::lru_unbounded())
    }
}

impl Repeats {
    /// Counts a finding. Returns its number within the day where it is to be told.
    pub fn tell(&mut self, who: Who, signal: &Signal, now: BootTime) -> Option<u32> {
        let kind = (who, signal.analytic, signal.stage, signal.technique);
        if self.0.len() >= KINDS_MAX && !self.0.contains(&kind) {
            self.0.pop_lru();
        }
        let known = self.0.get_or_insert_mut(kind, || Count { since: now, times: 0, risk: 0.0 });
        if now.saturating_sub(known.since) >= DAY_NS {
            *known = Count { since: now, times: 0, risk: 0.0 };
        }
        known.times = known.times.saturating_add(1);
        let graver = signal.risk > known.risk;
        known.risk = known.risk.max(signal.risk);
        (graver || known.times <= SINGLY || known.times.is_power_of_two()).then_some(known.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::Object, event::ProcessKey};

    #[test]
    fn a_job_is_told_a_few_times_and_then_at_doublings() {
        let signal = |stage, risk| Signal {
            analytic: Analytic::FileAccess,
            technique: "T1074.001",
            risk,
            stage,
            subject: ProcessKey::HOST,
            object: Object::Files(1),
            time: 1,
            reason: "".into(),
        };
        let cause = Who::Cause(Cause { id: 1, typed: false });
        let mut repeats = Repeats::default();
        let told: Vec<u32> =
            (0..100).filter_map(|at| repeats.tell(cause, &signal(Stage::Staging, 8.0), at)).collect();
        assert_eq!(told, [1, 2, 3, 4, 8, 16, 32, 64]);
        assert_eq!(repeats.tell(cause, &signal(Stage::Staging, 9.0), 100), Some(101), "a graver one");
        let rows = [(cause, Stage::Collection), (Who::Story(ProcessKey::HOST), Stage::Staging)];
        for (who, stage) in rows {
            assert_eq!(repeats.tell(who, &signal(stage, 8.0), 100), Some(1), "{who:?}");
        }
        assert_eq!(repeats.tell(cause, &signal(Stage::Staging, 8.0), DAY_NS), Some(1));
    }
}
