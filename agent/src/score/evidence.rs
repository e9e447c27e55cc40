//! Signals by the process that they are about, bounded and without repetition.

use std::collections::HashMap;

use crate::{detect::Signal, event::ProcessKey};

/// Signals kept for one process; the weakest gives way.
const SIGNALS_MAX: usize = 64;

/// Processes with evidence remembered for one story.
const SUBJECTS_MAX: usize = 256;

/// All evidence that the agent holds.
#[derive(Debug, Default)]
pub struct Evidence {
    by_process: HashMap<ProcessKey, Held>,
    by_story: HashMap<ProcessKey, Vec<ProcessKey>>,
}

/// What is held against one process.
#[derive(Debug, Default)]
struct Held {
    /// The story under which it is listed: records in another order than things happened may move a process.
    story: ProcessKey,
    signals: Vec<Signal>,
}

impl Evidence {
    /// Adds a signal about a process of `story`. The same finding about the same object keeps its highest risk
    /// and its latest time.
    pub fn add(&mut self, story: ProcessKey, signal: Signal) {
        let before = self.by_process.get(&signal.subject).map(|held| held.story);
        if let Some(before) = before.filter(|&before| before != story) {
            self.unlist(before, signal.subject);
        }
        let subjects = self.by_story.entry(story).or_default();
        if subjects.len() < SUBJECTS_MAX && !subjects.contains(&signal.subject) {
            subjects.push(signal.subject);
        }
        let held = self.by_process.entry(signal.subject).or_default();
        held.story = story;
        let signals = &mut held.signals;
        let known = signals.iter().position(|known| {
            known.analytic == signal.analytic
                && known.stage == signal.stage
                && known.technique == signal.technique
                && known.object == signal.object
        });
        if let Some(known) = known.and_then(|index| signals.get_mut(index)) {
            known.time = known.time.max(signal.time);
            if signal.risk >= known.risk {
                known.risk = signal.risk;
                known.reason = signal.reason;
            }
        } else if signals.len() < SIGNALS_MAX {
            signals.push(signal);
        } else if let Some(weakest) = signals.iter_mut().min_by(|one, other| one.risk.total_cmp(&other.risk))
            && weakest.risk <= signal.risk
        {
            *weakest = signal;
        }
    }

    /// Signals about a process.
    #[must_use]
    pub fn of(&self, process: ProcessKey) -> &[Signal] {
        self.by_process.get(&process).map_or(&[], |held| held.signals.as_slice())
    }

    /// Processes of a story that have evidence against them.
    #[must_use]
    pub fn subjects(&self, story: ProcessKey) -> &[ProcessKey] {
        self.by_story.get(&story).map_or(&[], Vec::as_slice)
    }

    /// The process is gone for good.
    pub fn forget(&mut self, process: ProcessKey) {
        if let Some(held) = self.by_process.remove(&process) {
            self.unlist(held.story, process);
        }
    }

    fn unlist(&mut self, story: ProcessKey, process: ProcessKey) {
        if let Some(subjects) = self.by_story.get_mut(&story) {
            subjects.retain(|&subject| subject != process);
            if subjects.is_empty() {
                self.by_story.remove(&story);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Analytic, Object, Stage};

    #[test]
    fn nothing_is_left_of_a_process_that_changed_its_story() {
        let key = |pid| ProcessKey { pid, start_ticks: 1 };
        let signal = Signal {
            analytic: Analytic::FileAccess,
            technique: "T1074.001",
            risk: 8.0,
            stage: Stage::Staging,
            subject: key(1),
            object: Object::Files(1),
            time: 1,
            reason: "".into(),
        };
        let mut evidence = Evidence::default();
        evidence.add(key(1), signal.clone());
        evidence.add(key(2), signal);
        assert_eq!((evidence.subjects(key(1)), evidence.subjects(key(2))), (&[][..], &[key(1)][..]));
        evidence.forget(key(1));
        assert!(evidence.by_process.is_empty() && evidence.by_story.is_empty());
    }
}
