//! What must be in order around the programs: capabilities, lockdown, limits, tracefs, cgroups.

use std::{
    ffi::CStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    ptr,
};

use procfs::process::Process;
use tracing::{debug, info, warn};

use super::LoadError;

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
    /// Root of the cgroup v2 hierarchy.
    pub(super) cgroup_root: Option<File>,
}

impl Environment {
    /// Checks what cannot be mended and mends what can.
    pub(super) fn prepare() -> Result<Self, LoadError> {
        require_capabilities()?;
        refuse_confidentiality()?;
        raise_locked_memory();
        mount_tracefs();
        Ok(Self { cgroup_root: open_cgroup_root() })
    }
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
    if state.contains("[confidentiality]") { Err(LoadError::Confidentiality) } else { Ok(()) }
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

fn open_cgroup_root() -> Option<File> {
    let mounts = Process::myself().and_then(|process| process.mountinfo()).ok()?;
    let found = mounts.into_iter().find(|mount| mount.fs_type == "cgroup2" && mount.root == "/");
    let place: PathBuf = found?.mount_point;
    File::open(&place)
        .inspect_err(
            |error| warn!(place = %place.display(), %error, "the cgroup v2 hierarchy cannot be opened"),
        )
        .ok()
}

#[cfg(test)]
mod tests {
    use super::missing;

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
