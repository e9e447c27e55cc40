//! Ends of processes: the last thread is gone.

use agent_common::{process::ExitRecord, record::KIND_EXIT};
use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

use crate::{
    emit, growth,
    kernel::{Fault, Outcome, layout, read, task},
    unbroken::Unbroken,
};

/// `SIGNAL_GROUP_EXIT`: the whole group ends with `group_exit_code`.
const SIGNAL_GROUP_EXIT: u32 = 4;

/// `void sched_process_exit(struct task_struct *p)`, 5.10 to 6.15; with `bool group_dead` from 6.16, which is
/// not read: the count of live threads says the same everywhere.
#[btf_tracepoint(function = "sched_process_exit")]
fn weir_exit_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_exit_tp_btf", try_exit(ctx.arg(0)));
    0
}

/// As above, where the tracepoint's types cannot be had.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn weir_exit_raw_tp(ctx: RawTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_exit_raw_tp", try_exit(ctx.arg(0)));
    0
}

#[inline(always)]
fn try_exit(thread: u64) -> Outcome {
    let signal: u64 = read(thread, layout!(task_signal)).ok_or(Fault::Task)?;
    let live: u32 = read(signal, layout!(signal_live)).ok_or(Fault::Task)?;
    if live != 0 {
        return Ok(());
    }
    let process = task::key(thread).ok_or(Fault::Task)?;
    // Its files are still open here.
    growth::ended(&process);
    let flags: u32 = read(signal, layout!(signal_flags)).unwrap_or(0);
    let code: Option<u32> = if flags & SIGNAL_GROUP_EXIT != 0 {
        read(signal, layout!(signal_group_exit_code))
    } else {
        let leader: u64 = read(thread, layout!(task_group_leader)).ok_or(Fault::Task)?;
        read(leader, layout!(task_exit_code))
    };
    emit::fixed(|record: &mut ExitRecord| {
        emit::head(&mut record.head, KIND_EXIT, size_of::<ExitRecord>() as u32, process);
        record.exit_code = code.unwrap_or(0);
        record._pad = 0;
    });
    Ok(())
}
