//! `cargo xtask bench`.
//!
//! The bench target prints one line for each thing it measured, `row`, the name, the value with its unit, the
//! baseline's value and the ratio, separated by tabs; value and baseline come from the same run, since this
//! machine of today is not that of tomorrow.

use std::process::{ExitCode, Stdio};

use anyhow::{Result, bail};

use crate::{
    arguments::Arguments,
    console::{self, Mark},
    process,
    setup::{self, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Measure, and print a table: what was measured, its value, the value of its baseline
in the same run, and their ratio. Only the ratio can be compared between machines.

Usage: cargo xtask bench

Examples:
  cargo xtask bench
";

const TITLES: [&str; 4] = ["what", "value", "baseline", "ratio"];

/// Whether anything is measured yet.
pub(crate) fn has_rows() -> bool {
    workspace::root().join("agent/benches/weir.rs").is_file()
}

pub(crate) fn main(arguments: Arguments) -> Result<ExitCode> {
    arguments.finish()?;
    if !has_rows() {
        bail!("nothing is measured yet: agent/benches/weir.rs is missing");
    }
    setup::ensure(&[Part::Build])?;
    let mut cargo = process::cargo();
    cargo.args(["bench", "--package", "agent", "--bench", "weir"]);
    console::step(Mark::Doing, "bench", process::show(&cargo));
    let output = process::read(cargo.stderr(Stdio::inherit()))?;
    let rows = rows(&output);
    if rows.is_empty() {
        bail!("the bench target reported no row");
    }
    console::line(&table(&rows));
    Ok(ExitCode::SUCCESS)
}

fn rows(output: &str) -> Vec<Vec<&str>> {
    output.lines().filter_map(|line| Some(line.strip_prefix("row\t")?.split('\t').collect())).collect()
}

fn table(rows: &[Vec<&str>]) -> String {
    let all: Vec<&[&str]> =
        std::iter::once(TITLES.as_slice()).chain(rows.iter().map(Vec::as_slice)).collect();
    let width = |column: usize| {
        all.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    all.iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .enumerate()
                .map(|(column, cell)| {
                    let width = width(column);
                    // Names to the left, numbers to the right.
                    if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
                })
                .collect();
            cells.join("  ")
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_an_aligned_table() {
        let output =
            "running\nrow\treplay\t1200000 events/s\t2400000 events/s\t0.50\nrow\tx\t1 s\t2 s\t0.5\n";
        assert_eq!(
            table(&rows(output)),
            "what               value          baseline  ratio\n\
             replay  1200000 events/s  2400000 events/s   0.50\n\
             x                    1 s               2 s    0.5"
        );
        assert!(rows("row without tabs\n").is_empty());
    }
}
