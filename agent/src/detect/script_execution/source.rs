//! Which script a process runs and what its kind is worth.

use crate::{
    config::classify::extension,
    detect::tool::{identity, is_fed},
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

/// Risk by extension. `T1020.md` gives .ps1, .sh and .bat; it names .py without a number, which stands with .bat, as
/// do the other languages.
const EXTENSIONS: &[(&[u8], f64)] = &[
    (b"ps1", 9.0),
    (b"psm1", 9.0),
    (b"sh", 8.0),
    (b"bash", 8.0),
    (b"zsh", 8.0),
    (b"ksh", 8.0),
    (b"fish", 8.0),
    (b"bat", 7.0),
    (b"cmd", 7.0),
];
/// A script file in another language, or without an extension.
const OTHER_FILE: f64 = 7.0;
/// A script on standard input: it left no file, as in `curl ... | sh`.
const STDIN: f64 = 6.0;
/// Text on the command line: cron, ssh and `system(3)` start those all day.
const COMMAND_LINE: f64 = 5.0;

impl Source {
    fn file(name: Bytes) -> Self {
        let extension = extension(name.file_name()).unwrap_or_default();
        let known = EXTENSIONS.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
        Self { risk: known.map_or(OTHER_FILE, |(_, risk)| *risk), file: true, name }
    }

    fn text(name: &str, risk: f64) -> Self {
        Self { name: Bytes::from(name), file: false, risk }
    }

    /// What a captured script is; none for the standard input of a person's shell.
    pub(crate) fn of_script(script: &Script, process: &Process) -> Option<Self> {
        match script.origin {
            ScriptOrigin::File if script.path.is_empty() => Self::of_arguments(process),
            ScriptOrigin::File => Some(Self::file(script.path.clone())),
            ScriptOrigin::CommandLine => Some(Self::text("-c", COMMAND_LINE)),
            ScriptOrigin::Stdin => is_fed(process).then(|| Self::text("stdin", STDIN)),
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
                Program::Text(_) | Program::Encoded(_) => Some(Self::text("-c", COMMAND_LINE)),
                Program::Module(..) | Program::Server | Program::Nothing => None,
                Program::Stdin => is_fed(process).then(|| Self::text("stdin", STDIN)),
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
