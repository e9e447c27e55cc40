//! The only place that writes to the rings, wakes the agent, and counts.

use core::arch::asm;

use agent_common::{
    counters::Counter,
    file::OpenRecord,
    limits::{OPEN_SHARES, RECORD_MAX},
    net::{STATE_EPOCH, STATE_IDLE},
    process::{ExecRecord, ProcessKey},
    record::{
        KIND_EXEC, KIND_EXIT, KIND_FLOW, KIND_FORK, KIND_MEMORY, KIND_OPEN, KIND_SOCKET, KIND_UNIX,
        RecordHead,
    },
};
use aya_ebpf::{
    EbpfContext,
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP, BPF_RB_NO_WAKEUP, BPF_RB_RING_SIZE},
    helpers::{
        bpf_get_current_pid_tgid, bpf_get_smp_processor_id,
        generated::{bpf_ktime_get_boot_ns, bpf_ringbuf_output},
    },
    maps::{RingBuf, ring_buf::RingBufEntry},
};

use crate::{
    filter,
    kernel::{Outcome, mask},
    maps::{BULK, COUNTERS, LIFECYCLE, SCRATCH, SCRATCH_BYTES, SHARES, STATE},
};

/// Ends a hook: a fault is counted, and described when the agent asked for debug messages.
#[inline(always)]
pub(crate) fn finish<C: EbpfContext>(context: &C, hook: &'static str, outcome: Outcome) {
    if let Err(fault) = outcome {
        count(Counter::ReadFault, 1);
        aya_log_ebpf::debug!(context, "{}: fault {}", hook, fault as u8);
    }
}

/// Raises a counter.
#[inline(always)]
pub(crate) fn count(counter: Counter, by: u64) {
    if let Some(slot) = COUNTERS.get_ptr_mut(counter as u32) {
        raise(slot, by);
    }
}

/// An atomic add whose old value nobody sees: the one form of it that 5.10 accepts. Even on this CPU's own slot a
/// softirq, or on newer kernels another task, can come between a read and a write. The instruction is spelled out
/// because the target has no atomic types, and so that no other form can come of it.
#[inline(always)]
pub(crate) fn raise(cell: *mut u64, by: u64) {
    // SAFETY: an aligned word of a map's value that the lookup vouched for; whoever else adds to it does so here.
    unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) cell, in(reg) by, options(nostack)) };
}

/// Fills the head of a record.
#[inline(always)]
pub(crate) fn head(head: &mut RecordHead, kind: u16, len: u32, process: ProcessKey) {
    fill(head, kind, len, process, bpf_get_current_pid_tgid() as u32);
}

/// Fills the head of a record that is about no process.
#[inline(always)]
pub(crate) fn head_of_host(head: &mut RecordHead, kind: u16, len: u32) {
    fill(head, kind, len, ProcessKey { start_ticks: 0, pid: 0, _pad: 0 }, 0);
}

#[inline(always)]
fn fill(head: &mut RecordHead, kind: u16, len: u32, process: ProcessKey, tid: u32) {
    // SAFETY: the helper has no precondition.
    head.time_ns = unsafe { bpf_ktime_get_boot_ns() };
    head.process = process;
    head.tid = tid;
    head.kind = kind;
    // SAFETY: the helper has no precondition.
    head.cpu = unsafe { bpf_get_smp_processor_id() } as u16;
    head.len = len;
    head._pad = 0;
}

/// The epoch that the agent's last drain began.
#[inline(always)]
pub(crate) fn epoch() -> u64 {
    STATE.get(STATE_EPOCH).copied().unwrap_or(0)
}

/// Whether more than so many quarters of the life-cycle ring are full.
#[inline(always)]
pub(crate) fn lifecycle_is_fuller_than(quarters: u64) -> bool {
    is_fuller_than(&LIFECYCLE, quarters)
}

#[inline(always)]
fn is_fuller_than(ring: &RingBuf, quarters: u64) -> bool {
    let used = ring.query(u64::from(BPF_RB_AVAIL_DATA));
    let size = ring.query(u64::from(BPF_RB_RING_SIZE));
    used > size / 4 * quarters
}

/// Whether a process may put `len` more bytes into the bulk ring. As long as half of it is free everybody may. What is
/// beyond is shared out: within a second a process gets a sixteenth of the ring, and 1/256 once three quarters are
/// full, so that whoever opens files faster than the agent reads crowds out but itself.
#[inline(always)]
fn has_share(process: &ProcessKey, len: u64) -> bool {
    let used = BULK.query(u64::from(BPF_RB_AVAIL_DATA));
    let size = BULK.query(u64::from(BPF_RB_RING_SIZE));
    if used <= size / 2 {
        return true;
    }
    let share = if used <= size / 4 * 3 { size >> 4 } else { size >> 8 };
    let mark = filter::mark_of_now(process);
    let Some(slot) = SHARES.get_ptr_mut(mark as u32 & (OPEN_SHARES - 1)) else {
        return true;
    };
    // SAFETY: a slot of an array map. Whoever races for it can but get a record more each.
    let value = unsafe { slot.read_volatile() };
    if value >> 32 != mark >> 32 {
        // Whoever held it before, or this process a second ago, has no part in it: a collision takes nothing away.
        // SAFETY: as above.
        unsafe { slot.write_volatile(mark >> 32 << 32 | len) };
        return true;
    }
    let is_left = value & 0xffff_ffff < share;
    if is_left {
        raise(slot, len);
    }
    is_left
}

/// This CPU's area for assembling records of a family.
#[inline(always)]
pub(crate) fn scratch(area: u32) -> Option<*mut u8> {
    SCRATCH.get_ptr_mut(area).map(|bytes: *mut [u8; SCRATCH_BYTES]| bytes.cast())
}

/// Counters of a kind of record: submitted, and dropped.
const fn counters(kind: u16) -> (Counter, Counter) {
    match kind {
        KIND_FORK => (Counter::ForkSent, Counter::ForkDropped),
        KIND_EXEC => (Counter::ExecSent, Counter::ExecDropped),
        KIND_EXIT => (Counter::ExitSent, Counter::ExitDropped),
        KIND_OPEN => (Counter::OpenSent, Counter::OpenDropped),
        KIND_UNIX => (Counter::UnixSent, Counter::UnixDropped),
        KIND_MEMORY => (Counter::MemorySent, Counter::MemoryDropped),
        KIND_SOCKET => (Counter::SocketSent, Counter::SocketDropped),
        _ => (Counter::FlowSent, Counter::FlowDropped),
    }
}

/// A record without a tail, which can be built in the ring itself.
pub(crate) trait Fixed {
    /// Its tag.
    const KIND: u16;
}

impl Fixed for agent_common::process::ForkRecord {
    const KIND: u16 = KIND_FORK;
}

impl Fixed for agent_common::process::ExitRecord {
    const KIND: u16 = KIND_EXIT;
}

impl Fixed for agent_common::net::FlowRecord {
    const KIND: u16 = KIND_FLOW;
}

impl Fixed for agent_common::unix::UnixRecord {
    const KIND: u16 = KIND_UNIX;
}

impl Fixed for agent_common::memory::MemoryRecord {
    const KIND: u16 = KIND_MEMORY;
}

impl Fixed for agent_common::socket::SocketRecord {
    const KIND: u16 = KIND_SOCKET;
}

/// Builds a record in the life-cycle ring. `fill` must write every byte. False when the ring was full.
#[inline(always)]
pub(crate) fn fixed<R: Fixed + 'static>(fill: impl FnOnce(&mut R)) -> bool {
    let (sent, dropped) = counters(R::KIND);
    let Some(mut entry) = LIFECYCLE.reserve::<R>(0) else {
        count(dropped, 1);
        return false;
    };
    // SAFETY: records are integers and arrays of bytes, for which any bytes are a value.
    fill(unsafe { entry.assume_init_mut() });
    entry.submit(wake());
    count(sent, 1);
    true
}

/// A record with a tail, assembled in scratch: its tag and its ring.
trait Tailed {
    const KIND: u16;
    fn ring() -> &'static RingBuf;
}

impl Tailed for ExecRecord {
    const KIND: u16 = KIND_EXEC;
    #[inline(always)]
    fn ring() -> &'static RingBuf {
        &LIFECYCLE
    }
}

impl Tailed for OpenRecord {
    const KIND: u16 = KIND_OPEN;
    #[inline(always)]
    fn ring() -> &'static RingBuf {
        &BULK
    }
}

/// Sends the first `len` bytes of a scratch area as an exec record. False when the ring was full.
#[inline(always)]
pub(crate) fn exec(scratch: *mut u8, len: u64) -> bool {
    tailed::<ExecRecord>(scratch, len)
}

/// Sends the first `len` bytes of a scratch area as an open record of a process. False when the ring was full, or the
/// process had its share of it.
#[inline(always)]
pub(crate) fn open(process: &ProcessKey, scratch: *mut u8, len: u64) -> bool {
    if !has_share(process, len) {
        count(Counter::OpenDropped, 1);
        return false;
    }
    tailed::<OpenRecord>(scratch, len)
}

/// Sends the first `len` bytes of a scratch area as an answer of a name server, as long as a quarter of the ring is
/// free: whoever can send packets must not crowd out the opens, and who opens files alone gets no further than a little
/// beyond half. When it was not, `dropped` counts that.
#[inline(always)]
pub(crate) fn dns(scratch: *mut u8, len: u64, dropped: Counter) {
    let taken = !is_fuller_than(&BULK, 3) && output(&BULK, scratch, len);
    count(if taken { Counter::DnsSent } else { dropped }, 1);
}

/// Room in the bulk ring for what a packet holds, as long as half of it is free, so that it crowds out neither opens nor
/// answers. None when there is none, which is counted.
#[inline(always)]
pub(crate) fn sample<S: 'static>() -> Option<RingBufEntry<S>> {
    let entry = if is_fuller_than(&BULK, 2) { None } else { BULK.reserve::<S>(0) };
    if entry.is_none() {
        count(Counter::ContentDropped, 1);
    }
    entry
}

/// Sends what was written there.
#[inline(always)]
pub(crate) fn submit_sample<S>(entry: RingBufEntry<S>) {
    entry.submit(wake());
    count(Counter::ContentSent, 1);
}

#[inline(always)]
fn tailed<R: Tailed>(scratch: *mut u8, len: u64) -> bool {
    let (sent, dropped) = counters(R::KIND);
    let taken = output(R::ring(), scratch, len);
    count(if taken { sent } else { dropped }, 1);
    taken
}

#[inline(always)]
fn output(ring: &'static RingBuf, scratch: *mut u8, len: u64) -> bool {
    let flags = wake();
    let ring = core::ptr::from_ref(ring).cast_mut();
    let size = mask::<{ RECORD_MAX as u32 - 1 }>(len);
    // SAFETY: the area is larger than the mask.
    unsafe { bpf_ringbuf_output(ring.cast(), scratch.cast(), size, flags) == 0 }
}

/// Flags of a submit: no wake-up, unless the agent said that it sleeps; the first to see that wakes it.
#[inline(always)]
fn wake() -> u64 {
    if let Some(idle) = STATE.get_ptr_mut(STATE_IDLE) {
        // SAFETY: a slot of an array map; a racing writer can but cause a second wake-up.
        if unsafe { idle.read_volatile() } == 1 {
            // SAFETY: as above.
            unsafe { idle.write_volatile(0) };
            return u64::from(BPF_RB_FORCE_WAKEUP);
        }
    }
    u64::from(BPF_RB_NO_WAKEUP)
}
