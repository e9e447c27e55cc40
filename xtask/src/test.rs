//! `cargo xtask test`.

mod totals;

pub(crate) use self::totals::Totals;

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result};

use self::totals::Suite;
use crate::{
    arguments::Arguments,
    build::{self, Profile},
    console::{self, Mark},
    process,
    setup::{self, Part},
    tidy,
};

pub(crate) const HELP: &str = "\
Set up what building and testing need, build the agent, and run every test: units,
scenarios on this host's kernel (skipped by name without root), and the limits of
'cargo xtask tidy'. The last line sums up all of them; status 1 on a failure, and
when no test ran.

Usage: cargo xtask test [FILTER]

Arguments:
  FILTER  Only tests whose name contains it

Examples:
  cargo xtask test
  cargo xtask test provenance
";

/// The package whose tests need a kernel and root.
const SCENARIOS: &str = "tests";

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let filter = arguments.positional();
    arguments.finish()?;
    setup::ensure(&[Part::Build, Part::Test])?;
    let weir = build::agent(Profile::Release, None)?;

    let mut totals = Totals::default();
    let mut units = process::cargo();
    units.args(["test", "--workspace", "--exclude", "agent-ebpf", "--exclude", SCENARIOS, "--no-fail-fast"]);
    let mut scenarios = process::cargo();
    scenarios.args(["test", "--package", SCENARIOS, "--no-fail-fast"]);
    for cargo in [&mut units, &mut scenarios] {
        cargo.args(&filter).env("WEIR_BIN", &weir);
        totals.add(suite(cargo)?);
    }
    if filter.is_none() {
        totals.add(tidy::as_tests()?);
    }
    console::line(&format!("\n{totals}"));
    Ok(if totals.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs one test command, shows its output as it comes, and counts its results.
fn suite(command: &mut Command) -> Result<Totals> {
    console::step(Mark::Doing, "test", process::show(command));
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", process::show(command)))?;
    let mut suite = Suite::default();
    if let Some(pipe) = child.stdout.take() {
        let mut lines = BufReader::new(pipe);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            drop(std::io::stdout().lock().write_all(&line));
            suite.read(&String::from_utf8_lossy(&line));
            line.clear();
        }
    }
    let status = child.wait()?;
    let mut totals = suite.finish();
    if !status.success() && totals.failed == 0 {
        // It did not compile, or a test took its whole program down.
        console::step(Mark::Failed, "test", format!("{} ended with {status}", process::show(command)));
        totals.failed = 1;
    }
    Ok(totals)
}
