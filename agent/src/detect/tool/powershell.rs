//! `PowerShell`: encoded program text.

use super::{Action, Invocation, Meaning, identity};
use crate::interpreter::Program;

/// Only encoded text is of interest here; a plain script is [`script_execution`](crate::detect::script_execution)'s.
pub(super) fn powershell<'a>(invocation: &Invocation<'a>) -> Option<Meaning<'a>> {
    match identity::program(invocation)? {
        Program::Encoded(_) => Some(Meaning::new(Action::EncodedCommand)),
        Program::File(..)
        | Program::Text(_)
        | Program::Module(..)
        | Program::Stdin
        | Program::Server
        | Program::Nothing => None,
    }
}
