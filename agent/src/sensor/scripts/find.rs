//! Which script an execve runs, from its arguments alone.

use crate::{
    event::{Bytes, Exec},
    interpreter::{Interpreter, Program, Started, feeds},
};

/// Where a script comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A path as typed.
    File(Bytes),
    /// Text of an argument.
    Text(Vec<u8>),
    /// Standard input.
    Stdin,
}

/// The script that `exec` runs; none for a program that is no interpreter, an interactive shell, a module.
pub(super) fn find(exec: &Exec) -> Option<Source> {
    if let Some(script) = &exec.script {
        // `env` runs nothing itself: the interpreter's own exec follows.
        return (exec.exe.bytes.file_name() != b"env").then(|| Source::File(script.clone()));
    }
    let started = Started::of(exec.exe.bytes.as_slice(), exec.filename.as_slice(), &exec.argv);
    let [stdin, ..] = exec.fds;
    // A renamed interpreter is one as well if the caller still calls it so.
    let interpreter = started.interpreter().or_else(|| Interpreter::named(started.called))?;
    match interpreter.program(started.arguments) {
        Program::File(path, _) => Some(Source::File(path.into())),
        Program::Text(text) => Some(Source::Text(text.into_owned())),
        Program::Encoded(text) => Some(Source::Text(text.to_vec())),
        // A terminal or nothing at all on descriptor 0 is no script.
        Program::Stdin => feeds(stdin).then_some(Source::Stdin),
        Program::Module(..) | Program::Nothing => None,
    }
}
