//! The floor: programs that do nothing but count, for the same hooks as those of weir. What they cost is what the hooks
//! cost, and nobody can watch for less. For measurements alone; the agent does not have them.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use core::arch::asm;

use aya_ebpf::{
    macros::{btf_tracepoint, fexit, map, tracepoint},
    maps::PerCpuArray,
    programs::{BtfTracePointContext, FExitContext, TracePointContext},
};

/// How often any of them ran.
#[map(name = "floor_runs")]
static RUNS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
#[expect(clippy::inline_always, reason = "a call would be a part of what is measured")]
fn count() {
    if let Some(runs) = RUNS.get_ptr_mut(0) {
        // SAFETY: an aligned word of a map's value that the lookup vouched for.
        unsafe { asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) runs, in(reg) 1_u64, options(nostack)) };
    }
}

macro_rules! counting {
    ($($attribute:ident, $context:ty: $($name:ident = $hook:literal),+;)+) => {
        $($(
            #[$attribute(function = $hook)]
            fn $name(_: $context) -> i32 {
                count();
                0
            }
        )+)+
    };
}

counting! {
    btf_tracepoint, BtfTracePointContext:
        floor_fork = "sched_process_fork",
        floor_exec = "sched_process_exec",
        floor_exit = "sched_process_exit",
        floor_state = "inet_sock_set_state",
        floor_send = "sock_send_length",
        floor_recv = "sock_recv_length";
    fexit, FExitContext:
        floor_open = "security_file_open",
        floor_received = "security_file_receive",
        floor_family = "security_socket_post_create",
        floor_send4 = "inet_sendmsg",
        floor_send6 = "inet6_sendmsg",
        floor_recv4 = "inet_recvmsg",
        floor_recv6 = "inet6_recvmsg";
}

/// For tracepoints through perf, as many as there are.
#[tracepoint]
fn floor_tracepoint(_: TracePointContext) -> u32 {
    count();
    0
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
