//! Signals by the process that they are about, bounded and without repetition.

use crate::{detect::Signal, event::ProcessKey, hash::Map};

/// Signals kept for one process: more than there are kinds of them. The weakest gives way of those that are not the
/// strongest of their kind, on which scores rest.
const SIGNALS_MAX: usize = 64;

/// Processes with evidence remembered for one story.
const SUBJECTS_MAX: usize = 256;

/// All evidence that the agent holds.
#[derive(Debug, Default)]
pub struct Evidence {
    by_process: Map<ProcessKey, Held>,
    by_story: Map<ProcessKey, Vec<ProcessKey>>,
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
        } else if let Some(weakest) = spare(signals, &signal) {
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

/// The weakest signal of which another one, or `new`, is at least as strong and of the same kind.
fn spare<'a>(signals: &'a mut [Signal], new: &Signal) -> Option<&'a mut Signal> {
    let kind = |signal: &Signal| (signal.stage, signal.analytic);
    let outdone = |index: usize, signal: &Signal| {
        let others = signals.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, other)| other);
        others.chain([new]).any(|other| kind(other) == kind(signal) && other.risk >= signal.risk)
    };
    let weakest = signals
        .iter()
        .enumerate()
        .filter(|(index, signal)| outdone(*index, signal))
        .min_by(|(_, one), (_, other)| one.risk.total_cmp(&other.risk))
        .map(|(index, _)| index)?;
    signals.get_mut(weakest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Analytic, Object, Stage};

    #[test]
    fn the_strongest_of_each_kind_stays() {
        let subject = ProcessKey { pid: 1, start_ticks: 1 };
        let signal = |analytic, stage, risk, number| Signal {
            analytic,
            technique: "T1020",
            risk,
            stage,
            subject,
            object: Object::Files(number),
            time: 1,
            reason: "".into(),
        };
        let mut evidence = Evidence::default();
        evidence.add(subject, signal(Analytic::MassFileAccess, Stage::Collection, 2.0, 0));
        for number in 0..1_000_u32 {
            let risk = f64::from(number % 10);
            evidence.add(subject, signal(Analytic::FileAccess, Stage::Staging, risk, number));
        }
        let kept = evidence.of(subject);
        assert_eq!(kept.len(), SIGNALS_MAX);
        assert!(kept.iter().any(|signal| signal.stage == Stage::Collection));
        assert!(kept.iter().any(|signal| signal.risk > 8.0));
    }

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
