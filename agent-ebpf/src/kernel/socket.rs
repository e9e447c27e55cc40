//! Sockets: cookie, addresses, identity.

use agent_common::{
    kernel_layout::ABSENT,
    net::{FlowValue, UdpPeer},
};
use aya_ebpf::{cty::c_void, helpers::generated::bpf_get_socket_cookie};

pub(crate) use agent_common::net::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE};

use super::{layout, peek, peek_into, read, tuning};

/// `AF_UNSPEC`.
pub(crate) const AF_UNSPEC: u16 = 0;
/// `AF_UNIX`: never leaves the host.
pub(crate) const AF_UNIX: u16 = 1;
/// `AF_NETLINK`: talks to the kernel.
pub(crate) const AF_NETLINK: u16 = 16;
/// `SOCK_STREAM`.
pub(crate) const SOCK_STREAM: u16 = 1;
/// `SOCK_RAW`.
const SOCK_RAW: u16 = 3;
/// `IPPROTO_ICMP`.
const IPPROTO_ICMP: u16 = 1;
/// `IPPROTO_ICMPV6`.
const IPPROTO_ICMPV6: u16 = 58;

/// What a flow is known by.
#[derive(Clone, Copy)]
pub(crate) struct Handle {
    /// Cookie, or the address of the `sock`.
    pub(crate) value: u64,
    /// 1 when it is the address.
    pub(crate) is_address: u8,
}

impl Handle {
    /// For programs whose argument the verifier knows to be a `sock`: the kernel makes a cookie if need be.
    #[inline(always)]
    pub(crate) fn of_typed(sock: *mut c_void) -> Self {
        if tuning!(has_socket_cookie) == 1 {
            // SAFETY: a `sock` that the verifier vouches for.
            return Self { value: unsafe { bpf_get_socket_cookie(sock) }, is_address: 0 };
        }
        Self::of_address(sock as u64)
    }

    /// For programs that hold a plain address: the cookie if one was ever made.
    #[inline(always)]
    pub(crate) fn of_address(sock: u64) -> Self {
        match read::<u64>(sock, layout!(sock_cookie)) {
            Some(cookie) if cookie != 0 => Self { value: cookie, is_address: 0 },
            Some(_) | None => Self::by_address(sock),
        }
    }

    /// The address itself, which is a socket's name as long as nobody made its cookie.
    #[inline(always)]
    pub(crate) const fn by_address(sock: u64) -> Self {
        Self { value: sock, is_address: 1 }
    }
}

/// A socket whose bytes count.
#[derive(Clone, Copy)]
pub(crate) struct Socket {
    pub(crate) address: u64,
    pub(crate) handle: Handle,
    pub(crate) family: u16,
    pub(crate) protocol: u16,
    pub(crate) kind: u16,
}

impl Socket {
    /// `None` for families that stay inside the host, and for what cannot be read.
    #[inline(always)]
    pub(crate) fn of(address: u64, handle: Handle) -> Option<Self> {
        let family: u16 = read(address, layout!(sock_family))?;
        if family == AF_UNIX || family == AF_NETLINK {
            return None;
        }
        Some(Self {
            address,
            handle,
            family,
            protocol: peek(address, layout!(sock_protocol)),
            kind: peek(address, layout!(sock_type)),
        })
    }

    /// Whether it has the addresses of an internet socket.
    #[inline(always)]
    pub(crate) fn is_inet(&self) -> bool {
        self.family == AF_INET || self.family == AF_INET6
    }

    /// Whether it is a connection, which has a direction.
    #[inline(always)]
    pub(crate) fn is_connection(&self) -> bool {
        self.is_inet() && self.kind == SOCK_STREAM
    }

    /// Whether each datagram may have its own destination, connected or not.
    #[inline(always)]
    pub(crate) fn is_udp(&self) -> bool {
        self.is_inet() && self.kind != SOCK_RAW && matches!(self.protocol, IPPROTO_UDP | IPPROTO_UDPLITE)
    }

    /// Whether each message may have its own destination, an address without a port: raw and ping sockets.
    #[inline(always)]
    pub(crate) fn is_raw(&self) -> bool {
        self.is_inet() && (self.kind == SOCK_RAW || matches!(self.protocol, IPPROTO_ICMP | IPPROTO_ICMPV6))
    }

    /// Whether it is connected to that very peer.
    #[inline(always)]
    pub(crate) fn is_connected_to(&self, peer: &UdpPeer) -> bool {
        let port = u16::from_be(peek(self.address, layout!(sock_dport)));
        let mut remote = [0; 16];
        if self.family == AF_INET {
            remote = mapped(peek(self.address, layout!(sock_daddr)));
        } else {
            peek_into(self.address, layout!(sock_v6_daddr), &mut remote);
        }
        (port == peer.port || self.is_raw())
            && u128::from_ne_bytes(remote) == u128::from_ne_bytes(peer.address)
    }

    /// Writes what identifies the flow's ends.
    #[inline(always)]
    pub(crate) fn describe(&self, value: &mut FlowValue) {
        value.family = self.family;
        value.protocol = self.protocol;
        value.sock_type = self.kind;
        let net: u64 = peek(self.address, layout!(sock_net));
        peek_into(net, layout!(net_inum), &mut value.net_ns);
        if !self.is_inet() {
            return;
        }
        peek_into(self.address, layout!(sock_num), &mut value.local_port);
        value.remote_port = u16::from_be(peek(self.address, layout!(sock_dport)));
        if self.family == AF_INET {
            value.local = mapped(peek(self.address, layout!(sock_rcv_saddr)));
            value.remote = mapped(peek(self.address, layout!(sock_daddr)));
        } else {
            peek_into(self.address, layout!(sock_v6_rcv_saddr), &mut value.local);
            peek_into(self.address, layout!(sock_v6_daddr), &mut value.remote);
        }
    }
}

/// Inode number in sockfs of a `sock`; 0 while nobody has accepted it, and once it is closed.
#[inline(always)]
pub(crate) fn inode(sock: u64) -> u64 {
    let socket: u64 = peek(sock, layout!(sock_socket));
    let (outer, beside) = (layout!(socket_alloc_socket), layout!(socket_alloc_inode));
    if socket == 0 || outer == ABSENT || beside == ABSENT {
        return 0;
    }
    peek(socket - u64::from(outer) + u64::from(beside), layout!(inode_ino))
}

/// The `sock` of a `socket` that the verifier knows by type: a direct load keeps the type, which the cookie
/// helper asks for.
#[inline(always)]
pub(crate) fn typed_sock(socket: *mut c_void) -> Option<*mut c_void> {
    let offset = layout!(socket_sk);
    if offset == ABSENT {
        return None;
    }
    let member: *const *mut c_void = socket.wrapping_byte_add(offset as usize).cast();
    // SAFETY: a member of a struct that the verifier vouches for.
    let sock = unsafe { member.read() };
    (!sock.is_null()).then_some(sock)
}

/// `::ffff:a.b.c.d` of an IPv4 address in network order.
#[inline(always)]
pub(crate) fn mapped(address: u32) -> [u8; 16] {
    let [a, b, c, d] = address.to_ne_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d]
}
