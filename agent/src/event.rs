//! What the pipeline is fed: kernel records and looked-up facts, each with the process it is about and the
//! kernel time at which it holds.

pub mod bytes;
pub mod content;
pub mod escape;
pub mod dns;
mod mount;
mod names;
mod remote;
mod script;
pub mod state;
mod unix;
pub mod decode;
pub mod recording;

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

pub use bytes::Bytes;
pub use content::{Content, Part, Spoken};
pub use mount::{Leads, Mount};
pub use names::{Names, Resolvers};
pub use remote::Remote;
pub use script::{Script, ScriptOrigin};
pub use state::State;
pub use unix::UnixSocket;

/// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
pub type BootTime = u64;

/// A duration in the unit of [`BootTime`]; five centuries at most.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A process: thread-group id in the initial PID namespace and its leader's start time in `USER_HZ` ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ProcessKey {
    /// Thread-group id.
    pub pid: u32,
    /// Start time since boot in ticks of 10 ms.
    pub start_ticks: u64,
}

/// A file as the kernel sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileKey {
    /// `s_dev` of the superblock (`major << 20 | minor`).
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Inode generation.
    pub generation: u32,
}

/// One entry of the authoritative order that a recording keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it holds.
    pub time: BootTime,
    /// The process that it is about; the default key for facts about the host.
    pub process: ProcessKey,
    /// What happened or was found.
    pub fact: Fact,
}

/// What happened in the kernel, or what the sensor's side looked up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fact {
    /// The agent started. Always the first event of a run.
    Started(Box<Started>),
    /// The wall clock was set: `CLOCK_REALTIME - CLOCK_BOOTTIME` in nanoseconds.
    Clock {
        /// The new difference.
        boot_to_wall_ns: i64,
    },
    /// Time has passed.
    Tick,
    /// A process that was there before the agent, read from procfs. Kernel records win over it.
    Seen(Box<Seen>),
    /// A new process; the event's process is the caller.
    Fork(Fork),
    /// A program was started.
    Exec(Box<Exec>),
    /// The last thread is gone.
    Exit {
        /// As `wait(2)` reports it.
        code: u32,
    },
    /// A file was opened.
    Open(Box<Open>),
    /// News or a snapshot of a flow in the byte ledger.
    Flow(Box<Flow>),
    /// Container, unit and user of a process.
    Identity(Box<Identity>),
    /// The text of a script that a process runs.
    Script(Box<Script>),
    /// Something was lost since the last such fact: what, and how much.
    Loss(Vec<Loss>),
    /// The agent stops in order.
    Stopping {
        /// Why: a signal's name, or "end of recording".
        reason: String,
    },
    /// A name server gave addresses for a name.
    Names(Box<Names>),
    /// The servers that this host asks for names.
    Resolvers(Resolvers),
    /// What an earlier run knew. Follows the start, once at most.
    State(Box<State>),
    /// First send or receive of the process through a unix socket.
    Unix(UnixSocket),
    /// The process may read another one's memory, as a debugger does.
    Memory {
        /// Whose memory it is.
        owner: ProcessKey,
    },
    /// What a flow began with, or asked of a name server (about the socket, not the process).
    Content(Box<Content>),
    /// The process made its first socket of a family that is none of IP's and does not stay on this host by its nature.
    Socket {
        /// `AF_*`, or what stands for the device of tunnels ([`agent_common::file::FAMILY_TUNNEL`]).
        family: u16,
        /// `SOCK_*`.
        kind: u16,
    },
    /// Where a file system leads that a process is about to write to (about the host).
    Mount(Box<Mount>),
    /// What belongs to the host and to nobody's namespace.
    Host {
        /// Inode number of its mount namespace, in which paths mean what they say; 0 when it is not known.
        mnt_ns: u32,
    },
}

/// Facts about the run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// `CLOCK_REALTIME - CLOCK_BOOTTIME` in nanoseconds.
    pub boot_to_wall_ns: i64,
    /// `kernel.random.boot_id`.
    pub boot_id: String,
    /// Host name.
    pub host: String,
    /// `uname -r`.
    pub kernel: String,
    /// Version of the agent that made the run.
    pub version: String,
    /// The configuration as TOML text, so that a replay decides alike.
    pub config: String,
    /// What the agent cannot see on this kernel, by name and reason.
    pub coverage: Vec<Coverage>,
    /// The agent's own process.
    pub agent: ProcessKey,
}

/// State of one sensor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// Sensor: `fork`, `exec`, `exit`, `open`, `open.io_uring`, `send`, `receive`, `connect`, ...
    pub sensor: String,
    /// The hook in use, by its kernel name; empty when the sensor is off.
    pub hook: String,
    /// What this leaves invisible; empty when nothing.
    pub gap: String,
    /// Why the better hooks are not in use.
    pub reason: String,
}

/// A process found in procfs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The parent.
    pub parent: ProcessKey,
    /// `comm`.
    pub comm: Bytes,
    /// Executable path; empty for a kernel thread.
    pub exe: Bytes,
    /// The executable has no name any more.
    pub deleted: bool,
    /// Argument vector.
    pub argv: Vec<Bytes>,
    /// Working directory.
    pub cwd: Bytes,
    /// Credentials.
    pub ids: Ids,
    /// Session id (`setsid`), a pid.
    pub session: u32,
    /// Descriptors 0 to 2 and every pipe and socket that is open.
    pub fds: Vec<FdSeen>,
}

/// A descriptor found in procfs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FdSeen {
    /// Number.
    pub fd: u32,
    /// What it is.
    pub object: FdObject,
}

/// User and group ids. `u32::MAX` is "not set".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ids {
    /// Real user id.
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Real group id.
    pub gid: u32,
    /// Login user id.
    pub loginuid: u32,
    /// Audit session.
    pub sessionid: u32,
}

/// A fork without `CLONE_THREAD`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The new process.
    pub child: ProcessKey,
    /// Its name.
    pub comm: Bytes,
    /// Its real user id.
    pub uid: u32,
}

/// A path as the kernel walked it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Path {
    /// Bytes from the root of the mount namespace.
    pub bytes: Bytes,
    /// Components nearest the root are missing.
    pub truncated: bool,
    /// The mount is not below the namespace's root.
    pub unreachable: bool,
}

/// What a descriptor refers to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FdObject {
    /// Closed, or could not be read.
    #[default]
    None,
    /// A regular file.
    File {
        /// Which.
        key: (u32, u64),
        /// Opened for reading.
        read: bool,
        /// Opened for writing.
        write: bool,
    },
    /// One end of a pipe or FIFO, by inode.
    Pipe {
        /// Device of a FIFO; 0 for a pipe without a name.
        dev: u32,
        /// Inode.
        ino: u64,
        /// The reading end.
        read: bool,
        /// The writing end.
        write: bool,
    },
    /// A socket, by inode.
    Socket {
        /// Inode in sockfs.
        ino: u64,
    },
    /// A terminal or another character device, by device number.
    Device {
        /// `i_rdev`.
        rdev: u32,
    },
    /// Anything else.
    Other {
        /// Type bits.
        mode: u16,
    },
}

/// An execve that succeeded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Exec {
    /// Parent when it happened.
    pub parent: ProcessKey,
    /// The executable after lookup.
    pub exe: Path,
    /// Its device and inode.
    pub exe_file: (u32, u64),
    /// The executable has no name any more.
    pub deleted: bool,
    /// The executable is a memfd.
    pub memfd: bool,
    /// Name as given to execve.
    pub filename: Bytes,
    /// Script path as given, when the kernel started an interpreter because of `#!`.
    pub script: Option<Bytes>,
    /// Arguments.
    pub argv: Vec<Bytes>,
    /// Bytes of all arguments in the process.
    pub argv_total: u64,
    /// Arguments were cut.
    pub argv_truncated: bool,
    /// Working directory.
    pub cwd: Path,
    /// Name.
    pub comm: Bytes,
    /// Credentials.
    pub ids: Ids,
    /// cgroup id in the v2 hierarchy.
    pub cgroup_id: u64,
    /// Mount namespace.
    pub mnt_ns: u32,
    /// Network namespace.
    pub net_ns: u32,
    /// Descriptors 0, 1 and 2.
    pub fds: [FdObject; 3],
    /// Pipes among the next 13, and the device of those who serve file systems.
    pub more_fds: Vec<FdSeen>,
}

/// An open that succeeded and passed the kernel's filter.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own that the kernel recorded, and none excludes another"
)]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The file.
    pub file: FileKey,
    /// Its path after lookup.
    pub path: Path,
    /// Its size at the open, bytes; of a character device its number (`i_rdev`).
    pub size: u64,
    /// `i_mode`.
    pub mode: u16,
    /// `O_*`.
    pub flags: u32,
    /// Opened for reading.
    pub read: bool,
    /// Opened for writing.
    pub write: bool,
    /// `s_magic`.
    pub magic: u32,
    /// Change time, seconds since the epoch.
    pub ctime_sec: u64,
    /// Inode of the parent directory.
    pub parent_ino: u64,
    /// Through `io_uring`.
    pub io_uring: bool,
    /// The process did not open it: it got the descriptor from somebody else.
    pub received: bool,
    /// Inode of the opener's mount namespace.
    #[serde(default)]
    pub mnt_ns: u32,
    /// The inode was written since the agent started.
    pub written_before: bool,
}

/// News about a flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// What happened.
    pub what: FlowWhat,
    /// Which socket: its cookie or, where there is none, its address; unique while the socket lives.
    pub socket: u64,
    /// The remote end; the peer of the datagram for an unconnected socket. Absent for families without one.
    pub remote: Option<SocketAddr>,
    /// The local end.
    pub local: Option<SocketAddr>,
    /// `AF_*`.
    pub family: u16,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// `SOCK_*`.
    pub sock_type: u16,
    /// Direction of a connection.
    pub direction: Direction,
    /// Network namespace.
    pub net_ns: u32,
    /// When the entry of the ledger began from which the sums below come; 0 when there are no sums. Of two events with
    /// the same value, the one with the lower sums is the older, whatever their order.
    pub since: BootTime,
    /// Bytes sent by this process on this flow since then.
    pub tx_bytes: u64,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Sends.
    pub tx_calls: u64,
    /// Receives.
    pub rx_calls: u64,
}

/// What a flow event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FlowWhat {
    /// connect(2).
    Connect,
    /// First bytes since the last drain.
    Active,
    /// The ledger was read.
    Snapshot,
    /// The socket was closed (about the socket, not the process).
    Closed,
    /// An incoming connection stands (about the socket, not the process).
    Accepted,
}

/// Who opened a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Direction {
    /// This host.
    #[default]
    Out,
    /// The other end.
    In,
    /// It stood before the agent started.
    Unknown,
}

/// Names for a process's surroundings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Container id, from the cgroup path.
    pub container: Option<String>,
    /// systemd unit, from the cgroup path.
    pub unit: Option<String>,
    /// User name of the real user id.
    pub user: Option<String>,
    /// Who may put another program where its executable lies.
    pub guard: Guard,
}

/// Who may put another program where an executable lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Guard {
    /// It could not be looked at.
    #[default]
    Unknown,
    /// Root alone.
    Root,
    /// Others as well.
    Others,
}

/// A counter that rose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// Name of the counter.
    pub what: String,
    /// By how much.
    pub count: u64,
}

impl Flow {
    /// Address of the remote end.
    #[must_use]
    pub fn remote_ip(&self) -> Option<IpAddr> {
        self.remote.map(|remote| remote.ip())
    }
}

/// A pipe or FIFO, or a socket that stands for one: device, which is 0 for what has no name, and inode. Sockets and pipes
/// without a name have their numbers from the same counter.
pub type PipeKey = (u32, u64);

impl FdObject {
    /// Key of a pipe, FIFO or socket.
    #[must_use]
    pub const fn pipe(self) -> Option<PipeKey> {
        match self {
            Self::Pipe { dev, ino, .. } => Some((dev, ino)),
            Self::Socket { ino } => Some((0, ino)),
            Self::None | Self::File { .. } | Self::Device { .. } | Self::Other { .. } => None,
        }
    }
}

impl ProcessKey {
    /// The key of facts about the host.
    pub const HOST: Self = Self { pid: 0, start_ticks: 0 };
}
