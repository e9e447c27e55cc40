//! What flows begin with, as packets leave: enough to tell which protocol they speak, and what is asked of name servers.
//!
//! The program runs for every packet that a socket sends. A TCP socket counts the segments with data that it has sent,
//! so that nothing needs to be remembered to know a first one: for all others the program is three loads and a helper
//! that compares a field.

use agent_common::{
    content::{
        CONTENT_FIRST, CONTENT_LATER, CONTENT_QUESTION, ContentRecord, LATER_SEGMENTS, QUESTION_MAX,
        STREAM_MAX, Sample,
    },
    dns::DNS_PORT,
    net::{DIRECTION_IN, IPPROTO_TCP, IPPROTO_UDP},
    record::KIND_CONTENT,
};
use aya_ebpf::{
    bindings::__sk_buff,
    helpers::generated::{bpf_get_socket_cookie, bpf_skb_load_bytes, bpf_tcp_sock},
    macros::cgroup_skb,
    programs::SkBuffContext,
};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, mask,
        packet::{
            Behind, PLAIN_V4, V4_HEADER, V6_HEADER, is_transport, load, namespace, socket, transport_of_v6,
        },
        socket::mapped,
        tuning,
    },
    makeup,
    maps::SOCKETS,
};

/// Verdict of a cgroup program: let it pass, always.
const ALLOW: i32 = 1;
/// Bytes of a UDP header.
const UDP_HEADER: u32 = 8;
/// Lower half of `::1`.
const LOOPBACK_V6: u64 = 1;
/// Lower half of `::ffff:127.0.0.0`, without its last three bytes.
const LOOPBACK_V4: u64 = 0x00ff_ff7f;

/// `cgroup_skb/egress` (4.10; `bpf_tcp_sock` 5.1, `gso_segs` 5.1): `ip_finish_output` of a socket's packets, with the packet
/// from its network header on. A packet of several segments is still one; kTLS has encrypted it, unless the network card does.
#[cgroup_skb(egress)]
fn weir_content(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    let outcome = match place(skb) {
        0 => return ALLOW,
        CONTENT_QUESTION => question(skb),
        place => stream(skb, place),
    };
    emit::finish(&ctx, "weir_content", outcome);
    ALLOW
}

/// What there is to see in a packet: `CONTENT_*`, or 0.
#[inline(always)]
fn place(skb: *mut __sk_buff) -> u16 {
    // SAFETY: the context is readable.
    let member = unsafe { &(*skb).__bindgen_anon_2 };
    // SAFETY: the word holds the sending socket; nothing else of the union is there.
    let sock = unsafe { member.sk };
    if sock.is_null() {
        return 0;
    }
    // SAFETY: a socket that the verifier vouches for; the helper looks whether it is one of TCP.
    let tcp = unsafe { bpf_tcp_sock(sock) };
    if tcp.is_null() {
        return if is_question(skb) { CONTENT_QUESTION } else { 0 };
    }
    // SAFETY: what the helper gave is readable.
    let tcp = unsafe { &*tcp };
    // The socket has counted this packet's segments already.
    let (sent, acknowledged) = (tcp.data_segs_out, tcp.bytes_acked);
    // SAFETY: the context is readable.
    let several = unsafe { (*skb).gso_segs };
    let now = if several == 0 { 1 } else { several };
    if sent == 0 {
        0
    } else if sent <= now && acknowledged <= 1 {
        // The SYN alone was acknowledged. Beyond that it is an acknowledgement of what the other end answers.
        CONTENT_FIRST
    } else if sent >= LATER_SEGMENTS && sent - now < LATER_SEGMENTS {
        CONTENT_LATER
    } else {
        0
    }
}

/// Whether it is a datagram to port 53.
#[inline(always)]
fn is_question(skb: *mut __sk_buff) -> bool {
    // SAFETY: the context is readable.
    let data = unsafe { (*skb).data } as usize as *const u8;
    // SAFETY: as above.
    let end = unsafe { (*skb).data_end } as usize as *const u8;
    if data.wrapping_add(V4_HEADER + 4) > end {
        return false;
    }
    // SAFETY: within the bound that was just compared.
    if unsafe { data.read() } == PLAIN_V4 {
        // SAFETY: as above; packets are aligned to 4 from the network header on, or the processor does not care.
        let port = unsafe { data.wrapping_add(V4_HEADER + 2).cast::<u16>().read() };
        // SAFETY: as above.
        return port == DNS_PORT.to_be() && unsafe { data.wrapping_add(9).read() } == IPPROTO_UDP as u8;
    }
    if data.wrapping_add(V6_HEADER + 4) > end {
        return false;
    }
    // SAFETY: within the bound that was just compared.
    let next = unsafe { data.wrapping_add(6).read() };
    // SAFETY: as above.
    let port = unsafe { data.wrapping_add(V6_HEADER + 2).cast::<u16>().read() };
    if next == IPPROTO_UDP as u8 && port == DNS_PORT.to_be() {
        return true;
    }
    // IPv4 with options, and IPv6 with extensions.
    let mut ends = Ends::default();
    !is_transport(next) && ends.read(skb) && ends.protocol == IPPROTO_UDP && ends.remote_port == DNS_PORT
}

/// Both ends of a packet, and where its transport header is.
#[derive(Default)]
struct Ends {
    transport: u32,
    protocol: u16,
    local: [u8; 16],
    remote: [u8; 16],
    local_port: u16,
    remote_port: u16,
}

impl Ends {
    /// Reads them; false when there is no TCP or UDP.
    #[inline(always)]
    fn read(&mut self, skb: *mut __sk_buff) -> bool {
        let mut header = [0_u8; V4_HEADER];
        if !load(skb, 0, &mut header) {
            return false;
        }
        if header[0] >> 4 == 4 {
            self.transport = u32::from(header[0] & 15) * 4;
            self.protocol = u16::from(header[9]);
            self.local = mapped(u32::from_ne_bytes([header[12], header[13], header[14], header[15]]));
            self.remote = mapped(u32::from_ne_bytes([header[16], header[17], header[18], header[19]]));
        } else {
            let Behind::Transport(transport, protocol) = transport_of_v6(skb, header[6]) else {
                return false;
            };
            self.transport = transport;
            self.protocol = u16::from(protocol);
            if !load(skb, 8, &mut self.local) || !load(skb, 24, &mut self.remote) {
                return false;
            }
        }
        let mut ports = [0_u8; 4];
        if !load(skb, self.transport, &mut ports) {
            return false;
        }
        self.local_port = u16::from_be_bytes([ports[0], ports[1]]);
        self.remote_port = u16::from_be_bytes([ports[2], ports[3]]);
        self.protocol == IPPROTO_TCP || self.protocol == IPPROTO_UDP
    }

    /// Whether the packet stays on this host.
    #[inline(always)]
    fn is_loopback(&self) -> bool {
        let address = u128::from_be_bytes(self.remote);
        let (high, low) = ((address >> 64) as u64, address as u64);
        high == 0 && (low == LOOPBACK_V6 || low >> 24 == LOOPBACK_V4)
    }
}

/// The data of a TCP segment, unless this host accepted the connection or talks to itself.
#[inline(always)]
fn stream(skb: *mut __sk_buff, place: u16) -> Outcome {
    let mut ends = Ends::default();
    // IPsec may send a stream in datagrams.
    if !ends.read(skb) || ends.protocol != IPPROTO_TCP || ends.is_loopback() {
        return Ok(());
    }
    let mut words = [0_u8; 1];
    if !load(skb, ends.transport + 12, &mut words) {
        return Ok(());
    }
    let start = ends.transport + u32::from(words[0] >> 4) * 4;
    // SAFETY: the context is readable.
    if start >= unsafe { (*skb).len } {
        // An acknowledgement.
        return Ok(());
    }
    let sock = socket(skb);
    // What a network card encrypts is still in the clear. Where other hooks cannot make a cookie, an accepted socket is known by
    // its address, and is to have no other name.
    if makeup::is_below_another(sock) || (tuning!(has_socket_cookie) == 0 && is_accepted(sock)) {
        return Ok(());
    }
    let cookie = cookie(skb);
    if is_accepted(cookie) {
        return Ok(());
    }
    tell::<STREAM_MAX, { STREAM_MAX as u32 - 1 }>(skb, start, cookie, place, &ends)
}

/// Whether the connection with this name came in.
#[inline(always)]
fn is_accepted(name: u64) -> bool {
    // SAFETY: a value of a preallocated map; a racing removal can but make it stale.
    SOCKETS.get_ptr(name).is_some_and(|direction| unsafe { direction.read() } == DIRECTION_IN)
}

/// What is asked of a name server, which may be on this host and ask for others.
#[inline(always)]
fn question(skb: *mut __sk_buff) -> Outcome {
    let mut ends = Ends::default();
    if !ends.read(skb) {
        return Ok(());
    }
    let start = ends.transport + UDP_HEADER;
    // SAFETY: the context is readable.
    if start >= unsafe { (*skb).len } {
        return Ok(());
    }
    tell::<QUESTION_MAX, { QUESTION_MAX as u32 - 1 }>(skb, start, cookie(skb), CONTENT_QUESTION, &ends)
}

#[inline(always)]
fn cookie(skb: *mut __sk_buff) -> u64 {
    // SAFETY: the context is the packet's; the kernel makes a cookie for its socket if need be.
    unsafe { bpf_get_socket_cookie(skb.cast()) }
}

/// Sends the bytes from `start` on, one at least, `N` at most, of which the verifier sees the bound by `MASK`.
#[inline(always)]
fn tell<const N: usize, const MASK: u32>(
    skb: *mut __sk_buff,
    start: u32,
    cookie: u64,
    place: u16,
    ends: &Ends,
) -> Outcome {
    // SAFETY: the context is readable.
    let whole = unsafe { (*skb).len } - start;
    let Some(mut entry) = emit::sample::<Sample<N>>() else { return Ok(()) };
    let sample = entry.as_mut_ptr();
    // SAFETY: the ring gave the room, and every field is an integer or bytes.
    let record = unsafe { &mut (*sample).record };
    emit::head_of_host(&mut record.head, KIND_CONTENT, size_of::<Sample<N>>() as u32);
    let copied = if whole > MASK { N as u32 } else { whole };
    let bounded = mask::<MASK>(u64::from(copied).wrapping_sub(1)) + 1;
    *record = ContentRecord {
        head: record.head,
        cookie,
        local: ends.local,
        remote: ends.remote,
        local_port: ends.local_port,
        remote_port: ends.remote_port,
        net_ns: namespace(skb),
        whole,
        len: copied,
        protocol: ends.protocol,
        place,
        _pad: [0; 4],
    };
    // SAFETY: as above.
    let bytes = unsafe { &raw mut (*sample).bytes };
    // SAFETY: the room has as many bytes as the length at most.
    if unsafe { bpf_skb_load_bytes(skb.cast(), start, bytes.cast(), bounded as u32) } != 0 {
        entry.discard(0);
        return Err(Fault::Socket);
    }
    emit::submit_sample(entry);
    Ok(())
}
