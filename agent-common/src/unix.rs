//! Unix sockets: who sends through one, and who receives.

use crate::{process::ProcessKey, record::RecordHead};

/// The process sent something.
pub const UNIX_SENT: u16 = 1;
/// The process received something.
pub const UNIX_RECEIVED: u16 = 2;

/// The first send or receive of a process through a unix socket, and once more when a peer that was not accepted at
/// the first send has been since. 80 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct UnixRecord {
    /// Common head.
    pub head: RecordHead,
    /// Inode in sockfs of the process's own end.
    pub inode: u64,
    /// A name for the own end that it also has before somebody accepts it, when there is no inode yet.
    pub name: u64,
    /// Inode of the other end; 0 when nobody has accepted it yet. Only of a send.
    pub peer_inode: u64,
    /// The other end's name, while there is no inode; else 0.
    pub peer_name: u64,
    /// `UNIX_*`.
    pub what: u16,
    /// `SOCK_*`.
    pub sock_type: u16,
    /// Always zero.
    pub _pad: [u8; 4],
}

/// One process's use of one end, as the programs remember having told it. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnixUse {
    /// The process.
    pub process: ProcessKey,
    /// Inode of its end.
    pub inode: u64,
    /// `UNIX_*`.
    pub what: u64,
}

// SAFETY: `repr(C)`, integers with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for UnixUse {}

const _: () = assert!(size_of::<UnixRecord>() == 80);
const _: () = assert!(core::mem::offset_of!(UnixRecord, inode) == 40);
const _: () = assert!(core::mem::offset_of!(UnixRecord, what) == 72);
const _: () = assert!(size_of::<UnixUse>() == 32);
