//! One program at one place, and what to say when the kernel refuses it.

use std::{error::Error as _, fs::File, io};

use aya::{
    Btf, Ebpf,
    programs::{
        BtfTracePoint, CgroupAttachMode, CgroupSkb, CgroupSkbAttachType, CgroupSock, CgroupSockAddr, FExit,
        KProbe, Program, ProgramError, RawTracePoint, TracePoint,
    },
};

use super::perf;
use crate::sensor::hooks::{Attachment, Rung, Target};

/// What attaching needs beside the program.
pub(super) struct Places<'a> {
    /// Types of the kernel.
    pub(super) btf: &'a Btf,
    /// Root of the cgroup v2 hierarchy, or why it cannot be had.
    pub(super) cgroup: Result<&'a File, &'a String>,
}

/// Why a program does not run.
pub(super) struct Refusal {
    /// For people: the errno's name and text, and the verifier's last line.
    pub(super) reason: String,
    /// The verifier's whole log, when it wrote one.
    pub(super) verifier_log: Option<String>,
}

impl From<ProgramError> for Refusal {
    fn from(error: ProgramError) -> Self {
        if let ProgramError::LoadError { io_error, verifier_log } = &error {
            let text = verifier_log.to_string();
            let verdict = last_word(&text).map(|line| format!(": {line}")).unwrap_or_default();
            let reason = format!("{}{verdict}", describe(io_error));
            return Self { reason, verifier_log: (!text.trim().is_empty()).then_some(text) };
        }
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.downcast_ref::<io::Error>().map_or_else(|| cause.to_string(), describe);
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            source = cause.source();
        }
        Self { reason, verifier_log: None }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self { reason, verifier_log: None }
    }
}

/// Loads the program unless it is loaded already, and attaches it.
pub(super) fn attach(ebpf: &mut Ebpf, attachment: &Attachment, places: &Places<'_>) -> Result<(), Refusal> {
    let name = attachment.program;
    let program = ebpf.program_mut(name).ok_or_else(|| format!("the object has no program {name}"))?;
    let fresh = program.fd().is_err();
    match attachment.target {
        Target::BtfTracepoint(tracepoint) => {
            let program: &mut BtfTracePoint = typed(program)?;
            if fresh {
                program.load(tracepoint, places.btf)?;
            }
            program.attach()?;
        }
        Target::RawTracepoint(tracepoint) => {
            let program: &mut RawTracePoint = typed(program)?;
            if fresh {
                program.load()?;
            }
            program.attach(tracepoint)?;
        }
        Target::Tracepoint(category, tracepoint) => {
            let program: &mut TracePoint = typed(program)?;
            if fresh {
                program.load()?;
            }
            program.attach(category, tracepoint).map_err(perf_refused)?;
        }
        Target::Fexit(function) => {
            let program: &mut FExit = typed(program)?;
            if fresh {
                program.load(function, places.btf)?;
            }
            program.attach()?;
        }
        Target::Kprobe(function) => {
            let program: &mut KProbe = typed(program)?;
            if fresh {
                program.load()?;
            }
            program.attach(function, 0).map_err(perf_refused)?;
        }
        Target::CgroupRoot(hook) => attach_to_cgroup(program, hook, fresh, places)?,
    }
    Ok(())
}

/// Name of the hook where packets leave.
const EGRESS: &str = "egress";

/// Mode `Single` is what makes a link of its own beside others: aya hands every other mode to a call that takes
/// none.
fn attach_to_cgroup(
    program: &mut Program,
    hook: &str,
    fresh: bool,
    places: &Places<'_>,
) -> Result<(), Refusal> {
    let cgroup = places.cgroup.map_err(Clone::clone)?;
    if let Ok(program) = TryInto::<&mut CgroupSockAddr>::try_into(&mut *program) {
        if fresh {
            program.load()?;
        }
        program.attach(cgroup, CgroupAttachMode::Single)?;
        return Ok(());
    }
    if let Ok(program) = TryInto::<&mut CgroupSkb>::try_into(&mut *program) {
        if fresh {
            program.load()?;
        }
        let way = if hook == EGRESS { CgroupSkbAttachType::Egress } else { CgroupSkbAttachType::Ingress };
        program.attach(cgroup, way, CgroupAttachMode::Single)?;
        return Ok(());
    }
    let program: &mut CgroupSock = typed(program)?;
    if fresh {
        program.load()?;
    }
    program.attach(cgroup, CgroupAttachMode::Single)?;
    Ok(())
}

fn typed<'a, T>(program: &'a mut Program) -> Result<T, Refusal>
where
    T: TryFrom<&'a mut Program, Error = ProgramError>,
{
    program.try_into().map_err(Refusal::from)
}

/// Takes away whatever of a rung was attached before its first refusal.
pub(super) fn detach_all(ebpf: &mut Ebpf, rung: &Rung) {
    for attachment in rung.attachments {
        if let Some(program) = ebpf.program_mut(attachment.program) {
            // A program that never was loaded has nothing to take away.
            let _ = unload(program);
        }
    }
}

fn unload(program: &mut Program) -> Result<(), ProgramError> {
    if let Ok(program) = TryInto::<&mut BtfTracePoint>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut TracePoint>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut FExit>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut KProbe>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut CgroupSockAddr>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut CgroupSock>::try_into(&mut *program) {
        return program.unload();
    }
    if let Ok(program) = TryInto::<&mut CgroupSkb>::try_into(&mut *program) {
        return program.unload();
    }
    let program: &mut RawTracePoint = program.try_into()?;
    program.unload()
}

/// What goes through perf events asks on some kernels for more than the kernel's own rule does.
fn perf_refused(error: ProgramError) -> Refusal {
    let refusal = Refusal::from(error);
    let Some(remedy) = perf::remedy(&refusal.reason) else {
        return refusal;
    };
    Refusal { reason: format!("{}: {remedy}", refusal.reason), ..refusal }
}

/// Name and text of an operating-system error.
fn describe(error: &io::Error) -> String {
    /// `ENOTSUPP` of the kernel's own, for which C has no name: arm64 has no fentry and fexit before 6.4.
    const NOT_SUPPORTED: i32 = 524;
    let name = match error.raw_os_error() {
        Some(libc::EPERM) => "EPERM",
        Some(libc::ENOENT) => "ENOENT",
        Some(libc::EACCES) => "EACCES",
        Some(libc::EINVAL) => "EINVAL",
        Some(libc::E2BIG) => "E2BIG",
        Some(libc::ENOSPC) => "ENOSPC",
        Some(libc::EOPNOTSUPP) => "EOPNOTSUPP",
        Some(NOT_SUPPORTED) => return "ENOTSUPP (this kernel cannot do it on this processor)".to_owned(),
        Some(_) | None => return error.to_string(),
    };
    format!("{name} ({error})")
}

/// The verifier's last line that is not statistics.
fn last_word(log: &str) -> Option<&str> {
    let statistics = ["processed ", "verification time", "stack depth", "insns processed"];
    log.lines()
        .map(str::trim)
        .rfind(|line| !line.is_empty() && !statistics.iter().any(|begin| line.starts_with(begin)))
}

#[cfg(test)]
mod tests {
    use super::last_word;

    #[test]
    fn the_last_word_is_the_verdict() {
        let rows = [
            ("", None),
            (
                "0: (b7) r0 = 0\nR1 type=ctx expected=fp\nprocessed 4 insns (limit 1000000)\n\n",
                Some("R1 type=ctx expected=fp"),
            ),
            ("verification time 2 usec\nstack depth 8\nprocessed 2 insns\n", None),
        ];
        for (log, expected) in rows {
            assert_eq!(last_word(log), expected, "{log:?}");
        }
    }
}
