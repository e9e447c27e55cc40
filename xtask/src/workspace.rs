//! Where things are.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    console::{self, Mark},
    process,
};

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

/// Removes the folders of programs that ended without doing so: what root left in one as root, where that is possible.
/// Says what stays.
pub(crate) fn sweep() {
    let Ok(target) = target() else { return };
    let own = |folder: &Path| Ok(fs::remove_dir_all(folder)?);
    let root = |folder: &Path| {
        console::step(Mark::Doing, "sweep", format!("what root left in {}", folder.display()));
        remove_as_root(folder)
    };
    for complaint in sweep_in(&target, own, root) {
        console::step(Mark::Failed, "sweep", complaint);
    }
}

/// Removes what root made, without what may be mounted there.
///
/// # Errors
/// When there is no root, or something cannot be removed.
pub(crate) fn remove_as_root(folder: &Path) -> Result<()> {
    process::read(process::as_root("rm")?.args(["-rf", "--one-file-system", "--"]).arg(folder))?;
    Ok(())
}

/// Removes the folders in `target` whose programs are gone, in one way and then in another; why what is still there is.
fn sweep_in(
    target: &Path,
    own: impl Fn(&Path) -> Result<()>,
    root: impl Fn(&Path) -> Result<()>,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for folder in fs::read_dir(target).into_iter().flatten().flatten() {
        let name = folder.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("scratch-")?.split_once('-'));
        if pid.is_none_or(|(pid, _)| Path::new("/proc").join(pid).exists()) {
            continue;
        }
        let folder = folder.path();
        if let Err(first) = own(&folder)
            && folder.exists()
            && let Err(second) = root(&folder)
        {
            complaints.push(format!("{} stays: {first:#}; as root: {second:#}", folder.display()));
        }
    }
    complaints
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

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use anyhow::bail;

    use super::*;

    #[test]
    fn folders_of_dead_programs_go() {
        let scratch = Scratch::make("sweep").unwrap();
        let target = scratch.path();
        // The kernel gives no process this number (PID_MAX_LIMIT of include/linux/threads.h is 4194304).
        let dead = ["scratch-4194305-plain", "scratch-4194305-roots", "scratch-4194305-stuck"];
        let others =
            [format!("scratch-{}-own", std::process::id()), "debug".to_owned(), "scratch-x".to_owned()];
        for name in dead.iter().copied().chain(others.iter().map(String::as_str)) {
            fs::create_dir_all(target.join(name).join("tree")).unwrap();
        }
        let asked = RefCell::new(Vec::new());
        let own = |folder: &Path| {
            if !folder.ends_with("scratch-4194305-plain") {
                bail!("Permission denied")
            }
            Ok(fs::remove_dir_all(folder)?)
        };
        let root = |folder: &Path| {
            asked.borrow_mut().push(folder.to_owned());
            if folder.ends_with("scratch-4194305-stuck") {
                bail!("there is no sudo")
            }
            Ok(fs::remove_dir_all(folder)?)
        };
        let complaints = sweep_in(target, own, root);
        let stuck = target.join("scratch-4194305-stuck");
        assert_eq!(
            complaints,
            [format!("{} stays: Permission denied; as root: there is no sudo", stuck.display())]
        );
        assert_eq!(asked.borrow().len(), 2, "{asked:?}");
        let stays: Vec<bool> = dead.iter().map(|name| target.join(name).exists()).collect();
        assert_eq!(stays, [false, false, true]);
        assert!(others.iter().all(|name| target.join(name).exists()));
    }

    #[test]
    fn root_removes_what_is_there() {
        if !process::is_root() {
            println!("skipped: root_removes_what_is_there: needs root");
            return;
        }
        let scratch = Scratch::make("as-root").unwrap();
        let folder = scratch.path().join("a folder");
        fs::create_dir_all(folder.join("deep")).unwrap();
        remove_as_root(&folder).unwrap();
        assert!(!folder.exists() && scratch.path().exists());
    }
}
