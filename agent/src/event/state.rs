//! What an earlier run of the agent knew and a later one goes on with.
//!
//! Times are wall-clock nanoseconds since the epoch, since the time since boot begins anew with each boot. Numbers and
//! names stand for what later modules define, so that a state reads alike whatever is added there. Everything is bounded
//! by who writes it; who reads it bounds it again.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Bytes, FileKey, Identity, Ids, Path, ProcessKey};

/// Longest encoding that is written and read: some MB are what 4,096 jobs, 65,536 met addresses and 2,048 witnesses with
/// all that is kept of them take; what does not fit is left out.
pub const STATE_MAX: usize = 8 << 20;

/// Wall-clock time, nanoseconds since the epoch.
pub type WallTime = i64;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// `kernel.random.boot_id` of the boot in which it was saved.
    pub boot_id: String,
    /// When.
    pub saved: WallTime,
    /// For how long the agent had watched, all runs together.
    pub watched_ns: u64,
    /// Executables and the addresses that they had met.
    pub met: Vec<(Bytes, Vec<IpAddr>)>,
    /// What jobs had sent, and that they were told.
    pub jobs: Vec<Job>,
    /// Stories whose alerts were closed, and when.
    pub told: Vec<(ProcessKey, WallTime)>,
    /// Trust rules by name: since when their day counts, and the bytes that they covered.
    pub trusted: Vec<(String, WallTime, u64)>,
    /// Processes whose evidence lives as long as their data.
    pub witnesses: Vec<Witness>,
    /// Files that they wrote.
    pub files: Vec<Written>,
}

/// A job and what its runs sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub cause: u128,
    /// A person typed it.
    pub typed: bool,
    /// When it last sent.
    pub last: WallTime,
    /// Longest time between two runs.
    pub gap_ns: u64,
    /// Sent and received in all.
    pub bytes: (u64, u64),
    /// Begin of a time, then sent, received, and sent to ports of the first class.
    pub slots: Vec<(WallTime, u64, u64, u64)>,
    /// Address, protocol and bytes of the destinations that took most.
    pub destinations: Vec<(SocketAddr, u8, u64)>,
    /// When its last alert was closed, and what it had sent by then.
    pub told: Option<(WallTime, u64)>,
}

/// A process that collected or made ready what others may still carry off, or an ancestor of one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// Which, in its boot.
    pub key: ProcessKey,
    /// Its parent.
    pub parent: Option<ProcessKey>,
    /// Root of its story.
    pub story: ProcessKey,
    /// Name of its main thread.
    pub comm: Bytes,
    /// Executable.
    pub exe: Path,
    /// The executable had no name any more, or was a memfd.
    pub exe_unlinked: bool,
    /// Script path as given, when started through `#!`.
    pub shebang: Option<Bytes>,
    /// Arguments, cut.
    pub argv: Vec<Bytes>,
    /// Arguments were cut.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: Path,
    /// Credentials.
    pub ids: Ids,
    /// Container, unit, user.
    pub identity: Identity,
    /// Its begin was not seen.
    pub preexisting: bool,
    /// Calls of execve.
    pub execs: u32,
    /// When it had ended; none while it lived.
    pub ended: Option<WallTime>,
    /// What it was found to do.
    pub findings: Vec<Finding>,
    /// Files that its data came from.
    pub read: Vec<Read>,
    /// Files, bytes collected and bytes derived that are only summed.
    pub more: (u64, u64, u64),
    /// Files that it wrote.
    pub wrote: Vec<FileKey>,
    /// Written files that it read.
    pub read_written: Vec<FileKey>,
    /// Processes whose data came to it otherwise: by pipes and forks.
    pub fed_by: Vec<ProcessKey>,
}

/// A signal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Id of the analytic.
    pub analytic: String,
    /// Technique.
    pub technique: String,
    /// 0 to 10.
    pub risk: f64,
    /// Place of the stage in their order.
    pub stage: u8,
    /// What it is about.
    pub object: Object,
    /// When.
    pub time: WallTime,
    /// The sentence.
    pub reason: String,
}

/// What a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Object {
    /// A command line.
    Command(Bytes),
    /// A script.
    Script(Bytes),
    /// A file.
    File(Bytes),
    /// A number of files.
    Files(u32),
    /// A destination.
    Destination(SocketAddr),
    /// Data that was sent: to where, bytes collected, bytes sent, and the place of its kind in their order.
    Content(SocketAddr, u64, u64, u8),
    /// A number of files that processes of one story read between them.
    Shared(u32),
}

/// A file that data came from.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a class of its own that the file was of, and none excludes another"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Read {
    /// Which.
    pub file: FileKey,
    /// Its path.
    pub path: Bytes,
    /// Its size.
    pub size: u64,
    /// In a staging place.
    pub staging: bool,
    /// Sensitive.
    pub sensitive: bool,
    /// A secret.
    pub secret: bool,
    /// A document.
    pub document: bool,
    /// Made from collected data.
    pub derived: bool,
    /// Its reader's own.
    pub own: bool,
}

/// A file that somebody wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Which.
    pub file: FileKey,
    /// Its path.
    pub path: Bytes,
    /// Who wrote it, as far as they are witnesses.
    pub writers: Vec<ProcessKey>,
}
