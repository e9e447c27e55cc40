//! The head that every ring record begins with, and the tags that say what follows.

use crate::process::ProcessKey;

/// Tag of a fork record: [`crate::process::ForkRecord`].
pub const KIND_FORK: u16 = 1;
/// Tag of an exec record: [`crate::process::ExecRecord`] and its tail.
pub const KIND_EXEC: u16 = 2;
/// Tag of an exit record: [`crate::process::ExitRecord`].
pub const KIND_EXIT: u16 = 3;
/// Tag of an open record: [`crate::file::OpenRecord`] and its tail.
pub const KIND_OPEN: u16 = 4;
/// Tag of a flow record: [`crate::net::FlowRecord`].
pub const KIND_FLOW: u16 = 5;
/// Tag of an answer of a name server: [`crate::dns::DnsRecord`] and its tail.
pub const KIND_DNS: u16 = 6;
/// Tag of a record about a unix socket: [`crate::unix::UnixRecord`].
pub const KIND_UNIX: u16 = 7;
/// Tag of a record about a process's memory: [`crate::memory::MemoryRecord`].
pub const KIND_MEMORY: u16 = 8;
/// Tag of what a flow sends first, and of a question: [`crate::content::ContentRecord`] and its tail.
pub const KIND_CONTENT: u16 = 9;
/// Tag of a socket of a family with a record of its own: [`crate::socket::SocketRecord`].
pub const KIND_SOCKET: u16 = 10;

/// Head of every record. 40 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct RecordHead {
    /// Nanoseconds since boot, suspend included (`bpf_ktime_get_boot_ns`), read when the hook fired.
    pub time_ns: u64,
    /// Who acted: the caller of fork, the process that called execve, the opener, the sender.
    pub process: ProcessKey,
    /// Thread id of the acting thread.
    pub tid: u32,
    /// One of the `KIND_*` tags. An unknown tag is a value, counted and skipped.
    pub kind: u16,
    /// CPU on which the record was made.
    pub cpu: u16,
    /// Bytes of the whole record, head and tail included.
    pub len: u32,
    /// Always zero.
    pub _pad: u32,
}

const _: () = assert!(size_of::<RecordHead>() == 40);
