//! Start, log and stop as an operator and logrotate know them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    agent::{self, Agent},
    cycles,
    fixture::Reachable,
    harness::{Case, Context, Outcome},
    kernel_objects::{self, Objects},
    log::{Line, Log},
    own_mounts,
    process::{self, Group},
    replay, suite, wait,
};

/// How long a signal may take to have its effect.
const LIMIT: Duration = Duration::from_secs(10);
/// How long the agent may take to watch.
const START: Duration = Duration::from_secs(30);
/// A configuration in which the log moves quickly enough to be watched.
const LIVELY: &str = "[alerts]\nheartbeat = \"1s\"\n";

type Check = fn(&Context, &Path) -> Result<Outcome>;

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    let rows: [(&str, Check); 8] = [
        ("start-and-stop", start_and_stop),
        ("interrupt", interrupt),
        ("reopen", reopen),
        ("second-instance", second_instance),
        ("append", append),
        ("record", record),
        ("own-mounts", own_mounts::known),
        ("fifty-cycles", cycles::fifty),
    ];
    rows.into_iter().map(|(name, body)| suite::case(format!("lifecycle::{name}"), body)).collect()
}

/// SIGTERM ends it with status 0 and a stop record (checked by `stop`); its log is for its owner alone, and the kernel
/// keeps nothing of it.
fn start_and_stop(context: &Context, dir: &Path) -> Result<Outcome> {
    let before = Objects::now()?;
    let agent = Agent::start(context.weir()?, dir, None)?;
    let metadata = fs::metadata(dir.join("alerts.jsonl"))?;
    ensure!(metadata.permissions().mode() & 0o777 == 0o600, "the log's mode is {:o}", metadata.mode());
    let names = Objects::now()?.names_of(agent.pid())?;
    let lines = agent.stop()?.lines;
    kernel_objects::wait_until_gone(&before, &names)?;
    for record in &lines {
        for field in ["@timestamp", "event.kind", "event.action", "host.name", "ecs.version"] {
            ensure!(
                record.get(field).is_some(),
                "{} record without {field}: {}",
                record.action(),
                record.record
            );
        }
    }
    ensure!(lines.first().is_some_and(Line::is_start), "the first record is not start");
    Ok(Outcome::Passed(Vec::new()))
}

/// SIGINT, as from a terminal, is a stop in order too.
fn interrupt(context: &Context, dir: &Path) -> Result<Outcome> {
    let agent = Agent::start(context.weir()?, dir, None)?;
    agent.signal(libc::SIGINT)?;
    let mut log = Log::new(dir.join("alerts.jsonl"));
    wait::until(LIMIT, "stop record after SIGINT", || {
        log.poll()?;
        Ok(log.lines().last().is_some_and(Line::is_stop).then_some(()))
    })?;
    Ok(Outcome::Passed(Vec::new()))
}

/// After a rename the agent goes on writing to the old file until SIGHUP, then to a new one; no line is lost.
fn reopen(context: &Context, dir: &Path) -> Result<Outcome> {
    let (log, moved) = (dir.join("alerts.jsonl"), dir.join("alerts.jsonl.1"));
    let agent = Agent::start(context.weir()?, dir, Some(LIVELY))?;
    fs::rename(&log, &moved)?;
    agent.signal(libc::SIGHUP)?;
    wait::until(LIMIT, "a new log after SIGHUP", || Ok(log.exists().then_some(())))?;
    let mode = fs::metadata(&log)?.permissions().mode() & 0o777;
    ensure!(mode == 0o600, "the new log's mode is {mode:o}");
    agent.signal(libc::SIGTERM)?;
    let mut new = Log::new(log);
    wait::until(LIMIT, "stop record in the new log", || {
        new.poll()?;
        Ok(new.lines().last().is_some_and(Line::is_stop).then_some(()))
    })?;
    let mut old = Log::new(moved);
    old.poll()?;
    ensure!(old.lines().first().is_some_and(Line::is_start), "the old log lost its start record");
    ensure!(!old.lines().iter().any(Line::is_stop), "the stop record is in the old log");
    Ok(Outcome::Passed(Vec::new()))
}

/// A second agent on the same log is refused, with a message that names it; the first goes on.
fn second_instance(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let agent = Agent::start(weir, dir, None)?;
    let other = dir.join("second");
    fs::create_dir(&other)?;
    let log = dir.join("alerts.jsonl");
    let mut second = weir.watching("run");
    second.arg("--alerts").arg(&log);
    process::capture(&mut second, &other, "weir")?;
    let status = Group::spawn(&mut second)?.finish(LIMIT).context("a second agent on the same log")?;
    let said = fs::read_to_string(other.join("weir.stderr"))?;
    ensure!(!status.success() && !said.contains("panicked at"), "{status}: {said}");
    ensure!(said.contains(&*log.to_string_lossy()), "the message does not name the log: {said}");
    agent.stop()?;
    Ok(Outcome::Passed(Vec::new()))
}

/// A restart appends to the log, and a half line that a crash left does not swallow the next record.
fn append(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let path = dir.join("alerts.jsonl");
    let before = Agent::start(weir, dir, None)?.stop()?.lines.len();
    let mut bytes = fs::read(&path)?;
    bytes.extend_from_slice(b"{\"half\":");
    fs::write(&path, bytes)?;
    let mut again = Group::spawn(&mut agent::command(weir, dir, None)?)?;
    let mut log = Log::new(path);
    wait::until(LIMIT, "a second start record", || {
        log.poll()?;
        let starts = log.lines().iter().filter(|line| line.is_start()).count();
        Ok((starts == 2).then_some(()))
    })?;
    again.signal(libc::SIGTERM)?;
    again.finish(LIMIT)?;
    log.poll()?;
    ensure!(log.lines().len() > before, "{before} records before, {} after", log.lines().len());
    ensure!(log.broken().len() <= 1, "more than the half line is broken: {:?}", log.broken());
    Ok(Outcome::Passed(Vec::new()))
}

/// `weir record` keeps events without judging them; an ordinary user can replay what it wrote.
fn record(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let recording = agent::recording(dir);
    let mut command = weir.watching("record");
    command.arg(&recording);
    process::capture(&mut command, dir, "weir")?;
    let mut recorder = Group::spawn(&mut command)?;
    let stderr = dir.join("weir.stderr");
    wait::until(START, "the recorder", || {
        Ok(fs::read_to_string(&stderr)?.contains("watching").then_some(()))
    })?;
    recorder.signal(libc::SIGTERM)?;
    let status = recorder.finish(LIMIT).context("after SIGTERM")?;
    let said = fs::read_to_string(&stderr)?;
    ensure!(status.success() && !said.contains("panicked at"), "{status}: {said}");
    let place = Reachable::new("reachable")?;
    let output = replay::unprivileged(weir, place.path(), &recording)?.args(["--alerts", "-"]).output()?;
    ensure!(output.status.success(), "{}", replay::summary(&output));
    let start = String::from_utf8_lossy(&output.stdout).contains("\"start\"");
    ensure!(start, "the replay says nothing of the start");
    Ok(Outcome::Passed(Vec::new()))
}
