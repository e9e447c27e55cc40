//! `cargo xtask bench`.
//!
//! The bench target prints one line for each thing it measured, `row` and seven cells, separated by tabs; value and baseline
//! come from the same run, since this machine of today is not that of tomorrow.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    arguments::Arguments,
    console::{self, Mark},
    process,
    setup::{self, Part},
};

pub(crate) const HELP: &str = "\
Measure, and print a table: what was measured, its value with weir, the value without it
(or of another baseline) in the same run, the ratio of the two with its range over seven
repetitions, the budget, and whether the row holds. Only ratios can be compared between
machines. A row says `noise` when two runs without weir differ by more than two parts in a
hundred. Status 1 when a row misses its budget; the last line counts those that hold.

Rows about the kernel start weir and need root; they are left out without it, which is said.

Usage: cargo xtask bench [OPTIONS]

Options:
  --filter S      Only rows whose name contains it; may be repeated
  --save FILE     Keep the rows
  --compare FILE  Show the ratio of each row in such a file beside today's

Examples:
  cargo xtask bench
  cargo xtask bench --filter open --save before.tsv
  cargo xtask bench --filter open --compare before.tsv
";

const TITLES: [&str; 7] = ["what", "value", "baseline", "ratio", "range", "budget", "holds"];
/// Where in a row its ratio, its budget and its verdict stand.
const RATIO: usize = 3;
const BUDGET: usize = 5;
const HOLDS: usize = 6;

type Row = Vec<String>;

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let filters = arguments.values("--filter")?;
    let save = arguments.value("--save")?.map(PathBuf::from);
    let compare = arguments.value("--compare")?.map(PathBuf::from);
    arguments.finish()?;
    let before = compare.as_deref().map(load).transpose()?;
    setup::ensure(&[Part::Build])?;
    let mut cargo = process::cargo();
    cargo.args(["bench", "--package", "agent", "--bench", "weir", "--"]).args(&filters);
    console::step(Mark::Doing, "bench", process::show(&cargo));
    let output = process::read(cargo.stderr(Stdio::inherit()))?;
    let rows = rows(&output);
    if rows.is_empty() {
        bail!("the bench target reported no row");
    }
    if let Some(file) = &save {
        let lines: Vec<String> = rows.iter().map(|row| format!("row\t{}", row.join("\t"))).collect();
        fs::write(file, lines.join("\n") + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    console::line(&table(&rows, before.as_deref()));
    let all = rows.iter().filter(|row| cell(row, BUDGET) != "-").count();
    let hold = rows.iter().filter(|row| cell(row, HOLDS) == "yes").count();
    console::line(&format!("\n{hold} of {all} rows with a budget hold, {} have none", rows.len() - all));
    let missed = rows.iter().any(|row| cell(row, HOLDS) == "no");
    Ok(if missed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn load(file: &Path) -> Result<Vec<Row>> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows = rows(&text);
    if rows.is_empty() {
        bail!("{} holds no row: `cargo xtask bench --save FILE` writes one", file.display());
    }
    Ok(rows)
}

fn rows(output: &str) -> Vec<Row> {
    let cells = |row: &str| row.split('\t').map(str::to_owned).collect::<Row>();
    let rows = output.lines().filter_map(|line| line.strip_prefix("row\t")).map(cells);
    rows.filter(|row| row.len() == TITLES.len()).collect()
}

fn cell(row: &[String], column: usize) -> &str {
    row.get(column).map_or("", String::as_str)
}

fn table(rows: &[Row], before: Option<&[Row]>) -> String {
    let mut all: Vec<Row> = vec![TITLES.map(str::to_owned).to_vec()];
    all.extend(rows.iter().cloned());
    if let Some(before) = before {
        for (number, row) in all.iter_mut().enumerate() {
            let known = before.iter().find(|known| cell(known, 0) == cell(row, 0));
            let shown = known.map_or("-", |known| cell(known, RATIO));
            row.push(if number == 0 { "before" } else { shown }.to_owned());
        }
    }
    let width = |column: usize| all.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
    let lines: Vec<String> = all
        .iter()
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
        .collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "running\n\
                          row\tgetppid\t120 ns\t100 ns\t1.200\t1.190 to 1.210\t<= 1.25\tyes\n\
                          row\tx\t1 s\t2 s\t0.5\t-\t-\t-\nrow\ttoo\tshort\n";

    #[test]
    fn rows_become_an_aligned_table() {
        assert_eq!(
            table(&rows(OUTPUT), None),
            "what      value  baseline  ratio           range   budget  holds\n\
             getppid  120 ns    100 ns  1.200  1.190 to 1.210  <= 1.25    yes\n\
             x           1 s       2 s    0.5               -        -      -"
        );
        assert!(rows("row without tabs\n").is_empty());
    }

    #[test]
    fn what_was_kept_stands_beside() {
        let before = rows("row\tx\t1 s\t1 s\t1.0\t-\t-\t-\n");
        let table = table(&rows(OUTPUT), Some(&before));
        let last: Vec<&str> = table.lines().filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(last, ["before", "-", "1.0"]);
    }
}
