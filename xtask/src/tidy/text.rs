//! Limits on files and on words in them.

use std::path::Path;

use super::{
    Finding,
    source::{is_name, line_at, whole, words},
    tree::Tree,
};

/// Past this a file is two things.
const MAX_LINES: usize = 500;
/// In bytes: what is larger is data, and belongs elsewhere.
const MAX_SIZE: u64 = 1024 * 1024;
/// The words of unfinished work, apart so that this file has none.
const UNFINISHED: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
/// Macros of unfinished work.
const UNFINISHED_MACROS: [&str; 3] = ["todo", "unimplemented", "dbg"];
/// What a newcomer types.
const COMMANDS: [&str; 2] = ["cargo xtask run", "cargo xtask test"];

pub(super) fn file_length(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .map(|file| (file, file.text.lines().count()))
        .filter(|(_, lines)| *lines > MAX_LINES)
        .map(|(file, lines)| {
            Finding::new(&file.path, MAX_LINES + 1, format!("{lines} lines; at most {MAX_LINES}"))
        })
        .collect()
}

pub(super) fn file_size(tree: &Tree) -> Vec<Finding> {
    let large = tree.files.iter().filter(|file| file.size > MAX_SIZE);
    large
        .map(|file| Finding::new(&file.path, 0, format!("{} bytes; at most {MAX_SIZE}", file.size)))
        .collect()
}

pub(super) fn module_files(tree: &Tree) -> Vec<Finding> {
    let named = tree.rust().filter(|file| Path::new(&file.path).ends_with("mod.rs"));
    named.map(|file| Finding::new(&file.path, 0, "name it after its module, beside the folder")).collect()
}

pub(super) fn unfinished(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        for word in UNFINISHED {
            findings.extend(
                words(&file.text, word).map(|at| Finding::new(&file.path, line_at(&file.text, at), word)),
            );
        }
        for name in UNFINISHED_MACROS {
            let calls = words(&file.code, name)
                .filter(|at| file.code.get(at + name.len()..).is_some_and(|rest| rest.starts_with('!')));
            findings.extend(
                calls.map(|at| Finding::new(&file.path, line_at(&file.code, at), format!("{name}!"))),
            );
        }
    }
    findings
}

pub(super) fn readme_commands(tree: &Tree) -> Vec<Finding> {
    let readme = tree.files.iter().find(|file| file.path == "README.md");
    let text = readme.map_or("", |file| file.text.as_str());
    // The first fenced block.
    let block = text.split("```").nth(1).unwrap_or_default();
    let absent = COMMANDS.into_iter().filter(|command| !block.lines().any(|line| line.starts_with(command)));
    absent
        .map(|command| Finding::new("README.md", 0, format!("its first block has no '{command}'")))
        .collect()
}

pub(super) fn work_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in tree.work_folders.iter().filter_map(|folder| folder.to_str()) {
        for file in &tree.files {
            findings.extend(whole(&file.text, folder, |c| is_name(c) || matches!(c, '.' | '-' | '~')).map(
                |at| {
                    Finding::new(
                        &file.path,
                        line_at(&file.text, at),
                        format!("a path of this machine: {folder}"),
                    )
                },
            ));
        }
    }
    findings
}
