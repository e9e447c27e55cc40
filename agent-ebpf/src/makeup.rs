//! What missed runs of a send hook left out of a TCP connection's bytes, made up for at the connection's end from its own
//! sequence numbers: the socket's write position moves by exactly what it accepts. Before the end nobody can tell what
//! was missed from what another call, which is still under way, will report itself. Only on kernels that can preempt a
//! task inside such a hook; elsewhere the verifier sees none of this.

use agent_common::process::ProcessKey;

use crate::{
    emit::raise,
    kernel::{layout, read, socket::Handle, tuning},
    maps::{SENT, Sent},
};

/// A longer way than any that is believed: no CPU is away from a sender for so many bytes.
const TOO_FAR: i32 = 1 << 30;

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

/// Bytes to book for `bytes` that `process` sent: none when the connection's end has booked them, which is what becomes
/// of a call during which the connection was reset or shut down.
#[inline(always)]
pub(crate) fn to_book(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) -> u64 {
    if !is_wanted(sock, handle) {
        return bytes;
    }
    let Some(sent) = SENT.get_ptr_mut(handle.value) else {
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
