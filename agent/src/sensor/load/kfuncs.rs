//! Puts the kernel's own functions into the object where it is marked for them, or nothing where this kernel lacks one.

use std::{
    io,
    os::fd::{FromRawFd as _, OwnedFd, RawFd},
};

use agent_common::kfuncs::{IRQ_RESTORE, IRQ_SAVE, NAMES, PREEMPT_DISABLE, PREEMPT_ENABLE, of_mark};
use tracing::debug;

use crate::sensor::layout::Kernel;

/// Where the object has its marks: the offset of the instruction, and the function's place in [`NAMES`].
const MARKS: &[(usize, usize)] = include!(concat!(env!("OUT_DIR"), "/marks"));

/// An instruction.
type Instruction = [u8; 8];

/// `goto +0`: nothing. The verifier takes it out.
const NOTHING: Instruction = [0x05, 0, 0, 0, 0, 0, 0, 0];

/// `BPF_PROG_TYPE_RAW_TRACEPOINT`, which stands for all that trace, and `BPF_PROG_TYPE_CGROUP_SKB`: the programs of the
/// object that call them.
const PROBED: [u32; 2] = [17, 8];

/// Types of the functions in the kernel's BTF, in the order of [`NAMES`].
type Types = [u32; NAMES.len()];

/// The object as this kernel is to get it. The functions are of use only all together.
pub(super) fn fit(object: &[u8], kernel: &Kernel) -> Vec<u8> {
    let types = types(kernel).filter(|types| {
        PROBED.into_iter().all(|kind| match probe(kind, types) {
            Ok(()) => true,
            Err(error) => {
                debug!(kind, %error, "this kernel lets no program hold its CPU");
                false
            }
        })
    });
    fill(object, types.as_ref())
}

/// `None` when the kernel lacks one.
fn types(kernel: &Kernel) -> Option<Types> {
    let mut types = Types::default();
    for (place, name) in types.iter_mut().zip(NAMES) {
        *place = kernel.function(name).or_else(|| {
            debug!(name, "this kernel lacks a function, and so lets no program hold its CPU");
            None
        })?;
    }
    Some(types)
}

/// Fills every mark in.
fn fill(object: &[u8], types: Option<&Types>) -> Vec<u8> {
    let mut object = object.to_vec();
    for &(at, function) in MARKS {
        let instruction = types.and_then(|types| types.get(function)).map_or(NOTHING, |found| call(*found));
        if let Some(place) = object.get_mut(at..at + instruction.len()) {
            place.copy_from_slice(&instruction);
        }
    }
    object
}

/// `BPF_JMP | BPF_CALL` of a function by its type: `BPF_PSEUDO_KFUNC_CALL` as source register.
fn call(function: u32) -> Instruction {
    let [a, b, c, d] = function.to_ne_bytes();
    [0x85, 0x20, 0, 0, a, b, c, d]
}

/// Asks the kernel to take a program that calls them all, and does nothing else: it refuses where programs are
/// interpreted, and wherever it thinks otherwise of such calls than weir does.
fn probe(kind: u32, types: &Types) -> io::Result<()> {
    /// `BPF_PROG_LOAD`.
    const PROG_LOAD: libc::c_int = 5;
    /// The part of `union bpf_attr` that this command needs.
    #[repr(C)]
    struct Attributes {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
    }
    let program = program(types);
    let attributes = Attributes {
        prog_type: kind,
        insn_cnt: u32::try_from(program.len()).unwrap_or(u32::MAX),
        insns: program.as_ptr() as u64,
        license: c"Dual MIT/GPL".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log_buf: 0,
        kern_version: 0,
        prog_flags: 0,
    };
    // SAFETY: the attributes are as large as the call is told, and what they point to lives until it returns.
    let fd =
        unsafe { libc::syscall(libc::SYS_bpf, PROG_LOAD, &raw const attributes, size_of_val(&attributes)) };
    let fd = RawFd::try_from(fd).map_err(io::Error::other)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just made it, for nobody else.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

/// What the programs of the object do with the functions, and nothing between.
fn program(types: &Types) -> Vec<Instruction> {
    /// `r1 = r6`.
    const ARGUMENT: Instruction = [0xbf, 0x61, 0, 0, 0, 0, 0, 0];
    let marked =
        |mark| of_mark(mark).and_then(|place| types.get(place)).map_or(NOTHING, |found| call(*found));
    vec![
        marked(PREEMPT_DISABLE),
        // r6 = r10
        [0xbf, 0xa6, 0, 0, 0, 0, 0, 0],
        // r6 += -8
        [0x07, 0x06, 0, 0, 0xf8, 0xff, 0xff, 0xff],
        ARGUMENT,
        marked(IRQ_SAVE),
        marked(PREEMPT_ENABLE),
        ARGUMENT,
        marked(IRQ_RESTORE),
        // r0 = 0
        [0xb7, 0, 0, 0, 0, 0, 0, 0],
        // exit
        [0x95, 0, 0, 0, 0, 0, 0, 0],
    ]
}

#[cfg(test)]
mod tests {
    use super::{
        super::OBJECT, IRQ_RESTORE, IRQ_SAVE, MARKS, NOTHING, PREEMPT_DISABLE, PREEMPT_ENABLE, call, fill,
        of_mark,
    };

    /// The instruction at an offset.
    fn instruction(object: &[u8], at: usize) -> [u8; 8] {
        object[at..at + 8].try_into().unwrap()
    }

    #[test]
    fn the_object_is_marked_where_the_build_says_so() {
        assert!(!MARKS.is_empty());
        for &(at, function) in MARKS {
            let [opcode, registers, 0, 0, number @ ..] = instruction(OBJECT, at) else {
                panic!("{at}: no call")
            };
            assert_eq!((opcode, registers), (0x85, 0), "{at}");
            assert_eq!(of_mark(u32::from_ne_bytes(number)), Some(function), "{at}");
        }
    }

    #[test]
    fn every_run_that_holds_the_cpu_gives_it_back() {
        let marks = |mark| MARKS.iter().filter(|(_, found)| Some(*found) == of_mark(mark)).count();
        assert!(marks(PREEMPT_DISABLE) > 0);
        assert_eq!(marks(PREEMPT_DISABLE), marks(PREEMPT_ENABLE));
        assert!(marks(IRQ_SAVE) > marks(PREEMPT_ENABLE), "some hold interrupts off from their begin");
        assert_eq!(marks(IRQ_SAVE), marks(IRQ_RESTORE));
    }

    #[test]
    fn marks_are_filled_and_nothing_else_is_touched() {
        let types = [1001, 1002, 1003, 1004];
        for types in [None, Some(&types)] {
            let filled = fill(OBJECT, types);
            assert_eq!(filled.len(), OBJECT.len());
            let mut restored = filled.clone();
            for &(at, function) in MARKS {
                let expected = types.map_or(NOTHING, |types| call(types[function]));
                assert_eq!(instruction(&filled, at), expected, "{at}");
                restored[at..at + 8].copy_from_slice(&instruction(OBJECT, at));
            }
            assert!(restored == OBJECT);
        }
    }
}
