//! Who may read another process's memory.

use crate::{process::ProcessKey, record::RecordHead};

/// The process of the head was granted access to another one's memory, as a debugger has it. Once for two processes.
/// 56 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct MemoryRecord {
    /// Common head.
    pub head: RecordHead,
    /// Whose memory it is.
    pub owner: ProcessKey,
}

/// An access as the programs remember having told it. 32 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryAccess {
    /// Who has it.
    pub reader: ProcessKey,
    /// Whose memory it is.
    pub owner: ProcessKey,
}

const _: () = assert!(size_of::<MemoryRecord>() == 56);
const _: () = assert!(core::mem::offset_of!(MemoryRecord, owner) == 40);
const _: () = assert!(size_of::<MemoryAccess>() == 32);
