//! A look at a file that may have grown, when the agent asks for one.

use agent_common::file::FileKey;
use aya_ebpf::{macros::raw_tracepoint, programs::RawTracePointContext};

use crate::{growth, maps::DESK_AGENT};

/// Attached to nothing: the agent runs it (`BPF_PROG_TEST_RUN`, of such programs since 5.10), with a file's inode number,
/// its device and its generation as arguments. The result is one of `GROWTH_*`.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
fn weir_growth(ctx: RawTracePointContext) -> i32 {
    let key =
        FileKey { ino: ctx.arg(0), dev: ctx.arg::<u64>(1) as u32, generation: ctx.arg::<u64>(2) as u32 };
    growth::asked(DESK_AGENT, key).cast_signed()
}
