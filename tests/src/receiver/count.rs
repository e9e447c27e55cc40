//! Counting at the socket.

use std::{
    fs::File,
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{MARK, Report};
use crate::wait::wall_ns;

/// Writes report lines, each in one write.
#[derive(Clone, Debug)]
pub struct Reporter(Arc<Mutex<File>>);

impl Reporter {
    /// Reports into `file`.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self(Arc::new(Mutex::new(file)))
    }

    /// Writes one line.
    pub fn say(&self, report: Report) {
        let Ok(mut line) = serde_json::to_vec(&report) else { return };
        line.push(b'\n');
        // A report that cannot be written leaves the runner without its line, and the runner then fails.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line);
    }
}

/// The reading half of a connection: counts what the socket read, and reads no faster than its rate.
#[derive(Debug)]
pub struct Counted {
    stream: TcpStream,
    peer: SocketAddr,
    port: u16,
    port_total: Arc<AtomicU64>,
    reporter: Reporter,
    rate: Option<u64>,
    started: Instant,
    read: u64,
}

impl Counted {
    /// Counts `stream`, accepted on `port` from `peer`.
    #[must_use]
    pub fn new(
        stream: TcpStream,
        (port, peer): (u16, SocketAddr),
        port_total: Arc<AtomicU64>,
        reporter: Reporter,
        rate: Option<u64>,
    ) -> Self {
        reporter.say(Report::Accepted { port, peer, wall_ns: wall_ns() });
        Self { stream, peer, port, port_total, reporter, rate, started: Instant::now(), read: 0 }
    }

    fn pace(&self) {
        let Some(rate) = self.rate.filter(|rate| *rate > 0) else { return };
        let due = Duration::from_nanos(self.read.saturating_mul(1_000_000_000) / rate);
        thread::sleep(due.saturating_sub(self.started.elapsed()));
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.pace();
        // Small reads keep a slow reader's window small, so that the sender is slow too.
        let most = if self.rate.is_some() { buffer.len().min(16 * 1024) } else { buffer.len() };
        let read = self.stream.read(buffer.get_mut(..most).unwrap_or_default())?;
        let bytes = u64::try_from(read).unwrap_or(u64::MAX);
        self.read += bytes;
        let before = self.port_total.fetch_add(bytes, Ordering::Relaxed);
        for step in before / MARK + 1..=(before + bytes) / MARK {
            self.reporter.say(Report::Mark { port: self.port, total: step * MARK, wall_ns: wall_ns() });
        }
        Ok(read)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (port, peer, read) = (self.port, self.peer, self.read);
        self.reporter.say(Report::Closed { port, peer, read, wall_ns: wall_ns() });
    }
}
