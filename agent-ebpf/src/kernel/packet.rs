//! Packets, as programs on the cgroup hierarchy see them: from the network header on.

use agent_common::net::{IPPROTO_TCP, IPPROTO_UDP};
use aya_ebpf::{bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes};

use super::{layout, peek, scalar};

/// Version 4, and a header of five words: no options.
pub(crate) const PLAIN_V4: u8 = 0x45;
/// Bytes of an IPv4 header without options.
pub(crate) const V4_HEADER: usize = 20;
/// Bytes of an IPv6 header without extensions.
pub(crate) const V6_HEADER: usize = 40;
/// Extension headers of IPv6 that are walked.
const EXTENSIONS: usize = 4;

/// What follows an IPv6 header.
pub(crate) enum Behind {
    /// A transport header: its place and protocol.
    Transport(u32, u8),
    /// Another protocol.
    Other,
    /// More extensions than are walked.
    TooFar,
}

/// Whether a protocol is TCP or UDP.
#[inline(always)]
pub(crate) const fn is_transport(protocol: u8) -> bool {
    protocol == IPPROTO_TCP as u8 || protocol == IPPROTO_UDP as u8
}

/// What is behind the header and the extensions of an IPv6 packet, of which the first is `first`.
#[inline(always)]
pub(crate) fn transport_of_v6(skb: *mut __sk_buff, first: u8) -> Behind {
    /// Options for every hop, routing, fragment, authentication, options for the destination.
    const KINDS: [u8; 5] = [0, 43, 44, 51, 60];
    let (mut offset, mut next) = (V6_HEADER as u32, first);
    for _ in 0..EXTENSIONS {
        if is_transport(next) {
            return Behind::Transport(offset, next);
        }
        if !KINDS.contains(&next) {
            return Behind::Other;
        }
        let mut header = [0_u8; 2];
        if !load(skb, offset, &mut header) {
            return Behind::Other;
        }
        let [following, length] = header;
        offset += match next {
            44 => 8,
            51 => (u32::from(length) + 2) * 4,
            _ => (u32::from(length) + 1) * 8,
        };
        next = following;
    }
    if is_transport(next) {
        Behind::Transport(offset, next)
    } else if KINDS.contains(&next) {
        Behind::TooFar
    } else {
        Behind::Other
    }
}

/// Copies bytes of the packet; false when it is too short.
#[inline(always)]
pub(crate) fn load<const N: usize>(skb: *mut __sk_buff, offset: u32, into: &mut [u8; N]) -> bool {
    // SAFETY: the helper checks the packet's bounds, and the buffer has that many bytes.
    unsafe { bpf_skb_load_bytes(skb.cast(), offset, into.as_mut_ptr().cast(), N as u32) == 0 }
}

/// Address of the socket.
#[inline(always)]
pub(crate) fn socket(skb: *mut __sk_buff) -> u64 {
    // SAFETY: the context is readable.
    let member = unsafe { &(*skb).__bindgen_anon_2 };
    // SAFETY: the word holds the socket; nothing else of the union is there.
    scalar(unsafe { member.sk } as u64)
}

/// Network namespace of the socket; 0 when the kernel does not tell.
#[inline(always)]
pub(crate) fn namespace(skb: *mut __sk_buff) -> u32 {
    let net: u64 = peek(socket(skb), layout!(sock_net));
    peek(net, layout!(net_inum))
}
