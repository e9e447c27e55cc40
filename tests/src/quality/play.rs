//! One scenario: played, replayed, compared.

use std::{fs, path::Path, process::Command, time::Instant};

use anyhow::{Result, ensure};

use super::{
    Options, golden,
    probe::{self, Probe},
    recorded::Recorded,
    row::{End, Row, Seen},
    words,
};
use crate::{
    agent::{self, Agent},
    expect,
    fixture::Reachable,
    harness::Context,
    process,
    scenario::Scenario,
    story::{self, Played, Told},
};

/// Plays a scenario; whatever goes wrong is in the row.
pub(super) fn row(scenario: &Scenario, context: &Context, options: &Options) -> Row {
    let started = Instant::now();
    let (end, seen) =
        played(scenario, context, options).unwrap_or_else(|error| (End::Broken(format!("{error:#}")), None));
    Row {
        name: scenario.name.clone(),
        tells: scenario.tells.clone(),
        source: scenario.source.clone(),
        malicious: scenario.alert.is_some(),
        end,
        seen,
        took_s: started.elapsed().as_secs_f64(),
    }
}

fn played(scenario: &Scenario, context: &Context, options: &Options) -> Result<(End, Option<Seen>)> {
    let name = scenario.name.replace("::", "-");
    let dir = Reachable::new(&name)?;
    let result = judged(scenario, context, options, dir.path());
    let kept = options.out.join(&name);
    if kept.exists() {
        fs::remove_dir_all(&kept)?;
    }
    if !matches!(result, Ok((End::Told | End::Skipped(_), _))) {
        process::run(Command::new("cp").arg("-a").arg(dir.path()).arg(&kept))?;
    }
    result
}

fn judged(
    scenario: &Scenario,
    context: &Context,
    options: &Options,
    dir: &Path,
) -> Result<(End, Option<Seen>)> {
    let weir = context.weir()?;
    let start = |config: Option<&str>| Agent::start(weir, dir, config);
    let told = match story::play(scenario, &context.helper, dir, start)? {
        Played::Skipped(reason) => return Ok((End::Skipped(reason), None)),
        Played::Told(told) => told,
    };
    let recorded = Recorded::read(&agent::recording(dir), &told.story, &told.roots, std::process::id())?;
    ensure!(!recorded.members.is_empty(), "the recording knows nothing of the story");
    let mut seen = look(scenario, &told, &recorded)?;
    let mut failures = told.failures().to_vec();
    if scenario.alert.is_none() && seen.probe.signals > scenario.signals {
        failures.push(format!(
            "{} strong signals, at most {} are bearable",
            seen.probe.signals, scenario.signals
        ));
    }
    if let Some(folder) = &options.bless {
        let differs = golden::bless(folder, &scenario.name, &recorded)?;
        seen.notes.extend(
            differs.into_iter().filter(|lines| *lines != seen.alerts).map(|alerts| {
                format!("the golden recording has {alerts} alerts, the live run {}", seen.alerts)
            }),
        );
    }
    let end = if failures.is_empty() { End::Told } else { End::NotTold(failures) };
    Ok((end, Some(seen)))
}

fn look(scenario: &Scenario, told: &Told, recorded: &Recorded) -> Result<Seen> {
    let (own, _) = told.story.alerts(&told.lines);
    let alert = own.values().next();
    let first = alert.and_then(|lines| lines.first());
    let last = alert.and_then(|lines| lines.last());
    let probe: Probe = probe::look(&recorded.events, &recorded.members)?;
    Ok(Seen {
        alerts: own.len(),
        blamed: scenario.alert.as_ref().zip(last).map(|(expected, line)| expect::blames(expected, line)),
        to_alert_s: first
            .zip(told.complete_ns)
            .map(|(line, complete)| expect::seconds(line.seen_ns - complete)),
        probe,
        words: words::findings(&recorded.events, &recorded.members),
        notes: Vec::new(),
    })
}
