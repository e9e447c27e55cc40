//! Hosts on which weir cannot watch, or not everything: it says what is missing and what to do, or what it does not
//! see, and does the rest.

use std::{fs, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    agent::Agent,
    coverage::{Checked, Sensor},
    fixture::Reachable,
    harness::{Case, Context, Outcome},
    kernel_objects::{self, Objects},
    log::Line,
    refused, replay, scenario, story, suite,
    veil::{Veil, cgroup2_places},
    weir::Weir,
};

/// Exit status on a host that does not allow weir to run.
const REFUSED: i32 = 3;
/// A scenario that uploads over TCP, and must be alerted.
const UPLOAD: &str = "malicious::tar-curl";
/// Sensors whose only place is a cgroup.
const IN_CGROUP: [&str; 3] = ["datagram.peer", "datagram.close", "dns"];

type Check = fn(&Context, &Path) -> Result<Outcome>;

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    let rows: [(&str, Check); 9] = [
        ("no-btf", no_btf),
        ("no-root", no_root),
        ("lockdown", lockdown),
        ("no-cgroup2", no_cgroup2),
        ("covered-cgroup2", covered_cgroup2),
        ("part-of-cgroup2", part_of_cgroup2),
        ("borrowed-cgroup2", borrowed_cgroup2),
        ("no-tracefs", no_tracefs),
        ("covered-tracefs", covered_tracefs),
    ];
    rows.into_iter().map(|(name, body)| suite::case(format!("refusal::{name}"), body)).collect()
}

/// Without type information nothing can be read in the kernel: a refusal, and nothing stays loaded.
fn no_btf(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let agent = Agent::start(weir, dir, None)?;
    let names = Objects::now()?.names_of(agent.pid())?;
    agent.stop()?;
    let before = Objects::now()?;
    let says = ["/sys/kernel/btf/vmlinux", "CONFIG_DEBUG_INFO_BTF", "boot such a kernel"];
    refuses(&weir.behind(Veil::over_btf()), dir, &says)?;
    kernel_objects::wait_until_gone(&before, &names)?;
    Ok(Outcome::Passed(Vec::new()))
}

/// A kernel that hides its memory: only its command line makes one of it.
fn lockdown(context: &Context, dir: &Path) -> Result<Outcome> {
    let state = fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    if !state.contains("[confidentiality]") {
        let state = if state.is_empty() { "unknown" } else { state.trim() };
        return Ok(Outcome::Skipped(format!("lockdown is not in confidentiality: {state}")));
    }
    refuses(context.weir()?, dir, &["lockdown=confidentiality", "lockdown=integrity"])?;
    Ok(Outcome::Passed(Vec::new()))
}

/// `weir run` and `weir check` refuse with the same words.
fn refuses(weir: &Weir, dir: &Path, says: &[&str]) -> Result<()> {
    for subcommand in ["run", "check"] {
        let mut command = weir.watching(subcommand);
        if subcommand == "run" {
            command.arg("--alerts").arg(dir.join("refused.jsonl"));
        }
        let status = refused::check(&mut command, says, subcommand)?;
        ensure!(status == REFUSED, "weir {subcommand} ended with status {status}, not {REFUSED}");
    }
    Ok(())
}

/// An ordinary user is told what is missing, and how to get it.
fn no_root(context: &Context, _: &Path) -> Result<Outcome> {
    let place = Reachable::new("reachable")?;
    let binary = replay::copied(context.weir()?, place.path())?;
    let says = ["CAP_BPF", "as root"];
    for (subcommand, arguments) in
        [("run", &["--alerts", "-"][..]), ("record", &["/dev/null"]), ("check", &[])]
    {
        let mut command = Command::new(&binary);
        command.arg(subcommand).args(arguments).uid(replay::NOBODY).gid(replay::NOBODY).current_dir("/");
        let status = refused::check(&mut command, &says, subcommand)?;
        ensure!(status == REFUSED, "weir {subcommand} ended with status {status}, not {REFUSED}");
    }
    Ok(Outcome::Passed(Vec::new()))
}

/// No cgroup v2 hierarchy is mounted: peers of datagrams are not seen, and all else is.
fn no_cgroup2(context: &Context, dir: &Path) -> Result<Outcome> {
    without_cgroup(context, dir, Veil::without_cgroup2()?)
}

/// The hierarchy is mounted, and something else lies over it.
fn covered_cgroup2(context: &Context, dir: &Path) -> Result<Outcome> {
    without_cgroup(context, dir, Veil::over_cgroup2()?)
}

/// In a control group namespace, as in a container, the mount called `/` is a part of the hierarchy, on which programs
/// would see the agent's own sockets alone.
fn part_of_cgroup2(context: &Context, dir: &Path) -> Result<Outcome> {
    let Some(root) = cgroup2_places().pop() else {
        return Ok(Outcome::Skipped("no cgroup v2 hierarchy is mounted".to_owned()));
    };
    let group = root.join(format!("weir-part-{}", std::process::id()));
    if let Err(error) = fs::create_dir(&group) {
        return Ok(Outcome::Skipped(format!("cannot make a control group: {error}")));
    }
    let outcome = Veil::in_cgroup_namespace(&group).and_then(|veil| without_cgroup(context, dir, veil));
    // Empty once the agent has ended.
    fs::remove_dir(&group).with_context(|| format!("cannot remove {}", group.display()))?;
    outcome
}

/// The hierarchy is not mounted for the agent, and is for the first process: the agent takes that one.
fn borrowed_cgroup2(context: &Context, dir: &Path) -> Result<Outcome> {
    let theirs = cgroup2_places().pop().context("no cgroup v2 hierarchy")?;
    let theirs = Path::new("/proc/1/root").join(theirs.strip_prefix("/")?);
    if let Err(error) = fs::read_dir(theirs) {
        return Ok(Outcome::Skipped(format!("the first process's root cannot be looked at: {error}")));
    }
    let checked = Checked::ask(&context.weir()?.behind(Veil::without_own_cgroup2()?), dir, None)?;
    for name in IN_CGROUP {
        let sensor = find(checked.sensors()?, name)?;
        ensure!(!sensor.hook.is_empty(), "{sensor:?}");
    }
    Ok(Outcome::Passed(Vec::new()))
}

fn without_cgroup(context: &Context, dir: &Path, veil: Veil) -> Result<Outcome> {
    let weir = context.weir()?.behind(veil);
    let checked = Checked::ask(&weir, dir, None)?;
    for name in IN_CGROUP {
        let sensor = find(checked.sensors()?, name)?;
        ensure!(
            sensor.hook.is_empty() && !sensor.gap.is_empty() && sensor.reason.contains("cgroup v2"),
            "weir check does not say that and why {name} is off: {sensor:?}"
        );
    }
    let context = Context { weir, ..context.clone() };
    let upload = scenario::of(&[scenario::Set::Core])?.into_iter().find(|scenario| scenario.name == UPLOAD);
    let outcome = story::run(&upload.context("no such scenario")?, &context, dir)?;
    let gap = find(checked.sensors()?, "datagram.peer")?.gap.clone();
    says_in_start(dir, "datagram.peer", &gap)?;
    Ok(outcome)
}

/// An empty directory where tracefs belongs: the agent mounts it for itself and sees what it saw before.
fn covered_tracefs(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let plain = Checked::ask(weir, dir, None)?;
    let veiled = Checked::ask(&weir.behind(Veil::over_tracefs()), dir, None)?;
    ensure!(plain.sensors()? == veiled.sensors()?, "with tracefs {plain:?}, mounted again {veiled:?}");
    Ok(Outcome::Passed(Vec::new()))
}

/// No tracefs, and no place for it: each sensor that ran on one of its tracepoints goes on by another hook, or is off
/// and says why; the agent runs.
fn no_tracefs(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let plain = Checked::ask(weir, dir, None)?;
    let weir = weir.behind(Veil::without_tracefs(dir)?);
    let veiled = Checked::ask(&weir, dir, None)?;
    let mut notes = Vec::new();
    for before in plain.sensors()? {
        // A sensor that serves beside another one may not be wanted any more.
        let Ok(after) = find(veiled.sensors()?, &before.name) else { continue };
        if !before.hook.starts_with("tracepoint:") {
            ensure!(before.hook == after.hook, "{before:?} became {after:?}");
            continue;
        }
        ensure!(after.hook != before.hook, "{} runs without tracefs: {after:?}", before.hook);
        ensure!(after.reason.contains("tracefs"), "the reason does not name tracefs: {after:?}");
        ensure!(!after.hook.is_empty() || !after.gap.is_empty(), "off, and nothing is not seen: {after:?}");
        notes.push(format!("{}: {} instead of {}", after.name, or_off(&after.hook), before.hook));
    }
    Agent::start(&weir, dir, None)?.stop()?;
    for off in veiled.sensors()?.iter().filter(|sensor| sensor.hook.is_empty()) {
        says_in_start(dir, &off.name, &off.gap)?;
    }
    Ok(Outcome::Passed(notes))
}

fn or_off(hook: &str) -> &str {
    if hook.is_empty() { "off" } else { hook }
}

fn find<'s>(sensors: &'s [Sensor], name: &str) -> Result<&'s Sensor> {
    sensors.iter().find(|sensor| sensor.name == name).with_context(|| format!("no sensor {name}"))
}

/// The start record of the agent whose files are in `dir` names a sensor and what it does not see.
fn says_in_start(dir: &Path, sensor: &str, gap: &str) -> Result<()> {
    let mut log = crate::log::Log::new(dir.join("alerts.jsonl"));
    log.poll()?;
    let start = log.lines().iter().rfind(|line| line.is_start()).context("no start record")?;
    let Some(coverage) = Line::get(start, "weir.coverage").map(ToString::to_string) else {
        bail!("no weir.coverage in the start record");
    };
    ensure!(coverage.contains(sensor) && coverage.contains(gap), "{sensor}: {gap} is not in {coverage}");
    Ok(())
}
