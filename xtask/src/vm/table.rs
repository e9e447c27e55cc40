//! Cases by kernels.

use std::collections::BTreeMap;

use super::{
    boot::{Finished, MACHINE},
    kernels::Missing,
    results::Outcome,
};
use crate::{console as terminal, test::Totals};

/// A run of the suite: kernel and first rung.
#[derive(Debug)]
struct Column {
    kernel: String,
    hooks: &'static str,
    cases: BTreeMap<String, Outcome>,
}

/// All results.
#[derive(Debug, Default)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// Names in the order in which they were first seen.
    rows: Vec<String>,
}

impl Table {
    /// Adds the runs of one machine.
    pub(super) fn add(&mut self, finished: &Finished) {
        for (hooks, cases) in &finished.runs {
            for name in cases.keys() {
                if !self.rows.contains(name) {
                    self.rows.push(name.clone());
                }
            }
            self.columns.push(Column {
                kernel: finished.boot.heading(),
                hooks: hooks.name(),
                cases: cases.clone(),
            });
        }
        self.rows.sort();
    }

    /// Adds a kernel that could not be had.
    pub(super) fn add_missing(&mut self, missing: &Missing) {
        let cases = BTreeMap::from([(MACHINE.to_owned(), Outcome::Failed(missing.why.clone()))]);
        if !self.rows.iter().any(|name| name == MACHINE) {
            self.rows.push(MACHINE.to_owned());
            self.rows.sort();
        }
        self.columns.push(Column { kernel: missing.title.clone(), hooks: "any", cases });
    }

    /// Prints it, then the reason of each failure.
    pub(super) fn print(&self) {
        self.lines().iter().for_each(|line| terminal::line(line));
    }

    /// Cells by outcome.
    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for outcome in self.columns.iter().flat_map(|column| column.cases.values()) {
            match outcome {
                Outcome::Passed => totals.passed += 1,
                Outcome::Skipped(_) => totals.skipped += 1,
                Outcome::Failed(_) => totals.failed += 1,
            }
        }
        totals
    }

    fn lines(&self) -> Vec<String> {
        let width = self.rows.iter().map(String::len).max().unwrap_or_default();
        let row = |name: &str, cell: &dyn Fn(&Column) -> String| {
            let cells: Vec<String> = self
                .columns
                .iter()
                .map(|column| format!("{:<width$}", cell(column), width = column.width()))
                .collect();
            format!("{name:<width$}  {}", cells.join("  ")).trim_end().to_owned()
        };
        let mut lines = vec![String::new(), row("", &|column| column.kernel.clone())];
        lines.push(row("", &|column| column.hooks.to_owned()));
        for name in &self.rows {
            lines.push(row(name, &|column| cell(column.cases.get(name)).to_owned()));
        }
        for name in &self.rows {
            let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for column in &self.columns {
                let reason = match column.cases.get(name) {
                    Some(Outcome::Failed(said)) => format!("FAILED {name}: {said}"),
                    Some(Outcome::Skipped(reason)) => format!("skipped {name}: {reason}"),
                    Some(Outcome::Passed) | None => continue,
                };
                reasons.entry(reason).or_default().push(format!("{} {}", column.kernel, column.hooks));
            }
            lines.extend(
                reasons
                    .into_iter()
                    .map(|(reason, columns)| format!("\n{reason}\n    on {}", columns.join(", "))),
            );
        }
        lines
    }
}

impl Column {
    fn width(&self) -> usize {
        self.kernel.len().max(self.hooks.len())
    }
}

fn cell(outcome: Option<&Outcome>) -> &'static str {
    match outcome {
        Some(Outcome::Passed) => "ok",
        Some(Outcome::Skipped(_)) => "skip",
        Some(Outcome::Failed(_)) => "FAIL",
        None => "-",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_rows_and_reasons() {
        let cases = |rows: &[(&str, Outcome)]| {
            rows.iter().map(|(name, outcome)| ((*name).to_owned(), outcome.clone())).collect()
        };
        let column = |kernel: &str, hooks, rows: &[(&str, Outcome)]| Column {
            kernel: kernel.to_owned(),
            hooks,
            cases: cases(rows),
        };
        let failed = Outcome::Failed("no alert".to_owned());
        let table = Table {
            columns: vec![
                column("5.10", "auto", &[("a::b", Outcome::Passed), ("a::c", failed.clone())]),
                column(
                    "5.10",
                    "kprobe",
                    &[("a::b", Outcome::Skipped("no zip".to_owned())), ("a::c", failed)],
                ),
            ],
            rows: vec!["a::b".to_owned(), "a::c".to_owned(), "d".to_owned()],
        };
        assert_eq!(
            table.lines().join("\n"),
            "\n      5.10  5.10\n      auto  kprobe\na::b  ok    skip\na::c  FAIL  FAIL\nd     -     -\n\
             \nskipped a::b: no zip\n    on 5.10 kprobe\n\nFAILED a::c: no alert\n    on 5.10 auto, 5.10 kprobe"
        );
        assert_eq!(table.totals().to_string(), "1 passed, 2 failed, 1 skipped");
    }

    #[test]
    fn a_kernel_that_is_missing_has_failed() {
        let mut table = Table {
            columns: vec![Column {
                kernel: "6.1".to_owned(),
                hooks: "auto",
                cases: BTreeMap::from([("a::b".to_owned(), Outcome::Passed)]),
            }],
            rows: vec!["a::b".to_owned()],
        };
        assert!(table.totals().is_success());
        for title in ["5.10", "newest"] {
            table.add_missing(&Missing { title: title.to_owned(), why: "no archive".to_owned() });
        }
        assert_eq!(
            table.lines().join("\n"),
            "\n         6.1   5.10  newest\n         auto  any   any\na::b     ok    -     -\n\
             machine  -     FAIL  FAIL\n\nFAILED machine: no archive\n    on 5.10 any, newest any"
        );
        assert!(!table.totals().is_success());
    }
}
