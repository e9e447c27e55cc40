//! The byte ledger and the records that announce its flows.

use crate::{process::ProcessKey, record::RecordHead};

/// Family of an IPv4 socket.
pub const AF_INET: u16 = 2;
/// Family of an IPv6 socket.
pub const AF_INET6: u16 = 10;
/// `AF_PACKET`: frames of every protocol.
pub const AF_PACKET: u16 = 17;
/// `AF_VSOCK`: to the hypervisor, and to the machines on it.
pub const AF_VSOCK: u16 = 40;
/// Protocol of a TCP socket.
pub const IPPROTO_TCP: u16 = 6;
/// Protocol of a UDP socket.
pub const IPPROTO_UDP: u16 = 17;
/// Protocol of a UDP-Lite socket (gone in 7.1).
pub const IPPROTO_UDPLITE: u16 = 136;

/// Key of a ledger entry: one process on one socket, and for an unconnected datagram socket one peer. 56 bytes.
///
/// A socket that is handed to another process gets a second entry, so that each sender has its own bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FlowKey {
    /// The process that sends or receives.
    pub process: ProcessKey,
    /// Socket cookie, or the socket's kernel address where no cookie can be had (`cookie_is_address`).
    pub cookie: u64,
    /// Peer address of an unconnected datagram (IPv4 as `::ffff:a.b.c.d`), zero for a connected socket.
    pub peer: [u8; 16],
    /// Peer port of an unconnected datagram, host order, zero for a connected socket and where there are no ports.
    pub peer_port: u16,
    /// 1 when `cookie` is the socket's address.
    pub cookie_is_address: u8,
    /// Always zero.
    pub _pad: [u8; 13],
}

/// The process opened the connection (`connect(2)`), or the socket never was a TCP connection seen to begin.
pub const DIRECTION_OUT: u8 = 0;
/// The connection was accepted by this host.
pub const DIRECTION_IN: u8 = 1;
/// The connection stood before the agent started.
pub const DIRECTION_UNKNOWN: u8 = 2;

/// Cumulative bytes of a flow and what identifies its ends. Never reset: userspace takes differences. 96 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FlowValue {
    /// Bytes that the socket layer accepted for sending.
    pub tx_bytes: u64,
    /// Bytes received, `MSG_PEEK` left out.
    pub rx_bytes: u64,
    /// Successful sends.
    pub tx_calls: u64,
    /// Successful receives.
    pub rx_calls: u64,
    /// Time of the first byte, nanoseconds since boot: tells this entry from an earlier one of the same key.
    pub first_ns: u64,
    /// Drain epoch in which this flow last announced itself.
    pub epoch: u64,
    /// Local address (IPv4 as `::ffff:a.b.c.d`).
    pub local: [u8; 16],
    /// Remote address.
    pub remote: [u8; 16],
    /// Local port, host order.
    pub local_port: u16,
    /// Remote port, host order.
    pub remote_port: u16,
    /// `AF_INET` 2, `AF_INET6` 10, or another family whose bytes are counted without addresses.
    pub family: u16,
    /// `sk_protocol`: TCP 6, UDP 17, ICMP 1, ...
    pub protocol: u16,
    /// Inode number of the socket's network namespace.
    pub net_ns: u32,
    /// `SOCK_STREAM` 1, `SOCK_DGRAM` 2, `SOCK_RAW` 3.
    pub sock_type: u16,
    /// `DIRECTION_*`.
    pub direction: u8,
    /// Always zero.
    pub _pad: u8,
}

/// The process called connect (TCP: the SYN is about to leave).
pub const FLOW_CONNECT: u16 = 1;
/// The first bytes since the last drain: the agent must read this entry at its next drain.
pub const FLOW_ACTIVE: u16 = 2;
/// The socket is closed: the entry may be deleted after a grace period. Only the key's cookie is meaningful.
pub const FLOW_CLOSED: u16 = 3;
/// An incoming connection was established. Only the key's cookie and the value's addresses are meaningful.
pub const FLOW_ACCEPTED: u16 = 4;

/// News about a flow. 200 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(
    feature = "user",
    derive(zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::KnownLayout, zerocopy::Immutable)
)]
pub struct FlowRecord {
    /// Common head.
    pub head: RecordHead,
    /// The flow.
    pub key: FlowKey,
    /// Its value when the record was made.
    pub value: FlowValue,
    /// `FLOW_*`.
    pub what: u16,
    /// Always zero.
    pub _pad: [u8; 6],
}

/// Destination of a datagram, as the hooks that see it hand it to the program that counts the send. 24 bytes.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UdpPeer {
    /// Address (IPv4 as `::ffff:a.b.c.d`).
    pub address: [u8; 16],
    /// Port, host order; 0 on raw and ping sockets, which have none.
    pub port: u16,
    /// Always zero.
    pub _pad: [u8; 6],
}

impl UdpPeer {
    /// Whether there is no destination. By words: a comparison of arrays is a loop.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.port == 0 && u128::from_ne_bytes(self.address) == 0
    }
}

/// Slot of the state array: the drain epoch, raised by the agent before it reads the ledger.
pub const STATE_EPOCH: u32 = 0;
/// Slot of the state array: 1 when the agent sleeps and the next submit must wake it.
pub const STATE_IDLE: u32 = 1;
/// Slots of the state array.
pub const STATE_SLOTS: u32 = 2;

// SAFETY: `repr(C)`, integers and byte arrays with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FlowKey {}

// SAFETY: `repr(C)`, integers and byte arrays with explicit padding: any bytes are a value.
#[cfg(feature = "user")]
unsafe impl aya::Pod for FlowValue {}

const _: () = assert!(size_of::<UdpPeer>() == 24);
const _: () = assert!(size_of::<FlowKey>() == 56);
const _: () = assert!(size_of::<FlowValue>() == 96);
const _: () = assert!(size_of::<FlowRecord>() == 200);
