//! The process table: keyed by (pid, start time), seeded from procfs, kept by fork, exec and exit records.

pub mod story;
pub mod cause;
pub mod table;

use std::sync::Arc;

use crate::{
    event::{BootTime, Bytes, FdObject, Identity, Ids, Path, ProcessKey, Script},
    interpreter::Invocation,
};

pub use cause::Cause;
pub use table::Table;

/// One process as far as the agent knows it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about the process, and none excludes another"
)]
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// Which.
    pub key: ProcessKey,
    /// Its parent: the caller of fork.
    pub parent: Option<ProcessKey>,
    /// Name of its main thread at the last exec or fork.
    pub comm: Bytes,
    /// Executable after lookup; empty for a kernel thread or an unknown one.
    pub exe: Path,
    /// Device and inode of the executable.
    pub exe_file: (u32, u64),
    /// The executable has no name any more, or is a memfd.
    pub exe_unlinked: bool,
    /// Name as given to execve.
    pub filename: Bytes,
    /// Script path as given, when started through `#!`.
    pub shebang: Option<Bytes>,
    /// Arguments, shared with children that have not called exec.
    pub argv: Arc<[Bytes]>,
    /// Arguments were cut.
    pub argv_truncated: bool,
    /// Working directory at the last exec.
    pub cwd: Path,
    /// Credentials.
    pub ids: Ids,
    /// Descriptors 0, 1 and 2 at the last exec.
    pub fds: [FdObject; 3],
    /// Script that it runs.
    pub script: Option<Arc<Script>>,
    /// Container, unit, user.
    pub identity: Arc<Identity>,
    /// It was there before the agent.
    pub preexisting: bool,
    /// Nothing but its key is known (its fork or exec record was lost).
    pub unknown: bool,
    /// Its begin was not recorded: neither a fork nor the snapshot told of it.
    pub begin_missed: bool,
    /// Calls of execve since its fork.
    pub execs: u32,
    /// When it was last heard of.
    pub last_seen: BootTime,
    /// When it ended.
    pub ended: Option<BootTime>,
}

impl Process {
    /// The command line for showing: arguments joined by spaces.
    #[must_use]
    pub fn command_line(&self) -> Bytes {
        let mut line = Vec::new();
        for (index, argument) in self.argv.iter().enumerate() {
            if index > 0 {
                line.push(b' ');
            }
            line.extend_from_slice(argument.as_slice());
        }
        Bytes::from(line)
    }

    /// The program that was started, an applet by its own name.
    #[must_use]
    pub fn invocation(&self) -> Invocation<'_> {
        Invocation::of(self.exe.bytes.as_slice(), self.filename.as_slice(), &self.argv)
    }

    /// Base name of the executable; the name of the thread where the executable is unknown.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        if self.exe.bytes.is_empty() { self.comm.as_slice() } else { self.exe.bytes.file_name() }
    }
}
