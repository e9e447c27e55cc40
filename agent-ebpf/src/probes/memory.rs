//! Processes that may read another one's memory: `process_vm_readv(2)`, `ptrace(2)`, `pidfd_getfd(2)`.

use agent_common::{
    counters::Counter,
    memory::{MemoryAccess, MemoryRecord},
    record::KIND_MEMORY,
};
use aya_ebpf::{
    macros::{fexit, kprobe},
    programs::{FExitContext, ProbeContext},
};

use crate::{
    emit,
    kernel::{Fault, Outcome, task},
    maps::MEMORY,
    unbroken::Unbroken,
};

/// `PTRACE_MODE_ATTACH`: access to memory, and to `/proc/PID/{stack,syscall,personality}`. Without it, it is about what else
/// `/proc` shows of a process, as ps reads it.
const PTRACE_MODE_ATTACH: u32 = 2;

/// `int security_ptrace_access_check(struct task_struct *child, unsigned int mode)`, 5.10 to 7.x; the result follows
/// the arguments. The caller asks for access.
#[fexit(function = "security_ptrace_access_check")]
fn weir_mem_asked(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let outcome = if ctx.arg::<i32>(2) == 0 { try_access(ctx.arg(0), ctx.arg(1)) } else { Ok(()) };
    emit::finish(&ctx, "weir_mem_asked", outcome);
    0
}

/// `int security_ptrace_traceme(struct task_struct *parent)`, 5.10 to 7.x: the caller gives its parent access.
#[fexit(function = "security_ptrace_traceme")]
fn weir_mem_given(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let outcome = if ctx.arg::<i32>(1) == 0 { tell(ctx.arg(0), task::current()) } else { Ok(()) };
    emit::finish(&ctx, "weir_mem_given", outcome);
    0
}

/// The first of them at its entry: whoever asks counts as having access.
#[kprobe]
fn weir_mem_ask(ctx: ProbeContext) -> u32 {
    let outcome = match (ctx.arg(0), ctx.arg(1)) {
        (Some(child), Some(mode)) => try_access(child, mode),
        _ => Err(Fault::Task),
    };
    emit::finish(&ctx, "weir_mem_ask", outcome);
    0
}

/// The second at its entry, likewise.
#[kprobe]
fn weir_mem_give(ctx: ProbeContext) -> u32 {
    let outcome = ctx.arg(0).map_or(Err(Fault::Task), |parent| tell(parent, task::current()));
    emit::finish(&ctx, "weir_mem_give", outcome);
    0
}

#[inline(always)]
fn try_access(child: u64, mode: u32) -> Outcome {
    if mode & PTRACE_MODE_ATTACH == 0 || task::is_agent() {
        return Ok(());
    }
    tell(task::current(), child)
}

/// Tells that a task may read another one's memory, unless that was told before.
#[inline(always)]
fn tell(reader: u64, owner: u64) -> Outcome {
    let reader = task::key(reader).ok_or(Fault::Task)?;
    let owner = task::key(owner).ok_or(Fault::Task)?;
    let access = MemoryAccess { reader, owner };
    if reader == owner || MEMORY.get_ptr(access).is_some() {
        return Ok(());
    }
    // The second half of the ring is left to the life of processes, which nothing else tells.
    if emit::lifecycle_is_fuller_than(2) {
        emit::count(Counter::MemoryDropped, 1);
        return Ok(());
    }
    let is_told = emit::fixed(|record: &mut MemoryRecord| {
        emit::head(&mut record.head, KIND_MEMORY, size_of::<MemoryRecord>() as u32, reader);
        record.owner = owner;
    });
    if is_told {
        // What cannot be remembered is told once more.
        let _ = MEMORY.insert(access, 1, 0);
    }
    Ok(())
}
