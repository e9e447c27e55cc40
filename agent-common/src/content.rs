//! What flows begin with, as packets leave.

use crate::record::RecordHead;

/// Bytes of a stream that a record carries at most: a greeting, or a TLS client's first message up to the name it asks for.
pub const STREAM_MAX: usize = 2048;
/// Bytes of a question to a name server that a record carries at most: a name of 255 bytes, and what is around it.
pub const QUESTION_MAX: usize = 512;
/// Segments with data after which a stream is looked at once more: what follows a greeting tells more of what it carries.
pub const LATER_SEGMENTS: u32 = 64;

/// The first bytes that a stream sends.
pub const CONTENT_FIRST: u16 = 1;
/// Bytes from further on in a stream: of its segment number [`LATER_SEGMENTS`].
pub const CONTENT_LATER: u16 = 2;
/// A datagram to port 53.
pub const CONTENT_QUESTION: u16 = 3;

/// The begin of what a packet carries that leaves this host, or goes to a name server on it. The tail has room for
/// [`STREAM_MAX`] or [`QUESTION_MAX`] bytes, of which `len` are the packet's. 104 bytes.
///
/// Packets leave in whatever context the kernel runs just then: the head's process and thread are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct ContentRecord {
    /// Common head.
    pub head: RecordHead,
    /// Cookie of the socket.
    pub cookie: u64,
    /// Source address (IPv4 as `::ffff:a.b.c.d`).
    pub local: [u8; 16],
    /// Destination address.
    pub remote: [u8; 16],
    /// Source port, host order.
    pub local_port: u16,
    /// Destination port, host order.
    pub remote_port: u16,
    /// Inode number of the socket's network namespace; 0 where this kernel does not tell.
    pub net_ns: u32,
    /// Bytes behind the transport header in the whole packet.
    pub whole: u32,
    /// Bytes of them in the tail.
    pub len: u32,
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    pub protocol: u16,
    /// `CONTENT_*`.
    pub place: u16,
    /// Always zero.
    pub _pad: [u8; 4],
}

/// A record with room for `N` bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Sample<const N: usize> {
    /// The fixed part.
    pub record: ContentRecord,
    /// The bytes.
    pub bytes: [u8; N],
}

const _: () = assert!(size_of::<ContentRecord>() == 104);
const _: () = assert!(size_of::<Sample<STREAM_MAX>>() == 104 + STREAM_MAX);
const _: () = assert!(core::mem::offset_of!(ContentRecord, local) == 48);
const _: () = assert!(core::mem::offset_of!(ContentRecord, net_ns) == 84);
const _: () = assert!(core::mem::offset_of!(ContentRecord, place) == 98);
