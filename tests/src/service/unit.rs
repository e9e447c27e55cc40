//! The unit as its operator sees it, through `systemctl` and the journal.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    guest,
    log::{Line, Log},
    process,
    story::Watching,
    wait,
};

/// Name.
pub const NAME: &str = "weir.service";
/// The file that a package installs.
pub const FILE: &str = "/usr/lib/systemd/system/weir.service";
/// The configuration that it reads.
pub const CONFIG: &str = "/etc/weir/weir.toml";
/// The log that it writes.
pub const ALERTS: &str = "/var/log/weir/alerts.jsonl";

/// How long the manager may take to bring about what it was told.
pub const LIMIT: Duration = Duration::from_mins(1);
/// What to ask when something went wrong, and the file that keeps the answer.
const QUESTIONS: [(&str, &[&str]); 2] = [
    ("journal.log", &["journalctl", "--boot", "--no-pager", "--output=short-monotonic"]),
    ("weir.status", &["systemctl", "status", "--no-pager", "--full", "--lines=50", NAME]),
];

/// The running service, and what it has logged since somebody began to look.
#[derive(Debug)]
pub struct Service {
    /// Main process.
    pub pid: u32,
    log: Log,
    /// Lines that were there before.
    known: usize,
}

impl Service {
    /// The service as it runs, started if it does not.
    ///
    /// # Errors
    /// Fails when it does not start.
    pub fn running() -> Result<Self> {
        if property("ActiveState")? != "active" {
            // Starts of other cases are no reason to refuse this one.
            systemctl(&["reset-failed", NAME])?;
            systemctl(&["start", NAME])?;
        }
        let mut log = Log::new(ALERTS.into());
        log.poll()?;
        Ok(Self { pid: main_pid()?, known: log.lines().len(), log })
    }

    /// The service, started now, with a log of its own. It has not seen what the suite did before.
    ///
    /// # Errors
    /// Fails when it does not start.
    pub fn fresh() -> Result<Self> {
        systemctl(&["stop", NAME])?;
        if Path::new(ALERTS).exists() {
            fs::remove_file(ALERTS)?;
        }
        let mut service = Self::running()?;
        service.known = 0;
        service.wait_for("a start record", Line::is_start)?;
        Ok(service)
    }

    /// What it logged when it began to watch.
    ///
    /// # Errors
    /// Fails when the log has no such record.
    pub fn start_record(&self) -> Result<&Line> {
        self.log.lines().iter().rfind(|line| line.is_start()).context("no start record")
    }

    /// Lines since the first look.
    ///
    /// # Errors
    /// Fails when the log cannot be read, or when a line is broken.
    pub fn news(&mut self) -> Result<&[Line]> {
        self.log.poll()?;
        if let Some(broken) = self.log.broken().first() {
            bail!("a line of the log is no JSON: {broken}");
        }
        Ok(self.log.lines().get(self.known..).unwrap_or_default())
    }

    /// Waits until one of the news is such a line.
    ///
    /// # Errors
    /// Fails when none comes.
    pub fn wait_for(&mut self, what: &str, is: impl Fn(&Line) -> bool) -> Result<()> {
        wait::until(LIMIT, what, || Ok(self.news()?.iter().any(&is).then_some(())))
    }

    /// Stops it as its operator would, and checks that it ended in order.
    ///
    /// # Errors
    /// Fails when systemd calls its end a failure, or when its last line is not the stop record.
    pub fn stop(&mut self) -> Result<()> {
        systemctl(&["stop", NAME])?;
        let expected = [
            ("ActiveState", "inactive"),
            ("SubState", "dead"),
            ("Result", "success"),
            // CLD_EXITED: by itself, not by a signal.
            ("ExecMainCode", "1"),
            ("ExecMainStatus", "0"),
        ];
        expect(&expected)?;
        let last = self.news()?.last().context("it logged nothing")?;
        ensure!(last.is_stop(), "the log's last record is {}, not stop", last.action());
        Ok(())
    }
}

impl Watching for Service {
    fn log(&mut self) -> Result<&Log> {
        self.log.poll()?;
        Ok(&self.log)
    }

    fn stop(mut self) -> Result<Vec<Line>> {
        Self::stop(&mut self)?;
        Ok(self.news()?.to_vec())
    }
}

/// Why there is no service to be tested here. A developer's own host, whatever runs on it, always has a reason.
#[must_use]
pub fn missing() -> Option<String> {
    let first = fs::read_to_string("/proc/1/comm").unwrap_or_default();
    let reason = if !Path::new(guest::PLAN).exists() {
        "this is no guest of `cargo xtask vm`"
    } else if first.trim() != "systemd" {
        "the first process is not systemd"
    } else if !Path::new(FILE).exists() {
        "weir is not installed as a service"
    } else {
        return None;
    };
    Some(reason.to_owned())
}

/// Runs `systemctl` and waits for what it does.
///
/// # Errors
/// Fails when it does, with what it said.
pub fn systemctl(words: &[&str]) -> Result<Output> {
    process::run(Command::new("systemctl").args(words))
}

/// A property of the unit.
///
/// # Errors
/// Fails when the manager does not answer.
pub fn property(name: &str) -> Result<String> {
    property_of(NAME, name)
}

/// A property of another unit.
///
/// # Errors
/// Fails when the manager does not answer.
pub fn property_of(unit: &str, name: &str) -> Result<String> {
    let output = systemctl(&["show", unit, "--value", "--property", name])?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Compares properties of the unit with what they should be.
///
/// # Errors
/// Names those that are not.
pub fn expect(expected: &[(&str, &str)]) -> Result<()> {
    let mut wrong = Vec::new();
    for (name, value) in expected {
        let found = property(name)?;
        if found != *value {
            wrong.push(format!("{name} is {found}, not {value}"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join(", "));
    Ok(())
}

/// Waits until a property of the unit has this value.
///
/// # Errors
/// Fails when it does not get it.
pub fn wait_until(name: &str, value: &str) -> Result<()> {
    let what = format!("{name} {value} of {NAME}");
    wait::until(LIMIT, &what, || Ok((property(name)? == value).then_some(())))
}

/// The main process of the running service.
///
/// # Errors
/// Fails when there is none.
pub fn main_pid() -> Result<u32> {
    match property("MainPID")?.parse()? {
        0 => bail!("{NAME} has no main process"),
        pid => Ok(pid),
    }
}

/// What the service has said in this boot.
///
/// # Errors
/// Fails when the journal cannot be read.
pub fn journal() -> Result<String> {
    // What was sent to the journal before this is in it afterwards.
    process::run(Command::new("journalctl").arg("--sync"))?;
    let mut command = Command::new("journalctl");
    command.args(["--boot", "--no-pager", "--output=cat", "--unit", NAME]);
    Ok(String::from_utf8_lossy(&process::run(&mut command)?.stdout).into_owned())
}

/// Keeps in `folder` what systemd says about this boot and about the service. What cannot be had is left out: it is
/// asked for when things have gone wrong.
pub fn witness(folder: &Path) {
    for (name, words) in QUESTIONS {
        if let (Some((program, arguments)), Ok(file)) = (words.split_first(), File::create(folder.join(name)))
        {
            let _ = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(file).status();
        }
    }
}
