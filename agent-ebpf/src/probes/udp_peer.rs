//! Destinations that datagrams bring with them, which the hooks that count bytes do not know.

use agent_common::net::UdpPeer;
use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, generated::bpf_get_socket_cookie},
    macros::cgroup_sock_addr,
    programs::SockAddrContext,
};

use crate::{
    emit,
    kernel::{Fault, Outcome, socket::mapped},
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
    let peer = UdpPeer { address, port: u16::from_be(port as u16), _pad: [0; 6] };
    UDP_PEER.insert(Sending { thread: bpf_get_current_pid_tgid(), cookie }, peer, 0).map_err(|_| Fault::Map)
}
