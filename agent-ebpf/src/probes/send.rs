//! Bytes that leave through sockets.

use agent_common::net::UdpPeer;
use aya_ebpf::{
    cty::c_void,
    macros::{btf_tracepoint, fexit, kprobe},
    programs::{BtfTracePointContext, FExitContext, ProbeContext},
};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, layout, peek,
        socket::{AF_INET, AF_INET6, Handle, IPPROTO_TCP, IPPROTO_UDP, Socket, mapped, typed_sock},
        task,
    },
    ledger::{self, Moved},
    maps::UDP_PEER,
};

/// `void sock_send_length(struct sock *sk, int ret, int flags)`, from 6.3: every family, and write, send,
/// sendmsg, `io_uring` alike; sendfile and splice too, but for 6.3 and 6.4, where they went through
/// `inet_sendpage` ([`send_page`]).
#[btf_tracepoint(function = "sock_send_length")]
fn send_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let handle = Handle::of_typed(ctx.arg(0));
    emit::finish(&ctx, "send_tp_btf", try_sent(ctx.arg(0), handle, ctx.arg(1)));
    0
}

/// `int inet_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)`, 5.10 to 7.x.
#[fexit(function = "inet_sendmsg")]
fn send_inet(ctx: FExitContext) -> i32 {
    emit::finish(&ctx, "send_inet", try_socket_sent(ctx.arg(0), ctx.arg(3)));
    0
}

/// `int inet6_sendmsg(struct socket *sock, struct msghdr *msg, size_t size)`, 5.10 to 7.x.
#[fexit(function = "inet6_sendmsg")]
fn send_inet6(ctx: FExitContext) -> i32 {
    emit::finish(&ctx, "send_inet6", try_socket_sent(ctx.arg(0), ctx.arg(3)));
    0
}

/// `ssize_t inet_sendpage(struct socket *sock, struct page *page, int offset, size_t size, int flags)`, 5.10 to
/// 6.4; gone in 6.5, which sends pages through sendmsg.
#[fexit(function = "inet_sendpage")]
fn send_page(ctx: FExitContext) -> i32 {
    emit::finish(&ctx, "send_page", try_page_sent(ctx.arg(0), ctx.arg(5)));
    0
}

/// `int udp_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)` and `udpv6_sendmsg`, 5.10 to 7.x, at entry:
/// what was asked for, which for a datagram is what is sent unless it fails.
#[kprobe]
fn send_udp(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "send_udp", try_datagram(&ctx));
    0
}

#[inline(always)]
fn try_sent(sock: u64, handle: Handle, bytes: i32) -> Outcome {
    if bytes <= 0 {
        return Ok(());
    }
    let Some(socket) = Socket::of(sock, handle) else {
        return Ok(());
    };
    let process = task::current_key().ok_or(Fault::Task)?;
    let peer = if socket.is_unconnected_udp() { remembered_peer(handle) } else { UdpPeer::default() };
    ledger::count(process, &socket, peer, Moved { bytes: u64::from(bytes.cast_unsigned()), sent: true });
    Ok(())
}

/// Where the datagram went: the cgroup hook saw its address a moment ago.
#[inline(always)]
fn remembered_peer(handle: Handle) -> UdpPeer {
    // SAFETY: an entry of a preallocated map; if it is reused meanwhile, the peer is another thread's.
    unsafe { UDP_PEER.get(handle.value) }.copied().unwrap_or_default()
}

#[inline(always)]
fn try_socket_sent(socket: *mut c_void, bytes: i32) -> Outcome {
    let Some(sock) = typed_sock(socket) else {
        return Ok(());
    };
    try_sent(sock as u64, Handle::of_typed(sock), bytes)
}

/// TCP and UDP alone: other protocols send pages through sendmsg, which [`send_inet`] counts.
#[inline(always)]
fn try_page_sent(socket: *mut c_void, bytes: i64) -> Outcome {
    let Some(sock) = typed_sock(socket) else {
        return Ok(());
    };
    let protocol: u16 = peek(sock as u64, layout!(sock_protocol));
    if protocol != IPPROTO_TCP && protocol != IPPROTO_UDP {
        return Ok(());
    }
    try_sent(sock as u64, Handle::of_typed(sock), bytes as i32)
}

#[inline(always)]
fn try_datagram(ctx: &ProbeContext) -> Outcome {
    let (Some(sock), Some(message), Some(length)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1), ctx.arg::<u64>(2))
    else {
        return Err(Fault::Socket);
    };
    let Some(socket) = Socket::of(sock, Handle::of_address(sock)) else {
        return Ok(());
    };
    let process = task::current_key().ok_or(Fault::Task)?;
    let peer = if socket.is_unconnected_udp() { message_peer(message) } else { UdpPeer::default() };
    ledger::count(process, &socket, peer, Moved { bytes: length, sent: true });
    Ok(())
}

/// Destination in a `msghdr`, which the kernel has copied from user memory by now; zeros when there is none.
#[inline(always)]
fn message_peer(message: u64) -> UdpPeer {
    let name: u64 = peek(message, layout!(msghdr_name));
    // sockaddr_in and sockaddr_in6 begin alike: family, then the port in network order.
    let family: u16 = peek(name, 0);
    let port = u16::from_be(peek(name, 2));
    let address = match family {
        AF_INET => mapped(peek(name, 4)),
        AF_INET6 => peek(name, 8),
        _ => [0; 16],
    };
    UdpPeer { address, port, _pad: [0; 6] }
}
