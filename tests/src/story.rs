//! One scenario from world to verdict.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
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
    mount,
    process::{self, Group},
    receiver::Receipt,
    replay,
    scenario::{Expected, Scenario, Set},
    server::{self, Servers},
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
    Told(Box<Told>),
}

/// What a story that was played left.
#[derive(Debug)]
pub struct Told {
    /// All that the agent wrote.
    pub lines: Vec<Line>,
    /// Who and where it was.
    pub story: Story,
    /// Pids of script and service, from which all of it came.
    pub roots: Vec<u32>,
    /// When the last byte by which it could be told was received: the mark that the scenario names or, without one,
    /// the end of the last connection. Wall clock, nanoseconds since the epoch; none where no receiver counts.
    pub complete_ns: Option<i64>,
    notes: Vec<String>,
    failures: Vec<String>,
    places: Places,
    /// Lives as long as the places, which are called after it: a world that goes makes room for one of its name.
    _world: World,
}

impl Told {
    /// What does not fit.
    #[must_use]
    pub fn failures(&self) -> &[String] {
        &self.failures
    }

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
    let start = |config: Option<&str>| Agent::start(weir, dir, config);
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

/// A program or a file system that a scenario needs and that is not here.
#[must_use]
pub fn missing(scenario: &Scenario) -> Option<&str> {
    let program = scenario.needs.iter().find(|program| process::find(program).is_none());
    let file_system = || scenario.file_systems.iter().find(|name| !mount::is_known(name));
    program.or_else(file_system).map(String::as_str)
}

/// A scenario whose programs have ended, with all that it needs still there.
#[derive(Debug)]
pub struct Performed<A> {
    /// The agent.
    agent: A,
    /// Who and where it was.
    story: Story,
    /// Pids of script and service.
    roots: Vec<u32>,
    /// What script and peer wrote.
    output: String,
    _service: Option<Group>,
    servers: Servers,
    places: Places,
    world: World,
}

/// Plays `scenario` before the agent that `start` gives for its configuration.
///
/// # Errors
/// Fails when the world cannot be built, or when the script fails.
pub fn perform<A: Watching>(
    scenario: &Scenario,
    helper: &Path,
    dir: &Path,
    start: impl FnOnce(Option<&str>) -> Result<A>,
) -> Result<Performed<A>> {
    let world = if scenario.config.is_some() { World::trusted()? } else { World::new()? };
    let places = Places::new(world.name())?;
    let servers = Servers::start(&world, helper, &scenario.servers, &places, dir)?;
    let shell = Shell { world: &world, places: &places, helper };
    shell.run(&scenario.set_up).context("set-up")?;

    let spawn = |mut command: Command, stem: &str| {
        process::capture(&mut command, dir, stem)?;
        Group::spawn(&mut command)
    };
    let service =
        scenario.service.as_ref().map(|text| spawn(shell.text(text, false), "service")).transpose()?;

    let config = scenario.config.as_ref().map(|text| text.replace("{server}", &world.server().to_string()));
    let write = || places.script(&scenario.script_name, &scenario.script);
    // The suite drops its script before the agent's eyes. For the report it lies there already: whoever wrote a script
    // is part of its story, and this program plays several.
    let earlier = (scenario.set == Set::Quality && !scenario.script.is_empty()).then(write).transpose()?;
    let mut agent = start(config.as_deref())?;
    if scenario.peer.is_some() && service.is_some() {
        server::serves(world.host())?;
    }
    let mut running = Vec::new();
    if !scenario.script.is_empty() {
        let path = earlier.map_or_else(write, Ok)?;
        running.push(("script", spawn(shell.command(&path), "script")?));
    }
    let roots: Vec<u32> = running.iter().map(|(_, group)| group).chain(&service).map(Group::pid).collect();
    let mut story = Story::new(&world, &places, roots.iter().copied());
    if let Some(peer) = &scenario.peer {
        running.push(("peer", spawn(shell.text(peer, true), "peer")?));
    }
    for (what, group) in &mut running {
        watch((what, group), &mut agent, &mut story, Duration::from_secs(scenario.limit_s))?;
        let status = group.ended()?.context("it has ended")?;
        if !status.success() {
            let said = fs::read_to_string(dir.join(format!("{what}.stderr")))?;
            bail!("the {what} ended with {status}: {}", said.trim());
        }
    }

    let output = running.iter().map(|(what, _)| fs::read_to_string(dir.join(format!("{what}.stdout"))));
    let output = output.collect::<std::io::Result<_>>()?;
    Ok(Performed { agent, story, roots, output, _service: service, servers, places, world })
}

/// Plays `scenario` before the agent that `start` gives for its configuration, and compares what the agent wrote with what
/// was received.
///
/// # Errors
/// Fails as [`perform`] does, and when the agent does not end in order.
pub fn play<A: Watching>(
    scenario: &Scenario,
    helper: &Path,
    dir: &Path,
    start: impl FnOnce(Option<&str>) -> Result<A>,
) -> Result<Played> {
    if let Some(missing) = missing(scenario) {
        return Ok(Played::Skipped(format!("no {missing} here")));
    }
    let Performed { mut agent, story, roots, output, _service, servers, places, world } =
        perform(scenario, helper, dir, start)?;
    let off = expect::sensors_off(agent.log()?.lines()).find(|off| scenario.sensors.contains(off));
    if let Some(off) = off {
        let reason = format!("the sensor {off} is off here");
        agent.stop()?;
        return Ok(Played::Skipped(reason));
    }
    let mut notes: Vec<String> = output.lines().map(str::to_owned).collect();
    let mut failures = Vec::new();
    let lines = if let Some(expected) = &scenario.alert {
        let receipt = match expected.port.filter(|&port| scenario.serves(port)) {
            Some(port) => servers.receiver.settled(port, 1, SETTLE)?,
            None => Receipt::default(),
        };
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
    let complete_ns = complete(scenario, &servers)?;
    let (_, others) = story.alerts(&lines);
    if !others.is_empty() {
        notes.push(format!("{} alerts about other programs on this host", others.len()));
    }
    let lost = losses(&lines);
    let mut told = Told { lines, story, roots, complete_ns, notes, failures, places, _world: world };
    told.add(lost);
    Ok(Played::Told(Box::new(told)))
}

fn complete(scenario: &Scenario, servers: &Servers) -> Result<Option<i64>> {
    let named = scenario.alert.as_ref().and_then(|expected| expected.port.zip(expected.opened));
    match named {
        Some((port, opened)) => servers.receiver.reached(port, opened.after_bytes),
        None => servers.receiver.last_end(),
    }
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

/// Follows the log, and who belongs to the story, until a program of it has ended.
fn watch(
    (what, group): (&str, &mut Group),
    agent: &mut impl Watching,
    story: &mut Story,
    limit: Duration,
) -> Result<()> {
    let mut looked = None;
    wait::until(limit, &format!("the {what}"), || {
        agent.log()?;
        if looked.is_none_or(|at: Instant| at.elapsed() > Duration::from_millis(100)) {
            looked = Some(Instant::now());
            follow(story);
        }
        Ok(group.ended()?.map(drop))
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
