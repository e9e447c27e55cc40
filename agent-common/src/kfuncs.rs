//! Functions of the kernel (kfuncs) that the programs call where the kernel has them. The object holds a *mark* in the
//! place of each call, a call to a helper of a number that no helper has; the agent puts the running kernel's function,
//! or nothing, into that place before it loads the object.

/// Number of the first mark; the others follow. Kernels count their helpers in hundreds.
pub const FIRST_MARK: u32 = 0x7765_6900;

/// `void bpf_preempt_disable(void)` (6.10).
pub const PREEMPT_DISABLE: u32 = FIRST_MARK;
/// `void bpf_preempt_enable(void)` (6.10).
pub const PREEMPT_ENABLE: u32 = FIRST_MARK + 1;
/// `void bpf_local_irq_save(unsigned long *flags)` (6.14).
pub const IRQ_SAVE: u32 = FIRST_MARK + 2;
/// `void bpf_local_irq_restore(unsigned long *flags)` (6.14).
pub const IRQ_RESTORE: u32 = FIRST_MARK + 3;

/// Names of the functions in the order of their marks.
pub const NAMES: [&str; 4] =
    ["bpf_preempt_disable", "bpf_preempt_enable", "bpf_local_irq_save", "bpf_local_irq_restore"];

/// Place in [`NAMES`] of the function that a mark stands for; `None` when the number is no mark.
#[must_use]
pub const fn of_mark(number: u32) -> Option<usize> {
    let place = number.wrapping_sub(FIRST_MARK) as usize;
    if place < NAMES.len() { Some(place) } else { None }
}
