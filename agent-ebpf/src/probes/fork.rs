//! New processes.

use agent_common::{limits::COMM_LEN, process::ForkRecord, record::KIND_FORK};
use aya_ebpf::{
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

use crate::{
    emit, growth,
    kernel::{Fault, Outcome, layout, read, task},
    unbroken::Unbroken,
};

/// `void sched_process_fork(struct task_struct *parent, struct task_struct *child)`, 5.10 to 7.x.
#[btf_tracepoint(function = "sched_process_fork")]
fn weir_fork_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_fork_tp_btf", try_fork(ctx.arg(0), ctx.arg(1)));
    0
}

/// As above, where the tracepoint's types cannot be had.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
fn weir_fork_raw_tp(ctx: RawTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_fork_raw_tp", try_fork(ctx.arg(0), ctx.arg(1)));
    0
}

#[inline(always)]
fn try_fork(caller: u64, child: u64) -> Outcome {
    let pid: u32 = read(child, layout!(task_pid)).ok_or(Fault::Task)?;
    let key = task::key(child).ok_or(Fault::Task)?;
    if pid != key.pid {
        return Ok(());
    }
    let process = task::key(caller).ok_or(Fault::Task)?;
    growth::forked(&process, &key);
    let comm: [u8; COMM_LEN] = read(child, layout!(task_comm)).unwrap_or_default();
    let uid = task::ids(child).uid;
    emit::fixed(|record: &mut ForkRecord| {
        emit::head(&mut record.head, KIND_FORK, size_of::<ForkRecord>() as u32, process);
        record.child = key;
        record.comm = comm;
        record.uid = uid;
        record._pad = 0;
    });
    Ok(())
}
