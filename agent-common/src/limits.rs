//! Bounds that both sides rely on. A longer value is cut, and the record says that it was.

/// Bytes of the argument vector carried by an exec record.
pub const ARGV_MAX: usize = 4096;
/// Bytes of one path carried by a record (all components with their separators).
pub const PATH_MAX: usize = 2048;
/// Path components that a walk from leaf to root visits before it gives up.
pub const PATH_DEPTH_MAX: usize = 32;
/// Longest file name, `NAME_MAX` of the kernel.
pub const NAME_MAX: usize = 255;
/// Kernel thread name, `TASK_COMM_LEN`.
pub const COMM_LEN: usize = 16;
/// Largest record a ring ever carries: the exec record with three full paths and a full argument vector.
pub const RECORD_MAX: usize = 16 * 1024;
/// Bytes of the ring for life-cycle records (fork, exec, exit, flow announcements).
pub const LIFECYCLE_RING_BYTES: u32 = 4 << 20;
/// Bytes of the ring for bulk records (opens, answers of name servers).
pub const BULK_RING_BYTES: u32 = 8 << 20;
/// Flows in the ledger at once.
pub const LEDGER_ENTRIES: u32 = 65_536;
/// Processes with an overflow entry, used when the ledger is full.
pub const OVERFLOW_ENTRIES: u32 = 8_192;
/// Slots of the cache of opens already reported.
pub const SEEN_OPENS: u32 = 65_536;
/// Processes whose share of the bulk ring is kept while more than half of it is full.
pub const OPEN_SHARES: u32 = 4_096;
/// Directories whose plain reads are not reported.
pub const QUIET_DIRS: u32 = 16_384;
/// Inodes remembered as written since the agent started.
pub const WRITTEN_INODES: u32 = 65_536;
/// File systems that are known to be the host's own disks.
pub const OWN_FILE_SYSTEMS: u32 = 1_024;
/// Files on other file systems whose growth is watched.
pub const GROWING_FILES: u32 = 8_192;
/// Processes that write such files.
pub const GROWERS: u32 = 4_096;
/// Sockets whose direction is remembered.
pub const SOCKETS: u32 = 65_536;
/// Datagrams with a destination of their own that are on their way at once.
pub const UDP_PEERS: u32 = 16_384;
/// Bytes of argv that an exec record keeps when the life-cycle ring is more than 3/4 full.
pub const ARGV_SHORT: usize = 256;
/// Uses of unix sockets that are remembered as told.
pub const UNIX_USES: u32 = 32_768;
/// Accesses to memory that are remembered as told.
pub const MEMORY_ACCESSES: u32 = 4_096;
/// Sockets of families with a record of their own that are remembered as told.
pub const SOCKETS_MADE: u32 = 4_096;
/// Descriptors, from 0 on, that an exec record describes: the highest number that shells let a script name by one digit
/// is 9, and those that a shell opens for itself begin at 10.
pub const EXEC_FDS: usize = 16;
