//! weir as the service that a package installs, under systemd in a guest of its own: started, watched, reloaded,
//! killed and stopped as its operator would, within the sandbox of its unit.
//!
//! Nowhere else: these cases stop the service, move its log and break its configuration.

pub mod unit;
mod sandbox;

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use self::unit::Service;
use crate::{
    coverage::{Checked, Sensor},
    harness::{Case, Context, Outcome},
    kernel_objects::{self, Objects},
    log::Line,
    process, replay,
    scenario::{self, Scenario},
    story::{self, Played},
    suite, wait,
};

/// The story that is played before the service.
const STORY: &str = "malicious::tar-curl";
/// Whom it happens to.
const NOBODY: &str = "nobody";
/// A configuration that is refused, and what the refusal names beside the file.
const BAD: (&str, [&str; 2]) = ("[score]\nthreshold = \"high\"\n", [":2:", "threshold"]);
/// The most that `systemd-analyze security` may find open: 0 (shut) to 10 (open), here times ten.
const EXPOSURE: &str = "--threshold=27";

type Check = fn(&Context, &Path) -> Result<Outcome>;

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    let rows: [(&str, Check); 11] = [
        // As long as nothing has touched what the boot did.
        ("boot", boot),
        ("coverage", coverage),
        ("sandbox", sandbox),
        ("unit", unit_file),
        // In an order that needs few starts, which take longest.
        ("reload", reload),
        ("restart", restart),
        ("kill", kill),
        ("stop", stop),
        ("alert", alert),
        ("bad-configuration", bad_configuration),
        ("no-capabilities", no_capabilities),
    ];
    rows.into_iter().map(|(name, body)| case(name, body)).collect()
}

fn case(name: &str, body: Check) -> Case {
    suite::case(format!("service::{name}"), move |context, dir| {
        if let Some(reason) = unit::missing() {
            return Ok(Outcome::Skipped(reason));
        }
        let result = body(context, dir);
        if result.is_err() {
            unit::witness(dir);
            // The log may not be there, which then is what is wrong.
            let _ = fs::copy(unit::ALERTS, dir.join("alerts.jsonl"));
        }
        result
    })
}

/// The boot started it, and the network had to wait until its hooks were in place.
fn boot(_: &Context, _: &Path) -> Result<Outcome> {
    unit::expect(&[
        ("ActiveState", "active"),
        ("SubState", "running"),
        // So that being active means that the agent has said READY.
        ("Type", "notify"),
        ("UnitFileState", "enabled"),
        ("Result", "success"),
        ("NRestarts", "0"),
    ])?;
    let moment = |unit, name| -> Result<u64> { Ok(unit::property_of(unit, name)?.parse()?) };
    let begun = moment(unit::NAME, "ExecMainStartTimestampMonotonic")?;
    let ready = moment(unit::NAME, "ActiveEnterTimestampMonotonic")?;
    let network = moment("network-pre.target", "ActiveEnterTimestampMonotonic")?;
    ensure!(0 < begun && begun < ready, "started at {begun} us, ready at {ready} us");
    ensure!(ready <= network, "ready at {ready} us, but the network from {network} us on");
    let said = unit::journal()?;
    ensure!(said.contains(&format!("alerts go to {}", unit::ALERTS)), "the journal has only {said:?}");
    let mode = |path: &Path| -> Result<u32> { Ok(fs::metadata(path)?.permissions().mode() & 0o7777) };
    let log = Path::new(unit::ALERTS);
    ensure!(mode(log)? == 0o600, "the log's mode is {:o}", mode(log)?);
    let folder = log.parent().context("a log without a folder")?;
    ensure!(mode(folder)? == 0o750, "the mode of its folder is {:o}", mode(folder)?);
    let text = fs::read_to_string(log)?;
    ensure!(text.lines().next().is_some_and(|line| line.contains("\"start\"")), "the log begins with {text}");
    Ok(Outcome::Passed(vec![format!(
        "started {:.1} s after the kernel, ready {:.1} s later",
        seconds(begun),
        seconds(ready - begun)
    )]))
}

/// systemd finds nothing wrong with the unit, no ring in its order, and little that it leaves open.
fn unit_file(_: &Context, _: &Path) -> Result<Outcome> {
    verify().context("alone")?;
    let early = Early::install()?;
    verify().context("on a host that sets up its network early")?;
    drop(early);
    let mut command = Command::new("systemd-analyze");
    let output = process::run(command.args(["security", "--no-pager", EXPOSURE, unit::NAME]))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let verdict = said.lines().rev().find(|line| line.contains("exposure level"));
    let verdict = verdict.with_context(|| format!("no verdict in {said:?}"))?;
    Ok(Outcome::Passed(vec![verdict.trim_start_matches(|sign: char| !sign.is_ascii_alphabetic()).to_owned()]))
}

/// Capabilities, limits and view are those of the unit.
fn sandbox(_: &Context, _: &Path) -> Result<Outcome> {
    let differences = sandbox::differences(Service::running()?.pid)?;
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(Outcome::Passed(Vec::new()))
}

/// The sandbox and an early start cost no hook: the service sees as much as an agent that root starts later, without
/// any.
fn coverage(context: &Context, dir: &Path) -> Result<Outcome> {
    let service = Service::running()?;
    let sensors = service.start_record()?.get("weir.sensors").context("no sensors in the start record")?;
    let within: Vec<Sensor> = serde_json::from_value(sensors.clone())?;
    let checked = Checked::ask(context.weir()?, dir, None)?;
    let without = checked.sensors()?;
    let differing = differing(&within, without);
    ensure!(differing.is_empty(), "{}", differing.join("\n"));
    let off = within.iter().filter(|sensor| sensor.hook.is_empty()).count();
    let mut notes = vec![format!("{} sensors, {off} of them off", within.len())];
    notes.extend(
        within
            .iter()
            .filter(|sensor| is_kept_off(sensor))
            .map(|sensor| format!("{} runs on {} there: {}", sensor.name, sensor.hook, sensor.reason)),
    );
    Ok(Outcome::Passed(notes))
}

/// What differs within the unit's limits, but for better hooks that this kernel gives to nobody without
/// `CAP_SYS_ADMIN`, and for what serves those hooks alone.
fn differing(within: &[Sensor], without: &[Sensor]) -> Vec<String> {
    /// Makes cookies for hooks that can only read them.
    const SERVANT: &str = "socket.cookie";
    let kept_off = within.iter().any(is_kept_off);
    let counts = |sensor: &&Sensor| !(kept_off && sensor.name == SERVANT);
    let is_same = |within: &Sensor, without: &Sensor| {
        within == without || (is_kept_off(within) && within.name == without.name && within.gap == without.gap)
    };
    let (within, without): (Vec<_>, Vec<_>) =
        (within.iter().filter(counts).collect(), without.iter().filter(counts).collect());
    let mut differing: Vec<_> = within
        .iter()
        .zip(&without)
        .filter(|(within, without)| !is_same(within, without))
        .map(|(within, without)| format!("{within:?}, not {without:?}"))
        .collect();
    if within.len() != without.len() {
        differing.push(format!("{} sensors, not {}", within.len(), without.len()));
    }
    differing
}

/// Whether a sensor runs, by another hook than it could, and says that perf events are kept from it.
fn is_kept_off(sensor: &Sensor) -> bool {
    !sensor.hook.is_empty() && sensor.reason.contains("kernel.perf_event_paranoid is ")
}

/// Another user's script, which nobody else may read, packs and uploads: the service's alert has each byte that the
/// receiver read, who it was, and the script's text.
fn alert(context: &Context, dir: &Path) -> Result<Outcome> {
    let story = scenario::of(&[scenario::Set::Core])?
        .into_iter()
        .find(|scenario| scenario.name == STORY)
        .context("no such story")?;
    let scenario = as_nobody(story);
    let told = match story::play(&scenario, &context.helper, dir, |_| Service::fresh())? {
        Played::Skipped(reason) => return Ok(Outcome::Skipped(reason)),
        Played::Told(told) => told,
    };
    let last = told.lines.iter().rfind(|line| line.is_alert()).cloned();
    let outcome = told.verdict()?;
    let last = last.context("no alert")?;
    ensure!(last.text("user.name") == NOBODY, "the sender's user is {:?}", last.text("user.name"));
    let scripts = last.get("weir.scripts").and_then(Value::as_array).context("no scripts in the alert")?;
    let read = scripts.iter().any(|script| {
        let text = |field: &str| script.get(field).and_then(Value::as_str).unwrap_or_default();
        text("path").ends_with("/theirs/nightly.sh") && text("text").contains("curl")
    });
    ensure!(read, "the script was not read: {scripts:?}");
    Ok(outcome)
}

/// The same story, its script one that belongs to another user, in a folder of his own, and is run by him. Bytes must
/// be exact.
fn as_nobody(mut story: Scenario) -> Scenario {
    story.set_up = format!(
        "mkdir \"$WORK/theirs\"\ncat >\"$WORK/theirs/nightly.sh\" <<'END'\n{}END\n\
         chmod 0700 \"$WORK/theirs\" \"$WORK/theirs/nightly.sh\"\nchown -R {NOBODY} \"$WORK/theirs\"\n",
        story.script
    );
    story.script = format!(
        "#!/bin/sh\nexec setpriv --reuid={NOBODY} --regid=nogroup --clear-groups \"$WORK/theirs/nightly.sh\"\n"
    );
    "start.sh".clone_into(&mut story.script_name);
    if let Some(expected) = &mut story.alert {
        expected.bytes_within = Some(0.0);
    }
    story
}

/// `systemctl reload` makes the same process go on in a new log, after the old one was moved away.
fn reload(_: &Context, dir: &Path) -> Result<Outcome> {
    let service = Service::running()?;
    let moved = dir.join("moved.jsonl");
    // Out of its folder but on its file system, as logrotate moves it.
    fs::rename(unit::ALERTS, &moved)?;
    unit::systemctl(&["reload", unit::NAME])?;
    let log = Path::new(unit::ALERTS);
    wait::until(unit::LIMIT, "a new log after the reload", || Ok(log.exists().then_some(())))?;
    unit::wait_until("ActiveState", "active")?;
    unit::expect(&[("Result", "success"), ("MainPID", &service.pid.to_string())])?;
    let metadata = fs::metadata(log)?;
    ensure!(metadata.mode() & 0o777 == 0o600, "the new log's mode is {:o}", metadata.mode());
    Ok(Outcome::Passed(Vec::new()))
}

/// A restart is a stop and a start in order, on the same log, and leaves nothing of the first agent in the kernel.
fn restart(_: &Context, _: &Path) -> Result<Outcome> {
    let mut service = Service::running()?;
    let names = Objects::now()?.names_of(service.pid)?;
    unit::systemctl(&["restart", unit::NAME])?;
    service.wait_for("a start record", Line::is_start)?;
    let states = states(service.news()?);
    ensure!(states == ["stop", "start"], "the log goes on with {states:?}");
    let pid = unit::main_pid()?;
    ensure!(pid != service.pid, "it is the same process");
    unit::expect(&[("ActiveState", "active"), ("Result", "success")])?;
    let after = Objects::now()?.names_of(pid)?;
    ensure!(after == names, "the kernel held {names:?}, now {after:?}");
    kernel_objects::wait_until_gone(&Objects::default(), &names)?;
    Ok(Outcome::Passed(vec![format!("{} programs and maps", names.len())]))
}

/// What is killed comes back, on the same log, and nothing of it is left in the kernel.
fn kill(_: &Context, _: &Path) -> Result<Outcome> {
    let mut service = Service::running()?;
    let names = Objects::now()?.names_of(service.pid)?;
    let file = fs::metadata(unit::ALERTS)?.ino();
    let restarts: u32 = unit::property("NRestarts")?.parse()?;
    let killed = Instant::now();
    unit::systemctl(&["kill", "--signal=KILL", "--kill-who=main", unit::NAME])?;
    unit::wait_until("NRestarts", &(restarts + 1).to_string())?;
    unit::wait_until("ActiveState", "active")?;
    service.wait_for("a start record", Line::is_start)?;
    let gap = killed.elapsed().as_secs_f64();
    let states = states(service.news()?);
    ensure!(states == ["start"], "the log goes on with {states:?}");
    ensure!(fs::metadata(unit::ALERTS)?.ino() == file, "the log was begun anew");
    ensure!(unit::main_pid()? != service.pid, "it is the same process");
    kernel_objects::wait_until_gone(&Objects::default(), &names)?;
    Ok(Outcome::Passed(vec![format!("watches again {gap:.1} s after its end")]))
}

/// A bad configuration makes the unit fail, once, and the journal says where it is bad, as `weir check` does.
fn bad_configuration(context: &Context, _: &Path) -> Result<Outcome> {
    let before = unit::journal()?;
    let configuration = Configuration::replace(BAD.0)?;
    ensure!(unit::systemctl(&["restart", unit::NAME]).is_err(), "systemctl says that it was started");
    unit::expect(&[
        ("ActiveState", "failed"),
        ("Result", "exit-code"),
        ("ExecMainStatus", "2"),
        ("NRestarts", "0"),
    ])?;
    let journal = unit::journal()?;
    let said = journal.strip_prefix(&before).context("the journal was begun anew")?;
    let check = Command::new(context.weir()?).arg("check").output()?;
    ensure!(check.status.code() == Some(2), "weir check: {}", replay::summary(&check));
    let checked = String::from_utf8_lossy(&check.stderr).into_owned();
    for part in BAD.1.into_iter().chain([unit::CONFIG]) {
        ensure!(said.contains(part), "the journal lacks {part:?}: {said}");
        ensure!(checked.contains(part), "weir check lacks {part:?}: {checked}");
    }
    for line in checked.lines() {
        ensure!(said.contains(line), "weir check says {line:?}, the journal {said}");
    }
    drop(configuration);
    // Nothing but the file was to be mended.
    unit::systemctl(&["start", unit::NAME])?;
    unit::expect(&[("ActiveState", "active")])?;
    Ok(Outcome::Passed(checked.lines().map(str::to_owned).collect()))
}

/// A drop-in that takes a capability away makes the unit fail, once: no further start would mend that.
fn no_capabilities(_: &Context, _: &Path) -> Result<Outcome> {
    let without = DropIn::install("[Service]\nCapabilityBoundingSet=~CAP_BPF\n")?;
    ensure!(unit::systemctl(&["restart", unit::NAME]).is_err(), "systemctl says that it was started");
    unit::expect(&[
        ("ActiveState", "failed"),
        ("Result", "exit-code"),
        ("ExecMainStatus", "3"),
        ("NRestarts", "0"),
    ])?;
    let said = unit::journal()?;
    ensure!(said.contains("CAP_BPF"), "the journal does not say what is missing: {said}");
    without.remove()?;
    unit::systemctl(&["start", unit::NAME])?;
    unit::expect(&[("ActiveState", "active")])?;
    Ok(Outcome::Passed(Vec::new()))
}

/// SIGTERM ends it with status 0 and a stop record; neither a process nor anything in the kernel remains.
fn stop(_: &Context, _: &Path) -> Result<Outcome> {
    let mut service = Service::running()?;
    let names = Objects::now()?.names_of(service.pid)?;
    let stopping = Instant::now();
    service.stop()?;
    let took = stopping.elapsed().as_secs_f64();
    ensure!(!Path::new("/proc").join(service.pid.to_string()).exists(), "process {} is there", service.pid);
    kernel_objects::wait_until_gone(&Objects::default(), &names)?;
    Ok(Outcome::Passed(vec![format!("{took:.1} s")]))
}

/// What the service says about itself: starts, stops and losses.
fn states(lines: &[Line]) -> Vec<&str> {
    lines.iter().filter(|line| line.is_start() || line.is_stop() || line.is_gap()).map(Line::action).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a boot is far shorter than 2^52 microseconds")]
fn seconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e6
}

/// Lets systemd load the unit with all that it depends on, and order it.
fn verify() -> Result<()> {
    let mut command = Command::new("systemd-analyze");
    let output = process::run(command.args(["verify", "--man=no", unit::FILE]))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let about: Vec<_> =
        said.lines().filter(|line| line.contains("weir.service") || line.contains("cycle")).collect();
    ensure!(about.is_empty(), "systemd-analyze verify: {}", about.join(" | "));
    Ok(())
}

/// A service that sets up the network before the basic system is up, as cloud-init does: what comes before the
/// network must not come after the basic system then.
struct Early;

impl Early {
    const FILE: &str = "/etc/systemd/system/early-network.service";
    const WANTED: &str = "/etc/systemd/system/sysinit.target.wants/early-network.service";
    const TEXT: &str = "[Unit]\nDefaultDependencies=no\nAfter=network-pre.target\nBefore=sysinit.target\n\
                        [Service]\nType=oneshot\nExecStart=/bin/true\n";

    fn install() -> Result<Self> {
        fs::write(Self::FILE, Self::TEXT)?;
        symlink(Self::FILE, Self::WANTED)?;
        Ok(Self)
    }
}

impl Drop for Early {
    fn drop(&mut self) {
        // systemd has not been told of it: nothing depends on its going.
        let _ = fs::remove_file(Self::WANTED);
        let _ = fs::remove_file(Self::FILE);
    }
}

/// A change of the unit, until its guard goes.
struct DropIn;

impl DropIn {
    const FOLDER: &str = "/run/systemd/system/weir.service.d";

    fn install(text: &str) -> Result<Self> {
        fs::create_dir_all(Self::FOLDER)?;
        fs::write(Path::new(Self::FOLDER).join("test.conf"), text)?;
        let installed = Self;
        unit::systemctl(&["daemon-reload"])?;
        Ok(installed)
    }

    fn remove(self) -> Result<()> {
        drop(self);
        unit::systemctl(&["daemon-reload"]).map(drop)
    }
}

impl Drop for DropIn {
    fn drop(&mut self) {
        // The next start says so if this fails.
        let _ = fs::remove_dir_all(Self::FOLDER);
    }
}

/// Another configuration, until its guard goes.
struct Configuration(Vec<u8>);

impl Configuration {
    fn replace(text: &str) -> Result<Self> {
        let installed = Self(fs::read(unit::CONFIG)?);
        fs::write(unit::CONFIG, text)?;
        Ok(installed)
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        // The next start says so if this fails.
        let _ = fs::write(unit::CONFIG, &self.0);
    }
}
