//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The folder that holds the workspace's Cargo.toml.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; the other is where this program was compiled.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map(Path::to_owned).unwrap_or_default()
}

/// The target folder, wherever the user's cargo configuration puts it.
///
/// # Errors
/// When this program's own path cannot be told.
pub(crate) fn target() -> Result<PathBuf> {
    let own = env::current_exe().context("cannot tell where this program is")?;
    // TARGET/debug/xtask, and TARGET/debug/deps/xtask-HASH under test.
    let profile = own.parent().filter(|folder| !folder.ends_with("deps")).or_else(|| own.parent()?.parent());
    let target = profile.and_then(Path::parent).context("this program does not lie in a target folder")?;
    Ok(target.to_owned())
}

/// A folder of its own in the target folder, gone when this value is.
pub(crate) struct Scratch(PathBuf);

/// Removes the folders of programs that ended without doing so.
pub(crate) fn sweep() {
    let folders = target().and_then(|target| Ok(fs::read_dir(target)?));
    for folder in folders.into_iter().flatten().flatten() {
        let name = folder.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("scratch-")?.split_once('-'));
        if pid.is_some_and(|(pid, _)| !Path::new("/proc").join(pid).exists()) {
            // What root left in one, only root removes.
            drop(fs::remove_dir_all(folder.path()));
        }
    }
}

impl Scratch {
    /// Makes it, with `name` in its name.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make(name: &str) -> Result<Self> {
        let folder = target()?.join(format!("scratch-{}-{name}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}
