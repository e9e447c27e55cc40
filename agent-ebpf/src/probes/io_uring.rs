//! Files opened through `io_uring`, for the rung whose open hook sees system calls alone.

use agent_common::{counters::Counter, file::OPEN_IO_URING};
use aya_ebpf::{EbpfContext, macros::tracepoint, programs::TracePointContext};

use super::open;
use crate::{
    emit,
    kernel::{Fault, Outcome, layout, member, read, task},
    maps::SCRATCH_IO_URING,
};

/// `IORING_OP_OPENAT`.
const OPENAT: u8 = 18;
/// `IORING_OP_OPENAT2`.
const OPENAT2: u8 = 28;

/// `io_uring:io_uring_complete`, from the version (5.17) whose record has the request. It fires in a task that
/// shares the submitter's descriptors: the submitter itself, or a worker (threads of it since 5.12).
#[tracepoint]
fn weir_open_io_uring(ctx: TracePointContext) -> u32 {
    emit::finish(&ctx, "weir_open_io_uring", try_complete(&ctx));
    0
}

#[inline(always)]
fn try_complete(ctx: &TracePointContext) -> Outcome {
    let record = ctx.as_ptr() as u64;
    let request: u64 = read(record, layout!(io_complete_req)).ok_or(Fault::File)?;
    if request == 0 {
        return Ok(());
    }
    let opcode: u8 = read(request, layout!(io_kiocb_opcode)).ok_or(Fault::File)?;
    if opcode != OPENAT && opcode != OPENAT2 {
        return Ok(());
    }
    let result: i32 = read(record, layout!(io_complete_res)).ok_or(Fault::File)?;
    if result < 0 {
        return Ok(());
    }
    let command = member(request, layout!(io_kiocb_cmd)).unwrap_or(0);
    let slot: u32 = read(command, layout!(io_open_slot)).unwrap_or(0);
    if slot != 0 {
        emit::count(Counter::OpenUnresolved, 1);
        return Ok(());
    }
    let Some(file) = task::file(task::current(), u64::from(result.cast_unsigned())) else {
        emit::count(Counter::OpenUnresolved, 1);
        return Ok(());
    };
    open::report(file, SCRATCH_IO_URING, OPEN_IO_URING)
}
