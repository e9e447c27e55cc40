//! Bytes that leave through sockets.

use agent_common::{net::UdpPeer, unix::UNIX_SENT};
use aya_ebpf::{
    EbpfContext,
    cty::c_void,
    helpers::bpf_get_current_pid_tgid,
    macros::{btf_tracepoint, fexit, kprobe, tracepoint},
    programs::{BtfTracePointContext, FExitContext, ProbeContext, TracePointContext},
};

use super::unix;
use crate::{
    emit,
    kernel::{
        Fault, Outcome, layout, peek, read,
        socket::{
            AF_INET, AF_INET6, AF_UNSPEC, Handle, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, Socket, mapped,
            typed_sock,
        },
        task,
    },
    ledger::{self, Moved},
    makeup,
    maps::{Sending, UDP_PEER},
    unbroken::Unbroken,
};

/// Where a hook does not see the message.
const NO_MESSAGE: u64 = 0;

/// Longest datagram; a longer one fails with `EMSGSIZE` before anything else is looked at.
const DATAGRAM_MAX: u64 = 0xffff;

/// `void sock_send_length(struct sock *sk, int ret, int flags)`, from 6.3: every family, and write, send,
/// sendmsg, `io_uring` alike; sendfile and splice too, but for 6.3 and 6.4, where they went through
/// `inet_sendpage` ([`send_page`]).
#[btf_tracepoint(function = "sock_send_length")]
fn weir_send_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let handle = Handle::of_typed(ctx.arg(0));
    emit::finish(&ctx, "weir_send_tp_btf", try_sent(ctx.arg(0), handle, NO_MESSAGE, ctx.arg(1)));
    0
}

/// `sock:sock_send_length`, from 6.3, as above: what perf's handler calls keeps the CPU, which programs at the
/// tracepoint itself do not from 7.0 on.
#[tracepoint]
fn weir_send_held(ctx: TracePointContext) -> u32 {
    emit::finish(&ctx, "weir_send_held", try_length(&ctx));
    0
}

/// `int inet_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)`, 5.10 to 7.x.
#[fexit(function = "inet_sendmsg")]
fn weir_send_inet(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_send_inet", try_socket_sent(ctx.arg(0), ctx.arg(1), ctx.arg(3)));
    0
}

/// `int inet6_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)`, 5.10 to 7.x.
#[fexit(function = "inet6_sendmsg")]
fn weir_send_inet6(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_send_inet6", try_socket_sent(ctx.arg(0), ctx.arg(1), ctx.arg(3)));
    0
}

/// `ssize_t inet_sendpage(struct socket *sock, struct page *page, int offset, size_t size, int flags)`, 5.10 to
/// 6.4; gone in 6.5, which sends pages through sendmsg.
#[fexit(function = "inet_sendpage")]
fn weir_send_page(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_send_page", try_page_sent(ctx.arg(0), ctx.arg(5)));
    0
}

/// `int udp_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)`, and `udpv6_sendmsg`, `raw_sendmsg`,
/// `rawv6_sendmsg`, `ping_v4_sendmsg` and `ping_v6_sendmsg` with the same arguments, 5.10 to 7.x, at entry: what was
/// asked for, which for a datagram is what is sent unless it fails.
#[kprobe]
fn weir_send_udp(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_send_udp", try_datagram(&ctx));
    0
}

#[inline(always)]
fn try_length(ctx: &TracePointContext) -> Outcome {
    let record = ctx.as_ptr() as u64;
    let sock: u64 = read(record, layout!(msg_length_sk)).ok_or(Fault::Socket)?;
    let bytes: i32 = read(record, layout!(msg_length_ret)).ok_or(Fault::Socket)?;
    try_sent(sock, Handle::of_address(sock), NO_MESSAGE, bytes)
}

#[inline(always)]
fn try_sent(sock: u64, handle: Handle, message: u64, bytes: i32) -> Outcome {
    let Some(socket) = Socket::of(sock, handle) else {
        return unix::moved(sock, bytes, UNIX_SENT);
    };
    // A datagram that failed leaves its destination behind as well: it must not be the next one's.
    let remembered = if socket.is_udp() {
        take_peer(handle)
    } else if socket.is_raw() {
        take_peer(Handle::by_address(sock))
    } else {
        UdpPeer::default()
    };
    if bytes <= 0 {
        return Ok(());
    }
    let process = task::current_key().ok_or(Fault::Task)?;
    let peer = if !remembered.is_none() {
        other_peer(&socket, remembered)
    } else if (socket.is_udp() || socket.is_raw()) && message != NO_MESSAGE {
        other_peer(&socket, left_peer(&socket, message))
    } else {
        UdpPeer::default()
    };
    let mut bytes = u64::from(bytes.cast_unsigned());
    if socket.protocol == IPPROTO_TCP && socket.is_connection() {
        bytes = makeup::to_book(sock, handle, process, bytes);
    }
    ledger::count(process, &socket, peer, Moved { bytes, sent: true });
    Ok(())
}

/// Where this thread's datagram went, if it brought its destination: another hook saw the address a moment ago.
/// Else all zeros, which is no destination. An `Option` would leave its value
/// undefined, and a spill of what is undefined is a read that the verifier refuses.
#[inline(always)]
fn take_peer(handle: Handle) -> UdpPeer {
    let sending = Sending { thread: bpf_get_current_pid_tgid(), socket: handle.value };
    // SAFETY: an entry of a preallocated map that only this thread makes; it is copied at once.
    let Some(peer) = (unsafe { UDP_PEER.get(sending) }).copied() else {
        return UdpPeer::default();
    };
    // If the map has thrown it out meanwhile, it is gone all the same.
    let _ = UDP_PEER.remove(sending);
    peer
}

/// The peer, or none when it is the one that the socket is connected to anyway.
#[inline(always)]
fn other_peer(socket: &Socket, peer: UdpPeer) -> UdpPeer {
    if socket.is_connected_to(&peer) { UdpPeer::default() } else { peer }
}

/// Destination in a `msghdr` after the send. On its way through IPv6 an IPv4 destination's address is left pointing
/// to a frame that is gone, so that only an address of the socket's own family is one.
#[inline(always)]
fn left_peer(socket: &Socket, message: u64) -> UdpPeer {
    let name: u64 = peek(message, layout!(msghdr_name));
    let family: u16 = peek(name, 0);
    if family == socket.family || (family == AF_UNSPEC && socket.is_raw()) {
        message_peer(socket, message)
    } else {
        UdpPeer::default()
    }
}

#[inline(always)]
fn try_socket_sent(socket: *mut c_void, message: u64, bytes: i32) -> Outcome {
    let Some(sock) = typed_sock(socket) else {
        return Ok(());
    };
    try_sent(sock as u64, Handle::of_typed(sock), message, bytes)
}

/// TCP, UDP and UDP-Lite alone: other protocols send pages through sendmsg, which [`send_inet`] counts.
#[inline(always)]
fn try_page_sent(socket: *mut c_void, bytes: i64) -> Outcome {
    let Some(sock) = typed_sock(socket) else {
        return Ok(());
    };
    let protocol: u16 = peek(sock as u64, layout!(sock_protocol));
    if !matches!(protocol, IPPROTO_TCP | IPPROTO_UDP | IPPROTO_UDPLITE) {
        return Ok(());
    }
    try_sent(sock as u64, Handle::of_typed(sock), NO_MESSAGE, bytes as i32)
}

#[inline(always)]
fn try_datagram(ctx: &ProbeContext) -> Outcome {
    let (Some(sock), Some(message), Some(length)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1), ctx.arg::<u64>(2))
    else {
        return Err(Fault::Socket);
    };
    if length > DATAGRAM_MAX {
        return Ok(());
    }
    let Some(socket) = Socket::of(sock, Handle::of_address(sock)) else {
        return Ok(());
    };
    let process = task::current_key().ok_or(Fault::Task)?;
    let peer = other_peer(&socket, message_peer(&socket, message));
    ledger::count(process, &socket, peer, Moved { bytes: length, sent: true });
    Ok(())
}

/// Destination in a `msghdr`, which the kernel has copied from user memory by now; zeros when there is none. Without a
/// length the kernel looks at no address, and what lies there may be an earlier call's. An address of no family is taken
/// for one of the socket's, except that IPv6 takes it for none on UDP sockets.
#[inline(always)]
pub(super) fn message_peer(socket: &Socket, message: u64) -> UdpPeer {
    let name: u64 = peek(message, layout!(msghdr_name));
    let length: u32 = peek(message, layout!(msghdr_namelen));
    if name == 0 || length == 0 {
        return UdpPeer::default();
    }
    // sockaddr_in and sockaddr_in6 begin alike: family, then the port in network order.
    let family = match peek(name, 0) {
        AF_UNSPEC if socket.family == AF_INET || socket.is_raw() => socket.family,
        family => family,
    };
    let port = if socket.is_raw() { 0 } else { u16::from_be(peek(name, 2)) };
    let address = match family {
        AF_INET => mapped(peek(name, 4)),
        AF_INET6 => peek(name, 8),
        _ => return UdpPeer::default(),
    };
    UdpPeer { address, port, _pad: [0; 6] }
}
