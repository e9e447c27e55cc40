//! Answers of name servers, as they come in on the wire.

use crate::record::RecordHead;

/// Port on which name servers answer.
pub const DNS_PORT: u16 = 53;
/// Bytes of a DNS message's header; fewer are no message.
pub const DNS_HEADER: usize = 12;
/// Bytes of a message that a record carries at most: what a datagram holds that no path has to break up (the size
/// that resolvers have agreed on since 2020). A longer message comes over TCP, and is cut.
pub const DNS_MESSAGE_MAX: usize = 1232;

/// A message from port 53 that says that it answers a question, and has answers. The tail is the message. 72 bytes.
///
/// It comes in outside of any process: the head's process and thread are zero.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct DnsRecord {
    /// Common head.
    pub head: RecordHead,
    /// Source address of the packet (IPv4 as `::ffff:a.b.c.d`).
    pub server: [u8; 16],
    /// Inode number of the receiving socket's network namespace; 0 where this kernel does not tell.
    pub net_ns: u32,
    /// Bytes of the message as the packet, and for TCP its length field, has it.
    pub whole: u32,
    /// Bytes of the message in the tail, from its beginning.
    pub len: u32,
    /// `IPPROTO_UDP` or `IPPROTO_TCP`.
    pub protocol: u16,
    /// Always zero.
    pub _pad: [u8; 2],
}

const _: () = assert!(size_of::<DnsRecord>() == 72);
const _: () = assert!(core::mem::offset_of!(DnsRecord, server) == 40);
const _: () = assert!(core::mem::offset_of!(DnsRecord, whole) == 60);
const _: () = assert!(core::mem::offset_of!(DnsRecord, protocol) == 68);
