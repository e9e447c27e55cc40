//! Scripts: which one a process runs (`find`) and what it says (`capture`).
//!
//! This is the one place where the agent follows a path that an event named, and it does so as the process itself
//! would: below the process's root, never through a file system that may not answer, never opening anything but a
//! regular file, with a deadline. Nothing is executed.

mod capture;
mod find;
mod identity;
#[cfg(test)]
mod tests;

use std::{sync::Arc, thread, time::Duration};

use agent_common::limits::ARGV_MAX;
use tokio::{
    sync::{Semaphore, oneshot},
    task::JoinHandle,
    time::{Instant, timeout_at},
};

use super::{mounts::HostMounts, procfs::Procfs};
use crate::event::{Bytes, Exec, FdObject, ProcessKey, Script, ScriptOrigin};
use capture::FileId;
use find::{Found, Source};

pub use identity::Awaited;

/// Time that a capture may take.
const DEADLINE: Duration = Duration::from_millis(250);
/// Captures under way at once. A capture that hangs in the kernel keeps its place, so that at most this many
/// threads are ever lost.
const AT_ONCE: usize = 8;

/// What is needed to capture a script.
#[derive(Clone, Debug)]
struct Request {
    process: ProcessKey,
    found: Found,
    exec: Exec,
}

/// A script, and the file that it was read from.
#[derive(Clone, Debug)]
pub struct Captured {
    /// The fact.
    pub script: Script,
    /// Inode and device as `stat(2)` names them, where a file was read.
    pub file: Option<FileId>,
}

/// A capture under way.
#[derive(Debug)]
pub struct Pending {
    task: JoinHandle<Option<Captured>>,
    deadline: Instant,
    late: Script,
}

/// Finds and captures scripts.
#[derive(Clone, Debug)]
pub struct Scripts {
    procfs: Procfs,
    host: HostMounts,
    places: Arc<Semaphore>,
    patience: Duration,
}

impl Scripts {
    /// Captures through `procfs`. In the mount namespace `host`, paths of a process that is gone mean the same still.
    #[must_use]
    pub fn new(procfs: Procfs, host: HostMounts) -> Self {
        Self { procfs, host, places: Arc::new(Semaphore::new(AT_ONCE)), patience: DEADLINE }
    }

    /// Starts to capture the script that `exec` runs, if it runs one. Needs a tokio runtime.
    #[must_use]
    pub fn begin(&self, process: ProcessKey, exec: &Exec) -> Option<Pending> {
        let found = find::find(exec)?;
        let late = not_captured(&found, &capture::too_slow());
        let request = Request { process, found, exec: exec.clone() };
        let (procfs, host, patience) = (self.procfs.clone(), self.host.clone(), self.patience);
        let places = Arc::clone(&self.places);
        let task = tokio::spawn(async move {
            let place = places.acquire_owned().await.ok()?;
            let (answer, captured) = oneshot::channel();
            let deadline = std::time::Instant::now() + patience;
            // Not one of the runtime's own threads: those are waited for at the stop, and this one may hang.
            thread::Builder::new()
                .name("script".to_owned())
                .spawn(move || {
                    let captured = request.capture(&procfs, &host, deadline);
                    drop(place);
                    // Nobody waits any more after the deadline.
                    let _ = answer.send(captured);
                })
                .ok()?;
            captured.await.ok()
        });
        // Half as long again, so that what was read by the deadline still counts.
        Some(Pending { task, deadline: Instant::now() + patience * 3 / 2, late })
    }
}

impl Pending {
    /// Whether [`Self::wait`] returns at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.task.is_finished() || self.deadline <= Instant::now()
    }

    /// The script, or the reason why there is none. Cancel-safe.
    pub async fn wait(&mut self) -> Captured {
        match timeout_at(self.deadline, &mut self.task).await {
            Ok(Ok(Some(captured))) => captured,
            Ok(Ok(None) | Err(_)) => Captured {
                script: Script { not_captured: "no thread could be started".to_owned(), ..self.late.clone() },
                file: None,
            },
            Err(_) => Captured { script: self.late.clone(), file: None },
        }
    }
}

impl Request {
    fn capture(&self, procfs: &Procfs, host: &HostMounts, deadline: std::time::Instant) -> Captured {
        // Text is read again from the process where the record carries only a part; a path is not, since the process
        // can rewrite what is read there.
        let whole = if self.exec.argv_truncated { self.whole(procfs) } else { None };
        let cut = self.exec.argv_truncated && whole.is_none();
        let found = whole.as_ref().unwrap_or(&self.found);
        let result = match &found.source {
            Source::Text(text) => return Captured { script: of_text(found, text, cut), file: None },
            Source::File(path) => capture::by_path(procfs, self.process, &self.exec, host, path.as_slice()),
            Source::Searched(_) => Err("the interpreter looks for it in PATH first".to_owned()),
            Source::Stdin => match self.exec.fds.first() {
                Some(FdObject::File { .. }) => capture::by_descriptor(procfs, self.process, 0),
                Some(FdObject::Pipe { .. }) => Err("standard input is a pipe".to_owned()),
                Some(FdObject::Socket { .. }) => Err("standard input is a socket".to_owned()),
                Some(FdObject::None | FdObject::Device { .. } | FdObject::Other { .. }) | None => {
                    Err("standard input is no file".to_owned())
                }
            },
        };
        match result.and_then(|file| capture::read(&file, deadline)) {
            Ok(content) => Captured {
                script: Script {
                    path: content.path,
                    sha256: content.sha256,
                    size: content.size,
                    text: behind(&found.before, content.text),
                    ..not_captured(found, &content.remark)
                },
                file: Some(content.file),
            },
            Err(reason) => Captured { script: not_captured(found, &reason), file: None },
        }
    }

    /// What the process's whole command line tells, if that is of the same kind.
    fn whole(&self, procfs: &Procfs) -> Option<Found> {
        let argv = capture::command_line(procfs, self.process)?;
        let Found { before, source } = find::find(&Exec { argv, ..self.exec.clone() })?;
        match (source, &self.found.source) {
            (Source::Text(text), Source::Text(_)) => Some(Source::Text(text).into()),
            (Source::File(_), Source::File(_))
            | (Source::Searched(_), Source::Searched(_))
            | (Source::Stdin, Source::Stdin) => Some(Found { before, source: self.found.source.clone() }),
            (Source::File(_) | Source::Searched(_) | Source::Text(_) | Source::Stdin, _) => None,
        }
    }
}

/// Text of the command line; `cut` where only its beginning is known.
fn of_text(found: &Found, text: &[u8], cut: bool) -> Script {
    let remark = if cut { format!("arguments were cut at {ARGV_MAX} bytes") } else { String::new() };
    Script {
        sha256: if cut { String::new() } else { capture::sha256_hex(text) },
        size: text.len() as u64,
        text: Bytes::from(capture::head(text)),
        ..not_captured(found, &remark)
    }
}

/// The text that runs first, and in lines of its own what follows.
fn behind(before: &[u8], text: Bytes) -> Bytes {
    if before.is_empty() {
        return text;
    }
    let whole = [before, b"\n", text.as_slice()].concat();
    Bytes::from(capture::head(&whole))
}

/// A script of which only the origin is known, and what the command line runs before it.
fn not_captured(found: &Found, reason: &str) -> Script {
    let (origin, path) = match &found.source {
        Source::File(path) | Source::Searched(path) => (ScriptOrigin::File, path.clone()),
        Source::Text(_) => (ScriptOrigin::CommandLine, Bytes::default()),
        Source::Stdin => (ScriptOrigin::Stdin, Bytes::default()),
    };
    Script {
        origin,
        path,
        sha256: String::new(),
        size: 0,
        text: Bytes::from(capture::head(&found.before)),
        not_captured: reason.to_owned(),
    }
}
