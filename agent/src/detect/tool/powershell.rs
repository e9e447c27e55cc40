//! `PowerShell`: encoded program text, in every abbreviation that it takes.

use super::{Action, Meaning, identity::Invocation};
use crate::event::Bytes;

/// What `PowerShell` runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs<'a> {
    /// Encoded text.
    Encoded,
    /// Text.
    Text(&'a [u8]),
    /// A file.
    File(&'a Bytes),
    /// Standard input or a session.
    Stdin,
}

/// Parameters with a value that comes before what is run, in full; any prefix is taken too.
const VALUED: [&[u8]; 12] = [
    b"executionpolicy",
    b"ep",
    b"workingdirectory",
    b"wd",
    b"windowstyle",
    b"inputformat",
    b"outputformat",
    b"configurationname",
    b"configurationfile",
    b"custompipename",
    b"settingsfile",
    b"version",
];

/// What `arguments` (without the program's name) tell it to run.
pub(crate) fn runs(arguments: &[Bytes]) -> Runs<'_> {
    let mut rest = arguments;
    while let [argument, after @ ..] = rest {
        let Some(name) = parameter(argument.as_slice()) else {
            // A bare word is the file.
            return Runs::File(argument);
        };
        let is = |full: &[u8]| full.starts_with(&name);
        let next = after.first();
        if name.is_empty() {
            return Runs::Stdin;
        } else if is(b"encodedcommand") || name == b"ec" {
            return Runs::Encoded;
        } else if is(b"command") || is(b"commandwithargs") || name == b"cwa" {
            return Runs::Text(next.map(Bytes::as_slice).unwrap_or_default());
        } else if is(b"file") {
            return next.map_or(Runs::Stdin, Runs::File);
        }
        let takes = VALUED.iter().any(|full| is(full));
        rest = if takes { after.get(1..).unwrap_or_default() } else { after };
    }
    Runs::Stdin
}

/// Name of a parameter in lower case: after `-`, `--` or `/`; a path has more slashes.
fn parameter(argument: &[u8]) -> Option<Vec<u8>> {
    let name = match argument {
        [b'-', b'-', name @ ..] | [b'-', name @ ..] => name,
        [b'/', name @ ..] if name.iter().all(u8::is_ascii_alphabetic) => name,
        _ => return None,
    };
    Some(name.split(|&byte| byte == b':').next().unwrap_or_default().to_ascii_lowercase())
}

/// Only encoded text is of interest here; a plain script is [`script_execution`](crate::detect::script_execution)'s.
pub(super) fn powershell<'a>(invocation: &Invocation<'a>) -> Option<Meaning<'a>> {
    (runs(invocation.arguments) == Runs::Encoded).then(|| Meaning::new(Action::EncodedCommand))
}
