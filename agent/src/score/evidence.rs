//! Signals by the process that they are about, bounded and without repetition.

use std::collections::HashMap;

use crate::{detect::Signal, event::ProcessKey};

/// Signals kept for one process; the weakest gives way.
const SIGNALS_MAX: usize = 64;

/// All evidence that the agent holds.
#[derive(Debug, Default)]
pub struct Evidence {
    by_process: HashMap<ProcessKey, Vec<Signal>>,
}

impl Evidence {
    /// Adds a signal. The same finding about the same object keeps its highest risk and its latest time.
    pub fn add(&mut self, signal: Signal) {
        let signals = self.by_process.entry(signal.subject).or_default();
        let known = signals.iter_mut().find(|known| {
            known.analytic == signal.analytic
                && known.stage == signal.stage
                && known.technique == signal.technique
                && known.object == signal.object
        });
        match known {
            Some(known) => {
                known.time = known.time.max(signal.time);
                if signal.risk >= known.risk {
                    known.risk = signal.risk;
                    known.reason = signal.reason;
                }
            }
            None if signals.len() < SIGNALS_MAX => signals.push(signal),
            None => {
                if let Some(weakest) = signals.iter_mut().min_by(|one, other| one.risk.total_cmp(&other.risk))
                    && weakest.risk <= signal.risk
                {
                    *weakest = signal;
                }
            }
        }
    }

    /// Signals about a process.
    #[must_use]
    pub fn of(&self, process: ProcessKey) -> &[Signal] {
        self.by_process.get(&process).map_or(&[], Vec::as_slice)
    }

    /// The process is gone for good.
    pub fn forget(&mut self, process: ProcessKey) {
        self.by_process.remove(&process);
    }
}
