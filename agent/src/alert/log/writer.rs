//! The thread of the log: takes records, writes lines, keeps what the disk refuses, and tells of what was lost.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;

use super::{
    Encoder, LogError, Message, Shared,
    file::{LogFile, Rotation},
};
use crate::{
    alert::{Action, Body, Host, Record},
    config,
    event::Loss,
};

/// Time between attempts while the disk refuses.
const RETRY: Duration = Duration::from_secs(1);
/// Time between attempts to rotate when one failed: the log grows meanwhile, nothing is lost.
const ROTATE_RETRY: Duration = Duration::from_mins(1);
/// Bytes of lines kept while the disk refuses.
const PENDING: usize = 8 << 20;

/// A line that waits for the disk.
struct Pending {
    line: String,
    sync: bool,
}

pub(super) struct Writer {
    path: PathBuf,
    rotation: Rotation,
    encoder: Encoder,
    shared: Arc<Shared>,
    file: Option<LogFile>,
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    /// Since when the disk refuses.
    failing: Option<Instant>,
    rotate_after: Option<Instant>,
    /// What the next gap record tells.
    losses: BTreeMap<&'static str, u64>,
    host: Arc<Host>,
}

impl Writer {
    pub(super) fn open(
        config: &config::Alerts,
        encoder: Encoder,
        shared: Arc<Shared>,
    ) -> Result<Self, LogError> {
        let rotation = Rotation::new(config);
        let (file, half) = LogFile::open(&config.path, rotation)?;
        let mut writer = Self {
            path: config.path.clone(),
            rotation,
            encoder,
            shared,
            file: Some(file),
            pending: VecDeque::new(),
            pending_bytes: 0,
            failing: None,
            rotate_after: None,
            losses: BTreeMap::new(),
            host: Arc::default(),
        };
        writer.found(half);
        Ok(writer)
    }

    /// Until the sender is gone.
    pub(super) fn run(mut self, incoming: &Receiver<Message>) {
        loop {
            match incoming.recv_timeout(RETRY) {
                Ok(Message::Record(record)) => {
                    self.take(&record);
                    self.flush();
                    // Only now: until here the record counts as not yet in the log.
                    self.shared.queued.fetch_sub(1, Ordering::Relaxed);
                }
                Ok(Message::Wake) | Err(RecvTimeoutError::Timeout) => self.flush(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.flush();
        self.shared.lost.fetch_add(self.pending.len() as u64, Ordering::Relaxed);
    }

    /// Makes a record's line and queues it for the disk.
    pub(super) fn take(&mut self, record: &Record) {
        self.host = Arc::clone(&record.host);
        let Some(line) = self.encoder.encode(record) else { return };
        // Signals leave half of the room to alerts.
        let room = if super::is_signal(record) { PENDING / 2 } else { PENDING };
        if self.pending_bytes + line.len() > room {
            self.lose("log_lines_lost", 1);
            self.shared.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.pending_bytes += line.len();
        self.pending.push_back(Pending { line, sync: must_last(record) });
    }

    /// Writes what waits, as far as the disk takes it.
    pub(super) fn flush(&mut self) {
        if self.shared.reopen.swap(false, Ordering::AcqRel) {
            self.open_again();
        }
        let refused = self.shared.refused.swap(0, Ordering::Relaxed);
        self.lose("log_queue_full", refused);
        if !self.write_pending() {
            return;
        }
        if let Some(since) = self.failing.take() {
            tracing::info!(log = %self.path.display(), seconds = since.elapsed().as_secs(),
                "the alert log can be written again");
        }
        self.tell_losses();
    }

    fn write_pending(&mut self) -> bool {
        while let Some(next) = self.pending.pop_front() {
            if !self.write(&next.line, next.sync) {
                self.pending.push_front(next);
                return false;
            }
            self.pending_bytes -= next.line.len();
        }
        true
    }

    /// A gap record with all losses; they stay for the next attempt where it cannot be written. Nothing is told
    /// before the first record, which brings the facts about the host.
    fn tell_losses(&mut self) {
        if self.losses.is_empty() || self.shared.lines.load(Ordering::Relaxed) == 0 {
            return;
        }
        let losses = self.losses.iter().map(|(what, count)| Loss { what: (*what).to_owned(), count: *count });
        let record = Record {
            wall_ns: i64::try_from(Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX),
            host: Arc::clone(&self.host),
            body: Body::Gap { losses: losses.collect() },
        };
        let told = std::mem::take(&mut self.losses);
        let Some(line) = self.encoder.encode(&record) else { return };
        if !self.write(&line, false) {
            for (what, count) in told {
                self.lose(what, count);
            }
        }
    }

    /// One line into the file, whatever has become of it. Returns whether it is there.
    fn write(&mut self, line: &str, sync: bool) -> bool {
        let replaced = self.file.as_ref().is_some_and(LogFile::is_replaced);
        self.lose("log_replaced", u64::from(replaced));
        if replaced || self.file.is_none() {
            self.open_again();
        }
        self.rotate_when_due(line.len());
        let Some(file) = &mut self.file else { return false };
        match file.append(line.as_bytes(), sync) {
            Ok(appended) => {
                self.shared.lines.fetch_add(1, Ordering::Relaxed);
                self.lose("log_sync_failed", u64::from(!appended.synced));
                true
            }
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }

    fn rotate_when_due(&mut self, next: usize) {
        if self.rotate_after.is_some_and(|after| Instant::now() < after) {
            return;
        }
        let Some(file) = &mut self.file else { return };
        if !file.rotation_due(next, SystemTime::now()) {
            return;
        }
        match file.rotate() {
            Ok(()) => self.rotate_after = None,
            Err(error) => {
                tracing::error!(%error, "the alert log cannot be rotated");
                self.lose("log_rotation_failed", 1);
                self.rotate_after = Some(Instant::now() + ROTATE_RETRY);
            }
        }
    }

    /// The file that has the name now, unless that is the one in use.
    fn open_again(&mut self) {
        if self.file.as_ref().is_some_and(|file| !file.is_replaced()) {
            return;
        }
        match LogFile::open(&self.path, self.rotation) {
            Ok((file, half)) => {
                self.file = Some(file);
                self.found(half);
            }
            Err(error) => {
                self.file = None;
                self.failed(&error);
            }
        }
    }

    fn found(&mut self, half_line: bool) {
        self.lose("log_half_line", u64::from(half_line));
    }

    /// Counted each time, told once per burst.
    fn failed(&mut self, error: &dyn std::fmt::Display) {
        self.lose("log_write_failed", 1);
        if self.failing.is_none() {
            tracing::error!(%error, log = %self.path.display(), "the alert log cannot be written; lines wait in memory until it can");
            self.failing = Some(Instant::now());
        }
    }

    fn lose(&mut self, what: &'static str, count: u64) {
        if count > 0 {
            *self.losses.entry(what).or_default() += count;
        }
    }
}

/// An alert's first and last line, and the agent's own beginning and end, outlive a crash of the host.
fn must_last(record: &Record) -> bool {
    match &record.body {
        Body::Alert(alert) => match alert.action {
            Action::Opened | Action::Closed => true,
            Action::Updated => false,
        },
        Body::Start { .. } | Body::Stop { .. } => true,
        Body::Signal(_) | Body::Heartbeat { .. } | Body::Gap { .. } => false,
    }
}
