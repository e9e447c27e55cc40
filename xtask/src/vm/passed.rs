//! Machines in which everything held, by the key of their parts. What they said is kept, not the verdict: today's
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
pub(super) struct Passed(PathBuf);

impl Passed {
    /// For the machine with this key.
    ///
    /// # Errors
    /// When the target folder cannot be told.
    pub(super) fn of(key: &str) -> Result<Self> {
        Ok(Self(workspace::target()?.join("vm/passed").join(key)))
    }

    /// The folder, when the machine passed.
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
    if let Some(trouble) = Console::new(&folder.join(CONSOLE_LOG)).diagnose() {
        report.error = Some(trouble);
    }
    Ok(report)
}
