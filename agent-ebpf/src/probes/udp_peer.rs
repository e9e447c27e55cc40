//! Destinations that datagrams bring with them, which the hooks that count bytes do not know.

use agent_common::net::UdpPeer;
use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_socket_cookie},
    macros::{cgroup_sock_addr, kprobe},
    programs::{ProbeContext, SockAddrContext},
};

use super::send::message_peer;
use crate::{
    emit,
    kernel::{
        Fault, Outcome,
        socket::{Handle, Socket, mapped},
    },
    maps::{Sending, UDP_PEER},
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

/// `int raw_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)`, `rawv6_sendmsg`, `ping_v4_sendmsg` and
/// `ping_v6_sendmsg`, 5.10 to 7.x: no cgroup hook sees what they send.
#[kprobe]
fn weir_peer_raw(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_peer_raw", try_raw(&ctx));
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
fn try_raw(ctx: &ProbeContext) -> Outcome {
    let (Some(sock), Some(message)) = (ctx.arg::<u64>(0), ctx.arg::<u64>(1)) else {
        return Err(Fault::Socket);
    };
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
