//! Command lines, read with patience and not more: `cmdline` is read from the process's memory, and a process can
//! back that memory with something that never answers. Such a read hangs a thread of its own, not the agent.

use std::{
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use agent_common::limits::ARGV_MAX;

/// How long one command line may take.
const PATIENCE: Duration = Duration::from_millis(100);
/// Threads that may be lost to processes which never answer; after that no command line is read any more.
const THREADS_MAX: u64 = 8;

/// Reads command lines through a thread that is replaced when it hangs.
pub(super) struct CommandLines {
    root: PathBuf,
    worker: Option<Worker>,
    lost: u64,
    unreadable: u64,
}

struct Worker {
    pids: SyncSender<u32>,
    lines: Receiver<Vec<u8>>,
}

impl CommandLines {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), worker: None, lost: 0, unreadable: 0 }
    }

    /// At most [`ARGV_MAX`] bytes of the command line of `pid`; empty when it could not be read.
    pub(super) fn read(&mut self, pid: u32) -> Vec<u8> {
        if self.worker.is_none() && self.lost < THREADS_MAX {
            self.worker = worker(self.root.clone());
        }
        let answer = self.worker.as_ref().and_then(|worker| {
            worker.pids.send(pid).ok()?;
            worker.lines.recv_timeout(PATIENCE).ok()
        });
        answer.unwrap_or_else(|| {
            self.lost += u64::from(self.worker.take().is_some());
            self.unreadable += 1;
            Vec::new()
        })
    }

    /// Command lines that could not be read in time.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

fn worker(root: PathBuf) -> Option<Worker> {
    let (pids, asked) = sync_channel::<u32>(1);
    let (answers, lines) = sync_channel(1);
    let read = move || {
        for pid in asked {
            let path = root.join(pid.to_string()).join("cmdline");
            let line = super::read(&path, ARGV_MAX).unwrap_or_default();
            if answers.send(line).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("cmdline".to_owned()).spawn(read).ok()?;
    Some(Worker { pids, lines })
}
