//! The machine under the first process: file systems, modules, the end.

use std::{
    ffi::{CStr, CString},
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use super::PLAN;
use crate::{process, wait};

/// How long a disk may take to appear.
const DISK: Duration = Duration::from_secs(30);
/// Where the disk is mounted before it becomes the root.
const NEW_ROOT: &str = "/disk";

/// A file system of the kernel's own, and the place where people expect it.
struct Mount {
    kind: &'static str,
    place: &'static str,
    options: &'static str,
}

const FIRST: [Mount; 3] = [
    Mount { kind: "proc", place: "/proc", options: "" },
    Mount { kind: "sysfs", place: "/sys", options: "" },
    Mount { kind: "devtmpfs", place: "/dev", options: "" },
];

const REST: [Mount; 9] = [
    Mount { kind: "devpts", place: "/dev/pts", options: "ptmxmode=0666" },
    Mount { kind: "tmpfs", place: "/dev/shm", options: "mode=1777" },
    Mount { kind: "tmpfs", place: "/run", options: "mode=0755" },
    Mount { kind: "tmpfs", place: "/tmp", options: "mode=1777" },
    Mount { kind: "cgroup2", place: "/sys/fs/cgroup", options: "" },
    Mount { kind: "bpf", place: "/sys/fs/bpf", options: "mode=0700" },
    Mount { kind: "securityfs", place: "/sys/kernel/security", options: "" },
    Mount { kind: "debugfs", place: "/sys/kernel/debug", options: "" },
    Mount { kind: "tracefs", place: "/sys/kernel/tracing", options: "" },
];

/// Mounts what loading modules needs.
///
/// # Errors
/// When the kernel refuses one.
pub(super) fn mount_first() -> Result<()> {
    FIRST.iter().try_for_each(Mount::mount)
}

/// Mounts what an ordinary system has.
///
/// # Errors
/// When the kernel refuses one.
pub(super) fn mount_rest() -> Result<()> {
    REST.iter().try_for_each(Mount::mount)
}

/// Loads the modules in `folder` by name, and returns those that the kernel refused, with the reason.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn load_modules(folder: &Path) -> Result<Vec<(String, anyhow::Error)>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(Vec::new()) };
    let mut modules: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    modules.sort();
    let refused = modules.into_iter().filter_map(|module| {
        let name = module.file_name().unwrap_or_default().to_string_lossy().into_owned();
        load(&module).err().map(|error| (name, error))
    });
    Ok(refused.collect())
}

/// Makes the disk the root, with `/payload` and the plan copied to its `/opt/weir`, and what is below `/files` to the
/// same place below it.
///
/// # Errors
/// When there is no disk, or it holds nothing that can be a root.
pub(super) fn enter_disk() -> Result<()> {
    wait::until(DISK, "the disk", || Ok(Path::new("/dev/vda").exists().then_some(())))?;
    fs::create_dir_all(NEW_ROOT)?;
    mount("/dev/vda", NEW_ROOT, Some("ext4"), 0, "").context("cannot mount the disk")?;
    let place = Path::new(NEW_ROOT).join("opt/weir");
    lay_over(Path::new("/payload"), &place).context("no payload")?;
    fs::copy("/plan", Path::new(NEW_ROOT).join(PLAN.trim_start_matches('/')))?;
    if Path::new("/files").exists() {
        lay_over(Path::new("/files"), Path::new(NEW_ROOT))?;
    }
    for Mount { place, .. } in &FIRST {
        mount(place, &format!("{NEW_ROOT}{place}"), None, libc::MS_MOVE, "")?;
    }
    std::env::set_current_dir(NEW_ROOT)?;
    mount(".", "/", None, libc::MS_MOVE, "")?;
    std::os::unix::fs::chroot(".")?;
    std::env::set_current_dir("/")?;
    Ok(())
}

/// What an ordinary system has done when it is up.
///
/// # Errors
/// When `ip` fails.
pub(super) fn ready() -> Result<()> {
    fs::write("/proc/sys/kernel/hostname", "guest")?;
    fs::write("/etc/hostname", "guest\n")?;
    fs::write("/etc/hosts", "127.0.0.1 localhost\n127.0.1.1 guest\n::1 localhost\n")?;
    process::run(Command::new("ip").args(["link", "set", "lo", "up"])).map(drop)
}

/// Waits for `child`, and buries the orphans that end before it.
///
/// # Errors
/// When there is no such child.
pub(super) fn reap_until(child: u32) -> Result<i32> {
    let child = i32::try_from(child)?;
    loop {
        let mut status = 0;
        // SAFETY: waitpid writes one integer, to which it is given a pointer.
        let ended = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if ended == child {
            // As a shell tells it.
            return Ok(if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                128 + libc::WTERMSIG(status)
            });
        }
        if ended < 0 {
            return Err(io::Error::last_os_error()).context("waitpid");
        }
    }
}

/// Writes everything out and turns the machine off.
pub(super) fn power_off() -> ! {
    // SAFETY: sync takes nothing and cannot fail.
    unsafe { libc::sync() };
    // SAFETY: reboot takes an integer; only programs that have a machine of their own come here.
    unsafe { libc::reboot(libc::RB_POWER_OFF) };
    // The kernel refused; ending as process 1 makes it panic, which the harness sees, and below it leaves silence.
    std::process::abort()
}

/// Copies the files below `from` to the same places below `to`.
fn lay_over(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let place = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            lay_over(&entry.path(), &place)?;
        } else {
            fs::copy(entry.path(), &place).with_context(|| format!("cannot make {}", place.display()))?;
        }
    }
    Ok(())
}

impl Mount {
    fn mount(&self) -> Result<()> {
        fs::create_dir_all(self.place)?;
        mount(self.kind, self.place, Some(self.kind), 0, self.options)
    }
}

fn load(module: &Path) -> Result<()> {
    let file = File::open(module)?;
    let parameters: &CStr = c"";
    // SAFETY: finit_module takes a descriptor that `file` keeps open, a C string that outlives the call, and flags.
    let result = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), parameters.as_ptr(), 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error().into()) }
}

fn mount(source: &str, place: &str, kind: Option<&str>, flags: libc::c_ulong, options: &str) -> Result<()> {
    let (source, target, options) = (CString::new(source)?, CString::new(place)?, CString::new(options)?);
    let kind = kind.map(CString::new).transpose()?;
    crate::mount::mount(&source, &target, kind.as_deref(), flags, &options)
        .with_context(|| format!("cannot mount {place}"))
}
