//! Which program a process really runs.
//!
//! In this order: the file that the kernel executes; behind a dynamic loader (`ld.so program`) the program it
//! was given; in a multi-call binary (busybox, toybox, coreutils) the applet; behind an interpreter the script or
//! module. `argv[0]` is what the caller says, so it decides only where the file's own name says nothing, and
//! among the names of one tool (`xz` called as `unxz`).

use super::{
    Tool, interpreter,
    interpreter::{Interpreter, Program},
    known,
};
use crate::{
    event::{Bytes, bytes::base_name},
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
        let (argv0, arguments) = match &*process.argv {
            [first, rest @ ..] => (first.as_slice(), rest),
            [] => (&[][..], &[][..]),
        };
        let called = base_name(argv0);
        let called = called.strip_prefix(b"-").unwrap_or(called);
        let path = match (process.exe.bytes.as_slice(), process.filename.as_slice()) {
            ([], []) => argv0,
            ([], filename) => filename,
            (exe, _) => exe,
        };
        Self { name: base_name(path), path, called, arguments }.behind_loader().applet()
    }

    /// The interpreter that this is; a renamed one that kept its `argv[0]`, too.
    pub(crate) fn interpreter(&self) -> Option<&'static Interpreter> {
        interpreter::interpreter(self.name)
            .or_else(|| known(self.name).is_none().then(|| interpreter::interpreter(self.called)).flatten())
    }

    /// Whether it is `PowerShell`.
    pub(crate) fn is_powershell(&self) -> bool {
        known(self.name) == Some(Tool::Powershell)
    }

    /// Arguments as byte strings.
    pub(super) fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.arguments.iter().map(Bytes::as_slice)
    }

    /// The first argument and what follows it.
    pub(super) fn subcommand(&self) -> Option<(&'a [u8], &'a [Bytes])> {
        self.arguments.split_first().map(|(first, rest)| (first.as_slice(), rest))
    }

    /// The shebang line's file name is the script; the loader's operand is the program.
    fn behind_loader(self) -> Self {
        if !is_loader(self.name) {
            return self;
        }
        let mut rest = self.arguments;
        while let [argument, after @ ..] = rest {
            let bytes = argument.as_slice();
            if !bytes.starts_with(b"--") {
                let name = base_name(bytes);
                return Self { name, path: bytes, called: name, arguments: after };
            }
            rest = if LOADER_VALUES.contains(&bytes) { after.get(1..).unwrap_or_default() } else { after };
        }
        self
    }

    fn applet(self) -> Self {
        if self.name == b"coreutils" {
            return self.coreutils();
        }
        if !is_multicall(self.name) {
            return self;
        }
        if !is_multicall(self.called) && !self.called.is_empty() {
            return Self { name: self.called, ..self };
        }
        match self.subcommand() {
            Some((applet, rest)) if !applet.starts_with(b"-") => {
                let name = base_name(applet);
                Self { name, called: name, arguments: rest, ..self }
            }
            _ => self,
        }
    }

    fn coreutils(self) -> Self {
        let Some((first, rest)) = self.subcommand() else { return Self { name: self.called, ..self } };
        let named = first
            .strip_prefix(b"--coreutils-prog")
            .and_then(|tail| tail.strip_prefix(b"=").or_else(|| tail.strip_prefix(b"-shebang=")));
        match named {
            Some(name) => Self { name, called: name, arguments: rest, ..self },
            None if self.called == b"coreutils" => {
                Self { name: first, called: first, arguments: rest, ..self }
            }
            None => Self { name: self.called, ..self },
        }
    }

    fn behind_interpreter(self) -> Self {
        match self.interpreter().map(|interpreter| interpreter.program(self.arguments)) {
            Some(Program::File(file, arguments)) => {
                let path = file.as_slice();
                let name = without_script_extension(base_name(path));
                Self { name, path, called: name, arguments }
            }
            Some(Program::Module(module, arguments)) => {
                Self { name: module, path: module, called: module, arguments }
            }
            Some(Program::Text(_) | Program::Stdin) | None => self,
        }
    }
}

/// Options of the dynamic loader that take a value.
const LOADER_VALUES: [&[u8]; 7] = [
    b"--library-path",
    b"--inhibit-rpath",
    b"--audit",
    b"--preload",
    b"--argv0",
    b"--glibc-hwcaps-prepend",
    b"--glibc-hwcaps-mask",
];

fn is_loader(name: &[u8]) -> bool {
    (name.starts_with(b"ld-") || name.starts_with(b"ld.so")) && name.windows(3).any(|three| three == b".so")
}

fn is_multicall(name: &[u8]) -> bool {
    [&b"busybox"[..], b"toybox"].iter().any(|known| name.starts_with(known))
}

fn without_script_extension(name: &[u8]) -> &[u8] {
    [&b".py"[..], b".pl", b".rb", b".sh"]
        .iter()
        .find_map(|extension| name.strip_suffix(*extension))
        .unwrap_or(name)
}
