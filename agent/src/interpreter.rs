//! What an interpreter was told to run.
//!
//! Two parts ask: the sensor, which captures the script's text, and the detections, which judge it. Each interpreter's
//! own grammar decides (`table`, `grammar`, `powershell`); the rows of the tests were tried against the real programs.
//! `invocation` says which program that is, behind a dynamic loader or in a multi-call binary.

mod grammar;
mod powershell;
mod invocation;
mod table;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::event::{Bytes, FdObject};

pub use invocation::Invocation;

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program<'a> {
    /// A file as typed; then its arguments.
    File(&'a [u8], &'a [Bytes]),
    /// Text of the command line; where several options carry a part of it, joined by newlines.
    Text(Cow<'a, [u8]>),
    /// Text of the command line in the encoding that `PowerShell` takes: UTF-16LE in Base64, as typed.
    Encoded(&'a [u8]),
    /// A module or package of the interpreter; then its arguments.
    Module(&'a [u8], &'a [Bytes]),
    /// Standard input, or a session with a person.
    Stdin,
    /// A built-in web server.
    Server,
    /// Nothing that the command line names: a version, a check, a mistake.
    Nothing,
}

/// What an interpreter was told to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// Text of the command line that runs before the program, which is no text itself; joined by newlines.
    pub before: Option<Cow<'a, [u8]>>,
    /// The program.
    pub program: Program<'a>,
    /// The program is a file whose name has no slash, and the interpreter looks for it in `PATH` first.
    pub searched: bool,
}

impl<'a> Told<'a> {
    /// A program before which nothing runs.
    fn alone(program: Program<'a>) -> Self {
        Self { before: None, program, searched: false }
    }
}

/// An interpreter.
#[derive(Debug)]
pub struct Interpreter {
    names: &'static [&'static str],
    syntax: Syntax,
}

/// How a command line is read.
#[derive(Debug)]
enum Syntax {
    /// By dashes and letters.
    Options(&'static grammar::Grammar),
    /// By `PowerShell`'s rules.
    Powershell,
}

impl Interpreter {
    /// The interpreter of that name, which may end with a version or a build: `python3.12`, `lua-5.4`,
    /// `perl5.36-x86_64-linux-gnu`, `bash-static`.
    #[must_use]
    pub fn named(name: &[u8]) -> Option<&'static Self> {
        let fits = |known: &&str| name.strip_prefix(known.as_bytes()).is_some_and(is_version);
        table::INTERPRETERS.iter().find(|one| one.names.iter().any(fits))
    }

    /// What `arguments` (without the interpreter's name) tell it to run.
    #[must_use]
    pub fn read<'a>(&self, arguments: &'a [Bytes]) -> Told<'a> {
        match &self.syntax {
            Syntax::Options(grammar) => grammar.read(arguments),
            Syntax::Powershell => powershell::read(arguments),
        }
    }

    /// The program alone of [`Self::read`].
    #[must_use]
    pub fn program<'a>(&self, arguments: &'a [Bytes]) -> Program<'a> {
        self.read(arguments).program
    }

    /// Whether it is a shell, which people talk to and commands start from.
    #[must_use]
    pub fn is_shell(&self) -> bool {
        match &self.syntax {
            Syntax::Options(grammar) => grammar.shell,
            Syntax::Powershell => false,
        }
    }
}

/// The text of [`Program::Encoded`]; none where it cannot be decoded, with which nothing is run.
#[must_use]
pub fn decoded(typed: &[u8]) -> Option<String> {
    powershell::decoded(typed)
}

/// Whether this standard input can carry a script: a pipe, a socket or a file, no terminal and not `/dev/null`.
#[must_use]
pub fn feeds(stdin: FdObject) -> bool {
    match stdin {
        FdObject::File { read, .. } | FdObject::Pipe { read, .. } => read,
        FdObject::Socket { .. } => true,
        FdObject::None | FdObject::Device { .. } | FdObject::Other { .. } => false,
    }
}

/// What may follow a name: nothing, a kind of build, a number with or without a dash, and after the number a dash
/// and anything or up to two of the letters by which Python names its builds.
fn is_version(tail: &[u8]) -> bool {
    let number = match tail {
        [] | b"-static" | b"-dbg" => return true,
        [b'-', number @ ..] | number => number,
    };
    let end = number.iter().position(|byte| !byte.is_ascii_digit() && *byte != b'.').unwrap_or(number.len());
    let build = number.get(end..).unwrap_or_default();
    number.first().is_some_and(u8::is_ascii_digit)
        && (build.starts_with(b"-")
            || (build.len() <= 2 && build.iter().all(|letter| b"dmtu".contains(letter))))
}
