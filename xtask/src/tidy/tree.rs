//! The repository's files, read once.

use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::source;
use crate::{process, workspace};

/// What the rules look at.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// Files that git tracks or would add, in order of path.
    pub(super) files: Vec<File>,
    /// Whether git tracks the lock file.
    pub(super) lock_is_tracked: bool,
    /// Folders of this machine that no file may name.
    pub(super) work_folders: Vec<PathBuf>,
    /// Hosts of the registries that this machine is set up for.
    pub(super) registry_hosts: BTreeSet<String>,
}

/// One file.
#[derive(Debug)]
pub(super) struct File {
    /// Relative to the root, with slashes.
    pub(super) path: String,
    /// In bytes.
    pub(super) size: u64,
    /// Empty for a file that is no text.
    pub(super) text: String,
    /// The text with comments and the insides of literals blanked, for Rust; else empty.
    pub(super) code: String,
}

impl Tree {
    pub(super) fn read() -> Result<Self> {
        let root = workspace::root();
        let listed = git(&root, &["--cached", "--others", "--exclude-standard"])?;
        let tracked = git(&root, &["--cached", "--", "Cargo.lock"])?;
        Ok(Self {
            files: listed.iter().filter_map(|path| File::read(&root, path)).collect(),
            lock_is_tracked: !tracked.is_empty(),
            work_folders: work_folders(&root),
            registry_hosts: super::hosts::of_this_machine(),
        })
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust())
    }
}

impl File {
    pub(super) fn new(path: &str, size: u64, text: String) -> Self {
        let mut file = Self { path: path.to_owned(), size, text, code: String::new() };
        if file.is_rust() {
            file.code = source::code(&file.text);
        }
        file
    }

    /// `None` for what the work tree no longer has.
    fn read(root: &Path, path: &str) -> Option<Self> {
        let bytes = fs::read(root.join(path)).ok()?;
        let size = u64::try_from(bytes.len()).ok()?;
        Some(Self::new(path, size, String::from_utf8(bytes).unwrap_or_default()))
    }

    fn is_rust(&self) -> bool {
        Path::new(&self.path).extension().is_some_and(|extension| extension == "rs")
    }
}

fn git(root: &Path, options: &[&str]) -> Result<Vec<String>> {
    let root_only = format!("safe.directory={}", root.display());
    let list = process::read(
        // A checkout may belong to another user than the one who tests it.
        process::command("git")
            .current_dir(root)
            .args(["-c", root_only.as_str(), "ls-files", "-z"])
            .args(options),
    )
    .context("tidy looks at the files of a git checkout")?;
    let paths: BTreeSet<&str> = list.split('\0').filter(|path| !path.is_empty()).collect();
    Ok(paths.into_iter().map(str::to_owned).collect())
}

/// The checkout, the folder around it, and where cargo and rustup keep their things; not those that every machine
/// has, which detections and tests must be able to name.
fn work_folders(root: &Path) -> Vec<PathBuf> {
    let homes = ["CARGO_HOME", "RUSTUP_HOME"].into_iter().filter_map(env::var_os).map(PathBuf::from);
    std::iter::once(root.to_owned())
        .chain(root.parent().map(Path::to_owned))
        .chain(homes)
        .filter(|folder| folder.is_absolute() && !is_standard(folder))
        .collect()
}

/// Whether any machine may have this folder: one that the file hierarchy standard names, a person's home, or a
/// folder right below /usr or /var.
pub(super) fn is_standard(folder: &Path) -> bool {
    const TOP: &[&str] = &[
        "bin", "boot", "dev", "etc", "home", "lib", "lib64", "media", "mnt", "opt", "proc", "root", "run",
        "sbin", "srv", "sys", "tmp", "usr", "var",
    ];
    let names: Vec<&str> = folder.iter().filter_map(|name| name.to_str()).collect();
    match names.as_slice() {
        ["/"] | ["/", "home" | "usr" | "var", _] => true,
        ["/", top] => TOP.contains(top),
        _ => false,
    }
}
