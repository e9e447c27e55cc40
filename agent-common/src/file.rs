//! Open records and the identity of files.

use crate::record::RecordHead;

/// Mask of the file type in a mode.
pub const S_IFMT: u16 = 0o170_000;
/// Socket.
pub const S_IFSOCK: u16 = 0o140_000;
/// Regular file.
pub const S_IFREG: u16 = 0o100_000;
/// Block device.
pub const S_IFBLK: u16 = 0o060_000;
/// Directory.
pub const S_IFDIR: u16 = 0o040_000;
/// Character device.
pub const S_IFCHR: u16 = 0o020_000;
/// FIFO.
pub const S_IFIFO: u16 = 0o010_000;

/// The walk met more components than [`crate::limits::PATH_DEPTH_MAX`] or more bytes than
/// [`crate::limits::PATH_MAX`]; the components nearest the root are missing.
pub const PATH_TRUNCATED: u16 = 1;
/// The walk ended at the root of a mount that is not below the root of the mount namespace (a detached or
/// kernel-internal mount).
pub const PATH_UNREACHABLE: u16 = 2;
/// A kernel string could not be read.
pub const PATH_FAULT: u16 = 4;

/// Length and state of a path in the tail. The bytes are the names from the leaf to the root of the mount
/// namespace, each ended by `/`: `passwd/etc/` is `/etc/passwd`; no bytes at all is `/`. 4 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct PathInfo {
    /// Bytes in the tail.
    pub len: u16,
    /// `PATH_*` bits.
    pub flags: u16,
}

/// Key of a file as the kernel sees it; never to be joined with `stat(2)` numbers untranslated. 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FileKey {
    /// `inode::i_ino`.
    pub ino: u64,
    /// `super_block::s_dev` (`major << 20 | minor`).
    pub dev: u32,
    /// `inode::i_generation`, so that a reused inode number is another file.
    pub generation: u32,
}

/// The open came through `io_uring`.
pub const OPEN_IO_URING: u32 = 1;
/// The inode was opened for writing by somebody since the agent started.
pub const OPEN_WRITTEN_BEFORE: u32 = 2;
/// The process did not open the file: it got the descriptor from somebody else.
pub const OPEN_RECEIVED: u32 = 4;

/// A successful open of a file that passed the kernel's filter. The tail is the path. 104 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct OpenRecord {
    /// Common head.
    pub head: RecordHead,
    /// The file.
    pub file: FileKey,
    /// `inode::i_size` at the open, in bytes; of a character device its number (`inode::i_rdev`).
    pub size: u64,
    /// Inode of the parent directory, for the quiet-directory verdict.
    pub parent_ino: u64,
    /// Change time, seconds since the epoch.
    pub ctime_sec: u64,
    /// `file::f_flags`: `O_*` bits.
    pub open_flags: u32,
    /// `super_block::s_magic`.
    pub magic: u32,
    /// `OPEN_*` bits.
    pub flags: u32,
    /// Path in the tail.
    pub path: PathInfo,
    /// `inode::i_mode`.
    pub mode: u16,
    /// Low bits of `file::f_mode` ([`crate::process::FMODE_READ`], [`crate::process::FMODE_WRITE`]).
    pub fmode: u16,
    /// Inode number of the opener's mount namespace; 0 when it has none any more.
    pub mnt_ns: u32,
}

/// Key of a directory in the quiet-directory map. 16 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct DirKey {
    /// `inode::i_ino` of the directory.
    pub ino: u64,
    /// `super_block::s_dev`.
    pub dev: u32,
    /// Always zero.
    pub _pad: u32,
}

/// A mounted file system. 8 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FileSystem {
    /// `super_block::s_dev`, which another one may have after it.
    pub dev: u32,
    /// `super_block::s_magic`.
    pub magic: u32,
}

/// `s_magic` of file systems in memory: tmpfs, ramfs, hugetlbfs. Anybody may have any number of them, and a file there that
/// is opened both ways may be shared memory.
pub const IN_MEMORY: [u32; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];

/// `/dev/net/tun`, as `inode::i_rdev` has it: what is written to it is sent by no socket.
pub const DEVICE_TUN: u32 = 10 << 20 | 0xc8;
/// `/dev/fuse`: who holds it gets what others write to a file system that it serves.
pub const DEVICE_FUSE: u32 = 10 << 20 | 0xe5;

/// [`crate::net::FlowValue::family`] of what a process wrote to the files of one file system, which is none of a socket.
pub const FAMILY_FILES: u16 = 0xffff;
/// Stands for a family in [`crate::socket::SocketRecord`]: no socket, but [`DEVICE_TUN`] was opened.
pub const FAMILY_TUNNEL: u16 = 0xfffe;
/// Upper half of [`crate::net::FlowKey::cookie`] of such a flow; the lower half is the file system's `s_dev`. No socket has
/// such a cookie: those are counted from 1 on each CPU, and a kernel's addresses are higher.
pub const FILES_COOKIE: u64 = 0x4653 << 48;

/// What became of a file at a look at its size.
pub const GROWTH_NONE: u32 = 0;
/// It grew.
pub const GROWTH_SOME: u32 = 1;
/// It is not watched any more: nobody has it open for writing, or it is not in memory.
pub const GROWTH_GONE: u32 = 2;

// SAFETY: `repr(C)`, integers with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FileKey {}

// SAFETY: `repr(C)`, integers: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FileSystem {}

// SAFETY: `repr(C)`, integers with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for DirKey {}

const _: () = assert!(size_of::<PathInfo>() == 4);
const _: () = assert!(size_of::<FileKey>() == 16);
const _: () = assert!(size_of::<OpenRecord>() == 104);
const _: () = assert!(size_of::<DirKey>() == 16);
const _: () = assert!(size_of::<FileSystem>() == 8);
