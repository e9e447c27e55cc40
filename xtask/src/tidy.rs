//! `cargo xtask tidy`: the limits of this code base, as code.

mod flow;
mod hosts;
mod manifests;
mod source;
mod suppressions;
mod text;
mod tree;

#[cfg(test)]
mod tests;

use std::{fmt, process::ExitCode};

use anyhow::Result;

use self::tree::Tree;
use crate::{
    arguments::Arguments,
    console::{self, Mark},
    test::Totals,
};

pub(crate) const HELP: &str = "\
Check the limits that this code base keeps: file sizes, names, suppressions with a
reason, no unfinished work, lints in every crate, the direction of the agent's
modules, no path or registry host of one machine. One line a finding; status 1 if
there is one.

Usage: cargo xtask tidy

Examples:
  cargo xtask tidy
";

/// One limit.
struct Rule {
    name: &'static str,
    check: fn(&Tree) -> Vec<Finding>,
}

const RULES: &[Rule] = &[
    Rule { name: "file-length", check: text::file_length },
    Rule { name: "file-size", check: text::file_size },
    Rule { name: "module-files", check: text::module_files },
    Rule { name: "unfinished", check: text::unfinished },
    Rule { name: "readme-commands", check: text::readme_commands },
    Rule { name: "work-paths", check: text::work_paths },
    Rule { name: "registry-hosts", check: hosts::check },
    Rule { name: "suppressions", check: suppressions::check },
    Rule { name: "inherited-lints", check: manifests::inherited_lints },
    Rule { name: "lock-file", check: manifests::lock_file },
    Rule { name: "module-flow", check: flow::check },
];

/// A place that breaks a limit.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    /// 1-based; 0 for the whole file.
    line: usize,
    what: String,
}

pub(crate) fn main(arguments: Arguments) -> Result<ExitCode> {
    arguments.finish()?;
    Ok(if as_tests()?.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks the repository and shows each rule's result; a rule counts as a test.
///
/// # Errors
/// When the repository cannot be read.
pub(crate) fn as_tests() -> Result<Totals> {
    let tree = Tree::read()?;
    let mut totals = Totals::default();
    for rule in RULES {
        let findings = (rule.check)(&tree);
        if findings.is_empty() {
            console::step(Mark::Ok, "tidy", rule.name);
            totals.passed += 1;
        } else {
            console::step(Mark::Failed, "tidy", rule.name);
            totals.failed += 1;
        }
        for finding in findings {
            console::line(&finding.to_string());
        }
    }
    Ok(totals)
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}
