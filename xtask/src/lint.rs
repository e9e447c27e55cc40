//! `cargo xtask lint`.

use std::process::{Command, ExitCode};

use anyhow::Result;

use crate::{
    arguments::Arguments,
    console::{self, Mark},
    process,
    setup::{self, CargoTool, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Check formatting, clippy on the host and on the kernel's target, documentation, and
the licences and sources of dependencies. Every warning counts. Known advisories are
not checked: their database is no package, and fetching it needs more than the
registries that a build needs ('cargo deny check advisories' does it by hand).

Usage: cargo xtask lint

Examples:
  cargo xtask lint
";

const CARGO_DENY: CargoTool = CargoTool {
    program: "cargo-deny",
    package: "cargo-deny",
    version: "0.20.2",
    exact: false,
    unoptimised: true,
};

pub(crate) fn main(arguments: Arguments) -> Result<ExitCode> {
    arguments.finish()?;
    setup::ensure(&[Part::Build])?;
    let mut failures = Vec::new();
    for (name, mut command) in checks()? {
        check(name, &mut command, &mut failures);
    }
    match setup::ensure_cargo_tool(&CARGO_DENY) {
        Ok(()) => {
            let mut deny = process::cargo();
            deny.args([
                "deny",
                "--workspace",
                "check",
                "--hide-inclusion-graph",
                "licenses",
                "bans",
                "sources",
            ]);
            check("dependencies", &mut deny, &mut failures);
        }
        Err(error) => {
            console::step(Mark::Refused, "dependencies", format!("{error:#}"));
            failures.push("dependencies");
        }
    }
    console::step(Mark::Skipped, "advisories", "not checked here: 'cargo deny check advisories'");
    if failures.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    console::step(Mark::Failed, "lint", failures.join(", "));
    Ok(ExitCode::FAILURE)
}

fn checks() -> Result<Vec<(&'static str, Command)>> {
    let cargo = |words: &[&str]| {
        let mut cargo = process::cargo();
        cargo.args(words);
        cargo
    };
    let host = ["--workspace", "--exclude", "agent-ebpf"];
    let format = cargo(&["fmt", "--all", "--check"]);
    let mut clippy = cargo(&["clippy", "--quiet"]);
    clippy.args(host).args(["--all-targets", "--", "--deny", "warnings"]);
    let mut kernel = cargo(&["clippy", "--quiet", "--package", "agent-ebpf"]);
    kernel
        .args(["-Zbuild-std=core", "--target", "bpfel-unknown-none", "--", "--deny", "warnings"])
        .env("RUSTC_BOOTSTRAP", "1")
        // That variable changes what build scripts find, so sharing a folder would rebuild the rest each time.
        .env("CARGO_TARGET_DIR", workspace::target()?.join("lint-kernel"));
    let mut documentation = cargo(&["doc", "--quiet", "--no-deps", "--document-private-items"]);
    documentation.args(host).env("RUSTDOCFLAGS", "--deny warnings");
    Ok(vec![
        ("format", format),
        ("clippy", clippy),
        ("clippy-kernel", kernel),
        ("documentation", documentation),
    ])
}

fn check(name: &'static str, command: &mut Command, failures: &mut Vec<&'static str>) {
    console::step(Mark::Doing, name, process::show(command));
    match process::run(command) {
        Ok(()) => console::step(Mark::Ok, name, ""),
        Err(error) => {
            console::step(Mark::Failed, name, format!("{error:#}"));
            failures.push(name);
        }
    }
}
