//! Command: Command Execution (DS0017), analytic 1: tools that archive, hide or move data.
//!
//! What a command line means and what that is worth is [`tool`]'s business; this file makes the
//! signal. It keeps no state: one execve, at most one signal.

use super::{Analytic, Object, Observation, Signal, Subject, tool};
use crate::event::BootTime;

/// The analytic.
#[derive(Debug, Default)]
pub struct CommandExecution;

impl CommandExecution {
    /// Without state.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Looks at one observation: a program that was started.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        match observation {
            Observation::Exec => {}
            Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => return,
        }
        let Some(command) = tool::command(subject.process) else { return };
        let Some(rating) = command.rating else { return };
        out.push(Signal {
            analytic: Analytic::CommandExecution,
            technique: rating.technique,
            risk: rating.risk,
            stage: rating.stage,
            subject: subject.process.key,
            object: Object::Command(subject.process.command_line()),
            time: now,
            reason: command.reason,
        });
    }
}
