//! `cargo xtask build`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Result;

use crate::{
    arguments::Arguments,
    console::{self, Mark},
    process,
    setup::{self, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Set up what building needs, then build the agent with its kernel programs.

Usage: cargo xtask build [OPTIONS]

Options:
  --release  Optimised (the default): target/release/weir
  --debug    With overflow checks and debug assertions: target/debug/weir

Examples:
  cargo xtask build
  cargo xtask build --debug
";

/// How the agent is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Release,
    Debug,
}

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let debug = arguments.flag("--debug");
    let release = arguments.flag("--release");
    arguments.finish()?;
    setup::ensure(&[Part::Build])?;
    agent(if debug && !release { Profile::Debug } else { Profile::Release })?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the agent and returns where its binary is.
///
/// # Errors
/// When cargo reports one.
pub(crate) fn agent(profile: Profile) -> Result<PathBuf> {
    let (folder, option) = match profile {
        Profile::Release => ("release", Some("--release")),
        Profile::Debug => ("debug", None),
    };
    let mut cargo = process::cargo();
    cargo.args(["build", "--package", "agent", "--bin", "weir"]).args(option);
    console::step(Mark::Doing, "build", process::show(&cargo));
    process::run(&mut cargo)?;
    let binary = workspace::target()?.join(folder).join("weir");
    let root = workspace::root();
    console::step(Mark::Ok, "build", binary.strip_prefix(&root).unwrap_or(&binary).display());
    Ok(binary)
}
