//! Which script an execve runs, from its arguments alone.

use crate::{
    event::{Bytes, Exec},
    interpreter::{self, Interpreter, Invocation, Program, Told},
};

/// Where a script comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A path as typed.
    File(Bytes),
    /// A name without a slash, which the interpreter looks for in `PATH` first.
    Searched(Bytes),
    /// Text of an argument.
    Text(Vec<u8>),
    /// Standard input.
    Stdin,
}

/// A script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Text of arguments that runs before a file or standard input; empty where there is none.
    pub(super) before: Vec<u8>,
    pub(super) source: Source,
}

/// The script that `exec` runs; none for a program that is no interpreter, an interactive shell, a module.
pub(super) fn find(exec: &Exec) -> Option<Found> {
    if let Some(script) = &exec.script {
        // `env` runs nothing itself: the interpreter's own exec follows.
        return (exec.exe.bytes.file_name() != b"env").then(|| Source::File(script.clone()).into());
    }
    let invocation = Invocation::of(exec.exe.bytes.as_slice(), exec.filename.as_slice(), &exec.argv);
    let [stdin, ..] = exec.fds;
    // A renamed interpreter is one as well if the caller still calls it so.
    let interpreter = invocation.interpreter().or_else(|| Interpreter::named(invocation.called))?;
    let Told { before, program, searched } = interpreter.read(invocation.arguments);
    let source = match program {
        Program::File(path, _) if searched => Some(Source::Searched(path.into())),
        Program::File(path, _) => Some(Source::File(path.into())),
        Program::Text(text) => Some(Source::Text(text.into_owned())),
        Program::Encoded(typed) => {
            Some(Source::Text(interpreter::decoded(typed).map_or_else(|| typed.to_vec(), String::into_bytes)))
        }
        // A terminal or nothing at all on descriptor 0 is no script.
        Program::Stdin => interpreter::feeds(stdin).then_some(Source::Stdin),
        Program::Module(..) | Program::Server | Program::Nothing => None,
    };
    match (before, source) {
        (Some(before), Some(source)) => Some(Found { before: before.into_owned(), source }),
        (Some(text), None) => Some(Source::Text(text.into_owned()).into()),
        (None, source) => source.map(Into::into),
    }
}

impl From<Source> for Found {
    fn from(source: Source) -> Self {
        Self { before: Vec::new(), source }
    }
}
