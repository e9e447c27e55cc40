//! `cargo xtask quality`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, ensure};

use crate::{
    arguments::Arguments,
    build::{self, Profile},
    console::{self, Mark},
    process,
    setup::{self, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Play every scenario of data theft and of honest work on this host, several at a time,
and report how well weir tells them apart, beside what the analytics of T1020 would
have said of the same events, word for word. The report goes to the terminal and to
target/quality/report.md and report.json, with the artifacts of what was not told.
Status 1 when a scenario does not come out as expected. Needs root, or sudo.

Usage: cargo xtask quality [OPTIONS]

Options:
  --filter PART  Only scenarios with this in their name; may be repeated
  --jobs N       So many scenarios at a time (4; 2 with --honest)
  --bless        Rewrite the golden recordings of the scenarios that are played
  --honest MIN   Instead: honest work alone for so many minutes before one agent, whole
                 builds of the suite beside it, and what an operator would have read
                 (target/quality/honest.md); status 1 unless all of it could be played,
                 nothing was lost, and there was no alert and no more than 60 lines about
                 signals an hour

Examples:
  cargo xtask quality
  cargo xtask quality --filter honest:: --filter ssh
  cargo xtask quality --honest 60
";

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let filters = arguments.values("--filter")?;
    let jobs = arguments.value("--jobs")?;
    let bless = arguments.flag("--bless");
    let honest = arguments.value("--honest")?;
    arguments.finish()?;
    ensure!(
        honest.is_none() || (filters.is_empty() && !bless),
        "--honest plays all honest scenarios: it goes with neither --filter nor --bless"
    );
    setup::ensure(&[Part::Build, Part::Test, Part::Quality])?;
    let weir = build::agent(Profile::Release, None)?;
    let scenarios = scenarios()?;

    let shown = scenarios.display().to_string();
    let mut quality = process::as_root(&shown).context("scenarios build network namespaces")?;
    quality.arg(if honest.is_some() { "honest" } else { "quality" });
    quality.arg("--weir").arg(&weir).arg("--out").arg(workspace::target()?.join("quality"));
    if let Some(jobs) = jobs {
        quality.args(["--jobs", &jobs]);
    }
    if bless {
        quality.arg("--bless").arg(workspace::root().join("tests/golden"));
    }
    if let Some(minutes) = honest {
        quality.args(["--minutes", &minutes]).arg("--build").arg(workspace::root());
    }
    quality.args(&filters);
    console::step(Mark::Doing, "quality", process::show(&quality));
    let status = quality.status().with_context(|| format!("cannot run {shown}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The program that plays them.
fn scenarios() -> Result<PathBuf> {
    process::run(process::cargo().args(["build", "--package", "tests", "--bin", "scenarios"]))?;
    Ok(workspace::target()?.join("debug/scenarios"))
}
