//! Machines that ran their whole plan, by the key of their parts. What they said is kept, not the verdict: today's
//! rules judge it again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use super::{
    console::Console,
    machine::{CONSOLE_LOG, REPORT_LOG},
    results::Report,
};
use crate::workspace;

/// A place for what one machine said.
#[derive(Debug)]
pub(super) struct Kept(PathBuf);

impl Kept {
    /// For the machine with this key.
    ///
    /// # Errors
    /// When the target folder cannot be told.
    pub(super) fn of(key: &str) -> Result<Self> {
        Ok(Self(workspace::target()?.join("vm/kept").join(key)))
    }

    /// The folder, when the machine ran its whole plan.
    pub(super) fn find(&self) -> Option<PathBuf> {
        Some(self.0.clone()).filter(|folder| folder.is_dir())
    }

    /// # Errors
    /// When it is there and cannot be removed.
    pub(super) fn forget(&self) -> Result<()> {
        if self.0.exists() {
            fs::remove_dir_all(&self.0).with_context(|| format!("cannot remove {}", self.0.display()))?;
        }
        Ok(())
    }

    /// Keeps what the machine said, from its folder, and `more` under these names.
    ///
    /// # Errors
    /// When a file cannot be copied.
    pub(super) fn keep(&self, folder: &Path, more: &[(PathBuf, PathBuf)]) -> Result<()> {
        let partial = self.0.with_extension("partial");
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        let logs = [REPORT_LOG, CONSOLE_LOG].map(|name| (folder.join(name), PathBuf::from(name)));
        for (from, name) in logs.iter().chain(more) {
            let to = partial.join(name);
            fs::create_dir_all(to.parent().unwrap_or(&partial))?;
            fs::copy(from, &to).with_context(|| format!("cannot keep {}", from.display()))?;
        }
        // No half of it is ever taken for the whole.
        fs::rename(&partial, &self.0).with_context(|| format!("cannot make {}", self.0.display()))
    }
}

/// What the machine said whose logs are in `folder`.
///
/// # Errors
/// When its report cannot be read.
pub(super) fn report(folder: &Path) -> Result<Report> {
    let mut report = Report::default();
    let path = folder.join(REPORT_LOG);
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().for_each(|line| drop(report.read(line)));
    report.weigh(&mut Console::new(&folder.join(CONSOLE_LOG)), None);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CONSOLE_LOG, REPORT_LOG, report};
    use crate::workspace::Scratch;

    #[test]
    fn what_was_kept_is_judged_again() {
        let scratch = Scratch::make("kept").unwrap();
        fs::write(scratch.path().join(REPORT_LOG), "@guest begin auto/suite\n@guest done\n").unwrap();
        for (console, holds) in [
            (Some("[ 0.0] Linux version 6.1.0\n"), true),
            (Some("[ 0.0] Linux version 6.1.0\n[ 9.0] Oops: 0000 [#1]\n"), false),
            (Some("SeaBIOS\n"), false),
            (None, false),
        ] {
            let log = scratch.path().join(CONSOLE_LOG);
            match console {
                Some(text) => fs::write(&log, text).unwrap(),
                None => fs::remove_file(&log).unwrap(),
            }
            let report = report(scratch.path()).unwrap();
            assert!(report.done);
            assert_eq!(report.error.is_none(), holds, "{console:?}: {:?}", report.error);
        }
    }
}
