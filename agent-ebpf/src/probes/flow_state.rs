//! Connections: begun, accepted, closed.

use core::mem::MaybeUninit;

use agent_common::{
    net::{
        DIRECTION_IN, DIRECTION_OUT, FLOW_ACCEPTED, FLOW_CLOSED, FLOW_CONNECT, FlowKey, FlowRecord,
        FlowValue, UdpPeer,
    },
    process::ProcessKey,
    record::KIND_FLOW,
};
use aya_ebpf::{
    EbpfContext,
    helpers::generated::bpf_get_socket_cookie,
    macros::{btf_tracepoint, cgroup_sock, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext, SockContext},
};

use super::sequence;
use crate::{
    emit,
    kernel::{
        Fault, Outcome, scalar,
        socket::{Handle, IPPROTO_TCP, SOCK_STREAM, Socket},
        task,
    },
    ledger::{self, Moved},
    makeup::{self, Unbooked},
    maps::SOCKETS,
    unbroken::Undisturbed,
};

/// `TCP_ESTABLISHED`.
const ESTABLISHED: i32 = 1;
/// `TCP_SYN_SENT`.
const SYN_SENT: i32 = 2;
/// `TCP_SYN_RECV`.
const SYN_RECV: i32 = 3;
/// `TCP_FIN_WAIT1`: this end closes first.
const FIN_WAIT1: i32 = 4;
/// `TCP_FIN_WAIT2`: the other end has the FIN.
const FIN_WAIT2: i32 = 5;
/// `TCP_TIME_WAIT`.
const TIME_WAIT: i32 = 6;
/// `TCP_CLOSE`.
const CLOSE: i32 = 7;
/// `TCP_LAST_ACK`: this end closes, too.
const LAST_ACK: i32 = 9;
/// `TCP_CLOSING`: both ends close at once.
const CLOSING: i32 = 11;

/// Verdict of a cgroup program: let it pass, always.
const ALLOW: i32 = 1;

/// `void inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`, 5.10 to 7.x. In tasks that
/// connect and close, and in softirqs that interrupt them.
#[btf_tracepoint(function = "inet_sock_set_state")]
fn weir_state_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let mut flags = MaybeUninit::uninit();
    let _undisturbed = Undisturbed::begin(&mut flags);
    let handle = Handle::of_typed(ctx.arg(0));
    emit::finish(&ctx, "weir_state_tp_btf", try_set_state(ctx.arg(0), handle, ctx.arg(1), ctx.arg(2)));
    0
}

/// As above, where the tracepoint's types cannot be had.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
fn weir_state_raw_tp(ctx: RawTracePointContext) -> i32 {
    let mut flags = MaybeUninit::uninit();
    let _undisturbed = Undisturbed::begin(&mut flags);
    let handle = Handle::of_address(ctx.arg(0));
    emit::finish(&ctx, "weir_state_raw_tp", try_set_state(ctx.arg(0), handle, ctx.arg(1), ctx.arg(2)));
    0
}

/// `cgroup/sock_release` (5.9): the last descriptor of an internet socket is gone. Tells the end of the sockets
/// that have no states: datagram and raw ones. Of TCP sockets it books what other hooks missed.
#[cgroup_sock(sock_release)]
fn weir_socket_release(ctx: SockContext) -> i32 {
    emit::finish(&ctx, "weir_socket_release", release(&ctx));
    ALLOW
}

/// `cgroup/sock_create` (cookies since 5.7): makes the cookie of each new internet socket, for hooks that can read
/// one and not make it.
#[cgroup_sock(sock_create)]
fn weir_socket_create(ctx: SockContext) -> i32 {
    // SAFETY: the helper takes the context of a socket program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    if is_tcp(&ctx) {
        makeup::born(Handle { value: cookie, is_address: 0 });
    }
    ALLOW
}

#[inline(always)]
fn try_set_state(sock: u64, handle: Handle, from: i32, to: i32) -> Outcome {
    match to {
        // A connection is begun anew, perhaps with a socket that had one before.
        SYN_SENT => makeup::connects(sock, handle),
        ESTABLISHED if from == SYN_RECV => makeup::accepted(sock, handle),
        // The FIN is not queued yet.
        FIN_WAIT1 | LAST_ACK => {
            sequence::last_look(sock)?;
            make_up(sock, handle, from)?;
        }
        CLOSE => make_up(sock, handle, from)?,
        _ => {}
    }
    match (from, to) {
        (_, SYN_SENT) => {
            sequence::forget(sock);
            ledger::remember(handle.value, DIRECTION_OUT);
            let process = task::current_key().ok_or(Fault::Task)?;
            announce(sock, handle, process, FLOW_CONNECT, DIRECTION_OUT)
        }
        (SYN_RECV, ESTABLISHED) => {
            // Both ends called connect at once: this one did, too.
            if !ledger::remember_accepted(handle.value) {
                return Ok(());
            }
            announce(sock, handle, ProcessKey::default(), FLOW_ACCEPTED, DIRECTION_IN)
        }
        (_, CLOSE) => {
            let closed = close(sock, handle);
            // A cookie that came late (a dump of sockets makes them, too) left the socket a name from before.
            if handle.is_address == 0 { closed.and(close(sock, Handle::by_address(sock))) } else { closed }
        }
        _ => Ok(()),
    }
}

/// Books what the hook of sends missed of a connection that ends. The change with which it began to close may have been
/// missed, too.
#[inline(always)]
fn make_up(sock: u64, handle: Handle, from: i32) -> Outcome {
    let has_fin = matches!(from, FIN_WAIT1 | FIN_WAIT2 | TIME_WAIT | LAST_ACK | CLOSING);
    book(sock, handle, makeup::end(sock, handle, has_fin))
}

#[inline(always)]
fn book(sock: u64, handle: Handle, unbooked: Option<Unbooked>) -> Outcome {
    if let Some(unbooked) = unbooked {
        let socket = Socket::of(sock, handle).ok_or(Fault::Socket)?;
        let moved = Moved { bytes: unbooked.bytes, sent: true };
        ledger::count(unbooked.process, &socket, UdpPeer::default(), moved);
    }
    Ok(())
}

/// Forgets one name of a socket, and tells its end when anything was booked on it: a socket that listened never moved
/// a byte.
#[inline(always)]
fn close(sock: u64, handle: Handle) -> Outcome {
    if SOCKETS.remove(handle.value).is_err() {
        return Ok(());
    }
    announce(sock, handle, ProcessKey::default(), FLOW_CLOSED, DIRECTION_OUT)
}

#[inline(always)]
fn announce(sock: u64, handle: Handle, process: ProcessKey, what: u16, direction: u8) -> Outcome {
    let socket = Socket::of(sock, handle).ok_or(Fault::Socket)?;
    emit::fixed(|record: &mut FlowRecord| {
        begin(record, handle, process, what);
        socket.describe(&mut record.value);
        record.value.direction = direction;
    });
    Ok(())
}

#[inline(always)]
fn release(ctx: &SockContext) -> Outcome {
    // SAFETY: the helper takes the context of a socket program.
    let cookie = unsafe { bpf_get_socket_cookie(ctx.as_ptr()) };
    let handle = Handle { value: cookie, is_address: 0 };
    if is_tcp(ctx) {
        // The context is the socket itself.
        return if makeup::is_on() { last(scalar(ctx.as_ptr() as u64), handle) } else { Ok(()) };
    }
    // TCP says itself when it closes, which may be long after the last descriptor is gone.
    if SOCKETS.remove(cookie).is_ok() {
        emit::fixed(|record: &mut FlowRecord| begin(record, handle, ProcessKey::default(), FLOW_CLOSED));
    }
    Ok(())
}

/// Books what was missed of a TCP connection.
#[inline(always)]
fn last(sock: u64, handle: Handle) -> Outcome {
    // The rung that goes by the socket's position is behind it by one send.
    sequence::last_look(sock)?;
    let unbooked = makeup::last(sock, handle);
    let is_booked = unbooked.is_some();
    book(sock, handle, unbooked)?;
    // The connection's own end has been, and the ledger has begun anew.
    if is_booked && makeup::is_closed(sock) { close(sock, handle) } else { Ok(()) }
}

/// Whether it is a stream of TCP; raw sockets may have the protocol, too.
#[inline(always)]
fn is_tcp(ctx: &SockContext) -> bool {
    // SAFETY: the context is readable.
    let socket = unsafe { &*ctx.sock };
    let (kind, protocol) = (socket.type_, socket.protocol);
    kind == u32::from(SOCK_STREAM) && protocol == u32::from(IPPROTO_TCP)
}

/// Fills a flow record whose bytes are in the ledger alone.
#[inline(always)]
fn begin(record: &mut FlowRecord, handle: Handle, process: ProcessKey, what: u16) {
    emit::head(&mut record.head, KIND_FLOW, size_of::<FlowRecord>() as u32, process);
    record.key =
        FlowKey { process, cookie: handle.value, cookie_is_address: handle.is_address, ..FlowKey::default() };
    record.value = FlowValue::default();
    record.what = what;
    record._pad = [0; 6];
}
