//! The alert log: an append-only file of JSON lines, written by a thread of its own.
//!
//! [`LogSink::send`] never waits for the disk. What the queue or the disk cannot take is counted, and the log
//! itself says so in a gap record as soon as it can be written again.

pub(crate) mod safe;
mod file;
mod writer;
pub mod plain;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::Duration,
};

use thiserror::Error;

use super::{Body, Record, ecs};
use crate::config;

pub use plain::PlainSink;

/// Records between the pipeline and the log's thread. At a few kB each they take some MB at most.
pub const QUEUE: usize = 1024;
/// Share of [`QUEUE`] that signals may fill: alerts and state records always find room.
const QUEUE_FOR_SIGNALS: usize = QUEUE / 2;
/// How long an orderly stop waits for a disk that does not answer.
const FINISH: Duration = Duration::from_secs(5);

/// Which records become lines, and with what in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoder {
    /// Signals on their own lines.
    pub signals: bool,
    /// Text of scripts.
    pub script_text: bool,
}

impl Encoder {
    /// As configured.
    #[must_use]
    pub fn new(config: &config::Alerts) -> Self {
        Self { signals: config.signals, script_text: config.script_text }
    }

    /// The line for `record` with its newline; none when it is not wanted.
    #[must_use]
    pub fn encode(self, record: &Record) -> Option<String> {
        if self.refuses(record) {
            return None;
        }
        let mut line = ecs::line(record, self.script_text);
        line.push('\n');
        Some(line)
    }

    fn refuses(self, record: &Record) -> bool {
        !self.signals && is_signal(record)
    }
}

/// Why there is no log.
#[derive(Debug, Error)]
pub enum LogError {
    /// The directory is missing and cannot be made, or cannot be looked at.
    #[error(
        "cannot use the directory of the alert log {path}: {error}; make it, or name another file with --alerts"
    )]
    Directory {
        /// The log.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Somebody else could replace the log.
    #[error(
        "the directory {path} of the alert log is not safe: {why}; use a directory that root or this user owns \
         and that nobody else may write to"
    )]
    UnsafeDirectory {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else prepared the file, or may write to it.
    #[error("the alert log {path} is not safe: {why}; move it away, or name another file")]
    UnsafeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Two writers would spoil each other's rotation.
    #[error("another weir writes the alert log {path}; stop that one, or name another file with --alerts")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened.
    #[error("cannot open the alert log {path}: {error}")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// No thread to be had.
    #[error("cannot start the thread of the alert log: {0}")]
    Thread(io::Error),
}

/// What became of the records of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Lines in the log.
    pub lines: u64,
    /// Records that are not in the log although they should be.
    pub lost: u64,
    /// The disk did not answer in time; the counts are those of the last moment known.
    pub stuck: bool,
}

/// Handle of the pipeline's side.
#[derive(Debug)]
pub struct LogSink {
    queue: SyncSender<Message>,
    shared: Arc<Shared>,
    encoder: Encoder,
    done: Receiver<()>,
}

/// What both sides touch.
#[derive(Debug, Default)]
struct Shared {
    queued: AtomicUsize,
    reopen: AtomicBool,
    /// Records that found the queue full and are not yet told of in the log.
    refused: AtomicU64,
    lines: AtomicU64,
    lost: AtomicU64,
}

impl Shared {
    fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}

enum Message {
    Record(Box<Record>),
    Wake,
}

impl LogSink {
    /// Opens the log and starts its thread. A half line that a crash left is taken away first and counted.
    ///
    /// # Errors
    /// The file or its directory cannot be used or is not safe from others.
    pub fn start(config: &config::Alerts) -> Result<Self, LogError> {
        let encoder = Encoder::new(config);
        let shared = Arc::new(Shared::default());
        let writer = writer::Writer::open(config, encoder, Arc::clone(&shared))?;
        let (queue, incoming) = mpsc::sync_channel(QUEUE);
        let (finished, done) = mpsc::sync_channel(1);
        let body = move || {
            writer.run(&incoming);
            // The receiver is gone only when nobody waits any more.
            let _ = finished.send(());
        };
        thread::Builder::new().name("weir-log".to_owned()).spawn(body).map_err(LogError::Thread)?;
        Ok(Self { queue, shared, encoder, done })
    }

    /// Hands a record over without waiting. Where the queue cannot take it, it is counted.
    pub fn send(&self, record: Record) {
        if self.encoder.refuses(&record) {
            return;
        }
        let crowded = self.shared.queued.load(Ordering::Relaxed) >= QUEUE_FOR_SIGNALS;
        if crowded && is_signal(&record) {
            return self.shared.refuse();
        }
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        if self.queue.try_send(Message::Record(Box::new(record))).is_err() {
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
            self.shared.refuse();
        }
    }

    /// Opens the file by its name again, after something else has moved it away (SIGHUP).
    pub fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Release);
        // With a full queue the thread is awake anyhow.
        let _ = self.queue.try_send(Message::Wake);
    }

    /// Records lost so far, for the totals of heartbeats.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends the thread; gives up on a disk that does not answer for five seconds.
    #[must_use]
    pub fn finish(self) -> Written {
        let Self { queue, shared, done, .. } = self;
        drop(queue);
        let stuck = matches!(done.recv_timeout(FINISH), Err(mpsc::RecvTimeoutError::Timeout));
        Written {
            lines: shared.lines.load(Ordering::Relaxed),
            lost: shared.lost.load(Ordering::Relaxed) + shared.queued.load(Ordering::Relaxed) as u64,
            stuck,
        }
    }
}

fn is_signal(record: &Record) -> bool {
    matches!(record.body, Body::Signal(_))
}
