//! A lint or a test that is switched off without saying why.

use super::{
    Finding,
    source::{line_at, words},
    tree::Tree,
};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        for (at, attribute) in attributes(&file.code) {
            let complaint = if calls(attribute, "allow") {
                "use expect with a reason, which tells when it is no longer needed"
            } else if calls(attribute, "expect") && words(attribute, "reason").next().is_none() {
                "expect without a reason"
            } else if words(attribute, "ignore").next().is_some() {
                "an ignored test is no test"
            } else {
                continue;
            };
            findings.push(Finding::new(&file.path, line_at(&file.code, at), complaint));
        }
    }
    findings
}

/// Each `#[...]` and `#![...]` with its offset.
fn attributes(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.match_indices('#').filter_map(|(at, _)| {
        let rest = code.get(at + 1..)?;
        let body = rest.strip_prefix('!').unwrap_or(rest).strip_prefix('[')?;
        let mut depth = 1_usize;
        let end = body.find(|character| {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some((at, body.get(..end)?))
    })
}

fn calls(attribute: &str, name: &str) -> bool {
    words(attribute, name)
        .any(|at| attribute.get(at + name.len()..).is_some_and(|rest| rest.trim_start().starts_with('(')))
}
