//! `cargo xtask`: set-up, build, run, test and lint of weir.
//!
//! It needs nothing but stable Rust and a C linker, so that `setup` can bring everything else.

mod arguments;
mod console;
mod process;
mod workspace;
mod setup;
mod arch;
mod build;
mod run;
mod test;
mod vm;
mod tidy;
mod lint;
mod fuzz;
mod bench;
mod quality;

use std::process::ExitCode;

use anyhow::Result;

use crate::arguments::{Arguments, UsageError};

/// One subcommand.
struct Subcommand {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(Arguments) -> Result<ExitCode>,
    /// Whether the overview lists it: a command with nothing behind it yet is not promised.
    listed: fn() -> bool,
}

const SUBCOMMANDS: &[Subcommand] = &[
    Subcommand {
        name: "setup",
        summary: "Install what building and testing need; nothing is done twice",
        help: setup::HELP,
        run: setup::main,
        listed: || true,
    },
    Subcommand {
        name: "build",
        summary: "Set up, then build the agent",
        help: build::HELP,
        run: build::main,
        listed: || true,
    },
    Subcommand {
        name: "run",
        summary: "Set up, build, and watch this host",
        help: run::HELP,
        run: run::main,
        listed: || true,
    },
    Subcommand {
        name: "test",
        summary: "Set up, build, and run every test",
        help: test::HELP,
        run: test::main,
        listed: || true,
    },
    Subcommand {
        name: "vm",
        summary: "Run the suite on Debian's kernels in virtual machines",
        help: vm::HELP,
        run: vm::main,
        listed: || true,
    },
    Subcommand {
        name: "lint",
        summary: "Formatting, clippy, documentation, licences",
        help: lint::HELP,
        run: lint::main,
        listed: || true,
    },
    Subcommand {
        name: "tidy",
        summary: "The limits of this code base, as code",
        help: tidy::HELP,
        run: tidy::main,
        listed: || true,
    },
    Subcommand {
        name: "fuzz",
        summary: "Run each fuzz target for a while",
        help: fuzz::HELP,
        run: fuzz::main,
        listed: fuzz::has_targets,
    },
    Subcommand {
        name: "bench",
        summary: "Measure, each row against a baseline of the same run",
        help: bench::HELP,
        run: bench::main,
        listed: || true,
    },
    Subcommand {
        name: "quality",
        summary: "Play every scenario, and report how well weir tells them apart",
        help: quality::HELP,
        run: quality::main,
        listed: || true,
    },
];

fn main() -> ExitCode {
    let mut words = std::env::args().skip(1);
    let Some(name) = words.next() else {
        console::error(&overview());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        console::line(&overview());
        return ExitCode::SUCCESS;
    }
    let Some(subcommand) = SUBCOMMANDS.iter().find(|subcommand| subcommand.name == name) else {
        console::error(&format!("error: there is no command '{name}'\n\n{}", overview()));
        return ExitCode::from(2);
    };
    let arguments = Arguments::new(words);
    if arguments.asks_for_help() {
        console::line(subcommand.help.trim_end());
        return ExitCode::SUCCESS;
    }
    (subcommand.run)(arguments).unwrap_or_else(|error| {
        console::error(&format!("error: {error:#}"));
        if error.is::<UsageError>() {
            console::error(&format!("'cargo xtask {name} --help' shows what it takes"));
            return ExitCode::from(2);
        }
        ExitCode::FAILURE
    })
}

fn overview() -> String {
    let lines: Vec<String> = SUBCOMMANDS
        .iter()
        .filter(|subcommand| (subcommand.listed)())
        .map(|subcommand| format!("  {:<7} {}", subcommand.name, subcommand.summary))
        .collect();
    format!(
        "Usage: cargo xtask COMMAND [OPTIONS]\n\nCommands:\n{}\n\n\
         'cargo xtask COMMAND --help' shows a command's options and examples.",
        lines.join("\n")
    )
}
