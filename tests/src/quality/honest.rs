//! Honest work for an hour before one agent: what would an operator have read?

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    agent::Agent,
    fixture::{self, Reachable},
    harness::Context,
    interrupt,
    log::{Line, Log},
    process::{self, Group},
    scenario::{self, Scenario, Set},
    story::{self, Watching},
    suite,
    world::{self, TRUSTED_NETWORK},
};

/// Lines about signals that a run may raise, a scenario's or a build's, on average.
const SIGNALS_A_RUN: u64 = 3;
/// How long a build may take.
const BUILD: Duration = Duration::from_mins(20);
/// Between two looks at whether a build has ended.
const LOOK: Duration = Duration::from_millis(200);

/// What to do, and for how long.
#[derive(Clone, Debug)]
pub struct Options {
    /// For so long.
    pub minutes: u64,
    /// Scenarios at a time.
    pub jobs: usize,
    /// Folder of the report.
    pub out: PathBuf,
    /// A workspace of cargo that is built again and again beside them.
    pub build: Option<PathBuf>,
}

/// The name of a program whose children are each a cause of their own.
const LAUNCHER: &str = "dumb-init";

/// An agent as a scenario sees it that neither reads its log nor ends it.
#[derive(Debug)]
struct Bystander(Log);

impl Watching for Bystander {
    fn log(&mut self) -> Result<&Log> {
        self.0.poll()?;
        Ok(&self.0)
    }

    fn stop(mut self) -> Result<Vec<Line>> {
        Ok(self.log()?.lines().to_vec())
    }
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    /// How often each scenario was played.
    played: BTreeMap<String, u64>,
    /// What could not be played.
    broken: Vec<String>,
    builds: u64,
    /// Scenarios that need a program or a configuration that is not there.
    left_out: Vec<String>,
}

/// Plays the honest scenarios round and round before one agent, and reports what it said.
///
/// # Errors
/// Fails without root, and when the agent does not start or end in order.
pub fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    ensure!(suite::is_root(), "the scenarios need root");
    let weir = context.weir()?;
    let (scenarios, left_out) = playable()?;
    interrupt::clean_up_on_signals()?;
    world::sweep_dead();
    fixture::sweep(false);
    fs::create_dir_all(&options.out).with_context(|| format!("cannot make {}", options.out.display()))?;

    let dir = Reachable::new("honest-work")?;
    let system = Reachable::of_system("honest-work")?;
    let launcher = system.path().join(LAUNCHER);
    fs::copy(&context.helper, &launcher).context("cannot copy this program")?;
    let agent = Agent::start(weir, dir.path(), Some(&trust(&scenarios)))?;
    let started = Instant::now();
    let until = started + Duration::from_mins(options.minutes);
    let mut done = work(&scenarios, context, options, (dir.path(), &launcher), until);
    done.left_out = left_out;
    let cost = Cost::of(agent.pid())?;
    let lines = agent.stop()?.lines;
    let hours = started.elapsed().as_secs_f64() / 3600.0;
    let (text, is_good) = report(&lines, &done, &cost, hours)?;
    fs::write(options.out.join("honest.md"), &text).context("cannot write honest.md")?;
    process::run(Command::new("cp").arg(dir.path().join("alerts.jsonl")).arg(&options.out))?;
    write!(std::io::stdout(), "\n{text}")?;
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Honest scenarios that can be played here and want nothing of the configuration but trust.
/// With them the names of the others.
fn playable() -> Result<(Vec<Scenario>, Vec<String>)> {
    let mut scenarios = scenario::of(&[Set::Core, Set::Quality])?;
    scenarios.retain(|scenario| scenario.alert.is_none());
    let (fit, others): (Vec<_>, Vec<_>) = scenarios.into_iter().partition(|scenario| {
        let config = scenario.config.as_ref().map(|text| text.parse::<toml::Table>());
        let is_trust = |table: &toml::Table| table.keys().all(|key| key == "trust");
        let fits = config.is_none_or(|config| config.is_ok_and(|table| is_trust(&table)));
        fits && story::missing(scenario).is_none()
    });
    ensure!(!fit.is_empty(), "none of the honest scenarios can be played here");
    Ok((fit, others.into_iter().map(|scenario| scenario.name).collect()))
}

/// The rules of all scenarios, for the addresses that only scenarios with a rule have.
fn trust(scenarios: &[Scenario]) -> String {
    let mut rules = String::new();
    for config in scenarios.iter().filter_map(|scenario| scenario.config.as_ref()) {
        // What is enough for a day is not enough for a scenario that is played again and again.
        let lines = config.lines().filter(|line| !line.starts_with("daily_bytes"));
        lines.for_each(|line| rules.extend([&line.replace("{server}", TRUSTED_NETWORK), "\n"]));
    }
    rules
}

fn work(
    scenarios: &[Scenario],
    context: &Context,
    options: &Options,
    (dir, launcher): (&Path, &Path),
    until: Instant,
) -> Done {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Done::default());
    let note = |what: &str, result: Result<()>, count: &dyn Fn(&mut Done)| {
        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => count(&mut done),
            Err(error) => done.broken.push(format!("{what}: {error:#}")),
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while Instant::now() < until {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if let Some(scenario) = scenarios.get(number % scenarios.len()) {
                        note(&scenario.name, play(scenario, launcher, context), &|done| {
                            *done.played.entry(scenario.name.clone()).or_default() += 1;
                        });
                    }
                }
            });
        }
        if let Some(workspace) = &options.build {
            scope.spawn(|| {
                while Instant::now() < until {
                    let built = build(workspace, dir, until);
                    let whole = u64::from(matches!(built, Ok(true)));
                    note("the build", built.map(drop), &|done| done.builds += whole);
                }
            });
        }
    });
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Plays a scenario from a process of its own, as a service manager or a container's first process would: a host's jobs do
/// not have in common that one process wrote all their scripts and reads all that they say.
fn play(scenario: &Scenario, launcher: &Path, context: &Context) -> Result<()> {
    let mut command = Command::new(launcher);
    command.arg("honest-one").arg(&scenario.name).arg(&context.helper);
    // It ends when the other end of its input does.
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().context("cannot start a player")?;
    let input = child.stdin.take();
    let output = child.wait_with_output().context("cannot wait for a player")?;
    drop(input);
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(())
}

/// Plays the scenario called `name`, once.
///
/// # Errors
/// Fails when there is none of that name, and as [`story::perform`] does.
pub fn one(name: &str, helper: &Path) -> Result<()> {
    interrupt::clean_up_on_signals()?;
    interrupt::clean_up_with_parent();
    let (scenarios, _) = playable()?;
    let scenario = scenarios.iter().find(|scenario| scenario.name == name);
    let scenario = scenario.with_context(|| format!("no scenario {name}"))?;
    let own = Reachable::new("honest")?;
    let nobody = Log::new(own.path().join("nothing"));
    story::perform(scenario, helper, own.path(), |_| Ok(Bystander(nobody))).map(drop)
}

/// Builds the suite from nothing; false when the time was up before it was done.
fn build(workspace: &Path, dir: &Path, until: Instant) -> Result<bool> {
    let target = dir.join("build");
    let mut command = Command::new("cargo");
    command.args(["build", "--quiet", "--offline", "--package", "tests", "--target-dir"]).arg(&target);
    command.current_dir(workspace);
    process::capture(&mut command, dir, "build")?;
    let mut group = Group::spawn(&mut command)?;
    let end = until.min(Instant::now() + BUILD);
    while Instant::now() < end {
        if let Some(status) = group.ended()? {
            ensure!(
                status.success(),
                "it ended with {status}: {}",
                fs::read_to_string(dir.join("build.stderr"))?
            );
            fs::remove_dir_all(&target)?;
            return Ok(true);
        }
        thread::sleep(LOOK);
    }
    ensure!(end == until, "it takes longer than {BUILD:?}");
    Ok(false)
}

/// What the agent took.
#[derive(Clone, Copy, Debug)]
struct Cost {
    /// Processor time, seconds.
    cpu_s: f64,
    /// Most memory that it had at once, `VmHWM`, KiB.
    memory_kib: u64,
}

impl Cost {
    fn of(pid: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        // utime and stime, fields 14 and 15 of proc(5), in ticks of 10 ms.
        let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u32>().ok());
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak.and_then(|line| line.split_whitespace().next()?.parse().ok());
        Ok(Self { cpu_s: f64::from(ticks.sum::<u32>()) / 100.0, memory_kib: peak.context("no VmHWM")? })
    }
}

/// Whether a line is about a program that stands for another host: it sends to this host's end of a world.
fn is_of_other_host(line: &Line) -> bool {
    line.text("destination.ip").parse().is_ok_and(world::is_host)
}

/// Text for people, and whether an operator would have been left alone.
fn report(lines: &[Line], done: &Done, cost: &Cost, hours: f64) -> Result<(String, bool)> {
    let mut alerts: BTreeMap<&str, &Line> = BTreeMap::new();
    let mut signals: BTreeMap<(String, String), u64> = BTreeMap::new();
    let (others, own): (Vec<&Line>, Vec<&Line>) = lines.iter().partition(|line| is_of_other_host(line));
    for line in own {
        if line.is_alert() {
            alerts.insert(line.id(), line);
        } else if line.action() == "signal" {
            let signal = line.get("weir.signals").and_then(|all| all.get(0)).unwrap_or(&Value::Null);
            let analytic = signal.get("analytic").and_then(Value::as_str).unwrap_or_default();
            *signals.entry((analytic.to_owned(), line.text("process.name").to_owned())).or_default() += 1;
        }
    }
    let told: u64 = signals.values().sum();
    let stop = lines.iter().find(|line| line.is_stop()).context("no stop record")?;
    let losses = lines.iter().filter(|line| line.is_gap());
    let losses = losses.filter_map(|line| line.get("weir.losses")?.as_array()).flatten();
    // What a bounded table forgets of an hour of builds is no event that went unseen.
    let is_event = |loss: &&Value| {
        !loss.get("what").and_then(Value::as_str).is_some_and(|what| what.ends_with("_evicted"))
    };
    let dropped: u64 =
        losses.filter(is_event).filter_map(|loss| loss.get("count").and_then(Value::as_u64)).sum();
    let total =
        |name: &str| stop.get(&format!("weir.totals.{name}")).and_then(Value::as_u64).unwrap_or_default();
    let mut text = String::new();
    let played: u64 = done.played.values().sum();
    let bearable = SIGNALS_A_RUN * (played + done.builds);
    writeln!(
        text,
        "{:.2} h of honest work: {played} runs of {} scenarios, {} whole builds of the suite, {} events",
        hours,
        done.played.len(),
        done.builds,
        total("events"),
    )?;
    writeln!(text, "alerts: {}", alerts.len())?;
    for (id, line) in &alerts {
        writeln!(text, "- {id}: {}", line.text("message"))?;
    }
    writeln!(
        text,
        "signals: {} in all, {told} of them strong enough for a line, at most {} are bearable; {} lines about programs that \
         stand for other hosts",
        total("signals"),
        bearable,
        others.len(),
    )?;
    for ((analytic, name), count) in &signals {
        writeln!(text, "- {count} x {analytic} of {name}")?;
    }
    writeln!(
        text,
        "agent: {:.1} s of processor time ({:.2} % of one), {} MiB at most, {dropped} events lost, {} entries evicted",
        cost.cpu_s,
        cost.cpu_s / (hours * 36.0),
        cost.memory_kib / 1024,
        total("lost").saturating_sub(dropped),
    )?;
    writeln!(
        text,
        "left out: {}",
        if done.left_out.is_empty() { "none".to_owned() } else { done.left_out.join(", ") }
    )?;
    writeln!(text, "not played: {}", done.broken.len())?;
    for broken in &done.broken {
        writeln!(text, "- {broken}")?;
    }
    let watched = total("events") > 0 && dropped == 0;
    Ok((text, alerts.is_empty() && told <= bearable && watched && done.broken.is_empty() && played > 0))
}
