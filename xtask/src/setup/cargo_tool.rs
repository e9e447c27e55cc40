//! Programs that `cargo install` brings.

use anyhow::{Context, Result, bail};

use super::{Missing, Mode};
use crate::{
    console::{self, Mark},
    process,
};

/// A program of the Rust package registry.
#[derive(Debug)]
pub(crate) struct CargoTool {
    /// The binary's name.
    pub(crate) program: &'static str,
    /// The package's name.
    pub(crate) package: &'static str,
    /// The version that is installed when there is none.
    pub(crate) version: &'static str,
    /// Whether another version will not do.
    pub(crate) exact: bool,
    /// Whether it works so little that compiling it without optimisation saves time.
    pub(crate) unoptimised: bool,
}

/// Brings `tool`, with a word only if it is missing.
///
/// # Errors
/// When it cannot be installed; names the command to do it by hand.
pub(crate) fn ensure(tool: &CargoTool) -> Result<()> {
    match step(tool, Mode::InstallQuietly) {
        None => Ok(()),
        Some(missing) => bail!("{} is missing; by hand: {}", missing.what, missing.manual),
    }
}

/// Brings `tool`; returns it if it is missing in the end.
pub(super) fn step(tool: &CargoTool, mode: Mode) -> Option<Missing> {
    let absence = match look(tool) {
        Ok(version) => {
            mode.present(tool.program, &version);
            return None;
        }
        Err(absence) => absence,
    };
    console::step(Mark::Missing, tool.program, format!("{absence:#}"));
    let missing = Missing {
        what: format!("{} {}", tool.program, tool.version),
        manual: format!("cargo install {} --version {} --locked", tool.package, tool.version),
    };
    if !mode.installs() {
        return Some(missing);
    }
    console::step(Mark::Doing, tool.program, &missing.manual);
    let installed = install(tool).and_then(|()| look(tool));
    match installed {
        Ok(version) => {
            console::step(Mark::Ok, tool.program, version);
            None
        }
        Err(error) => {
            console::step(Mark::Refused, tool.program, format!("{error:#}"));
            Some(missing)
        }
    }
}

fn install(tool: &CargoTool) -> Result<()> {
    let mut cargo = process::cargo();
    cargo.args(["install", "--quiet", "--locked", tool.package, "--version", tool.version]);
    if tool.unoptimised {
        cargo.arg("--debug").env("CARGO_PROFILE_DEV_DEBUG", "0");
    }
    process::run(&mut cargo)
}

/// The version that is there.
fn look(tool: &CargoTool) -> Result<String> {
    let path = process::find(tool.program).context("not found")?;
    let answer = process::read(process::command(&path.to_string_lossy()).arg("--version"))?;
    let version = answer.split_whitespace().last().unwrap_or_default();
    if tool.exact && version != tool.version {
        bail!("found {version}, needs {}", tool.version);
    }
    Ok(format!("{version} {}", path.display()))
}
