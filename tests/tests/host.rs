//! Scenarios on this host's kernel: `cargo test -p tests --test host -- [NAME...]`.
//!
//! Needs root; without it everything is ignored. `WEIR_BIN` names the agent's binary, `WEIR_HOOKS` the hooks
//! that it is started with, and `WEIR_KEEP` keeps the artifacts of cases that passed.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use tests::{
    harness::{self, Context, Options},
    suite,
    weir::Weir,
};

fn main() -> Result<ExitCode> {
    let target = target()?;
    let weir = env::var_os("WEIR_BIN").map_or_else(|| target.join("release/weir"), PathBuf::from);
    let hooks = env::var("WEIR_HOOKS").ok().filter(|hooks| !hooks.is_empty());
    let context = Context {
        weir: Weir::new(weir, hooks),
        helper: PathBuf::from(env!("CARGO_BIN_EXE_scenarios")),
        artifacts: target.join("weir-tests"),
    };
    harness::run(&suite::all()?, &context, &options())
}

/// The options of Rust's own harness that mean something here; test runners pass others to every target.
fn options() -> Options {
    let mut options = Options { keep: env::var_os("WEIR_KEEP").is_some(), ..Options::default() };
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--list" => options.list = true,
            "--exact" => options.exact = true,
            "--skip" => options.skip.extend(arguments.next()),
            // No case is marked as ignored beforehand: what cannot run is found out by running it.
            "--ignored" => options.skip.push(String::new()),
            "--test-threads" | "--format" | "--color" | "--logfile" | "--shuffle-seed" | "-Z" => {
                arguments.next();
            }
            flag if flag.starts_with('-') => {}
            filter => options.filters.push(filter.to_owned()),
        }
    }
    options
}

/// The target folder, in which the helper was built into a profile's folder.
fn target() -> Result<PathBuf> {
    let helper = Path::new(env!("CARGO_BIN_EXE_scenarios"));
    helper.ancestors().nth(2).map(Path::to_owned).context("no target folder")
}
