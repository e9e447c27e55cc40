//! The kernel programs of weir: one BPF object.
//!
//! A hook's entry is two lines: a `try_...` does the work, [`emit::finish`] counts what went wrong. Kernel
//! structs are read through offsets that the agent resolves from the running kernel's BTF and hands over in
//! [`LAYOUT`]. Nothing here uses a helper or an instruction newer than 5.10, except in branches that a constant
//! of [`TUNING`] switches off before the verifier looks at them.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    clippy::inline_always,
    reason = "a call costs the verifier what it knows about bounds and types; what may be a sub-program says inline(never)"
)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "registers have 64 bits and the kernel's numbers fewer; lengths are bounded before they are cut"
)]
#![expect(clippy::needless_pass_by_value, reason = "the macros of aya hand the context over by value")]
#![expect(clippy::cast_ptr_alignment, reason = "scratch areas are map values, which the kernel aligns to 8")]

mod maps;
mod kernel;
mod filter;
mod emit;
mod ledger;
mod unbroken;
mod makeup;
mod growth;
mod probes;

use agent_common::kernel_layout::{KernelLayout, Tuning};

/// Offsets of kernel struct members. Read with `layout!`, never directly: the agent replaces the value.
#[unsafe(no_mangle)]
static LAYOUT: KernelLayout = KernelLayout::UNKNOWN;

/// What this kernel and configuration allow. Read with `tuning!`.
#[unsafe(no_mangle)]
static TUNING: Tuning = Tuning {
    agent_tgid: 0,
    has_socket_cookie: 0,
    host_mnt_ns: 0,
    makes_up: 0,
    host_net_ns: 0,
    _reserved: 0,
    seed: [0; 4],
};

/// The kernel gives helpers that read its memory to programs under the GPL alone.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
