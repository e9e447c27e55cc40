//! `cargo xtask build`.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Result;

use crate::{
    arch::Arch,
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
  --release      Optimised (the default): target/release/weir
  --debug        With overflow checks and debug assertions: target/debug/weir
  --target ARCH  For machines of another architecture, x86_64 or aarch64:
                 target/ARCH-unknown-linux-gnu/release/weir (or debug/weir)

Examples:
  cargo xtask build
  cargo xtask build --debug
  cargo xtask build --target aarch64
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
    let target = arguments.value("--target")?;
    arguments.finish()?;
    let arch = target.map(|name| Arch::parse("--target", Some(&name))).transpose()?;
    setup::ensure(&arch.map_or_else(|| Ok(vec![Part::Build]), Arch::build_parts)?)?;
    agent(if debug && !release { Profile::Debug } else { Profile::Release }, arch)?;
    Ok(ExitCode::SUCCESS)
}

/// Builds the agent, for this machine when no architecture is named, and returns where its binary is.
///
/// # Errors
/// When cargo reports one.
pub(crate) fn agent(profile: Profile, arch: Option<Arch>) -> Result<PathBuf> {
    let mut cargo = cargo("build", profile, arch)?;
    cargo.args(["--package", "agent", "--bin", "weir"]);
    console::step(Mark::Doing, "build", process::show(&cargo));
    process::run(&mut cargo)?;
    let binary = folder(profile, arch)?.join("weir");
    let root = workspace::root();
    console::step(Mark::Ok, "build", binary.strip_prefix(&root).unwrap_or(&binary).display());
    Ok(binary)
}

/// A cargo that does `subcommand` for `arch`, or for this machine.
///
/// Rust's library comes compiled for this machine alone. For another it is built from the source that the kernel
/// programs need anyway, unless somebody has installed it.
///
/// # Errors
/// When the compiler cannot be asked.
pub(crate) fn cargo(subcommand: &str, profile: Profile, arch: Option<Arch>) -> Result<Command> {
    let mut cargo = process::cargo();
    cargo.arg(subcommand);
    match profile {
        Profile::Release => {
            cargo.arg("--release");
        }
        Profile::Debug => {}
    }
    let Some(arch) = foreign(arch) else { return Ok(cargo) };
    let triple = arch.triple();
    cargo.args(["--target", &triple]);
    let prefix = format!("CARGO_TARGET_{}", triple.to_uppercase().replace('-', "_"));
    cargo.env(format!("{prefix}_LINKER"), format!("{}-gcc", arch.gnu()));
    let sysroot = process::read(process::command("rustc").arg("--print=sysroot"))?;
    let library = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(&triple).join("lib");
    if !library.is_dir() {
        cargo.args(["-Z", "build-std"]).env("RUSTC_BOOTSTRAP", "1");
    }
    // Build scripts look at that variable: in a folder shared with ordinary builds each would undo the other.
    cargo.env("CARGO_BUILD_BUILD_DIR", workspace::target()?.join("cross").join(arch.name()));
    Ok(cargo)
}

/// Where cargo puts programs.
///
/// # Errors
/// When the target folder cannot be told.
pub(crate) fn folder(profile: Profile, arch: Option<Arch>) -> Result<PathBuf> {
    let mut folder = workspace::target()?;
    folder.extend(foreign(arch).map(Arch::triple));
    folder.push(match profile {
        Profile::Release => "release",
        Profile::Debug => "debug",
    });
    Ok(folder)
}

fn foreign(arch: Option<Arch>) -> Option<Arch> {
    arch.filter(|arch| !arch.is_own())
}
