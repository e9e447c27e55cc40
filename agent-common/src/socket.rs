//! Sockets of families that are worth a record of their own.

use crate::{process::ProcessKey, record::RecordHead};

/// The process of the head made a socket of a family that neither stays on this host by its nature nor has addresses of the
/// internet. Once for a process and a family. 48 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct SocketRecord {
    /// Common head.
    pub head: RecordHead,
    /// `AF_*`, or [`crate::file::FAMILY_TUNNEL`].
    pub family: u16,
    /// `SOCK_*`.
    pub kind: u16,
    /// Always zero.
    pub _pad: u32,
}

/// A socket as the programs remember having told it. 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketMade {
    /// Who made it.
    pub process: ProcessKey,
    /// `AF_*`.
    pub family: u64,
}

// SAFETY: `repr(C)`, integers without padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for SocketMade {}

const _: () = assert!(size_of::<SocketRecord>() == 48);
const _: () = assert!(core::mem::offset_of!(SocketRecord, family) == 40);
const _: () = assert!(size_of::<SocketMade>() == 24);
