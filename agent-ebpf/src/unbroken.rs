//! Runs that no other task, or no interrupt either, can break into.
//!
//! The kernel keeps a program from entering itself by a flag of each CPU, which is up from before the program's first
//! instruction until after its last. Where a task can be preempted in between (trampolines since 5.12, tracepoints
//! since 7.0), it takes the flag with it into the run queue, and until it runs again the program is left out for
//! whoever else comes by on that CPU.

use core::{arch::asm, mem::MaybeUninit};

use agent_common::kfuncs::{IRQ_RESTORE, IRQ_SAVE, PREEMPT_DISABLE, PREEMPT_ENABLE};

/// While it lives the task keeps its CPU, on kernels that have all the functions for it (6.14); elsewhere it is
/// nothing. The first thing in a hook's entry, so that it is dropped last.
pub(crate) struct Unbroken(());

impl Unbroken {
    /// Begins here.
    #[inline(always)]
    pub(crate) fn begin() -> Self {
        // SAFETY: a call that takes nothing and gives nothing; it overwrites the registers of every call.
        unsafe {
            asm!(
                "call {}", const PREEMPT_DISABLE,
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                options(nostack),
            );
        }
        Self(())
    }
}

impl Drop for Unbroken {
    /// Whoever allows preemption is preempted at that very place when his time was up meanwhile, with the flag still
    /// up, so that nothing would be won; not while interrupts are off. What is due then happens once the flag is down.
    #[inline(always)]
    fn drop(&mut self) {
        let mut flags = MaybeUninit::<u64>::uninit();
        // SAFETY: three calls, of which two take a word of the stack; they overwrite the registers of every call.
        unsafe {
            asm!(
                "r1 = r6", "call {save}", "call {enable}", "r1 = r6", "call {restore}",
                save = const IRQ_SAVE, enable = const PREEMPT_ENABLE, restore = const IRQ_RESTORE,
                in("r6") flags.as_mut_ptr(),
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                options(nostack),
            );
        }
    }
}

/// While it lives nothing else runs on this CPU, on kernels that have the functions for it (6.14); elsewhere it is nothing.
/// For a program that runs in tasks as well as in softirqs, which would be left out on a CPU whose task is inside it. In
/// a hook's entry its place comes first and it second, so that it is dropped last.
pub(crate) struct Undisturbed<'f>(&'f mut MaybeUninit<u64>);

impl<'f> Undisturbed<'f> {
    /// Begins here. The kernel keeps its note in `flags`, which must be a variable of the entry itself.
    #[inline(always)]
    pub(crate) fn begin(flags: &'f mut MaybeUninit<u64>) -> Self {
        // SAFETY: a call that takes a word of the stack; it overwrites the registers of every call.
        unsafe {
            asm!(
                "r1 = r6", "call {save}",
                save = const IRQ_SAVE,
                in("r6") flags.as_mut_ptr(),
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                options(nostack),
            );
        }
        Self(flags)
    }
}

impl Drop for Undisturbed<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: a call that takes the word of the stack that the one before it filled in; it overwrites the registers
        // of every call.
        unsafe {
            asm!(
                "r1 = r6", "call {restore}",
                restore = const IRQ_RESTORE,
                in("r6") self.0.as_mut_ptr(),
                out("r0") _, out("r1") _, out("r2") _, out("r3") _, out("r4") _, out("r5") _,
                options(nostack),
            );
        }
    }
}
