//! Receivers inside a world: what their sockets read is the truth that alerts are compared with.
//!
//! One helper process in the namespace runs every listener and writes a report, a JSON object a line, with
//! wall-clock times, so that "the fifth megabyte" has a moment.

pub mod count;
pub mod dns;
pub mod http;
pub mod ftp;
pub mod smtp;
pub mod datagram;
pub mod sink;

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{
    process::{self, Group},
    wait,
    world::World,
};

/// Bytes between two marks of a report.
pub const MARK: u64 = 1_000_000;
const START: Duration = Duration::from_secs(10);

/// What a listener does with its connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Serve {
    /// Reads to the end.
    Sink,
    /// Speaks HTTP/1.1: takes PUT and POST, serves `/bytes/N` and the files below `root`.
    Http {
        /// Served files.
        root: PathBuf,
    },
    /// Speaks FTP; data comes to the port [`FTP_DATA`](crate::scenario::FTP_DATA) above.
    Ftp,
    /// Speaks SMTP.
    Smtp,
    /// Takes datagrams.
    Udp,
    /// Answers queries over UDP: no such name.
    Dns,
    /// Speaks TFTP.
    Tftp,
    /// Counts, and passes everything on to a real server.
    Relay {
        /// Its address.
        to: SocketAddr,
    },
    /// Answers questions for names over UDP, each with its own address. Such a listener is not counted.
    Names,
}

/// One listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listen {
    /// Address and port.
    pub at: SocketAddr,
    /// What it does.
    pub serve: Serve,
    /// Bytes a second that each connection is read with; none is as fast as they come.
    pub rate: Option<u64>,
}

/// One line of the report.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Report {
    /// All listeners are bound.
    Ready,
    /// A connection stands.
    Accepted {
        /// Listening port.
        port: u16,
        /// Its other end.
        peer: SocketAddr,
        /// When.
        wall_ns: i64,
    },
    /// All connections of a port together have read this many bytes.
    Mark {
        /// Listening port.
        port: u16,
        /// A multiple of [`MARK`].
        total: u64,
        /// When.
        wall_ns: i64,
    },
    /// A connection has ended.
    Closed {
        /// Listening port.
        port: u16,
        /// Its other end.
        peer: SocketAddr,
        /// Bytes that the receiver's socket read.
        read: u64,
        /// When.
        wall_ns: i64,
    },
}

/// What arrived at one port.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes of the connections that ended.
    pub read: u64,
    /// Connections that stood.
    pub accepted: usize,
    /// Ended connections: other end and bytes.
    pub closed: Vec<(SocketAddr, u64)>,
}

/// The running helper process.
#[derive(Debug)]
pub struct Receiver {
    _group: Group,
    report: PathBuf,
}

impl Receiver {
    /// Starts `helper` in `world` with these listeners and waits until they are bound.
    ///
    /// # Errors
    /// Fails when an address cannot be bound.
    pub fn start(world: &World, helper: &Path, listeners: &[Listen], dir: &Path) -> Result<Self> {
        let (spec, report) = (dir.join("receiver-spec.json"), dir.join("receiver.jsonl"));
        fs::write(&spec, serde_json::to_vec(listeners)?).context("cannot write the receivers' plan")?;
        fs::write(&report, "").context("cannot make the receivers' report")?;
        let mut command = world.command(helper);
        command.arg("sink").arg(&spec).arg(&report);
        process::capture(&mut command, dir, "receiver")?;
        let mut group = Group::spawn(&mut command)?;
        let receiver_report = report.clone();
        wait::until(START, "receivers", || {
            if let Some(status) = group.ended()? {
                let said = fs::read_to_string(dir.join("receiver.stderr")).unwrap_or_default();
                anyhow::bail!("receivers ended with {status}: {}", said.trim());
            }
            Ok(read(&receiver_report)?.iter().any(|line| matches!(line, Report::Ready)).then_some(()))
        })?;
        Ok(Self { _group: group, report })
    }

    /// When all connections of `port` together had read `bytes` (rounded down to a [`MARK`]).
    ///
    /// # Errors
    /// Fails when the report cannot be read.
    pub fn reached(&self, port: u16, bytes: u64) -> Result<Option<i64>> {
        let wanted = bytes / MARK * MARK;
        Ok(read(&self.report)?.into_iter().find_map(|line| match line {
            Report::Mark { port: at, total, wall_ns } if at == port && total == wanted => Some(wall_ns),
            Report::Ready | Report::Accepted { .. } | Report::Mark { .. } | Report::Closed { .. } => None,
        }))
    }

    /// When a connection of any port last ended, wall clock, nanoseconds since the epoch.
    ///
    /// # Errors
    /// Fails when the report cannot be read.
    pub fn last_end(&self) -> Result<Option<i64>> {
        let ends = read(&self.report)?.into_iter().filter_map(|line| match line {
            Report::Closed { wall_ns, .. } => Some(wall_ns),
            Report::Ready | Report::Accepted { .. } | Report::Mark { .. } => None,
        });
        Ok(ends.max())
    }

    /// Waits until at least `connections` connections of `port` stood and all have ended.
    ///
    /// # Errors
    /// Fails when that does not happen within `limit`.
    pub fn settled(&self, port: u16, connections: usize, limit: Duration) -> Result<Receipt> {
        let what = format!("end of {connections} or more connections to port {port}");
        wait::until(limit, &what, || {
            let receipt = self.receipt(port)?;
            let complete = receipt.accepted >= connections && receipt.closed.len() == receipt.accepted;
            Ok(complete.then_some(receipt))
        })
    }

    /// What has arrived at `port` so far.
    ///
    /// # Errors
    /// Fails when the report cannot be read.
    pub fn receipt(&self, port: u16) -> Result<Receipt> {
        let mut receipt = Receipt::default();
        for line in read(&self.report)? {
            match line {
                Report::Accepted { port: at, .. } if at == port => receipt.accepted += 1,
                Report::Closed { port: at, peer, read, .. } if at == port => {
                    receipt.read += read;
                    receipt.closed.push((peer, read));
                }
                Report::Ready | Report::Accepted { .. } | Report::Mark { .. } | Report::Closed { .. } => {}
            }
        }
        Ok(receipt)
    }
}

fn read(report: &Path) -> Result<Vec<Report>> {
    let text = fs::read_to_string(report).context("cannot read the receivers' report")?;
    // A line without its newline is still being written.
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    complete
        .lines()
        .map(|line| serde_json::from_str(line).context("a line of the receivers' report"))
        .collect()
}
