//! A mount namespace of its own for the agent, in which parts of the host's `/sys` are covered or gone. Nobody else
//! sees it, and it goes with the agent.

use std::{ffi::CString, fs, io, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result};
use weir::sensor::procfs::mount_places;

use crate::mount::{done, mount};

/// What is done in the new namespace, in this order.
#[derive(Clone, Debug)]
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
}

impl Veil {
    /// No type information of the kernel.
    #[must_use]
    pub fn over_btf() -> Self {
        Self(vec![Step::Cover(c"/sys/kernel/btf".into())])
    }

    /// No cgroup v2 hierarchy: every mount of one is gone.
    ///
    /// # Errors
    /// Fails when the mounts cannot be read.
    pub fn without_cgroup2() -> Result<Self> {
        // The last mounted is the first to go, since it may lie on another.
        Ok(Self(cgroup2_mounts()?.into_iter().rev().map(Step::Unmount).collect()))
    }

    /// The mounts of the cgroup v2 hierarchy are still listed, and lie under an empty file system.
    ///
    /// # Errors
    /// Fails when the mounts cannot be read.
    pub fn over_cgroup2() -> Result<Self> {
        Ok(Self(cgroup2_mounts()?.into_iter().map(Step::Cover).collect()))
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
            Self::Make(place) => {
                // SAFETY: the string ends in NUL and lives through the call.
                done(unsafe { libc::mkdir(place.as_ptr(), 0o755) })
            }
        }
    }
}

/// A new mount namespace from which nothing gets back to the host's.
fn enter() -> io::Result<()> {
    // SAFETY: unshare takes flags alone; the child of a fork has one thread, which is all that it moves.
    done(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    mount(c"none", c"/", None, libc::MS_REC | libc::MS_PRIVATE, c"")
}

/// Where cgroup v2 is mounted, in the order of the mounts.
fn cgroup2_mounts() -> Result<Vec<CString>> {
    let places = mount_places(Path::new("/proc/self"), "cgroup2");
    places.into_iter().map(|place| Ok(CString::new(place.into_os_string().into_encoded_bytes())?)).collect()
}
