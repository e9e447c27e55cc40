//! To be written.

use super::{Observation, Signal, Subject};
use crate::event::{BootTime, ProcessKey};

/// The analytic.
#[derive(Debug)]
pub struct ScriptExecution;

impl ScriptExecution {
    /// Without state.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Looks at one observation.
    pub fn observe(&mut self, _: BootTime, _: &Subject<'_>, _: &Observation<'_>, _: &mut Vec<Signal>) {}

    /// Drops state about a process.
    pub fn forget(&mut self, _: ProcessKey) {}
}
