//! Limits on Cargo.toml and Cargo.lock.

use super::{
    Finding,
    tree::{File, Tree},
};

/// Every crate of the workspace keeps the workspace's lints.
pub(super) fn inherited_lints(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml"));
    manifests
        // One that is a workspace of its own has nothing to inherit from.
        .filter(|file| !has_table(file, "[workspace]") && !inherits(file))
        .map(|file| Finding::new(&file.path, 0, "no [lints] table with workspace = true"))
        .collect()
}

/// Builds are the same everywhere only if the versions are.
pub(super) fn lock_file(tree: &Tree) -> Vec<Finding> {
    if tree.lock_is_tracked {
        Vec::new()
    } else {
        vec![Finding::new("Cargo.lock", 0, "git does not track it")]
    }
}

fn has_table(file: &File, header: &str) -> bool {
    file.text.lines().any(|line| line.trim() == header)
}

fn inherits(file: &File) -> bool {
    file.text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != "[lints]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .any(|line| line.split_whitespace().eq(["workspace", "=", "true"]))
}
