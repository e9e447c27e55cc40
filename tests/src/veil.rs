//! A mount namespace of its own for the agent, in which parts of the host's `/sys` are covered or gone. Nobody else
//! sees it, and it goes with the agent.

use std::{
    ffi::{CStr, CString},
    fs::{self, File},
    io::{self, Write as _},
    os::{fd::FromRawFd as _, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use weir::sensor::procfs::mount_places;

use crate::mount::{done, mount};

/// What is done in the new namespace, in this order.
#[derive(Clone, Debug, Default)]
pub struct Veil(Vec<Step>);

#[derive(Clone, Debug)]
enum Step {
    /// An empty file system over a directory.
    Cover(CString),
    /// A mount is gone.
    Unmount(CString),
    /// A directory is made.
    Make(CString),
    /// A directory is seen at a second place.
    Show(CString, CString),
    /// A control group is joined, whose directory this is, and becomes the root of a namespace.
    Enclose(CString),
    /// The cgroup v2 hierarchy is mounted, as far as the namespace has it.
    MountCgroup2(CString),
}

impl Veil {
    /// Everything is in view. Where the first process cannot be looked at or has other mounts than this one, this one
    /// stands in for it.
    ///
    /// # Errors
    /// Fails when this process's mount namespace cannot be told.
    pub fn over_nothing() -> Result<Self> {
        let own = fs::read_link("/proc/self/ns/mnt").context("no mount namespace")?;
        if fs::read_link("/proc/1/ns/mnt").is_ok_and(|first| first == own) {
            return Ok(Self::default());
        }
        let own = CString::new(format!("/proc/{}", std::process::id()))?;
        Ok(Self(vec![Step::Show(own, c"/proc/1".into())]))
    }

    /// No type information of the kernel.
    #[must_use]
    pub fn over_btf() -> Self {
        Self(vec![Step::Cover(c"/sys/kernel/btf".into())])
    }

    /// No cgroup v2 hierarchy: every mount of one is gone. The first process's mounts are in plain view.
    ///
    /// # Errors
    /// Fails when a mount's path holds a NUL.
    pub fn without_own_cgroup2() -> Result<Self> {
        // The last mounted is the first to go, since it may lie on another.
        Ok(Self(cgroup2_mounts()?.into_iter().rev().map(Step::Unmount).collect()))
    }

    /// As above, and nobody else has one either.
    ///
    /// # Errors
    /// Fails when a mount's path holds a NUL.
    pub fn without_cgroup2() -> Result<Self> {
        Ok(Self::without_own_cgroup2()?.alone())
    }

    /// The mounts of the cgroup v2 hierarchy are still listed, and lie under an empty file system.
    ///
    /// # Errors
    /// Fails when a mount's path holds a NUL.
    pub fn over_cgroup2() -> Result<Self> {
        Ok(Self(cgroup2_mounts()?.into_iter().map(Step::Cover).collect()).alone())
    }

    /// The first process, whose view of the file system is not veiled, cannot be looked at.
    fn alone(mut self) -> Self {
        self.0.push(Step::Cover(c"/proc/1".into()));
        self
    }

    /// A control group namespace whose root is `group`, and its part of the hierarchy where the whole was; as in a
    /// container, the host's first process is not seen.
    ///
    /// # Errors
    /// Fails when no hierarchy is mounted.
    pub fn in_cgroup_namespace(group: &Path) -> Result<Self> {
        let Self(mut steps) = Self::without_own_cgroup2()?;
        let place = cgroup2_mounts()?.into_iter().next_back().context("no cgroup v2 hierarchy")?;
        let procs = CString::new(group.join("cgroup.procs").into_os_string().into_encoded_bytes())?;
        steps.insert(0, Step::Enclose(procs));
        steps.push(Step::MountCgroup2(place));
        Ok(Self(steps).alone())
    }

    /// An empty directory where tracefs belongs, on which the agent can mount it again.
    #[must_use]
    pub fn over_tracefs() -> Self {
        let places = [c"/sys/kernel/tracing", c"/sys/kernel/debug/tracing"];
        let there = places.into_iter().filter(|place| Path::new(&*place.to_string_lossy()).is_dir());
        Self(there.map(|place| Step::Cover(place.into())).collect())
    }

    /// No tracefs, and no place for it. The type information stays, by way of a directory that is made below `spare`.
    ///
    /// # Errors
    /// Fails when that directory cannot be made.
    pub fn without_tracefs(spare: &Path) -> Result<Self> {
        let aside = spare.join("btf");
        fs::create_dir_all(&aside).with_context(|| format!("cannot make {}", aside.display()))?;
        let aside = CString::new(aside.into_os_string().into_encoded_bytes())?;
        let btf: CString = c"/sys/kernel/btf".into();
        Ok(Self(vec![
            Step::Show(btf.clone(), aside.clone()),
            Step::Cover(c"/sys/kernel".into()),
            Step::Make(btf.clone()),
            Step::Show(aside, btf),
        ]))
    }

    /// Lets `command` run in a mount namespace of its own in which all of this is done.
    pub fn hang_before(&self, command: &mut Command) {
        let Self(steps) = self.clone();
        // SAFETY: between fork and exec only system calls are made, with strings that were made before.
        unsafe { command.pre_exec(move || enter().and_then(|()| steps.iter().try_for_each(Step::take))) };
    }
}

impl Step {
    fn take(&self) -> io::Result<()> {
        match self {
            Self::Cover(place) => mount(c"tmpfs", place, Some(c"tmpfs"), 0, c""),
            Self::Show(from, to) => mount(from, to, None, libc::MS_BIND | libc::MS_REC, c""),
            Self::Unmount(place) => {
                // SAFETY: the string ends in NUL and lives through the call.
                done(unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) })
            }
            Self::Enclose(procs) => {
                join(procs)?;
                // SAFETY: unshare takes flags alone.
                done(unsafe { libc::unshare(libc::CLONE_NEWCGROUP) })
            }
            Self::MountCgroup2(place) => mount(c"cgroup2", place, Some(c"cgroup2"), 0, c""),
            Self::Make(place) => {
                // SAFETY: the string ends in NUL and lives through the call.
                done(unsafe { libc::mkdir(place.as_ptr(), 0o755) })
            }
        }
    }
}

/// Joins the control group whose `cgroup.procs` this is.
fn join(procs: &CStr) -> io::Result<()> {
    // SAFETY: the string ends in NUL and lives through the call.
    let descriptor = unsafe { libc::open(procs.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC) };
    if descriptor < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a descriptor that was just opened, and that nobody else has.
    let file = unsafe { File::from_raw_fd(descriptor) };
    // The caller itself.
    (&file).write_all(b"0")
}

/// A new mount namespace from which nothing gets back to the host's.
fn enter() -> io::Result<()> {
    // SAFETY: unshare takes flags alone; the child of a fork has one thread, which is all that it moves.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    mount(c"none", c"/", None, libc::MS_REC | libc::MS_PRIVATE, c"")
}

/// Where cgroup v2 is mounted, in the order of the mounts.
#[must_use]
pub fn cgroup2_places() -> Vec<PathBuf> {
    mount_places(Path::new("/proc/self"), "cgroup2")
}

fn cgroup2_mounts() -> Result<Vec<CString>> {
    let places = cgroup2_places().into_iter().map(|place| place.into_os_string().into_encoded_bytes());
    places.map(|place| Ok(CString::new(place)?)).collect()
}
