//! Command lines and what they mean: one a row. Risk 0 stands for "no evidence".

mod movers;
mod preparers;
mod listeners;
mod identities;
mod hostile;

use super::{Action, Tool, command};
use crate::detect::testing;

type Row = (&'static str, Tool, Action, f64);

/// Checks rows whose executable is the first word below /usr/bin; `| ` in front stands for a pipe on standard input.
#[track_caller]
fn check(rows: &[Row]) {
    let mut wrong = Vec::new();
    for (line, tool, action, risk) in rows {
        let found = command(&testing::process(1, line));
        let seen = found
            .as_ref()
            .map(|command| (command.tool, command.action, command.rating.map_or(0.0, |rating| rating.risk)));
        if seen != Some((*tool, *action, *risk)) {
            wrong.push(format!("{line}\n  expected {tool:?} {action:?} {risk}\n  found    {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
