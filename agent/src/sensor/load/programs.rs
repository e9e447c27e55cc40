//! What the kernel tells of the programs that it took, and what its verifier said about those that it refused.

use std::{
    fs,
    os::fd::{AsFd as _, AsRawFd as _},
};

use aya::Ebpf;
use serde::Serialize;

use crate::sensor::hooks::Attachment;

/// A program that runs. A number that this kernel does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Program {
    /// Name in the object, of which the kernel shows the first 15 bytes.
    pub name: &'static str,
    /// The sensor that it serves.
    pub sensor: &'static str,
    /// Where it is attached.
    pub attached: Vec<String>,
    /// Bytes of the program after the verifier's rewriting, 8 an instruction.
    pub xlated_bytes: Option<u32>,
    /// Instructions that the verifier walked through, over all branches (5.16); it gives up at a million.
    pub verified_insns: Option<u32>,
}

/// What the kernel's verifier said about a program that it refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierLog {
    /// Name of the program.
    pub program: &'static str,
    /// The sensor that it was to serve.
    pub sensor: &'static str,
    /// The log.
    pub text: String,
}

impl VerifierLog {
    /// The last `count` lines that are not empty.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> Vec<&str> {
        let lines: Vec<&str> = self.text.lines().filter(|line| !line.trim().is_empty()).collect();
        lines.get(lines.len().saturating_sub(count)..).unwrap_or_default().to_vec()
    }

    /// Whether the program was refused because this kernel lets nobody read its memory.
    pub(super) fn hides_memory(&self) -> bool {
        // The words before the helper's name differ between kernels.
        let helper = "bpf_probe_read_kernel#";
        self.text.lines().any(|line| {
            let (before, _) = line.split_once(helper).unwrap_or_default();
            before.contains("unknown func") || before.contains("cannot use helper")
        })
    }
}

/// The programs behind `attached`, which names for each place the sensor that it serves.
pub(super) fn describe(ebpf: &Ebpf, attached: &[(&'static str, &'static Attachment)]) -> Vec<Program> {
    let mut programs: Vec<Program> = Vec::new();
    for (sensor, attachment) in attached {
        let place = attachment.target.to_string();
        if let Some(known) = programs.iter_mut().find(|program| program.name == attachment.program) {
            known.attached.push(place);
            continue;
        }
        // A kernel that does not tell is no reason to stop.
        let info = ebpf.program(attachment.program).and_then(|program| program.info().ok());
        programs.push(Program {
            name: attachment.program,
            sensor,
            attached: vec![place],
            xlated_bytes: info.as_ref().and_then(aya::programs::ProgramInfo::size_translated),
            verified_insns: info.as_ref().and_then(aya::programs::ProgramInfo::verified_instruction_count),
        });
    }
    programs
}

/// Runs of the object's programs that the kernel left out, since they were loaded: those that would have begun while
/// the same program, or for kprobes and tracepoints of the older kind any such program, ran on the same CPU, or lay
/// there in a task that was preempted inside it. Kernels tell it of fexit from 5.12 on, of `tp_btf` and raw tracepoints
/// later in 6.x, of the older kinds last; what they do not tell is zero here.
#[must_use]
pub fn missed_runs(ebpf: &Ebpf) -> u64 {
    let descriptors = ebpf.programs().filter_map(|(_, program)| Some(program.fd().ok()?.as_fd().as_raw_fd()));
    let told =
        descriptors.map(|fd| fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default());
    told.fold(0, |sum, told| sum.saturating_add(misses(&told)))
}

/// What a program's `fdinfo` says of runs that were left out.
fn misses(fdinfo: &str) -> u64 {
    let told = fdinfo.lines().find_map(|line| line.strip_prefix("recursion_misses:"));
    told.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{VerifierLog, misses};

    #[test]
    fn missed_runs_are_read_where_they_are_told() {
        let rows = [
            ("pos:\t0\nrun_cnt:\t9\nrecursion_misses:\t7\nverified_insns:\t5\n", 7),
            ("pos:\t0\nprog_id:\t3\n", 0),
            ("recursion_misses:\t-1\n", 0),
            ("", 0),
        ];
        for (fdinfo, expected) in rows {
            assert_eq!(misses(fdinfo), expected, "{fdinfo:?}");
        }
    }

    fn log(text: &str) -> VerifierLog {
        VerifierLog { program: "weir_exec_tp_btf", sensor: "exec", text: text.to_owned() }
    }

    #[test]
    fn the_last_lines_are_those_that_say_something() {
        let rows: [(&str, usize, &[&str]); 4] =
            [("", 3, &[]), ("a\nb\n\nc\n\n", 2, &["b", "c"]), ("a\nb", 5, &["a", "b"]), ("a\nb", 0, &[])];
        for (text, count, expected) in rows {
            assert_eq!(log(text).last_lines(count), expected, "{text:?} {count}");
        }
    }

    #[test]
    fn hidden_memory_is_recognised() {
        let rows = [
            ("4: (85) call unknown#113\nunknown func bpf_probe_read_kernel#113\n", true),
            ("program of this type cannot use helper bpf_probe_read_kernel#113\n", true),
            ("5: (85) call bpf_probe_read_kernel#113\nR2 min value is negative\n", false),
            ("unknown func bpf_get_func_ret#184\n", false),
        ];
        for (text, expected) in rows {
            assert_eq!(log(text).hides_memory(), expected, "{text}");
        }
    }
}
