//! Bytes that arrive through sockets. A datagram's sender is not known here: what an unconnected socket receives
//! is booked on its entry without a peer.

use agent_common::{net::UdpPeer, unix::UNIX_RECEIVED};
use aya_ebpf::{
    EbpfContext,
    cty::c_void,
    macros::{btf_tracepoint, fexit, kprobe, tracepoint},
    programs::{BtfTracePointContext, FExitContext, ProbeContext, TracePointContext},
};

use super::unix;
use crate::{
    emit,
    kernel::{
        Fault, Outcome, layout, read,
        socket::{Handle, Socket, typed_sock},
        task,
    },
    ledger::{self, Moved},
    unbroken::Unbroken,
};

/// `MSG_PEEK`: the bytes stay in the socket and will be counted when they are taken.
const MSG_PEEK: i32 = 2;

/// `void sock_recv_length(struct sock *sk, int ret, int flags)`, from 6.3.
#[btf_tracepoint(function = "sock_recv_length")]
fn weir_recv_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let handle = Handle::of_typed(ctx.arg(0));
    emit::finish(&ctx, "weir_recv_tp_btf", try_received(ctx.arg(0), handle, ctx.arg(1), ctx.arg(2)));
    0
}

/// `sock:sock_recv_length`, from 6.3, as above: what perf's handler calls keeps the CPU, which programs at the
/// tracepoint itself do not from 7.0 on.
#[tracepoint]
fn weir_recv_held(ctx: TracePointContext) -> u32 {
    emit::finish(&ctx, "weir_recv_held", try_length(&ctx));
    0
}

/// `int inet_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)`, 5.10 to 7.x.
#[fexit(function = "inet_recvmsg")]
fn weir_recv_inet(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_recv_inet", try_socket_received(ctx.arg(0), ctx.arg(4), ctx.arg(3)));
    0
}

/// `int inet6_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)`, 5.10 to 7.x.
#[fexit(function = "inet6_recvmsg")]
fn weir_recv_inet6(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_recv_inet6", try_socket_received(ctx.arg(0), ctx.arg(4), ctx.arg(3)));
    0
}

/// `void tcp_cleanup_rbuf(struct sock *sk, int copied)`, 5.10 to 7.x: after bytes were copied to the reader.
#[kprobe]
fn weir_recv_tcp(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_recv_tcp", try_probed(ctx.arg(0), ctx.arg(1)));
    0
}

/// `void skb_consume_udp(struct sock *sk, struct sk_buff *skb, int len)`, 5.10 to 7.x; negative when peeking.
#[kprobe]
fn weir_recv_udp(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_recv_udp", try_probed(ctx.arg(0), ctx.arg(2)));
    0
}

#[inline(always)]
fn try_length(ctx: &TracePointContext) -> Outcome {
    let record = ctx.as_ptr() as u64;
    let sock: u64 = read(record, layout!(msg_length_sk)).ok_or(Fault::Socket)?;
    let bytes: i32 = read(record, layout!(msg_length_ret)).ok_or(Fault::Socket)?;
    let flags: i32 = read(record, layout!(msg_length_flags)).ok_or(Fault::Socket)?;
    try_received(sock, Handle::of_address(sock), bytes, flags)
}

#[inline(always)]
fn try_received(sock: u64, handle: Handle, bytes: i32, flags: i32) -> Outcome {
    if bytes <= 0 || flags & MSG_PEEK != 0 {
        return Ok(());
    }
    let Some(socket) = Socket::of(sock, handle) else {
        return unix::moved(sock, bytes, UNIX_RECEIVED);
    };
    let process = task::current_key().ok_or(Fault::Task)?;
    ledger::count(
        process,
        &socket,
        UdpPeer::default(),
        Moved { bytes: u64::from(bytes.cast_unsigned()), sent: false },
    );
    Ok(())
}

#[inline(always)]
fn try_socket_received(socket: *mut c_void, bytes: i32, flags: i32) -> Outcome {
    let Some(sock) = typed_sock(socket) else {
        return Ok(());
    };
    try_received(sock as u64, Handle::of_typed(sock), bytes, flags)
}

#[inline(always)]
fn try_probed(sock: Option<u64>, bytes: Option<i32>) -> Outcome {
    let (Some(sock), Some(bytes)) = (sock, bytes) else {
        return Err(Fault::Socket);
    };
    try_received(sock, Handle::of_address(sock), bytes, 0)
}
