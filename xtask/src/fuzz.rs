//! `cargo xtask fuzz`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::{
    arguments::Arguments,
    console::{self, Mark},
    process,
    setup::{self, CargoTool, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Run each fuzz target of fuzz/ for a while; status 1 on a finding, which is then kept
in fuzz/artifacts.

Usage: cargo xtask fuzz [TARGET] [OPTIONS]

Arguments:
  TARGET  Only this one

Options:
  --seconds N  How long each target runs (60)

Examples:
  cargo xtask fuzz
  cargo xtask fuzz recording --seconds 600
";

const CARGO_FUZZ: CargoTool = CargoTool {
    program: "cargo-fuzz",
    package: "cargo-fuzz",
    version: "0.13.2",
    exact: false,
    unoptimised: true,
};

/// Whether there is anything to fuzz.
pub(crate) fn has_targets() -> bool {
    workspace::root().join("fuzz/Cargo.toml").is_file()
}

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let seconds: u32 = match arguments.value("--seconds")? {
        Some(value) => value.parse().with_context(|| format!("--seconds {value}: not a whole number"))?,
        None => 60,
    };
    let only = arguments.positional();
    arguments.finish()?;
    if !has_targets() {
        bail!("there is no fuzz target yet: fuzz/Cargo.toml is missing");
    }
    setup::ensure(&[Part::Build, Part::Fuzz])?;
    setup::ensure_cargo_tool(&CARGO_FUZZ)?;

    let known = process::read(fuzz().arg("list"))?;
    let targets: Vec<&str> = known.split_whitespace().collect();
    let chosen: Vec<&str> =
        targets.iter().copied().filter(|target| only.as_ref().is_none_or(|only| only == target)).collect();
    if chosen.is_empty() {
        bail!("no such fuzz target; there are: {}", targets.join(", "));
    }
    let mut findings = Vec::new();
    for target in chosen {
        let mut run = fuzz();
        // The parsers hold no unsafe code: coverage is what finds something, not a sanitizer.
        run.args(["run", "--sanitizer", "none", target, "--", &format!("-max_total_time={seconds}")]);
        console::step(Mark::Doing, target, process::show(&run));
        match process::run(&mut run) {
            Ok(()) => console::step(Mark::Ok, target, format!("{seconds} s without a finding")),
            Err(error) => {
                console::step(Mark::Failed, target, format!("{error:#}"));
                findings.push(target);
            }
        }
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `cargo fuzz` with the stable compiler: coverage is behind unstable options.
fn fuzz() -> Command {
    let mut cargo = process::cargo();
    cargo.arg("fuzz").env("RUSTC_BOOTSTRAP", "1");
    cargo
}
