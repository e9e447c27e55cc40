//! The lowest rung for TCP: a kretprobe runs out of instances while senders sleep, so bytes are counted by how
//! far the socket's own write position moved since the last look, and booked on whoever looked last.

use agent_common::{net::UdpPeer, process::ProcessKey};
use aya_ebpf::{macros::kprobe, programs::ProbeContext};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, layout, read,
        socket::{Handle, Socket},
        task,
    },
    ledger::{self, Moved},
    makeup,
    maps::{WRITE_POSITION, WritePosition},
};

/// `int tcp_sendmsg(struct sock *sk, struct msghdr *msg, size_t size)`, 5.10 to 7.x.
#[kprobe]
fn weir_send_tcp(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_send_tcp", try_look(&ctx));
    0
}

/// `void tcp_close(struct sock *sk, long timeout)`, 5.10 to 7.x: the last look at connections that end without a FIN of
/// this side's.
#[kprobe]
fn weir_send_tcp_close(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_send_tcp_close", try_last_look(&ctx));
    0
}

/// Forgets where a socket stood. A new connection begins with another number, wherever the last one ended.
#[inline(always)]
pub(super) fn forget(sock: u64) {
    // Absent when nobody sent through it.
    let _ = WRITE_POSITION.remove(sock);
}

#[inline(always)]
fn try_look(ctx: &ProbeContext) -> Outcome {
    let sock: u64 = ctx.arg(0).ok_or(Fault::Socket)?;
    let process = task::current_key().ok_or(Fault::Task)?;
    let sequence = book(sock)?;
    WRITE_POSITION.insert(sock, WritePosition { process, sequence, _pad: 0 }, 0).map_err(|_| Fault::Map)
}

#[inline(always)]
fn try_last_look(ctx: &ProbeContext) -> Outcome {
    last_look(ctx.arg(0).ok_or(Fault::Socket)?)
}

/// Counts what was written since the last look, for the last time: a FIN takes a number of its own. What this side still
/// tries to send after it is refused.
#[inline(always)]
pub(super) fn last_look(sock: u64) -> Outcome {
    book(sock)?;
    forget(sock);
    Ok(())
}

/// Counts what was written since the last look; the position now.
#[inline(always)]
fn book(sock: u64) -> Result<u32, Fault> {
    let sequence: u32 = read(sock, layout!(tcp_write_seq)).ok_or(Fault::Socket)?;
    // SAFETY: an entry of a preallocated map; it is copied at once.
    let Some(last) = unsafe { WRITE_POSITION.get(sock) }.copied() else {
        return Ok(sequence);
    };
    let bytes = sequence.wrapping_sub(last.sequence);
    if bytes != 0 {
        record(sock, last.process, bytes)?;
    }
    Ok(sequence)
}

#[inline(always)]
fn record(sock: u64, process: ProcessKey, bytes: u32) -> Outcome {
    let handle = Handle::of_address(sock);
    let socket = Socket::of(sock, handle).ok_or(Fault::Socket)?;
    let bytes = makeup::to_book(sock, handle, process, u64::from(bytes));
    ledger::count(process, &socket, UdpPeer::default(), Moved { bytes, sent: true });
    Ok(())
}
