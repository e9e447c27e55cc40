//! Which program a process really runs.
//!
//! [`Started`] names the file that the kernel executes, or the applet; behind an interpreter it is the script or
//! module. `argv[0]` is what the caller says, so it decides only where the file's own name says nothing, and among
//! the names of one tool (`xz` called as `unxz`).

use super::known;
use crate::{
    event::{Bytes, bytes::base_name},
    interpreter::{Interpreter, Program, Started},
    process::Process,
};

/// A program and what it was given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Invocation<'a> {
    /// Name of the program: base name of the executable, applet, script or module.
    pub(crate) name: &'a [u8],
    /// File that holds it: the executable or the script; a bare name where no more is known.
    pub(crate) path: &'a [u8],
    /// The name that the caller gave, as a base name.
    pub(crate) called: &'a [u8],
    /// Its arguments, without its name.
    pub(crate) arguments: &'a [Bytes],
}

impl<'a> Invocation<'a> {
    /// The program that `process` runs.
    pub(crate) fn of(process: &'a Process) -> Self {
        Self::executable(process).behind_interpreter()
    }

    /// The executable that `process` runs, where that is an interpreter the interpreter itself.
    pub(crate) fn executable(process: &'a Process) -> Self {
        let Started { name, path, called, arguments } = process.started();
        Self { name, path, called, arguments }
    }

    /// The interpreter that this is; a renamed one that kept its `argv[0]`, too.
    pub(crate) fn interpreter(&self) -> Option<&'static Interpreter> {
        Interpreter::named(self.name)
            .or_else(|| known(self.name).is_none().then(|| Interpreter::named(self.called)).flatten())
    }

    /// What it was told to run; none where it is no interpreter.
    pub(crate) fn program(&self) -> Option<Program<'a>> {
        self.interpreter().map(|interpreter| interpreter.program(self.arguments))
    }

    /// Arguments as byte strings.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.arguments.iter().map(Bytes::as_slice)
    }

    /// The first argument and what follows it.
    pub(super) fn subcommand(&self) -> Option<(&'a [u8], &'a [Bytes])> {
        self.arguments.split_first().map(|(first, rest)| (first.as_slice(), rest))
    }

    fn behind_interpreter(self) -> Self {
        match self.program() {
            Some(Program::File(path, arguments)) => {
                let name = without_script_extension(base_name(path));
                Self { name, path, called: name, arguments }
            }
            Some(Program::Module(module, arguments)) => {
                Self { name: module, path: module, called: module, arguments }
            }
            Some(Program::Text(_) | Program::Encoded(_) | Program::Stdin | Program::Nothing) | None => self,
        }
    }
}

fn without_script_extension(name: &[u8]) -> &[u8] {
    [&b".py"[..], b".pl", b".rb", b".sh"]
        .iter()
        .find_map(|extension| name.strip_suffix(*extension))
        .unwrap_or(name)
}
