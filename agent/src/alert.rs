//! What weir says: one JSON object a line, ECS names, in an append-only log.

pub mod text;
pub mod graph;
pub mod attack;
pub mod ecs;
pub mod log;
#[cfg(test)]
pub(crate) mod sample;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use crate::{
    event::{BootTime, Bytes, Coverage, Loss, ProcessKey, Remote},
    names::Domain,
    process::Process,
    score::{Verdict, Weighted},
};

/// One record for the log, complete: writing it needs nothing looked up.
#[derive(Clone, Debug)]
pub struct Record {
    /// Wall-clock time, nanoseconds since the epoch.
    pub wall_ns: i64,
    /// Host facts, the same for every record of a run.
    pub host: Arc<Host>,
    /// What it says.
    pub body: Body,
}

/// Facts about the host that every record carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// `host.name`.
    pub name: String,
    /// `host.os.kernel`.
    pub kernel: String,
    /// `host.boot.id`.
    pub boot_id: String,
    /// `agent.version`.
    pub agent_version: String,
}

/// Kinds of record.
#[derive(Clone, Debug)]
pub enum Body {
    /// A line of an alert.
    Alert(Box<Alert>),
    /// A signal on its own.
    Signal(Box<SignalLine>),
    /// The agent began to watch.
    Start {
        /// State of each sensor.
        coverage: Vec<Coverage>,
    },
    /// The agent stopped in order.
    Stop {
        /// Why.
        reason: String,
        /// Totals of the run.
        totals: Totals,
    },
    /// The agent lives.
    Heartbeat {
        /// Totals of the run.
        totals: Totals,
    },
    /// Something was lost.
    Gap {
        /// What, and how much, since the last such record.
        losses: Vec<Loss>,
    },
}

/// What the agent did since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Events stepped through the pipeline.
    pub events: u64,
    /// Signals raised.
    pub signals: u64,
    /// Alerts opened.
    pub alerts: u64,
    /// Alerts open now.
    pub open_alerts: u64,
    /// Events lost, all kinds.
    pub lost: u64,
    /// Entries that the detections' tables dropped to make room: a signal may be repeated for each.
    pub evicted: u64,
    /// Bytes that all processes sent to the outside.
    pub bytes_out: u64,
    /// Processes in the table.
    pub processes: u64,
    /// Flows tracked.
    pub flows: u64,
}

/// `event.action` of an alert line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// First line.
    Opened,
    /// It grew.
    Updated,
    /// The story went quiet, or the agent stops.
    Closed,
}

/// One line of an alert.
#[derive(Clone, Debug)]
pub struct Alert {
    /// `event.id`: the same for all lines of one alert and for a replay.
    pub id: String,
    /// What this line says.
    pub action: Action,
    /// `weir.revision`, from 1.
    pub revision: u32,
    /// When the alert was opened, wall clock, ns since the epoch.
    pub opened_wall_ns: i64,
    /// Score and evidence.
    pub verdict: Verdict,
    /// Trust rules that lowered the score.
    pub trusted_by: Vec<String>,
    /// The process that sends.
    pub process: Arc<Process>,
    /// Its parent.
    pub parent: Option<Arc<Process>>,
    /// The story, root first, the sender among them.
    pub chain: Vec<Link>,
    /// The same with what its processes read, wrote, piped and sent.
    pub graph: graph::Graph,
    /// What the verdict was made with.
    pub scale: Scale,
    /// Destinations of the sender, largest first.
    pub destinations: Vec<Destination>,
    /// Local end of the largest flow.
    pub source: Option<SocketAddr>,
    /// Files that the data came from, largest first, bounded.
    pub files: Vec<FileSeen>,
    /// Files left out of `files`.
    pub files_more: u64,
    /// `weir.bytes_collected`: bytes available from those files.
    pub bytes_collected: u64,
    /// `weir.bytes_out`: bytes sent to the outside by the story.
    pub bytes_out: u64,
    /// Bytes sent to the outside by the process itself.
    pub process_bytes_out: u64,
    /// Blind spots that matter to this alert, and losses during it.
    pub coverage: Vec<String>,
    /// Difference `CLOCK_REALTIME - CLOCK_BOOTTIME` for showing times of links and signals.
    pub boot_to_wall_ns: i64,
}

/// One process of a story.
#[derive(Clone, Debug)]
pub struct Link {
    /// The process.
    pub process: Arc<Process>,
    /// What it did in the story, in plain words; bounded.
    pub did: Vec<String>,
    /// Bytes it sent to the outside.
    pub bytes_out: u64,
    /// What it read of the story's data.
    pub read: Touched,
    /// What it wrote of the story's data; the size of a file that nobody was seen reading is 0.
    pub wrote: Touched,
    /// It is no part of the story: it started the first process of one, as a scheduler or a service does.
    pub launcher: bool,
}

/// Files that one process read or wrote, the gravest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Bounded.
    pub files: Vec<FileSeen>,
    /// How many there are, those left out included.
    pub count: u64,
    /// Bytes of all of them, as far as sizes are known.
    pub bytes: u64,
}

/// The configuration behind a verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Scale {
    /// Score from which a process is an alert, 0 to 10.
    pub threshold: f64,
    /// Half-life of a signal's weight.
    pub half_life: Duration,
}

/// Where bytes went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Where.
    pub remote: Remote,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Bytes sent there by the story.
    pub bytes_out: u64,
    /// Names of the address when the line was made, those that are vouched for first; bounded.
    pub domains: Vec<Domain>,
    /// Of a file system, where it is mounted.
    pub place: Option<Bytes>,
}

/// A file that data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSeen {
    /// Its path.
    pub path: Bytes,
    /// Its size when it was opened.
    pub size: u64,
    /// Why it matters: `staging`, `sensitive`, `document`, `written by tar`.
    pub why: String,
}

/// A signal on its own line.
#[derive(Clone, Debug)]
pub struct SignalLine {
    /// The evidence.
    pub signal: Weighted,
    /// Its subject.
    pub process: Arc<Process>,
    /// The subject's parent.
    pub parent: Option<Arc<Process>>,
    /// Names of the destination that the signal is about, as in [`Destination`].
    pub domains: Vec<Domain>,
    /// Score of the subject after the signal.
    pub score: f64,
    /// Difference `CLOCK_REALTIME - CLOCK_BOOTTIME`.
    pub boot_to_wall_ns: i64,
    /// Where it is mounted, when it went to files of a share or a medium.
    pub place: Option<Bytes>,
}

impl Record {
    /// Wall-clock nanoseconds of a boot time.
    #[must_use]
    pub fn wall(boot_to_wall_ns: i64, time: BootTime) -> i64 {
        boot_to_wall_ns.saturating_add(i64::try_from(time).unwrap_or(i64::MAX))
    }
}

/// `process.entity_id`: boot id, pid and start time, so that it is unique across hosts and boots.
#[must_use]
pub fn entity_id(host: &Host, key: ProcessKey) -> String {
    format!("{}-{}-{}", host.boot_id, key.pid, key.start_ticks)
}
