//! Child processes that end with the test: each leads a process group, and the group is killed when its guard
//! goes, when a case panics and when the run is interrupted.

use std::{
    collections::BTreeSet,
    fs::File,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::wait;

static LIVE: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A child that leads a process group.
#[derive(Debug)]
pub struct Group {
    child: Child,
    id: i32,
    name: String,
}

impl Group {
    /// Starts `command` as leader of a new process group.
    ///
    /// # Errors
    /// Fails when the program cannot be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).spawn().with_context(|| format!("cannot start {name}"))?;
        let id = i32::try_from(child.id()).context("a pid beyond i32")?;
        live(|set| set.insert(id));
        Ok(Self { child, id, name })
    }

    /// Pid of the leader.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The child's standard input, when it was piped.
    pub fn take_stdin(&mut self) -> Option<std::process::ChildStdin> {
        self.child.stdin.take()
    }

    /// Sends `signal` to the leader alone.
    ///
    /// # Errors
    /// Fails when the kernel refuses.
    pub fn signal(&self, signal: i32) -> Result<()> {
        // SAFETY: kill(2) takes two integers; the pid is that of a child that has not been reaped by anyone else.
        let result = unsafe { libc::kill(self.id, signal) };
        if result != 0 {
            bail!("cannot signal {}: {}", self.name, std::io::Error::last_os_error());
        }
        Ok(())
    }

    /// The leader's exit status, if it has ended.
    ///
    /// # Errors
    /// Fails when the child cannot be waited for.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot wait for {}", self.name))
    }

    /// Waits for the leader's end.
    ///
    /// # Errors
    /// Fails when the limit passes first.
    pub fn finish(&mut self, limit: Duration) -> Result<ExitStatus> {
        let what = format!("end of {}", self.name);
        wait::until(limit, &what, || self.ended())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.id);
        // The leader is dead or dying; reaping it frees the pid.
        let _ = self.child.wait();
        live(|set| set.remove(&self.id));
    }
}

/// Kills every process group that a guard still holds. For the interrupt path, where no guard is dropped.
pub fn kill_all() {
    for id in live(std::mem::take) {
        kill_group(id);
    }
}

/// Kills one process by id.
pub fn kill(pid: i32) {
    // SAFETY: kill(2) takes two integers and touches no memory.
    let _ = unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// Runs a short command and gives its output.
///
/// # Errors
/// Fails when it cannot be started or its status is not 0; the message carries its standard error.
pub fn run(command: &mut Command) -> Result<Output> {
    let name = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {name}"))?;
    if !output.status.success() {
        bail!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output)
}

/// Sends standard output and standard error of `command` to files in `dir`, named after `stem`.
///
/// # Errors
/// Fails when a file cannot be made.
pub fn capture(command: &mut Command, dir: &Path, stem: &str) -> Result<()> {
    let file = |kind: &str| {
        let path = dir.join(format!("{stem}.{kind}"));
        File::create(&path).with_context(|| format!("cannot make {}", path.display()))
    };
    command.stdin(Stdio::null()).stdout(file("stdout")?).stderr(file("stderr")?);
    Ok(())
}

/// Whether `program` can be found, as a path or along `PATH` and the administrator's directories.
#[must_use]
pub fn find(program: &str) -> Option<std::path::PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(std::path::PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|candidate| candidate.is_file())
}

fn kill_group(id: i32) {
    // SAFETY: kill(2) takes two integers; a negative pid names the group that our own child leads.
    let _ = unsafe { libc::kill(-id, libc::SIGKILL) };
}

fn live<T>(with: impl FnOnce(&mut BTreeSet<i32>) -> T) -> T {
    with(&mut LIVE.lock().unwrap_or_else(PoisonError::into_inner))
}
