//! Answers of name servers, as sockets receive them.
//!
//! The program runs for every packet that a socket takes, so that its first lines are what it costs: for IPv4 without
//! options one load and one comparison tell that a packet does not come from a name server. The process in whose
//! context it runs is not the one that asked; an answer is a fact about the host.

use agent_common::{
    counters::Counter,
    dns::{DNS_HEADER, DNS_MESSAGE_MAX, DNS_PORT, DnsRecord},
    net::{IPPROTO_TCP, IPPROTO_UDP},
};
use aya_ebpf::{
    bindings::__sk_buff, helpers::generated::bpf_skb_load_bytes, macros::cgroup_skb, programs::SkBuffContext,
};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, at_most, mask,
        packet::{Behind, PLAIN_V4, V4_HEADER, V6_HEADER, is_transport, load, namespace, transport_of_v6},
        socket::mapped,
        tuning,
    },
    maps::SCRATCH_DNS,
    unbroken::Unbroken,
};

/// Verdict of a cgroup program: let it pass, always.
const ALLOW: i32 = 1;
/// Bytes of the fixed part.
const FIXED: usize = size_of::<DnsRecord>();
/// Bytes of a UDP header.
const UDP_HEADER: u32 = 8;
/// Bytes of the length that TCP has before each message.
const LENGTH: u32 = 2;
/// Bits of a header's third byte: it is an answer (`QR`), to an ordinary question (`OPCODE` 0).
const QR_OPCODE: u8 = 0xf8;
/// See [`QR_OPCODE`].
const ANSWER: u8 = 0x80;
/// Bits of a header's fourth byte: the kind of failure (`RCODE`), 0 for none.
const RCODE: u8 = 0x0f;
/// Bytes of a message that fit the mask with which the verifier sees their bound.
const MESSAGE_MASK: u32 = 2047;

const _: () = assert!(DNS_MESSAGE_MAX <= MESSAGE_MASK as usize);

/// `cgroup_skb/ingress` (4.10; packet access 5.0): `sk_filter` of TCP, UDP and other internet sockets, with the packet
/// from its network header on. IP fragments are put together by then, and the transport header is in the linear part.
#[cgroup_skb(ingress)]
fn weir_dns_answer(ctx: SkBuffContext) -> i32 {
    if let Some(packet) = from_server(ctx.skb.skb) {
        // What follows is no part of the way that every packet takes. Another task on this CPU may be given an answer,
        // too, and would use the same area for it.
        let _unbroken = Unbroken::begin();
        emit::finish(&ctx, "weir_dns_answer", try_answer(ctx.skb.skb, &packet));
    }
    ALLOW
}

/// A packet from port 53.
struct Packet {
    /// Where its transport header starts.
    transport: u32,
    /// `IPPROTO_*`.
    protocol: u8,
    /// Its source (IPv4 as `::ffff:a.b.c.d`).
    server: [u8; 16],
}

/// The packet, when it comes from a name server.
#[inline(always)]
fn from_server(skb: *mut __sk_buff) -> Option<Packet> {
    // SAFETY: the context is readable.
    let data = unsafe { (*skb).data } as usize as *const u8;
    // SAFETY: as above.
    let end = unsafe { (*skb).data_end } as usize as *const u8;
    if data.wrapping_add(V4_HEADER + 4) > end {
        return None;
    }
    // SAFETY: within the bound that was just compared.
    if unsafe { data.read() } == PLAIN_V4 {
        // SAFETY: as above; packets are aligned to 4 from the network header on, or the processor does not care.
        if unsafe { data.wrapping_add(V4_HEADER).cast::<u16>().read() } != DNS_PORT.to_be() {
            return None;
        }
        return Some(of_v4(data, V4_HEADER as u32));
    }
    uncommon(skb, data, end)
}

/// What is in the fixed part of an IPv4 header, which the caller has compared with the packet's end.
#[inline(always)]
fn of_v4(data: *const u8, transport: u32) -> Packet {
    // SAFETY: within the bound that the caller compared.
    let protocol = unsafe { data.wrapping_add(9).read() };
    // SAFETY: as above.
    let source = unsafe { data.wrapping_add(12).cast::<u32>().read() };
    Packet { transport, protocol, server: mapped(source) }
}

/// IPv4 with options, and IPv6; nothing for other ports.
#[inline(always)]
fn uncommon(skb: *mut __sk_buff, data: *const u8, end: *const u8) -> Option<Packet> {
    // SAFETY: the caller has compared the bound.
    let first = unsafe { data.read() };
    if first >> 4 == 4 {
        return Some(of_v4(data, u32::from(first & 15) * 4))
            .filter(|packet| is_from_server(skb, packet.transport));
    }
    if data.wrapping_add(V6_HEADER + 4) > end {
        return None;
    }
    // SAFETY: within the bound that was just compared.
    let next = unsafe { data.wrapping_add(6).read() };
    let (transport, protocol) = if is_transport(next) {
        // SAFETY: as above.
        if unsafe { data.wrapping_add(V6_HEADER).cast::<u16>().read() } != DNS_PORT.to_be() {
            return None;
        }
        (V6_HEADER as u32, next)
    } else {
        match transport_of_v6(skb, next) {
            Behind::Transport(transport, protocol) if is_from_server(skb, transport) => (transport, protocol),
            Behind::Transport(..) | Behind::Other => return None,
            Behind::TooFar => {
                unread(skb);
                return None;
            }
        }
    };
    let mut server = [0; 16];
    load(skb, 8, &mut server).then_some(Packet { transport, protocol, server })
}

#[inline(always)]
fn is_from_server(skb: *mut __sk_buff, transport: u32) -> bool {
    let mut port = [0_u8; 2];
    load(skb, transport, &mut port) && u16::from_be_bytes(port) == DNS_PORT
}

#[inline(always)]
fn try_answer(skb: *mut __sk_buff, packet: &Packet) -> Outcome {
    // SAFETY: the context is readable.
    let total = unsafe { (*skb).len };
    let message = if packet.protocol == IPPROTO_UDP as u8 {
        datagram(skb, packet.transport + UDP_HEADER, total)
    } else if packet.protocol == IPPROTO_TCP as u8 {
        segment(skb, packet.transport, total)
    } else {
        None
    };
    let Some(Message { start, whole }) = message else { return Ok(()) };
    let there = total - start;
    let copied = if whole < there { whole } else { there };
    let copied = at_most::<{ DNS_MESSAGE_MAX as u32 }>(u64::from(copied));
    if whole as usize > DNS_MESSAGE_MAX || whole > there {
        emit::count(Counter::DnsCut, 1);
    }
    let scratch = emit::scratch(SCRATCH_DNS).ok_or(Fault::Map)?;
    // SAFETY: the area is larger than the record, aligned to 8, and this CPU's own.
    let record = unsafe { &mut *scratch.cast::<DnsRecord>() };
    record.server = packet.server;
    record.net_ns = namespace(skb);
    record.whole = whole;
    record.len = copied as u32;
    record.protocol = u16::from(packet.protocol);
    record._pad = [0; 2];
    // One at least, which the helper asks for, and no more than the area holds.
    let bounded = mask::<MESSAGE_MASK>(copied.wrapping_sub(1)) + 1;
    let tail = scratch.wrapping_add(FIXED);
    // SAFETY: the area is larger than the record and the mask.
    if unsafe { bpf_skb_load_bytes(skb.cast(), start, tail.cast(), bounded as u32) } != 0 {
        return Err(Fault::Socket);
    }
    let end = FIXED as u64 + copied;
    emit::head_of_host(&mut record.head, agent_common::record::KIND_DNS, end as u32);
    let concerns_host = concerns_host(record.net_ns);
    emit::dns(scratch, end, if concerns_host { Counter::DnsDropped } else { Counter::DnsDroppedElsewhere });
    Ok(())
}

/// A message that answers a question.
struct Message {
    /// Where it starts in the packet.
    start: u32,
    /// Its bytes, 12 at least; all of them may not be in the packet.
    whole: u32,
}

#[inline(always)]
fn datagram(skb: *mut __sk_buff, start: u32, total: u32) -> Option<Message> {
    let mut header = [0_u8; DNS_HEADER];
    (load(skb, start, &mut header) && is_answer(header)).then(|| Message { start, whole: total - start })
}

/// The message that a segment begins with: behind its length, or alone where the length came in a segment of its own.
///
/// It may be none: nobody knows here where messages begin in the stream, and who asks a server for a large answer
/// chooses where its segments do. So the agent believes none of it.
#[inline(always)]
fn segment(skb: *mut __sk_buff, transport: u32, total: u32) -> Option<Message> {
    let mut words = [0_u8; 1];
    if !load(skb, transport + 12, &mut words) {
        return None;
    }
    let [words] = words;
    let start = transport + u32::from(words >> 4) * 4;
    // Acknowledgements, and a length alone.
    if start + LENGTH >= total {
        return None;
    }
    let mut bytes = [0_u8; DNS_HEADER];
    if load(skb, start + LENGTH, &mut bytes) && is_message(bytes) {
        let mut length = [0_u8; 2];
        if !load(skb, start, &mut length) {
            return None;
        }
        let (start, whole) = (start + LENGTH, u32::from(u16::from_be_bytes(length)));
        // Further messages are not looked for. What is the length of the next one alone is followed by a segment that
        // begins with that message.
        if start + whole + LENGTH < total {
            unread(skb);
        }
        return (is_answer(bytes) && whole as usize >= DNS_HEADER).then_some(Message { start, whole });
    }
    if load(skb, start, &mut bytes) && is_message(bytes) {
        return is_answer(bytes).then(|| Message { start, whole: total - start });
    }
    unread(skb);
    None
}

/// Counts a packet that may hold answers and is not looked at.
#[inline(always)]
fn unread(skb: *mut __sk_buff) {
    let concerns_host = concerns_host(namespace(skb));
    emit::count(if concerns_host { Counter::DnsUnread } else { Counter::DnsUnreadElsewhere }, 1);
}

/// Whether what is lost in a network namespace may be what the host's servers said; anybody can make a namespace of his
/// own and lose there as much as he likes.
#[inline(always)]
fn concerns_host(net_ns: u32) -> bool {
    let host = tuning!(host_net_ns);
    host == 0 || net_ns == 0 || net_ns == host
}

/// Whether a header says that the message answers one ordinary question, well or not.
#[inline(always)]
const fn is_message(header: [u8; DNS_HEADER]) -> bool {
    let [_, _, flags, _, questions_high, questions, ..] = header;
    flags & QR_OPCODE == ANSWER && questions_high == 0 && questions == 1
}

/// Whether it has answers.
#[inline(always)]
const fn is_answer(header: [u8; DNS_HEADER]) -> bool {
    let [_, _, _, failure, _, _, answers_high, answers, ..] = header;
    is_message(header) && failure & RCODE == 0 && answers_high | answers != 0
}
