//! What missed runs of a send hook left out of a TCP connection's bytes, made up for at the connection's end from its own
//! sequence numbers: the socket's write position moves by exactly what it accepts. Before the end nobody can tell what
//! was missed from what another call, which is still under way, will report itself. Only on kernels that can preempt a
//! task inside such a hook; elsewhere the verifier sees none of this.

use agent_common::{
    net::{DIRECTION_OUT, FlowKey},
    process::ProcessKey,
};

use crate::{
    emit::raise,
    kernel::{layout, peek, read, socket::Handle, tuning},
    maps::{LEDGER, SENT, SOCKETS, Sent},
};

/// A longer way than any that is believed: no CPU is away from a sender for so many bytes.
const TOO_FAR: i32 = 1 << 30;

/// `TCP_ESTABLISHED`.
const ESTABLISHED: u8 = 1;
/// `TCP_CLOSE_WAIT`: the other end sends nothing more.
const CLOSE_WAIT: u8 = 8;

/// Bytes of which the ledger has not heard, and whose.
pub(crate) struct Unbooked {
    pub(crate) process: ProcessKey,
    pub(crate) bytes: u64,
}

/// Notes where a connection begins. What was sent with its SYN may be reported later, which leaves the bytes booked ahead
/// of the socket, and less to make up for.
#[inline(always)]
pub(crate) fn begin(sock: u64, handle: Handle) {
    if !is_wanted(sock, handle) {
        return;
    }
    if let Some(sequence) = read::<u32>(sock, layout!(tcp_write_seq)) {
        let sent = Sent { process: ProcessKey::default(), booked: u64::from(sequence), ended: 0 };
        // What is not remembered is not made up for, and the runs that were missed are counted anyway.
        let _ = SENT.insert(handle.value, sent, 0);
    }
}

/// Makes up for a begin that was missed itself, as of `bytes` that were just sent: what the socket accepted so far is what
/// it transmitted for the first time and what waits to be. Only where none of that can have been booked before: the connect
/// was seen, so that the agent was there; the connection has not begun to end; the process has no bytes on it yet.
///
/// The lock is not held. Read in this order, a transmission in between makes the sum smaller, and then nothing is made up
/// for that was not missed.
#[inline(always)]
fn begin_late(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) {
    // SAFETY: a socket's direction is one byte, of which any value is one.
    if unsafe { SOCKETS.get(handle.value) } != Some(&DIRECTION_OUT) {
        return;
    }
    let state: u8 = peek(sock, layout!(sock_state));
    let key = FlowKey { process, cookie: handle.value, ..FlowKey::default() };
    if (state != ESTABLISHED && state != CLOSE_WAIT) || LEDGER.get_ptr(key).is_some() {
        return;
    }
    let again = read::<u64>(sock, layout!(tcp_bytes_retrans));
    let transmitted = read::<u64>(sock, layout!(tcp_bytes_sent));
    let next = read::<u32>(sock, layout!(tcp_snd_nxt));
    let position = read::<u32>(sock, layout!(tcp_write_seq));
    let (Some(again), Some(transmitted), Some(next), Some(position)) = (again, transmitted, next, position)
    else {
        return;
    };
    let waiting = position.wrapping_sub(next).cast_signed();
    let accepted = transmitted.wrapping_sub(again).cast_signed().wrapping_add(i64::from(waiting));
    if accepted < bytes.cast_signed() || accepted >= i64::from(TOO_FAR) {
        return;
    }
    let booked = u64::from(position).wrapping_sub(accepted.cast_unsigned()).wrapping_add(bytes);
    let _ = SENT.insert(handle.value, Sent { process, booked, ended: 0 }, 0);
}

/// Bytes to book for `bytes` that `process` sent: none when the connection's end has booked them, which is what becomes
/// of a call during which the connection was reset or shut down.
#[inline(always)]
pub(crate) fn to_book(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) -> u64 {
    if !is_wanted(sock, handle) {
        return bytes;
    }
    let Some(sent) = SENT.get_ptr_mut(handle.value) else {
        begin_late(sock, handle, process, bytes);
        return bytes;
    };
    // SAFETY: a value of a preallocated map; racing threads can but leave each other's names.
    let sent = unsafe { &mut *sent };
    if sent.ended != 0 {
        return 0;
    }
    sent.process = process;
    raise(&raw mut sent.booked, bytes);
    bytes
}

/// The connection accepts nothing more. Its FIN, where one was queued already, has a number of its own.
#[inline(always)]
pub(crate) fn end(sock: u64, handle: Handle, has_fin: bool) -> Option<Unbooked> {
    if !is_wanted(sock, handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; racing ends of one connection cannot be, as its lock is held.
    let sent = unsafe { &mut *SENT.get_ptr_mut(handle.value)? };
    if sent.ended != 0 {
        return None;
    }
    let bytes = missing(sock, sent, has_fin);
    if bytes == 0 || sent.process.pid == 0 {
        // Nothing is known to have been missed: a call under way reports itself.
        let _ = SENT.remove(handle.value);
        return None;
    }
    sent.ended = 1;
    Some(Unbooked { process: sent.process, bytes })
}

#[inline(always)]
fn is_wanted(sock: u64, handle: Handle) -> bool {
    // An address is soon another socket's.
    tuning!(makes_up) == 1 && handle.is_address == 0 && !is_below_another(sock)
}

/// Whether the connection carries what another layer made of what was sent, such as TLS records: their lengths differ.
#[inline(always)]
fn is_below_another(sock: u64) -> bool {
    read::<u64>(sock, layout!(tcp_upper)).is_some_and(|upper| upper != 0)
}

/// How far the socket is ahead of what was booked, modulo 2^32; nothing when that is not to be believed.
#[inline(always)]
fn missing(sock: u64, sent: &Sent, has_fin: bool) -> u64 {
    let Some(now) = read::<u32>(sock, layout!(tcp_write_seq)) else {
        return 0;
    };
    let ahead = now.wrapping_sub(sent.booked as u32).wrapping_sub(u32::from(has_fin)).cast_signed();
    if (0..TOO_FAR).contains(&ahead) { u64::from(ahead.cast_unsigned()) } else { 0 }
}
