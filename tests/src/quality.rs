//! The quality report: every scenario is played, and what weir said is put beside what it should have said, and
//! beside what the analytics of T1020 would have said of the same events, word for word.
//!
//! A scenario that is not told fails the run; one that could not be played here is named and counted apart.

pub mod recorded;
pub mod probe;
pub mod words;
pub mod golden;
pub mod row;
pub mod sums;
pub mod report;
pub mod honest;
mod play;

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::ExitCode,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    fixture,
    harness::Context,
    interrupt,
    scenario::{self, Scenario, Set},
    suite, world,
};

use row::Row;

/// What to run, and where results go.
#[derive(Clone, Debug)]
pub struct Options {
    /// Parts of names; none is all scenarios.
    pub filters: Vec<String>,
    /// Scenarios at a time.
    pub jobs: usize,
    /// Folder of the report.
    pub out: PathBuf,
    /// Folder in which the golden recordings are to be rewritten; none leaves them alone.
    pub bless: Option<PathBuf>,
}

/// Plays the scenarios that `options` choose, and reports.
///
/// # Errors
/// Fails without root, when the report cannot be written, or when nothing is chosen.
pub fn run(context: &Context, options: &Options) -> Result<ExitCode> {
    ensure!(suite::is_root(), "the quality report needs root");
    context.weir()?;
    let scenarios = chosen(&options.filters)?;
    ensure!(!scenarios.is_empty(), "no scenario has such a name");
    interrupt::clean_up_on_signals()?;
    world::sweep_dead();
    fixture::sweep(false);
    fs::create_dir_all(&options.out).with_context(|| format!("cannot make {}", options.out.display()))?;

    let started = Instant::now();
    let rows = play_all(&scenarios, context, options)?;
    let report = report::Report::new(rows, started.elapsed());
    report.write(&options.out)?;
    let mut out = std::io::stdout();
    write!(out, "\n{}", report.summary())?;
    writeln!(out, "report in {}", options.out.display())?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(filters: &[String]) -> Result<Vec<Scenario>> {
    let mut scenarios = scenario::of(&[Set::Core, Set::Quality])?;
    scenarios.retain(|scenario| {
        filters.is_empty() || filters.iter().any(|filter| scenario.name.contains(filter.as_str()))
    });
    Ok(scenarios)
}

/// Several at a time, each in a world of its own; rows in the order of the files.
fn play_all(scenarios: &[Scenario], context: &Context, options: &Options) -> Result<Vec<Row>> {
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                while let Some((number, scenario)) = {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    scenarios.get(number).map(|scenario| (number, scenario))
                } {
                    let row = play::row(scenario, context, options);
                    // Whoever reads along may have gone; the report is written all the same.
                    let _ = writeln!(std::io::stdout(), "{}", report::line(&row));
                    rows.lock().unwrap_or_else(PoisonError::into_inner).push((number, row));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    rows.sort_by_key(|(number, _)| *number);
    ensure!(rows.len() == scenarios.len(), "a scenario took its thread down");
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}
