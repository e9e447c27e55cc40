//! Which program an execve starts.
//!
//! The file that the kernel executes; behind a dynamic loader (`ld.so program`) the program it was given; in a
//! multi-call binary (busybox, toybox, coreutils, xtables) the applet. `argv[0]` is what the caller says, so it names no more
//! than the applet.

use super::Interpreter;
use crate::event::{Bytes, bytes::base_name};

/// A program and what it was given.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// Name of the program: base name of the executable, or the applet.
    pub name: &'a [u8],
    /// File that holds it.
    pub path: &'a [u8],
    /// The name that the caller gave, as a base name, without the dash of a login shell.
    pub called: &'a [u8],
    /// Its arguments, without its name.
    pub arguments: &'a [Bytes],
}

impl<'a> Invocation<'a> {
    /// What runs when the kernel executes `exe` with `argv`; `filename` is what was typed, for where the executable
    /// is unknown.
    #[must_use]
    pub fn of(exe: &'a [u8], filename: &'a [u8], argv: &'a [Bytes]) -> Self {
        let (argv0, arguments) = match argv {
            [first, rest @ ..] => (first.as_slice(), rest),
            [] => (&[][..], &[][..]),
        };
        let called = base_name(argv0);
        let called = called.strip_prefix(b"-").unwrap_or(called);
        let path = match (exe, filename) {
            ([], []) => argv0,
            ([], filename) => filename,
            (exe, _) => exe,
        };
        Self { name: base_name(path), path, called, arguments }.behind_loader().applet()
    }

    /// The interpreter that this is by its own name.
    #[must_use]
    pub fn interpreter(&self) -> Option<&'static Interpreter> {
        Interpreter::named(self.name)
    }

    /// Arguments as byte strings.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.arguments.iter().map(Bytes::as_slice)
    }

    /// The first argument and what follows it.
    pub(crate) fn subcommand(&self) -> Option<(&'a [u8], &'a [Bytes])> {
        self.arguments.split_first().map(|(first, rest)| (first.as_slice(), rest))
    }

    /// The loader's operand is the program.
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

    fn applet(mut self) -> Self {
        if self.name == b"coreutils" {
            return self.coreutils();
        }
        if is_xtables(self.name) {
            return self.xtables();
        }
        // `busybox busybox sh` is the shell.
        while is_multicall(self.name) {
            if !is_multicall(self.called) && !self.called.is_empty() {
                return Self { name: self.called, ..self };
            }
            match self.arguments {
                [applet, rest @ ..] if !applet.as_slice().starts_with(b"-") => {
                    let name = applet.file_name();
                    self = Self { name, called: name, arguments: rest, ..self };
                }
                _ => return self,
            }
        }
        self
    }

    fn coreutils(self) -> Self {
        let [first, rest @ ..] = self.arguments else { return Self { name: self.called, ..self } };
        let first = first.as_slice();
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

    /// iptables looks for a command in its own name first, then in the first argument. Those that change no rules keep
    /// the binary's name.
    fn xtables(self) -> Self {
        if let Some(name) = rules_command(self.called) {
            return Self { name, ..self };
        }
        let [first, rest @ ..] = self.arguments else { return self };
        match rules_command(first.as_slice()) {
            Some(name) => Self { name, called: name, arguments: rest, ..self },
            None => self,
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

/// `xtables-nft-multi`, `xtables-legacy-multi`, before those `xtables-multi`.
fn is_xtables(name: &[u8]) -> bool {
    name.starts_with(b"xtables-") && name.ends_with(b"multi")
}

/// The common name of a command of the xtables binary that changes rules.
fn rules_command(name: &[u8]) -> Option<&'static [u8]> {
    match name {
        b"iptables" | b"iptables-nft" | b"iptables-legacy" | b"main4" => Some(b"iptables"),
        b"ip6tables" | b"ip6tables-nft" | b"ip6tables-legacy" | b"main6" => Some(b"ip6tables"),
        _ => None,
    }
}

fn is_multicall(name: &[u8]) -> bool {
    [&b"busybox"[..], b"toybox"].iter().any(|known| name.starts_with(known))
}
