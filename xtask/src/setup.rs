//! `cargo xtask setup`: from stable Rust and apt to a complete build environment.
//!
//! Each step first looks, then says what it is about to install, then looks again. A step that is refused does
//! not stop the next one; the end names all that is missing, with the commands that bring it by hand.

mod apt;
mod cargo_tool;
mod programs;
mod rust_src;
mod sources;
mod origin;
mod suite;

pub(crate) use cargo_tool::{CargoTool, ensure as ensure_cargo_tool};
pub(crate) use sources::uris as apt_uris;
pub(crate) use suite::{Suite, archive as debian_archive, codename as debian_codename};

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::{
    arch::Arch,
    arguments::Arguments,
    console::{self, Mark},
};

pub(crate) const HELP: &str = "\
Install what building and testing need and this machine does not have:
  a C linker and the test programs, by apt; rust-src, by rustup or apt;
  bpf-linker, by cargo install.
What is already there is left alone.

Usage: cargo xtask setup [OPTIONS]

Options:
  --check  Only report; status 1 if something is missing
  --build  Only what building needs
  --test   What building and testing need (the default)
  --fuzz   What building and fuzzing need
  --vm     What building and virtual machines need

Examples:
  cargo xtask setup
  cargo xtask setup --check
  cargo xtask setup --build
";

/// The linker of the kernel programs. It must bring the LLVM of the compiler that is used here; later versions
/// want a newer one.
const BPF_LINKER: CargoTool = CargoTool {
    program: "bpf-linker",
    package: "bpf-linker",
    version: "0.10.0",
    exact: true,
    unoptimised: false,
};

/// What a thing is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Build,
    Test,
    Quality,
    Fuzz,
    Vm,
    VmX86_64,
    VmAarch64,
    CrossAarch64,
}

/// What may be done about a missing thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Say so.
    Check,
    /// Install it; say how each thing stands.
    Install,
    /// Install it; say nothing of what is there already.
    InstallQuietly,
}

/// A thing that is still missing at the end.
#[derive(Debug)]
struct Missing {
    what: String,
    /// The command that brings it by hand.
    manual: String,
}

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let mode = if arguments.flag("--check") { Mode::Check } else { Mode::Install };
    let mut parts = vec![Part::Build];
    let build_only = arguments.flag("--build");
    let fuzz = arguments.flag("--fuzz");
    if fuzz {
        parts.push(Part::Fuzz);
    }
    let vm = arguments.flag("--vm");
    if vm {
        parts.extend(Arch::parse("--vm", None)?.vm_parts());
    }
    if arguments.flag("--test") || !(build_only || fuzz || vm) {
        parts.push(Part::Test);
    }
    arguments.finish()?;
    conclude(&steps(&parts, mode))?;
    Ok(ExitCode::SUCCESS)
}

/// Brings what `parts` need, with a word only for what is missing.
///
/// # Errors
/// Lists what could not be installed and how to do it by hand.
pub(crate) fn ensure(parts: &[Part]) -> Result<()> {
    conclude(&steps(parts, Mode::InstallQuietly))
}

fn steps(parts: &[Part], mode: Mode) -> Vec<Missing> {
    let mut missing = programs::ensure(parts, mode);
    missing.extend(rust_src::ensure(mode));
    missing.extend(cargo_tool::step(&BPF_LINKER, mode));
    missing
}

fn conclude(missing: &[Missing]) -> Result<()> {
    if missing.is_empty() {
        console::step(Mark::Ok, "setup", "complete");
        return Ok(());
    }
    let list: Vec<String> =
        missing.iter().map(|missing| format!("  {:<40} # {}", missing.manual, missing.what)).collect();
    bail!("something is still missing; by hand:\n{}", list.join("\n"))
}

impl Mode {
    /// Reports a thing that is there.
    fn present(self, name: &str, what: &str) {
        match self {
            Self::Check | Self::Install => console::step(Mark::Ok, name, what),
            Self::InstallQuietly => {}
        }
    }

    const fn installs(self) -> bool {
        match self {
            Self::Check => false,
            Self::Install | Self::InstallQuietly => true,
        }
    }
}
