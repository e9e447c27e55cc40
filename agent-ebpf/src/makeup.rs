//! What missed runs of a send hook left out of a TCP connection's bytes, made up for at the connection's end from its own
//! sequence numbers: the socket's write position moves by exactly what it accepts. Before the end nobody can tell what
//! was missed from what another call, which is still under way, will report itself. Only on kernels that can preempt a
//! task inside such a hook; elsewhere the verifier sees none of this.
//!
//! The hook of connection states can be missed as well, with both the begin and the end of a connection. Hooks on the
//! cgroup hierarchy cannot, since no flag keeps them from entering themselves: with one of them every socket of a task
//! begins, with another it ends.

use agent_common::process::ProcessKey;

use crate::{
    emit::raise,
    kernel::{layout, peek, read, socket::Handle, task, tuning},
    maps::{SENT, Sent},
};

/// A longer way than any that is believed: no CPU is away from a sender for so many bytes.
const TOO_FAR: i32 = 1 << 30;

/// `TCP_ESTABLISHED`.
const ESTABLISHED: u8 = 1;
/// `TCP_CLOSE_WAIT`: the other end sends nothing more.
const CLOSE_WAIT: u8 = 8;

/// Stages of a socket in [`SENT`]: made, and where its stream begins is not known.
const BORN: u64 = 0;
/// Its stream's begin is known.
const CONNECTED: u64 = 1;
/// The end booked what was missing: calls that are still under way are part of that.
const ENDED: u64 = 2;

/// Bytes of which the ledger has not heard, and whose.
pub(crate) struct Unbooked {
    pub(crate) process: ProcessKey,
    pub(crate) bytes: u64,
}

/// A socket is made: what becomes its connection has been seen from the first byte on.
#[inline(always)]
pub(crate) fn born(cookie: u64) {
    if tuning!(makes_up) == 1 {
        note(cookie, Sent { process: ProcessKey::default(), booked: 0, stage: BORN });
    }
}

/// Notes where a connection begins. What was sent with its SYN may be reported later, which leaves the bytes booked ahead
/// of the socket, and less to make up for.
#[inline(always)]
pub(crate) fn begin(sock: u64, handle: Handle) {
    if !is_wanted(sock, handle) {
        return;
    }
    if let Some(sequence) = read::<u32>(sock, layout!(tcp_write_seq)) {
        let booked = u64::from(sequence);
        note(handle.value, Sent { process: ProcessKey::default(), booked, stage: CONNECTED });
    }
}

/// What is not remembered is not made up for, and the runs that were missed are counted anyway.
#[inline(always)]
fn note(cookie: u64, sent: Sent) {
    let _ = SENT.insert(cookie, sent, 0);
}

/// Where the stream of a connection began whose begin was missed: its write position, less what it transmitted for the
/// first time and what waits to be. Nothing unless it is open: what was sent before with the SYN was booked.
///
/// The lock may not be held. Read in this order, a transmission in between makes the sum smaller, and then less is made up
/// for than was missed.
#[inline(always)]
fn beginning(sock: u64) -> Option<u32> {
    let state: u8 = peek(sock, layout!(sock_state));
    if state != ESTABLISHED && state != CLOSE_WAIT {
        return None;
    }
    let again = read::<u64>(sock, layout!(tcp_bytes_retrans))?;
    let transmitted = read::<u64>(sock, layout!(tcp_bytes_sent))?;
    let next = read::<u32>(sock, layout!(tcp_snd_nxt))?;
    let position = read::<u32>(sock, layout!(tcp_write_seq))?;
    let waiting = position.wrapping_sub(next).cast_signed();
    let accepted = transmitted.wrapping_sub(again).cast_signed().wrapping_add(i64::from(waiting));
    (0..i64::from(TOO_FAR))
        .contains(&accepted)
        .then(|| position.wrapping_sub(accepted.cast_unsigned() as u32))
}

/// Bytes to book for `bytes` that `process` sent: none when the connection's end has booked them, which is what becomes
/// of a call during which the connection was reset or shut down.
#[inline(always)]
pub(crate) fn to_book(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) -> u64 {
    if !is_wanted(sock, handle) {
        return bytes;
    }
    let Some(sent) = SENT.get_ptr_mut(handle.value) else { return bytes };
    // SAFETY: a value of a preallocated map; racing threads can but leave each other's names.
    let sent = unsafe { &mut *sent };
    if sent.stage == ENDED {
        return 0;
    }
    sent.process = process;
    if sent.stage == BORN {
        let Some(sequence) = beginning(sock) else {
            let _ = SENT.remove(handle.value);
            return bytes;
        };
        sent.booked = u64::from(sequence);
        sent.stage = CONNECTED;
    }
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
    if sent.stage != CONNECTED {
        return None;
    }
    let bytes = missing(sock, sent.booked as u32, has_fin);
    if bytes == 0 {
        // Nothing is known to have been missed: a call under way reports itself.
        let _ = SENT.remove(handle.value);
        return None;
    }
    if sent.process.pid == 0 {
        // Who sent is not known here; the last descriptor's end has a task.
        return None;
    }
    sent.stage = ENDED;
    Some(Unbooked { process: sent.process, bytes })
}

/// The last descriptor is gone, and with it every call: the task that let go of it is whose the bytes are of which no run
/// was told.
#[inline(always)]
pub(crate) fn last(sock: u64, handle: Handle) -> Option<Unbooked> {
    if !is_wanted(sock, handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; it is copied at once.
    let sent = unsafe { *SENT.get_ptr_mut(handle.value)? };
    let _ = SENT.remove(handle.value);
    let state: u8 = peek(sock, layout!(sock_state));
    let booked = match sent.stage {
        BORN => beginning(sock)?,
        CONNECTED => sent.booked as u32,
        _ => return None,
    };
    // A connection that is over may have sent its FIN or not: rather a byte too few.
    let has_fin = state != ESTABLISHED && state != CLOSE_WAIT;
    let bytes = missing(sock, booked, has_fin);
    let process = if sent.process.pid == 0 { task::current_key()? } else { sent.process };
    (bytes != 0).then_some(Unbooked { process, bytes })
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
fn missing(sock: u64, booked: u32, has_fin: bool) -> u64 {
    let Some(now) = read::<u32>(sock, layout!(tcp_write_seq)) else {
        return 0;
    };
    let ahead = now.wrapping_sub(booked).wrapping_sub(u32::from(has_fin)).cast_signed();
    if (0..TOO_FAR).contains(&ahead) { u64::from(ahead.cast_unsigned()) } else { 0 }
}
