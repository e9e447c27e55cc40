//! Which program a process really runs.
//!
//! [`Process::invocation`] names the file that the kernel executes, or the applet; behind an interpreter it is the
//! script or module. `argv[0]` is what the caller says, so it decides only where the file's own name says nothing, and
//! among the names of one tool (`xz` called as `unxz`).

use super::known;
use crate::{
    event::bytes::base_name,
    interpreter::{Interpreter, Invocation, Program},
    process::Process,
};

/// The program that `process` runs: a script or module in the place of its interpreter.
pub(crate) fn behind_interpreter(process: &Process) -> Invocation<'_> {
    let invocation = process.invocation();
    match program(&invocation) {
        Some(Program::File(path, arguments)) => {
            let name = without_script_extension(base_name(path));
            Invocation { name, path, called: name, arguments }
        }
        Some(Program::Module(module, arguments)) => {
            Invocation { name: module, path: module, called: module, arguments }
        }
        Some(
            Program::Text(_) | Program::Encoded(_) | Program::Stdin | Program::Server | Program::Nothing,
        )
        | None => invocation,
    }
}

/// What an interpreter was told to run, also a renamed one that kept its `argv[0]`; none for another program.
pub(crate) fn program<'a>(invocation: &Invocation<'a>) -> Option<Program<'a>> {
    let called = || known(invocation.name).is_none().then(|| Interpreter::named(invocation.called)).flatten();
    let interpreter = invocation.interpreter().or_else(called)?;
    Some(interpreter.program(invocation.arguments))
}

fn without_script_extension(name: &[u8]) -> &[u8] {
    [&b".py"[..], b".pl", b".rb", b".sh"]
        .iter()
        .find_map(|extension| name.strip_suffix(*extension))
        .unwrap_or(name)
}
