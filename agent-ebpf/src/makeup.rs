//! What missed runs of a send hook left out of a TCP connection's bytes, made up for from the connection's own
//! sequence numbers: the socket's write position moves by exactly what it accepts. Only on kernels that can preempt a
//! task inside such a hook; elsewhere the verifier sees none of this.

use agent_common::process::ProcessKey;
use aya_ebpf::helpers::bpf_get_current_pid_tgid;

use crate::{
    emit::raise,
    kernel::{layout, read, socket::Handle, tuning},
    maps::{SENT, Sent},
};

/// No thread has sent yet.
const NOBODY: u64 = 0;
/// Several threads send, so that bytes which are not booked yet may be another's who is about to.
const SEVERAL: u64 = u64::MAX;
/// A longer way than any that is believed: no CPU is away from a sender for so many bytes.
const TOO_FAR: i32 = 1 << 30;

/// Bytes of which the ledger has not heard, and whose.
pub(crate) struct Unbooked {
    pub(crate) process: ProcessKey,
    pub(crate) bytes: u64,
}

/// Notes where a connection begins, of which nothing was sent yet.
#[inline(always)]
pub(crate) fn begin(sock: u64, handle: Handle) {
    if !is_wanted(sock, handle) {
        return;
    }
    if let Some(sequence) = read::<u32>(sock, layout!(tcp_write_seq)) {
        let sent = Sent { process: ProcessKey::default(), thread: NOBODY, booked: u64::from(sequence) };
        // What is not remembered is not made up for, and the runs that were missed are counted anyway.
        let _ = SENT.insert(handle.value, sent, 0);
    }
}

/// Bytes to book for `bytes` that this thread sent: with those of which the ledger has not heard from its runs before.
#[inline(always)]
pub(crate) fn to_book(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) -> u64 {
    if !is_wanted(sock, handle) {
        return bytes;
    }
    let Some(sent) = SENT.get_ptr_mut(handle.value) else {
        return bytes;
    };
    // SAFETY: a value of a preallocated map; racing threads can but call it several's, or leave the other's name.
    let sent = unsafe { &mut *sent };
    let thread = bpf_get_current_pid_tgid();
    sent.process = process;
    let (before, ahead) = (sent.thread, ahead(sock, sent).wrapping_sub(bytes as u32).cast_signed());
    let booked = if before == NOBODY || before == thread {
        sent.thread = thread;
        bytes + distance(ahead)
    } else if before == SEVERAL {
        bytes
    } else {
        // The other one may have taken the first bytes of this one for missed ones of its own.
        sent.thread = SEVERAL;
        bytes.saturating_sub(distance(ahead.wrapping_neg()))
    };
    raise(&raw mut sent.booked, booked);
    booked
}

/// The connection accepts nothing more. Its FIN, where one was queued already, has a number of its own.
#[inline(always)]
pub(crate) fn end(sock: u64, handle: Handle, has_fin: bool) -> Option<Unbooked> {
    if !is_wanted(sock, handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; it is copied at once.
    let sent = unsafe { SENT.get(handle.value) }.copied()?;
    // Another end of the same connection cannot have come first: it would have taken the entry with it.
    SENT.remove(handle.value).ok()?;
    let bytes = distance(ahead(sock, &sent).wrapping_sub(u32::from(has_fin)).cast_signed());
    (bytes != 0 && sent.process.pid != 0).then_some(Unbooked { process: sent.process, bytes })
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

/// How far the socket is ahead of what was booked, modulo 2^32.
#[inline(always)]
fn ahead(sock: u64, sent: &Sent) -> u32 {
    let now = read::<u32>(sock, layout!(tcp_write_seq)).unwrap_or(sent.booked as u32);
    now.wrapping_sub(sent.booked as u32)
}

/// The length of a way forward that is to be believed.
#[inline(always)]
fn distance(ahead: i32) -> u64 {
    if (0..TOO_FAR).contains(&ahead) { u64::from(ahead.cast_unsigned()) } else { 0 }
}
