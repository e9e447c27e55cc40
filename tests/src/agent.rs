//! The agent under test: the real binary, started and stopped as an operator would.

use std::{
    fs,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};

use crate::{
    log::{Line, Log},
    process::{self, Group},
    wait,
    weir::Weir,
};

/// How long the agent may take from its start to its `start` record.
const START: Duration = Duration::from_secs(30);
/// How long it may take from SIGTERM to its end.
const STOP: Duration = Duration::from_secs(20);

/// A running agent.
#[derive(Debug)]
pub struct Agent {
    group: Group,
    log: Log,
    stderr: PathBuf,
}

/// What an agent left behind.
#[derive(Debug)]
pub struct Finished {
    /// All lines of its log.
    pub lines: Vec<Line>,
}

impl Agent {
    /// Starts `weir run` with files in `dir` and waits for its `start` record.
    ///
    /// # Errors
    /// Fails when the agent ends or stays silent; the message carries its standard error.
    pub fn start(weir: &Weir, dir: &Path, config: Option<&str>) -> Result<Self> {
        let mut command = command(weir, dir, config)?;
        let stderr = dir.join("weir.stderr");
        let mut group = Group::spawn(&mut command)?;
        let mut log = Log::new(dir.join("alerts.jsonl"));
        let started = wait::until(START, "start record", || {
            log.poll()?;
            if log.lines().iter().any(Line::is_start) {
                return Ok(Some(()));
            }
            match group.ended()? {
                Some(status) => bail!("weir ended with {status}"),
                None => Ok(None),
            }
        });
        started.with_context(|| format!("weir said: {}", said(&stderr)))?;
        Ok(Self { group, log, stderr })
    }

    /// Its log, with all lines that were complete at this moment.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    pub fn log(&mut self) -> Result<&Log> {
        self.log.poll()?;
        Ok(&self.log)
    }

    /// Its pid.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// Fails when the kernel refuses.
    pub fn signal(&self, signal: i32) -> Result<()> {
        self.group.signal(signal)
    }

    /// Stops it with SIGTERM, and checks that it drained: status 0 and a `stop` record at the end.
    ///
    /// # Errors
    /// Fails when it does not, or when its standard error speaks of a panic or has colours in it.
    pub fn stop(mut self) -> Result<Finished> {
        if let Some(status) = self.group.ended()? {
            bail!("weir had ended with {status}: {}", said(&self.stderr));
        }
        self.group.signal(libc::SIGTERM)?;
        let status = self.group.finish(STOP).context("after SIGTERM")?;
        self.log.poll()?;
        let said = said(&self.stderr);
        if !status.success() || said.contains("panicked at") || said.contains('\u{1b}') {
            bail!("weir ended with {status} and said: {said}");
        }
        if let Some(broken) = self.log.broken().first() {
            bail!("a line of the log is no JSON: {broken}");
        }
        let Some(last) = self.log.lines().last() else { bail!("the log is empty") };
        if !last.is_stop() {
            bail!("the log's last record is {}, not stop", last.action());
        }
        Ok(Finished { lines: self.log.lines().to_vec() })
    }
}

/// `weir run` with log, recording and output in `dir`.
///
/// # Errors
/// Fails when a file cannot be made.
pub fn command(weir: &Weir, dir: &Path, config: Option<&str>) -> Result<Command> {
    let mut command = weir.watching("run");
    command.arg("--alerts").arg(dir.join("alerts.jsonl"));
    command.arg("--record").arg(recording(dir));
    if let Some(text) = config {
        let path = dir.join("weir.toml");
        fs::write(&path, text).context("cannot write the configuration")?;
        command.arg("--config").arg(path);
    }
    process::capture(&mut command, dir, "weir")?;
    // SAFETY: prctl is async-signal-safe and takes integers; it makes the kernel end the agent with the test.
    unsafe { command.pre_exec(die_with_parent) };
    Ok(command)
}

/// The recording of an agent whose files are in `dir`.
#[must_use]
pub fn recording(dir: &Path) -> PathBuf {
    dir.join("recording.weir")
}

fn die_with_parent() -> std::io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one integer and touches no memory.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

fn said(stderr: &Path) -> String {
    let text = fs::read_to_string(stderr).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join(" | ")
}
