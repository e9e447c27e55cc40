//! Which script a process runs and what its kind is worth.

use crate::{
    config::classify::extension,
    detect::{
        tool::{identity, is_fed},
        weights::{SCRIPT_BATCH, SCRIPT_OTHER, SCRIPT_POWERSHELL, SCRIPT_SHELL, SCRIPT_STDIN, SCRIPT_TEXT},
    },
    event::{Bytes, Script, ScriptOrigin},
    interpreter::Program,
    process::Process,
};

/// A script that runs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Source {
    /// Its path, or `-c`, or `stdin`.
    pub(crate) name: Bytes,
    /// Whether it is a file.
    pub(crate) file: bool,
    /// 0 to 10.
    pub(crate) risk: f64,
}

/// Risk by extension.
const EXTENSIONS: &[(&[u8], f64)] = &[
    (b"ps1", SCRIPT_POWERSHELL),
    (b"psm1", SCRIPT_POWERSHELL),
    (b"sh", SCRIPT_SHELL),
    (b"bash", SCRIPT_SHELL),
    (b"zsh", SCRIPT_SHELL),
    (b"ksh", SCRIPT_SHELL),
    (b"fish", SCRIPT_SHELL),
    (b"bat", SCRIPT_BATCH),
    (b"cmd", SCRIPT_BATCH),
];

impl Source {
    fn file(name: Bytes) -> Self {
        let extension = extension(name.file_name()).unwrap_or_default();
        let known = EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
        Self { risk: known.map_or(SCRIPT_OTHER, |(_, risk)| *risk), file: true, name }
    }

    fn text(name: &str, risk: f64) -> Self {
        Self { name: Bytes::from(name), file: false, risk }
    }

    /// What a captured script is; none for the standard input of a person's shell.
    pub(crate) fn of_script(script: &Script, process: &Process) -> Option<Self> {
        match script.origin {
            ScriptOrigin::File if script.path.is_empty() => Self::of_arguments(process),
            ScriptOrigin::File => Some(Self::file(script.path.clone())),
            ScriptOrigin::CommandLine => Some(Self::text("-c", SCRIPT_TEXT)),
            ScriptOrigin::Stdin => is_fed(process).then(|| Self::text("stdin", SCRIPT_STDIN)),
        }
    }

    /// The script that `process` runs: as captured, or as far as its arguments tell.
    pub(crate) fn of(process: &Process) -> Option<Self> {
        match &process.script {
            Some(script) => Self::of_script(script, process),
            None => Self::of_arguments(process),
        }
    }

    fn of_arguments(process: &Process) -> Option<Self> {
        if let Some(script) = process.shebang.as_ref().filter(|script| !script.is_empty()) {
            return Some(Self::file(absolute(script.as_slice(), process)));
        }
        let started = process.invocation();
        if let Some(program) = identity::program(&started) {
            return match program {
                Program::File(file, _) => Some(Self::file(absolute(file, process))),
                Program::Text(_) | Program::Encoded(_) => Some(Self::text("-c", SCRIPT_TEXT)),
                Program::Module(..) | Program::Server | Program::Nothing => None,
                Program::Stdin => is_fed(process).then(|| Self::text("stdin", SCRIPT_STDIN)),
            };
        }
        if [&b"wine"[..], b"wine64", b"cmd", b"cmd.exe"].contains(&started.name) {
            let batch = started.arguments.iter().find(|argument| {
                let extension = extension(argument.file_name()).unwrap_or_default();
                extension.eq_ignore_ascii_case(b"bat") || extension.eq_ignore_ascii_case(b"cmd")
            });
            return batch.map(|file| Self::file(file.clone()));
        }
        None
    }
}

/// Whether `process` is an interpreter, whatever it runs.
pub(crate) fn interprets(process: &Process) -> bool {
    process.invocation().interpreter().is_some()
}

/// A relative name, seen from the working directory.
fn absolute(name: &[u8], process: &Process) -> Bytes {
    let cwd = process.cwd.bytes.as_slice();
    if name.starts_with(b"/") || cwd.is_empty() {
        return name.into();
    }
    let name = name.strip_prefix(b"./").unwrap_or(name);
    let cwd = cwd.strip_suffix(b"/").unwrap_or(cwd);
    Bytes::from([cwd, b"/", name].concat())
}
