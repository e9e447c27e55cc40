//! Destinations that datagrams bring with them, which the hooks that count bytes do not know.

use agent_common::net::UdpPeer;
use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_socket_cookie},
    macros::{cgroup_sock_addr, fexit, kprobe},
    programs::{FExitContext, ProbeContext, SockAddrContext},
};

use super::send::message_peer;
use crate::{
    emit,
    kernel::{
        Fault, Outcome,
        socket::{Handle, Socket, mapped},
    },
    maps::{Sending, UDP_PEER},
    unbroken::Unbroken,
};

/// Verdict of a cgroup program: let it pass, always.
const ALLOW: i32 = 1;

/// `cgroup/sendmsg4` (4.18): `udp_sendmsg` to an address given with the message, before the bytes are counted.
#[cgroup_sock_addr(sendmsg4)]
fn weir_peer_v4(ctx: SockAddrContext) -> i32 {
    emit::finish(&ctx, "weir_peer_v4", try_v4(&ctx));
    ALLOW
}

/// `cgroup/sendmsg6` (4.18): `udpv6_sendmsg`, likewise.
#[cgroup_sock_addr(sendmsg6)]
fn weir_peer_v6(ctx: SockAddrContext) -> i32 {
    emit::finish(&ctx, "weir_peer_v6", try_v6(&ctx));
    ALLOW
}

/// `int raw_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)`, 5.10 to 7.x: no cgroup hook sees what it sends. The
/// tracepoint of sends comes after it.
#[fexit(function = "raw_sendmsg")]
fn weir_raw_v4(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_raw_v4", try_raw(ctx.arg(0), ctx.arg(1)));
    0
}

/// `rawv6_sendmsg`, likewise.
#[fexit(function = "rawv6_sendmsg")]
fn weir_raw_v6(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_raw_v6", try_raw(ctx.arg(0), ctx.arg(1)));
    0
}

/// `ping_v4_sendmsg`, likewise.
#[fexit(function = "ping_v4_sendmsg")]
fn weir_ping_v4(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_ping_v4", try_raw(ctx.arg(0), ctx.arg(1)));
    0
}

/// `ping_v6_sendmsg`, likewise.
#[fexit(function = "ping_v6_sendmsg")]
fn weir_ping_v6(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_ping_v6", try_raw(ctx.arg(0), ctx.arg(1)));
    0
}

/// Each of them at its entry. Other modules (`can_raw`) have a function of the name of the first as well: newer kernels
/// refuse a kprobe then.
#[kprobe]
fn weir_raw_peer(ctx: ProbeContext) -> u32 {
    let outcome = match (ctx.arg(0), ctx.arg(1)) {
        (Some(sock), Some(message)) => try_raw(sock, message),
        _ => Err(Fault::Socket),
    };
    emit::finish(&ctx, "weir_raw_peer", outcome);
    0
}

#[inline(always)]
fn try_v4(ctx: &SockAddrContext) -> Outcome {
    // SAFETY: the context is readable; so is each of its fields, by words.
    let address = unsafe { (*ctx.sock_addr).user_ip4 };
    keep(ctx, mapped(address))
}

#[inline(always)]
fn try_v6(ctx: &SockAddrContext) -> Outcome {
    // SAFETY: the context is readable; so is each of its fields, by words.
    let words = unsafe { &(*ctx.sock_addr).user_ip6 };
    let mut address = [0; 16];
    for (bytes, word) in address.chunks_exact_mut(4).zip(words) {
        // SAFETY: a word of the context; volatile so that the compiler does not join two reads into one.
        bytes.copy_from_slice(&unsafe { core::ptr::read_volatile(word) }.to_ne_bytes());
    }
    keep(ctx, address)
}

#[inline(always)]
fn keep(ctx: &SockAddrContext, address: [u8; 16]) -> Outcome {
    // SAFETY: the context is readable.
    let port = unsafe { (*ctx.sock_addr).user_port };
    // SAFETY: the helper takes the context of a socket address program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    remember(cookie, UdpPeer { address, port: u16::from_be(port as u16), _pad: [0; 6] })
}

/// The socket goes by its address: not all of these hooks could make its cookie.
#[inline(always)]
fn try_raw(sock: u64, message: u64) -> Outcome {
    let Some(socket) = Socket::of(sock, Handle::by_address(sock)) else {
        return Ok(());
    };
    let peer = message_peer(&socket, message);
    if peer.is_none() { Ok(()) } else { remember(sock, peer) }
}

#[inline(always)]
fn remember(socket: u64, peer: UdpPeer) -> Outcome {
    let sending = Sending { thread: bpf_get_current_pid_tgid(), socket };
    UDP_PEER.insert(sending, peer, 0).map_err(|_| Fault::Map)
}
