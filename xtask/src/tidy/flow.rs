//! The direction of the agent's modules: each uses only what `lib.rs` lists before it.

use super::{
    Finding,
    source::{is_name, line_at, words},
    tree::{File, Tree},
};

const FOLDER: &str = "agent/src/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let library = tree.files.iter().find(|file| file.path == "agent/src/lib.rs");
    let order = library.map(|file| modules(&file.code)).unwrap_or_default();
    if order.is_empty() {
        return vec![Finding::new("agent/src/lib.rs", 0, "lists no module")];
    }
    let place = |name: &str| order.iter().position(|module| *module == name);
    let mut findings = Vec::new();
    for file in tree.rust() {
        // The binary and what lib.rs does not list stand outside the flow.
        let Some((own, at)) = module_of(file).and_then(|own| Some((own, place(own)?))) else {
            continue;
        };
        let code = without_tests(&file.code);
        for (offset, used) in uses(&code) {
            if place(used).is_some_and(|used| used > at) {
                let what = format!("{own} uses {used}, which comes after it in agent/src/lib.rs");
                findings.push(Finding::new(&file.path, line_at(&code, offset), what));
            }
        }
    }
    findings
}

/// The module directly below the crate that a file belongs to; `None` for a file of tests, which may look ahead.
fn module_of(file: &File) -> Option<&str> {
    let mut names = file.path.strip_prefix(FOLDER)?.strip_suffix(".rs")?.split('/');
    let top = names.next()?;
    names.all(|name| name != "tests").then_some(top)
}

/// The modules that `code` declares, in order.
fn modules(code: &str) -> Vec<&str> {
    words(code, "mod").filter_map(|at| name_at(code.get(at + 3..)?.trim_start())).collect()
}

/// Each module named by `crate::name` or `crate::{name, ...}`, with its offset.
fn uses(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for at in words(code, "crate") {
        let Some(path) = code.get(at + 5..).and_then(|rest| rest.trim_start().strip_prefix("::")) else {
            continue;
        };
        let path = path.trim_start();
        match path.strip_prefix('{') {
            Some(group) => found.extend(heads(group).map(|name| (at, name))),
            None => found.extend(name_at(path).map(|name| (at, name))),
        }
    }
    found
}

/// The first name of each member of a use group that begins at `group`.
fn heads(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 1_usize;
    let mut starts = vec![0];
    for (at, character) in group.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => starts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    starts.into_iter().filter_map(|at| name_at(group.get(at..)?.trim_start()))
}

fn name_at(text: &str) -> Option<&str> {
    let end = text.find(|character| !is_name(character)).unwrap_or(text.len());
    text.get(..end).filter(|name| !name.is_empty())
}

/// `code` with the bodies of `#[cfg(test)] mod ... {}` blanked.
fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find(MARK) {
        let (before, marked) = rest.split_at(at);
        kept.push_str(before);
        let length =
            test_module(marked.get(MARK.len()..).unwrap_or_default()).map_or(0, |body| MARK.len() + body);
        let (blanked, after) = marked.split_at(length.max(MARK.len()));
        kept.extend(blanked.chars().map(|character| if character == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    kept.push_str(rest);
    kept
}

/// Length of the inline module that `text` starts with.
fn test_module(text: &str) -> Option<usize> {
    let open = text.find('{')?;
    let head = text.get(..open)?.trim();
    if !head.starts_with("mod ") || head.contains(';') {
        return None;
    }
    let mut depth = 0_usize;
    let body = text.get(open..)?;
    let close = body.find(|character| {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        depth == 0
    })?;
    Some(open + close + 1)
}
