//! One scenario from world to verdict.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::ExitStatus,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    agent::{self, Agent},
    expect::{self, Story},
    fixture::Places,
    harness::{Context, Outcome},
    ledger,
    log::{Line, Log},
    process::{self, Group},
    replay,
    scenario::{Expected, Scenario},
    server::Servers,
    shell::Shell,
    wait,
    world::World,
};

/// How long connections may outlive the script, and an alert be late before the agent is stopped all the same.
const SETTLE: Duration = Duration::from_secs(10);

/// An agent before which a story is played.
pub trait Watching {
    /// Its log, with all lines that were complete at this moment.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    fn log(&mut self) -> Result<&Log>;

    /// Stops it, checks that it ended in order, and gives all that it wrote.
    ///
    /// # Errors
    /// Fails when it did not.
    fn stop(self) -> Result<Vec<Line>>;
}

impl Watching for Agent {
    fn log(&mut self) -> Result<&Log> {
        Self::log(self)
    }

    fn stop(self) -> Result<Vec<Line>> {
        Ok(Self::stop(self)?.lines)
    }
}

/// What a story came to.
#[derive(Debug)]
pub enum Played {
    /// It cannot be played here, for this reason.
    Skipped(String),
    /// It was played.
    Told(Told),
}

/// What a story that was played left.
#[derive(Debug)]
pub struct Told {
    /// All that the agent wrote.
    pub lines: Vec<Line>,
    notes: Vec<String>,
    failures: Vec<String>,
    places: Places,
}

impl Told {
    /// Adds a figure, or what does not fit.
    pub fn add(&mut self, note: Result<Option<String>>) {
        match note {
            Ok(note) => self.notes.extend(note),
            Err(error) => self.failures.push(format!("{error:#}")),
        }
    }

    /// Passed with its figures.
    ///
    /// # Errors
    /// Fails when something does not fit, naming all of it.
    pub fn verdict(mut self) -> Result<Outcome> {
        if self.failures.is_empty() {
            return Ok(Outcome::Passed(self.notes));
        }
        self.failures.extend(self.notes.into_iter().map(|note| format!("({note})")));
        bail!("{}", self.failures.join("\n"))
    }
}

/// Runs `scenario` with its artifacts in `dir`.
///
/// # Errors
/// Fails when the world cannot be built or an expectation does not hold, naming each.
pub fn run(scenario: &Scenario, context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let start = |world: &World| {
        let config = scenario.config.as_ref();
        let config = config.map(|text| text.replace("{server}", &world.server().to_string()));
        Agent::start(weir, dir, config.as_deref())
    };
    let mut told = match play(scenario, &context.helper, dir, start)? {
        Played::Skipped(reason) => return Ok(Outcome::Skipped(reason)),
        Played::Told(told) => told,
    };
    let recording = agent::recording(dir);
    if let Some(report) = &scenario.flood_report {
        let report = fs::read_to_string(told.places.work.join(report)).context("no report of the flood")?;
        told.add(flood(&report, &recording, &told.lines).map(Some));
    }
    told.add(replay::check(weir, &recording, &told.places.work, &told.lines).map(|()| None));
    told.verdict()
}

/// Plays `scenario` before the agent that `start` gives, and compares what the agent wrote with what was received.
///
/// # Errors
/// Fails when the world cannot be built, when the script fails, or when the agent does not end in order.
pub fn play<A: Watching>(
    scenario: &Scenario,
    helper: &Path,
    dir: &Path,
    start: impl FnOnce(&World) -> Result<A>,
) -> Result<Played> {
    if let Some(missing) = scenario.needs.iter().find(|program| process::find(program).is_none()) {
        return Ok(Played::Skipped(format!("no {missing} here")));
    }
    let world = World::new()?;
    let places = Places::new(world.name())?;
    let servers = Servers::start(&world, helper, &scenario.servers, &places, dir)?;
    let shell = Shell { world: &world, places: &places, helper };
    shell.run(&scenario.set_up).context("set-up")?;

    let mut agent = start(&world)?;
    let path = places.script(&scenario.script_name, &scenario.script)?;
    let mut command = shell.command(&path);
    process::capture(&mut command, dir, "script")?;
    let mut script = Group::spawn(&mut command)?;
    let mut story = Story::new(&world, &places, script.pid());
    let status = watch(&mut script, &mut agent, &mut story, Duration::from_secs(scenario.limit_s))?;
    if !status.success() {
        let said = fs::read_to_string(dir.join("script.stderr"))?;
        bail!("the script ended with {status}: {}", said.trim());
    }

    let output = fs::read_to_string(dir.join("script.stdout"))?;
    let mut notes: Vec<String> = output.lines().map(str::to_owned).collect();
    let mut failures = Vec::new();
    let lines = if let Some(expected) = &scenario.alert {
        let receipt = servers.receiver.settled(expected.port, 1, SETTLE)?;
        // A missing alert is reported by the comparison, together with everything else.
        let _ = wait::until(SETTLE, "an alert", || {
            Ok((!story.alerts(agent.log()?.lines()).0.is_empty()).then_some(()))
        });
        let lines = agent.stop()?;
        failures.extend(expect::compare(expected, &story, &lines, &servers.receiver, &receipt)?);
        notes.push(figures(expected, &story, &lines, &servers, receipt.read)?);
        lines
    } else {
        let lines = agent.stop()?;
        let (own, _) = story.alerts(&lines);
        if !own.is_empty() {
            failures.push(format!("{} alerts instead of none: {}", own.len(), expect::outline(&own)));
        }
        lines
    };
    let (_, others) = story.alerts(&lines);
    if !others.is_empty() {
        notes.push(format!("{} alerts about other programs on this host", others.len()));
    }
    let lost = losses(&lines);
    let mut told = Told { lines, notes, failures, places };
    told.add(lost);
    Ok(Played::Told(told))
}

/// Every open for writing of a flood is in the recording or among the losses.
fn flood(report: &str, recording: &Path, lines: &[Line]) -> Result<String> {
    let numbers: Vec<u64> = report.split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let [pid, reads, writes] = numbers[..] else { bail!("the flood's report is {report:?}") };
    let recorded = ledger::writes_of(recording, u32::try_from(pid)?)?;
    let stop = lines.iter().find(|line| line.is_stop());
    let lost = stop.and_then(|line| line.get("weir.totals.lost")?.as_u64()).unwrap_or_default();
    let note = format!(
        "{reads} opens for reading, {writes} for writing, of which {recorded} recorded; {lost} events lost"
    );
    ensure!(recorded <= writes && recorded + lost >= writes, "{note}");
    Ok(note)
}

/// What gap records say was lost, by kind; nothing when nothing was.
///
/// # Errors
/// Fails when the totals of the stop record know of other losses than the gap records.
pub fn losses(lines: &[Line]) -> Result<Option<String>> {
    let mut lost = BTreeMap::<&str, u64>::new();
    for line in lines.iter().filter(|line| line.is_gap()) {
        for loss in line.get("weir.losses").and_then(Value::as_array).into_iter().flatten() {
            let what = loss.get("what").and_then(Value::as_str).context("a loss without a name")?;
            let count = loss.get("count").and_then(Value::as_u64).context("a loss without a count")?;
            *lost.entry(what).or_default() += count;
        }
    }
    let total =
        lines.iter().find(|line| line.is_stop()).and_then(|line| line.get("weir.totals.lost")?.as_u64());
    let (shown, total) =
        (lost.values().sum::<u64>(), total.context("no weir.totals.lost in the stop record")?);
    ensure!(shown == total, "gap records show {shown} losses, the stop record has {total}");
    let each: Vec<_> = lost.iter().map(|(what, count)| format!("{what} {count}")).collect();
    Ok((!each.is_empty()).then(|| format!("lost: {}", each.join(", "))))
}

/// Follows the log, and who belongs to the script, until the script has ended.
fn watch(
    script: &mut Group,
    agent: &mut impl Watching,
    story: &mut Story,
    limit: Duration,
) -> Result<ExitStatus> {
    let mut looked = None;
    wait::until(limit, "the script", || {
        agent.log()?;
        if looked.is_none_or(|at: Instant| at.elapsed() > Duration::from_millis(100)) {
            looked = Some(Instant::now());
            follow(story);
        }
        script.ended()
    })
}

/// Adds the children of the story's processes to it.
fn follow(story: &mut Story) {
    let Ok(entries) = fs::read_dir("/proc") else { return };
    for entry in entries.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u64>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        // The name may hold anything, blanks and brackets too: fields are counted from its end.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let parent = fields.split_whitespace().nth(1).and_then(|parent| parent.parse::<u64>().ok());
        if parent.is_some_and(|parent| story.pids.contains(&parent)) {
            story.pids.insert(pid);
        }
    }
}

fn figures(
    expected: &Expected,
    story: &Story,
    lines: &[Line],
    servers: &Servers,
    read: u64,
) -> Result<String> {
    let (own, _) = story.alerts(lines);
    let last = own.into_values().next().and_then(|lines| lines.last().copied().cloned());
    let said = last.as_ref().and_then(Line::bytes_out).unwrap_or_default();
    let score = last.as_ref().and_then(|line| line.get("weir.score").map(ToString::to_string));
    let delay = expect::delay(expected, story, lines, &servers.receiver)?;
    Ok(format!(
        "receiver read {read}, weir says {said}; score {}; opened {} after the receiver's mark",
        score.unwrap_or_default(),
        delay.map_or_else(|| "-".to_owned(), |delay| format!("{delay:+.3} s")),
    ))
}
