//! What must be in order around the programs: capabilities, lockdown, limits, tracefs, cgroups.

use std::{
    ffi::CStr,
    fs::{self, File},
    io,
    path::Path,
    ptr,
};

use procfs::process::Process;
use tracing::{debug, info, warn};

use super::{LoadError, cgroup};
use crate::sensor::hooks::Tracepoints;

/// The oldest kernel that weir is tested on, major and minor.
const OLDEST: (u32, u32) = (5, 10);
/// The first kernel that charges maps to the control group, and no more to the limit of locked memory.
const CHARGES_CGROUPS: (u32, u32) = (5, 11);
/// The first kernel that can preempt a task inside a tracepoint's program.
const PREEMPTS_TRACEPOINTS: (u32, u32) = (7, 0);
/// Capabilities that together do what `CAP_SYS_ADMIN` does for BPF, with their bits (5.8).
const NEEDED: [(&str, u64); 2] = [("CAP_PERFMON", 1 << 38), ("CAP_BPF", 1 << 39)];
/// `CAP_SYS_ADMIN`.
const SYS_ADMIN: u64 = 1 << 21;
/// Where tracefs belongs.
const TRACEFS: &CStr = c"/sys/kernel/tracing";
/// A file that is there when it is mounted.
const TRACEFS_SIGN: &str = "/sys/kernel/tracing/events";

/// What was found.
pub(super) struct Environment {
    /// Root of the cgroup v2 hierarchy, or why it cannot be had.
    pub(super) cgroup_root: Result<File, String>,
    /// What this kernel's tracepoints are like.
    pub(super) tracepoints: Tracepoints,
}

impl Environment {
    /// Checks what cannot be mended and mends what can.
    pub(super) fn prepare() -> Result<Self, LoadError> {
        let release = release();
        refuse_old(&release)?;
        require_capabilities()?;
        refuse_confidentiality()?;
        raise_locked_memory();
        mount_tracefs();
        Ok(Self { cgroup_root: cgroup::root(), tracepoints: tracepoints(&release) })
    }
}

/// Whether a refused map may be one too many for the limit of locked memory.
pub(super) fn locked_memory_may_lack() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live struct, which the call fills.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut limit) } == 0;
    known && charges_locked_memory(&release()) && limit.rlim_cur != libc::RLIM_INFINITY
}

/// Whether a kernel of this release charges maps to the limit of locked memory; one that cannot be read may.
fn charges_locked_memory(release: &str) -> bool {
    version(release).is_none_or(|version| version < CHARGES_CGROUPS)
}

/// What the tracepoints of a kernel of this release are like. A wrong answer costs time, or on a busy host runs, which
/// are counted: one that cannot be read is new.
fn tracepoints(release: &str) -> Tracepoints {
    match version(release) {
        Some(version) if version < PREEMPTS_TRACEPOINTS => Tracepoints::Held,
        Some(_) | None => Tracepoints::Preempted,
    }
}

/// What `uname -r` says.
fn release() -> String {
    fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default()
}

/// Refuses a kernel whose release, as `uname -r` has it, is older than [`OLDEST`]. One that cannot be read passes: the
/// kernel will say itself what it lacks.
fn refuse_old(release: &str) -> Result<(), LoadError> {
    match version(release) {
        Some(version) if version < OLDEST => {
            let (major, minor) = OLDEST;
            Err(LoadError::TooOld { release: release.trim().to_owned(), oldest: format!("{major}.{minor}") })
        }
        Some(_) | None => Ok(()),
    }
}

/// Major and minor number of a release.
fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.trim().split(|character: char| !character.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn require_capabilities() -> Result<(), LoadError> {
    let status = Process::myself().and_then(|process| process.status());
    let Ok(effective) = status.map(|status| status.capeff) else {
        // Without procfs the kernel will say itself what it thinks.
        return Ok(());
    };
    match missing(effective).as_slice() {
        [] => Ok(()),
        missing => Err(LoadError::NotPermitted { missing: missing.join(" and ") }),
    }
}

/// Names of the capabilities that a set lacks.
fn missing(effective: u64) -> Vec<&'static str> {
    if effective & SYS_ADMIN != 0 {
        return Vec::new();
    }
    NEEDED.iter().filter(|(_, bit)| effective & bit == 0).map(|(name, _)| *name).collect()
}

fn refuse_confidentiality() -> Result<(), LoadError> {
    // Absent where the kernel has no lockdown.
    let state = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if state.contains("[confidentiality]") {
        return Err(LoadError::Confidentiality { verifier_logs: Vec::new() });
    }
    Ok(())
}

/// Kernels before 5.11 charge maps to the limit of locked memory; later ones do not care, so that a refusal here
/// stops nothing.
fn raise_locked_memory() {
    let all = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to a live struct, which the call only reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const all) } != 0 {
        debug!(error = %io::Error::last_os_error(), "the limit of locked memory stays as it is");
    }
}

fn mount_tracefs() {
    if Path::new(TRACEFS_SIGN).exists() {
        return;
    }
    // SAFETY: all strings end in NUL and live through the call; tracefs takes no data.
    let result =
        unsafe { libc::mount(c"tracefs".as_ptr(), TRACEFS.as_ptr(), c"tracefs".as_ptr(), 0, ptr::null()) };
    if result == 0 {
        info!("mounted tracefs at /sys/kernel/tracing");
    } else {
        let error = io::Error::last_os_error();
        warn!(%error, "tracefs is not mounted and cannot be mounted: system-call tracepoints are out of reach");
    }
}

#[cfg(test)]
mod tests {
    use super::{LoadError, Tracepoints, charges_locked_memory, missing, refuse_old, tracepoints};

    #[test]
    fn tracepoints_are_preempted_by_new_kernels_alone() {
        let rows = [
            ("5.10.0-28-amd64", Tracepoints::Held),
            ("6.18.5", Tracepoints::Held),
            ("7.0.0-1-default", Tracepoints::Preempted),
            ("7.2.13+deb14-cloud-amd64", Tracepoints::Preempted),
            ("", Tracepoints::Preempted),
        ];
        for (release, expected) in rows {
            assert_eq!(tracepoints(release), expected, "{release}");
        }
    }

    #[test]
    fn locked_memory_is_charged_by_old_kernels_alone() {
        let rows = [
            ("5.10.0-28-amd64", true),
            ("5.11.0", false),
            ("5.14.0-427.el9.x86_64", false),
            ("6.1.0", false),
            ("", true),
        ];
        for (release, expected) in rows {
            assert_eq!(charges_locked_memory(release), expected, "{release}");
        }
    }

    #[test]
    fn old_kernels() {
        let rows = [
            ("5.10.0-28-amd64", true),
            ("5.9.16-200.fc33.x86_64", false),
            ("4.18.0-553.el8_10.x86_64", false),
            ("5.10", true),
            ("5.4-rc1", false),
            ("6.1.0\n", true),
            ("7.2-rc3", true),
            ("10.0.0+", true),
            ("", true),
            ("unknown", true),
            ("99999999999.1", true),
        ];
        for (release, good) in rows {
            let answer = refuse_old(release);
            assert_eq!(answer.is_ok(), good, "{release}");
            if let Err(error) = answer {
                assert!(matches!(error, LoadError::TooOld { .. }));
                let said = error.to_string();
                assert!(said.contains(release.trim()) && said.contains("5.10"), "{said}");
            }
        }
    }

    #[test]
    fn capabilities() {
        let rows: [(u64, &[&str]); 5] = [
            (0, &["CAP_PERFMON", "CAP_BPF"]),
            (1 << 21, &[]),
            (1 << 38 | 1 << 39, &[]),
            (1 << 39, &["CAP_PERFMON"]),
            (u64::MAX, &[]),
        ];
        for (effective, expected) in rows {
            assert_eq!(missing(effective), expected, "{effective:#x}");
        }
    }
}
