//! Fifty starts, each ended in another way and at another moment: the kernel keeps nothing of them, and neither does
//! the file system.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    fixture::Random,
    harness::{Context, Outcome},
    kernel_objects::{self, Objects},
    log::{Line, Log},
    process::{self, Group},
    wait,
    weir::Weir,
};

/// Starts, a multiple of the ways to end.
const CYCLES: u32 = 51;
/// How long a start may take, and a stop.
const LIMIT: Duration = Duration::from_mins(1);
/// How names begin by which an administrator tells whose an object is; sections of constants and the programs' own
/// messages are named by the loader.
const NAMED: [&str; 3] = ["weir_", ".rodata", "AYA_LOG"];
/// Where an agent might leave a lock, a pid or its state.
const PLACES: [&str; 3] = ["/run", "/run/lock", "/var/lib"];

/// How a cycle ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// SIGTERM, once it watches.
    Stop,
    /// SIGKILL, once it watches.
    Kill,
    /// SIGKILL after a part of the time that a start takes, while it still loads.
    KillEarly,
}

const ENDS: [End; 3] = [End::Stop, End::Kill, End::KillEarly];

/// Starts and ends the agent over and over on one log, and looks for what is left.
///
/// # Errors
/// Names what is left in the kernel or in the file system.
pub fn fifty(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let mut cycle = Cycle { weir, dir, log: Log::new(dir.join("alerts.jsonl")), starts: 0 };
    let before = Objects::now()?;
    let files = files_of_weir();
    let mut random = Random::new(0x6379_636c);
    let (mut took, mut names) = (Vec::new(), BTreeSet::new());
    for (number, end) in (0..CYCLES).zip(ENDS.iter().cycle()) {
        let cycle = match end {
            End::Stop | End::Kill => cycle.watched(*end, &mut took, &mut names),
            End::KillEarly => cycle.cut_short(part_of(&took, &mut random)),
        };
        cycle.with_context(|| format!("start {number}, to be ended by {end:?}"))?;
    }
    kernel_objects::wait_until_gone(&before, &names)?;
    let here: BTreeSet<_> = fs::read_dir(dir)?.flatten().map(|entry| entry.file_name()).collect();
    let expected = ["alerts.jsonl", "weir.stdout", "weir.stderr"].map(Into::into);
    ensure!(here == BTreeSet::from(expected), "files beside the log: {here:?}");
    let left: Vec<_> = files_of_weir().difference(&files).cloned().collect();
    ensure!(left.is_empty(), "left behind: {left:?}");
    Ok(Outcome::Passed(vec![figures(&mut took), format!("{} programs and maps each time", names.len())]))
}

/// What every start has in common.
struct Cycle<'a> {
    weir: &'a Weir,
    dir: &'a Path,
    log: Log,
    /// Start records that were seen.
    starts: usize,
}

impl Cycle<'_> {
    fn start(&self) -> Result<Group> {
        let mut command = self.weir.watching("run");
        command.arg("--quiet").arg("--alerts").arg(self.dir.join("alerts.jsonl"));
        process::capture(&mut command, self.dir, "weir")?;
        Group::spawn(&mut command)
    }

    /// A start that is waited for, and an end.
    fn watched(&mut self, end: End, took: &mut Vec<Duration>, names: &mut BTreeSet<String>) -> Result<()> {
        let at = Instant::now();
        let mut agent = self.start()?;
        wait::until(LIMIT, "start record", || {
            ensure!(agent.ended()?.is_none(), "weir ended: {}", self.said()?);
            Ok((self.starts_so_far()? > self.starts).then_some(()))
        })?;
        took.push(at.elapsed());
        if names.is_empty() {
            *names = Objects::now()?.names_of(agent.pid())?;
            let ours = |name: &String| NAMED.iter().any(|begin| name.starts_with(begin));
            ensure!(names.iter().all(ours), "whose are they? {names:?}");
        }
        let stops = matches!(end, End::Stop);
        agent.signal(if stops { libc::SIGTERM } else { libc::SIGKILL })?;
        let status = agent.finish(LIMIT)?;
        let said = self.said()?;
        ensure!(!stops || status.success(), "{status} after SIGTERM: {said}");
        ensure!(!said.contains("panicked at"), "{said}");
        self.starts = self.starts_so_far()?;
        Ok(())
    }

    /// A start that is killed after `moment`, whatever it does then: not a wait for something, but the moment itself.
    fn cut_short(&mut self, moment: Duration) -> Result<()> {
        let mut agent = self.start()?;
        thread::sleep(moment);
        ensure!(agent.ended()?.is_none(), "weir ended by itself: {}", self.said()?);
        agent.signal(libc::SIGKILL)?;
        agent.finish(LIMIT)?;
        self.starts = self.starts_so_far()?;
        Ok(())
    }

    fn starts_so_far(&mut self) -> Result<usize> {
        self.log.poll()?;
        Ok(self.log.lines().iter().filter(|line| Line::is_start(line)).count())
    }

    fn said(&self) -> Result<String> {
        Ok(fs::read_to_string(self.dir.join("weir.stderr"))?.trim().to_owned())
    }
}

/// A moment within the shortest start so far.
fn part_of(took: &[Duration], random: &mut Random) -> Duration {
    let shortest = took.iter().min().copied().unwrap_or_default();
    let [part, ..] = random.eight();
    shortest * u32::from(part) / 256
}

/// Entries in the places of locks and state that carry the agent's name. The suite's own locks are not the agent's.
fn files_of_weir() -> BTreeSet<PathBuf> {
    let entries = PLACES.into_iter().flat_map(fs::read_dir).flatten().flatten();
    let named = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("weir") && name != "weir-tests"
    });
    named.map(|entry| entry.path()).collect()
}

fn figures(took: &mut [Duration]) -> String {
    took.sort_unstable();
    let at = |index: usize| took.get(index).copied().unwrap_or_default().as_secs_f64();
    let (median, longest) = (at(took.len() / 2), at(took.len().saturating_sub(1)));
    format!(
        "{CYCLES} starts, {:.3} s to the start record in the middle, {:.3} to {longest:.3} s",
        median,
        at(0)
    )
}
