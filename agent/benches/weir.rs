//! What weir costs. Each figure is a ratio to a baseline of the same run, since this machine of today is not that of tomorrow.
//!
//! A line a row: `row`, what was measured, the value, the baseline's, their ratio, its spread, the budget, and whether the
//! row holds (`yes`, `no`, `-` without a budget, `noise` when two runs without weir differ by more than they may), separated
//! by tabs. `cargo xtask bench` makes a table of them.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its rows go to standard output, what it is at to the other"
)]

#[path = "weir/agent.rs"]
mod agent;
#[path = "weir/floor.rs"]
mod floor;
#[path = "weir/method.rs"]
mod method;
#[path = "weir/pipeline.rs"]
mod pipeline;
#[path = "weir/work.rs"]
mod work;

use anyhow::Result;
use method::Row;

/// Rows whose name has one of the arguments in it; all without one.
fn main() -> Result<()> {
    let filters: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted =
        |name: &str| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str()));
    let mut rows: Vec<Row> = Vec::new();
    if wanted(pipeline::NAME) {
        eprintln!("measuring {}", pipeline::NAME);
        rows.push(pipeline::row()?);
    }
    if rustix::process::geteuid().is_root() {
        rows.extend(method::rows(&wanted)?);
    } else {
        eprintln!("the rows about the kernel need root");
    }
    for row in rows {
        println!("{row}");
    }
    Ok(())
}
