//! The agent beside a workload.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};

/// How long the agent may take until it watches.
const START: Duration = Duration::from_secs(20);
/// Ticks of a second of processor time, `USER_HZ`.
const HZ: f64 = 100.0;

/// A running agent, ended with its guard, and its folder with it.
pub(crate) struct Agent {
    child: Child,
    folder: PathBuf,
    /// From its start to its first record, seconds.
    pub(crate) ready_s: f64,
}

impl Agent {
    pub(crate) fn start() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).context("cannot make a folder")?;
        let log = folder.join("alerts.jsonl");
        let since = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_weir"))
            .args(["run", "--alerts"])
            .arg(&log)
            .arg("--state")
            .arg(folder.join("state"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start weir")?;
        let mut agent = Self { child, folder, ready_s: 0.0 };
        while fs::metadata(&log).map_or(0, |data| data.len()) == 0 {
            if let Some(status) = agent.child.try_wait()? {
                bail!("weir ended with {status}: `weir check` says why");
            }
            ensure!(since.elapsed() < START, "weir does not watch within {START:?}");
            thread::sleep(Duration::from_millis(1));
        }
        agent.ready_s = since.elapsed().as_secs_f64();
        Ok(agent)
    }

    /// Processor time so far, seconds.
    pub(crate) fn cpu_s(&self) -> Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        // utime and stime, fields 14 and 15 of proc(5).
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok());
        Ok(ticks.sum::<f64>() / HZ)
    }

    /// Memory that is its own, MiB.
    pub(crate) fn private_mib(&self) -> Result<f64> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let kib = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or_default()
        };
        Ok((kib("Private_Clean:") + kib("Private_Dirty:")) / 1024.0)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
