//! Readers of kernel structs. Addresses are plain numbers: nothing is dereferenced but through a helper that
//! survives a bad one.

pub(crate) mod task;
pub(crate) mod path;
pub(crate) mod file;
pub(crate) mod packet;
pub(crate) mod socket;

use core::arch::asm;

use agent_common::kernel_layout::ABSENT;
use aya_ebpf::{
    cty::c_void,
    helpers::{bpf_probe_read_kernel, generated},
};

/// Offset of a member of a kernel struct, by its name in `KernelLayout`.
macro_rules! layout {
    ($field:ident) => {{
        // SAFETY: the static lives as long as the program; volatile because the agent replaces it before load.
        unsafe { core::ptr::read_volatile(&raw const crate::LAYOUT.$field) }
    }};
}

/// A value of `Tuning`.
macro_rules! tuning {
    ($field:ident) => {{
        // SAFETY: the static lives as long as the program; volatile because the agent replaces it before load.
        unsafe { core::ptr::read_volatile(&raw const crate::TUNING.$field) }
    }};
}

pub(crate) use {layout, tuning};

/// A read failed that the layout had promised; where, for the log.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The acting task.
    Task = 1,
    /// An executable or its memory.
    Exec = 2,
    /// A file, inode or superblock.
    File = 3,
    /// A socket.
    Socket = 4,
    /// A map that must be there.
    Map = 5,
}

/// What a `try_...` ends with.
pub(crate) type Outcome = Result<(), Fault>;

/// Reads a member of the kernel struct at `base`; `None` when the kernel lacks it or the address is bad.
#[inline(always)]
pub(crate) fn read<T>(base: u64, offset: u16) -> Option<T> {
    if base == 0 || offset == ABSENT {
        return None;
    }
    // SAFETY: the helper checks the address itself.
    unsafe { bpf_probe_read_kernel((base + u64::from(offset)) as *const T) }.ok()
}

/// Reads a member where the verifier must not see two outcomes, as inside a loop: zeros when the kernel lacks it
/// or the address is bad.
#[inline(always)]
pub(crate) fn peek<T: Default>(base: u64, offset: u16) -> T {
    let mut value = T::default();
    peek_into(base, offset, &mut value);
    value
}

/// As [`peek`], to where the value belongs; unchanged when the kernel lacks the member.
#[inline(always)]
pub(crate) fn peek_into<T>(base: u64, offset: u16, value: &mut T) {
    if offset == ABSENT {
        return;
    }
    let source = (base + u64::from(offset)) as *const c_void;
    // SAFETY: the helper checks the source itself, and fills the destination with zeros when that is bad.
    unsafe {
        generated::bpf_probe_read_kernel(core::ptr::from_mut(value).cast(), size_of::<T>() as u32, source)
    };
}

/// Address of an embedded member.
#[inline(always)]
pub(crate) fn member(base: u64, offset: u16) -> Option<u64> {
    (base != 0 && offset != ABSENT).then(|| base + u64::from(offset))
}

/// `value & MASK` in an instruction that the compiler cannot move away or merge, so that the verifier sees the
/// bound right where the value is used.
#[inline(always)]
pub(crate) fn mask<const MASK: u32>(value: u64) -> u64 {
    let mut bounded = value;
    // SAFETY: one arithmetic instruction on a register.
    unsafe { asm!("{0} &= {1}", inout(reg) bounded, const MASK, options(pure, nomem, nostack)) };
    bounded
}

/// The smaller of `value` and `MAX`, again where the verifier sees it.
#[inline(always)]
pub(crate) fn at_most<const MAX: u32>(value: u64) -> u64 {
    let mut bounded = value;
    // SAFETY: a comparison and a move on a register; the jump stays inside the block.
    unsafe {
        asm!("if {0} <= {1} goto +1", "{0} = {1}", inout(reg) bounded, const MAX, options(pure, nomem, nostack));
    }
    bounded
}

/// An address that the verifier knows as a pointer of some type, as a plain number, which alone can be computed with:
/// its bytes reversed twice. (6.17 takes a pointer that was negated for a pointer still.)
#[inline(always)]
pub(crate) fn scalar(pointer: u64) -> u64 {
    let mut number = pointer;
    // SAFETY: arithmetic on a register.
    unsafe { asm!("{0} = be64 {0}", "{0} = be64 {0}", inout(reg) number, options(pure, nomem, nostack)) };
    number
}
