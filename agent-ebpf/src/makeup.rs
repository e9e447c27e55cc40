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
const TOO_FAR: u32 = 1 << 30;

/// Bytes of which the ledger has not heard, and whose.
pub(crate) struct Unbooked {
    pub(crate) process: ProcessKey,
    pub(crate) bytes: u64,
}

/// Notes where a connection begins, of which nothing was sent yet.
#[inline(always)]
pub(crate) fn begin(sock: u64, handle: Handle) {
    if !is_wanted(handle) {
        return;
    }
    if let Some(sequence) = read::<u32>(sock, layout!(tcp_write_seq)) {
        let sent = Sent { process: ProcessKey::default(), thread: NOBODY, booked: u64::from(sequence) };
        // What is not remembered is not made up for, and the runs that were missed are counted anyway.
        let _ = SENT.insert(handle.value, sent, 0);
    }
}

/// Takes note of `bytes` that this thread sent and the ledger hears of; returns what it has not heard of from the
/// runs before.
#[inline(always)]
pub(crate) fn since_last(sock: u64, handle: Handle, process: ProcessKey, bytes: u64) -> u64 {
    if !is_wanted(handle) {
        return 0;
    }
    let Some(sent) = SENT.get_ptr_mut(handle.value) else {
        return 0;
    };
    // SAFETY: a value of a preallocated map; racing threads can but call it several's, or leave the other's name.
    let sent = unsafe { &mut *sent };
    let thread = bpf_get_current_pid_tgid();
    if sent.thread == NOBODY {
        sent.thread = thread;
    } else if sent.thread != thread {
        sent.thread = SEVERAL;
    }
    sent.process = process;
    raise(&raw mut sent.booked, bytes);
    if sent.thread != thread {
        return 0;
    }
    let missing = missing(sock, sent);
    raise(&raw mut sent.booked, missing);
    missing
}

/// The connection accepts nothing more, and its FIN has not taken a number yet.
#[inline(always)]
pub(crate) fn end(sock: u64, handle: Handle) -> Option<Unbooked> {
    if !is_wanted(handle) {
        return None;
    }
    // SAFETY: a value of a preallocated map; it is copied at once.
    let sent = unsafe { SENT.get(handle.value) }.copied()?;
    // Another end of the same connection cannot have come first: it would have taken the entry with it.
    SENT.remove(handle.value).ok()?;
    let bytes = missing(sock, &sent);
    (bytes != 0 && sent.process.pid != 0).then_some(Unbooked { process: sent.process, bytes })
}

#[inline(always)]
fn is_wanted(handle: Handle) -> bool {
    // An address is soon another socket's.
    tuning!(makes_up) == 1 && handle.is_address == 0
}

/// How far the socket is ahead of what was booked.
#[inline(always)]
fn missing(sock: u64, sent: &Sent) -> u64 {
    let now = read::<u32>(sock, layout!(tcp_write_seq)).unwrap_or(sent.booked as u32);
    let ahead = now.wrapping_sub(sent.booked as u32);
    if ahead < TOO_FAR { u64::from(ahead) } else { 0 }
}
