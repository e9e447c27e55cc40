//! What missed runs of a send hook left out of a TCP connection's bytes, made up for at the connection's end from the
//! socket's own numbers: the bytes that it accepted are those that were acknowledged and those that wait to be. Before the
//! end nobody can tell what was missed from what another call, which is still under way, will report itself. Only on kernels
//! that can preempt a task inside such a hook; elsewhere the verifier sees none of this.
//!
//! The hook of connection states can be missed as well, with both the begin and the end of a connection. Hooks on the
//! cgroup hierarchy cannot, since no flag keeps them from entering themselves: with one of them every socket that a task
//! makes begins, with another every socket that a task had ends.

use agent_common::{net::IPPROTO_TCP, process::ProcessKey};

use crate::{
    emit::raise,
    kernel::{layout, peek, read, socket::Handle, task, tuning},
    maps::{SENT, Sent},
};

/// `TCP_ESTABLISHED`.
const ESTABLISHED: u8 = 1;
/// `TCP_CLOSE`.
const CLOSE: u8 = 7;
/// `TCP_CLOSE_WAIT`: the other end sends nothing more.
const CLOSE_WAIT: u8 = 8;

/// Stages of a connection in [`SENT`]: it may still accept bytes.
const OPEN: u32 = 0;
/// The end booked what was missing: calls that are still under way are part of that.
const ENDED: u32 = 1;

/// How often two numbers that change together are read until they hold still.
const TRIES: usize = 4;

/// Bytes of which the ledger has not heard, and whose.
pub(crate) struct Unbooked {
    pub(crate) process: ProcessKey,
    pub(crate) bytes: u64,
}

/// Whether anything is made up for here.
#[inline(always)]
pub(crate) fn is_on() -> bool {
    tuning!(makes_up) == 1
}

/// A task connects a socket, perhaps one that was connected before.
#[inline(always)]
pub(crate) fn connects(sock: u64, handle: Handle) {
    if is_on() && is_tcp(sock) {
        born(handle);
    }
}

/// A task made a TCP socket, or connects one: what becomes of it has been seen from the first byte on.
#[inline(always)]
pub(crate) fn born(handle: Handle) {
    if is_on() && handle.is_address == 0 {
        // Whose the bytes are of which no run will be told.
        let process = task::current_key().unwrap_or_default();
        note(handle, Sent { process, booked: 0, stage: OPEN, syn: 1 });
    }
}

/// An incoming connection stands, which no task made.
#[inline(always)]
pub(crate) fn accepted(sock: u64, handle: Handle) {
    if is_tcp(sock) && is_wanted(sock, handle) && SENT.get_ptr(handle.value).is_none() {
        note(handle, Sent { process: ProcessKey::default(), booked: 0, stage: OPEN, syn: 0 });
    }
}

/// MPTCP and SCTP name their states as TCP does, and have none of its numbers.
#[inline(always)]
fn is_tcp(sock: u64) -> bool {
    peek::<u16>(sock, layout!(sock_protocol)) == IPPROTO_TCP
}

/// What is not remembered is not made up for, and the runs that were missed are counted anyway.
#[inline(always)]
fn note(handle: Handle, sent: Sent) {
    let _ = SENT.insert(handle.value, sent, 0);
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
        if is_over(peek(sock, layout!(sock_state))) {
            return 0;
        }
        // It was connected anew, and that run was missed.
        (sent.stage, sent.booked) = (OPEN, 0);
    }
    sent.process = process;
    raise(&raw mut sent.booked, bytes);
    bytes
}

/// The connection accepts nothing more; its lock is held. Its FIN, where one was queued already, has a number of its own.
#[inline(always)]
pub(crate) fn end(sock: u64, handle: Handle, has_fin: bool) -> Option<Unbooked> {
    if !is_wanted(sock, handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; racing ends of one connection cannot be, as its lock is held.
    let sent = unsafe { &mut *SENT.get_ptr_mut(handle.value)? };
    if sent.stage == ENDED {
        return None;
    }
    let bytes = missing(sock, sent, has_fin);
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

/// The last descriptor is gone, and with it every call: bytes of which no run was told are those of whoever made the socket
/// or, of an accepted one, of the task that let go of it.
#[inline(always)]
pub(crate) fn last(sock: u64, handle: Handle) -> Option<Unbooked> {
    if !is_wanted(sock, handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; it is copied at once.
    let sent = unsafe { *SENT.get_ptr_mut(handle.value)? };
    let _ = SENT.remove(handle.value);
    let state: u8 = peek(sock, layout!(sock_state));
    // What was disconnected (`connect(2)` to no address) has numbers that mean nothing any more.
    if sent.stage == ENDED || (state == CLOSE && read::<u64>(sock, layout!(tcp_bytes_sent))? == 0) {
        return None;
    }
    // A connection that is over may have sent its FIN or not: rather a byte too few.
    let bytes = missing(sock, &sent, state != ESTABLISHED && state != CLOSE_WAIT);
    if bytes == 0 {
        return None;
    }
    let process = if sent.process.pid == 0 { task::current_key()? } else { sent.process };
    Some(Unbooked { process, bytes })
}

/// Whether the socket is closed, so that nothing tells its end any more.
#[inline(always)]
pub(crate) fn is_closed(sock: u64) -> bool {
    let state: u8 = peek(sock, layout!(sock_state));
    state == CLOSE
}

#[inline(always)]
fn is_wanted(sock: u64, handle: Handle) -> bool {
    // An address is soon another socket's.
    is_on() && handle.is_address == 0 && !is_below_another(sock)
}

/// Whether a connection in this state accepts nothing: `TCP_FIN_WAIT1`, `TCP_FIN_WAIT2`, `TCP_TIME_WAIT`, `TCP_CLOSE`,
/// `TCP_LAST_ACK`, `TCP_CLOSING`.
#[inline(always)]
const fn is_over(state: u8) -> bool {
    matches!(state, 4 | 5 | 6 | CLOSE | 9 | 11)
}

/// Whether the connection carries what another layer made of what was sent, such as TLS records: their lengths differ.
#[inline(always)]
pub(crate) fn is_below_another(sock: u64) -> bool {
    read::<u64>(sock, layout!(tcp_upper)).is_some_and(|upper| upper != 0)
}

/// How many bytes the socket accepted beyond those that were booked.
///
/// Acknowledgements move two numbers, one behind the other, while this reads them; they are read until they hold still.
#[inline(always)]
fn missing(sock: u64, sent: &Sent, has_fin: bool) -> u64 {
    let numbers =
        || Some((read::<u64>(sock, layout!(tcp_bytes_acked))?, read::<u32>(sock, layout!(tcp_snd_una))?));
    let Some(mut known) = numbers() else { return 0 };
    for _ in 0..TRIES {
        let Some(again) = numbers() else { return 0 };
        if again == known {
            break;
        }
        known = again;
    }
    let (acknowledged, next) = known;
    let Some(position) = read::<u32>(sock, layout!(tcp_write_seq)) else { return 0 };
    let numbered = acknowledged.wrapping_add(u64::from(position.wrapping_sub(next)));
    let accepted = numbered.wrapping_sub(u64::from(sent.syn)).wrapping_sub(u64::from(has_fin));
    let missing = accepted.wrapping_sub(sent.booked).cast_signed();
    if missing > 0 { missing.cast_unsigned() } else { 0 }
}
