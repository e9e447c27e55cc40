//! Processes and subjects for tests of detections.

use std::sync::Arc;

use super::{Observation, Signal, Subject};
use crate::{
    event::{Bytes, FdObject, Path, ProcessKey},
    process::Process,
};

/// Words of a command line; single and double quotes keep blanks, nothing else is special.
pub(super) fn words(line: &str) -> Vec<Bytes> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take().map(|word| Bytes::from(word.as_str()))),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word.map(|word| Bytes::from(word.as_str())));
    words
}

/// Standard input from a pipe.
pub(super) const PIPE: FdObject = FdObject::Pipe { dev: 0, ino: 7, read: true, write: false };
/// Standard input from a terminal.
pub(super) const TERMINAL: FdObject = FdObject::Device { rdev: 34_816 };

/// A process that runs `line` with the executable `exe`. A leading `| ` says that standard input is a pipe.
pub(super) fn process_of(pid: u32, exe: &str, line: &str) -> Process {
    let (stdin, line) = line.strip_prefix("| ").map_or((TERMINAL, line), |line| (PIPE, line));
    Process {
        key: ProcessKey { pid, start_ticks: u64::from(pid) },
        exe: path(exe),
        argv: Arc::from(words(line)),
        cwd: path("/home/ann"),
        fds: [stdin, TERMINAL, TERMINAL],
        execs: 1,
        ..Process::default()
    }
}

/// As above; the executable is the first word below /usr/bin.
pub(super) fn process(pid: u32, line: &str) -> Process {
    let first = words(line.strip_prefix("| ").unwrap_or(line)).first().cloned().unwrap_or_default();
    let name = String::from_utf8_lossy(first.file_name()).into_owned();
    process_of(pid, &format!("/usr/bin/{name}"), line)
}

/// A path that is complete.
pub(super) fn path(text: &str) -> Path {
    Path { bytes: Bytes::from(text), ..Path::default() }
}

/// Runs `observe` for `process` below `lineage`, nearest first; the last of it is the story.
pub(super) fn signals(
    process: &Process,
    lineage: &[&Process],
    observation: &Observation<'_>,
    mut observe: impl FnMut(&Subject<'_>, &Observation<'_>, &mut Vec<Signal>),
) -> Vec<Signal> {
    let story = lineage.last().map_or(process.key, |root| root.key);
    let mut out = Vec::new();
    observe(&Subject { process, lineage, story }, observation, &mut out);
    out
}
