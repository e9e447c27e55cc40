//! Life-cycle records: fork, exec, exit.

use crate::{
    file::PathInfo,
    limits::{COMM_LEN, EXEC_FDS},
    record::RecordHead,
};

/// Identity of a process: thread-group id and start time of its leader. 16 bytes.
///
/// `start_ticks` is `task_struct::start_boottime` of the group leader divided by 10^7, which is what the kernel
/// prints as field 22 of `/proc/PID/stat` (`USER_HZ` is 100 on every architecture that weir runs on), so that
/// the kernel's key and procfs agree.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct ProcessKey {
    /// Start time in `USER_HZ` ticks since boot.
    pub start_ticks: u64,
    /// Thread-group id in the initial PID namespace.
    pub pid: u32,
    /// Always zero, so that the key may be hashed as bytes.
    pub _pad: u32,
}

/// Nanoseconds in one `USER_HZ` tick.
pub const NS_PER_TICK: u64 = 10_000_000;

/// A new process (never a thread). The head's process is the caller, which is the parent. 80 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct ForkRecord {
    /// Common head.
    pub head: RecordHead,
    /// The child.
    pub child: ProcessKey,
    /// `task_struct::comm` of the child.
    pub comm: [u8; COMM_LEN],
    /// Real user id.
    pub uid: u32,
    /// Always zero.
    pub _pad: u32,
}

/// The last thread of a process is gone. 48 bytes. When the last two threads end at the same instant on two
/// CPUs, both may see that nobody is left, and the record comes twice.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct ExitRecord {
    /// Common head.
    pub head: RecordHead,
    /// Exit code as `wait(2)` reports it: `status << 8`, or the signal in the low seven bits.
    pub exit_code: u32,
    /// Always zero.
    pub _pad: u32,
}

/// What a descriptor is: kind and inode. 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FdRecord {
    /// Inode number; both ends of a pipe share it.
    pub ino: u64,
    /// Device of the inode's superblock, as the kernel encodes it (`major << 20 | minor`).
    pub dev: u32,
    /// `inode::i_rdev` for a device node, else zero.
    pub rdev: u32,
    /// `inode::i_mode`: its type bits tell pipe, socket, regular file, device; zero when the descriptor is closed.
    pub mode: u16,
    /// Low bits of `file::f_mode`: [`FMODE_READ`], [`FMODE_WRITE`].
    pub fmode: u16,
    /// `super_block::s_magic`: [`PIPEFS`] tells a pipe without a name from a FIFO.
    pub magic: u32,
}

/// `PIPEFS_MAGIC` of the kernel.
pub const PIPEFS: u32 = 0x5049_5045;

/// `FMODE_READ` of the kernel: the descriptor may be read.
pub const FMODE_READ: u16 = 1;
/// `FMODE_WRITE` of the kernel: the descriptor may be written.
pub const FMODE_WRITE: u16 = 2;

/// The argument vector did not fit [`crate::limits::ARGV_MAX`].
pub const EXEC_ARGV_TRUNCATED: u32 = 1;
/// The executable has no name left in the file system (`i_nlink == 0`).
pub const EXEC_DELETED: u32 = 2;
/// The executable is a memfd.
pub const EXEC_MEMFD: u32 = 4;
/// The kernel started an interpreter because the file began with `#!`; the script's path is in the tail.
pub const EXEC_SCRIPT: u32 = 8;
/// The argument vector could not be read from user memory.
pub const EXEC_ARGV_UNREADABLE: u32 = 16;

/// A successful execve. Fixed part; the tail holds, one after the other without gaps:
/// executable path (`exe.len` bytes, leaf first), working directory (`cwd.len`, leaf first), file name as given
/// to execve (`filename_len`, as typed), interpreter (`interp_len`, as resolved by the kernel), argument
/// vector (`argv_len`, arguments separated by NUL). 536 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct ExecRecord {
    /// Common head.
    pub head: RecordHead,
    /// The parent at the time of the exec (`real_parent`'s thread group).
    pub parent: ProcessKey,
    /// Inode of the executable after lookup.
    pub exe_ino: u64,
    /// Bytes of the argument vector in the process, also where fewer are carried.
    pub argv_total: u64,
    /// `bpf_get_current_cgroup_id`: inode of the cgroup in the v2 hierarchy.
    pub cgroup_id: u64,
    /// Descriptors 0 to 15.
    pub fds: [FdRecord; EXEC_FDS],
    /// Path of the executable.
    pub exe: PathInfo,
    /// Working directory.
    pub cwd: PathInfo,
    /// Device of the executable's superblock.
    pub exe_dev: u32,
    /// `super_block::s_magic` of the executable's file system.
    pub exe_magic: u32,
    /// Real, effective and login user id; `u32::MAX` is "not set".
    pub uid: u32,
    /// Effective user id.
    pub euid: u32,
    /// Login user id.
    pub loginuid: u32,
    /// Real group id.
    pub gid: u32,
    /// Inode number of the mount namespace.
    pub mnt_ns: u32,
    /// Inode number of the network namespace.
    pub net_ns: u32,
    /// `EXEC_*` bits.
    pub flags: u32,
    /// Bytes of argv in the tail.
    pub argv_len: u32,
    /// Bytes of the file name in the tail, without a NUL.
    pub filename_len: u16,
    /// Bytes of the interpreter in the tail, without a NUL.
    pub interp_len: u16,
    /// `task_struct::comm` after the exec.
    pub comm: [u8; COMM_LEN],
    /// Session id of the audit subsystem; `u32::MAX` is "not set".
    pub sessionid: u32,
}

// SAFETY: `repr(C)`, integers with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for ProcessKey {}

const _: () = assert!(size_of::<ProcessKey>() == 16);
const _: () = assert!(size_of::<ForkRecord>() == 80);
const _: () = assert!(size_of::<ExitRecord>() == 48);
const _: () = assert!(size_of::<FdRecord>() == 24);
const _: () = assert!(size_of::<ExecRecord>() == 536);
