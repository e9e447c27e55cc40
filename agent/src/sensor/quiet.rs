//! Directories whose plain reads the kernel need not report.
//!
//! A directory is quiet when it lies below a configured prefix and none of the names in it is of a class that
//! matters. The verdict is handed to the kernel and taken back once a minute, so that a name that appeared since
//! is noticed; a file that was written since the agent started is reported in any case.

use std::{collections::HashSet, time::Duration};

use agent_common::{file::DirKey, limits::QUIET_DIRS};
use aya::maps::{HashMap, MapData, MapError};
use rustix::fs::{Dir, Mode, OFlags, fstat, open};

use super::{clock::after, filesystem::is_local};
use crate::{
    event::{BootTime, Bytes, Open, Path},
    config::classify::{Classifier, FileClass},
};

/// Time for which a verdict holds.
const LIFETIME: Duration = Duration::from_mins(1);
/// Names in a directory that are looked at; one with more is never quiet.
const NAMES_MAX: usize = 16_384;
/// Directories judged in one pass of the reader, so that a burst of new ones does not hold events up.
const BUDGET: u32 = 8;

/// The quiet directories.
pub struct Quiet {
    map: HashMap<MapData, DirKey, u8>,
    classifier: Classifier,
    judged: HashSet<DirKey>,
    marked: Vec<DirKey>,
    expires: Option<BootTime>,
    budget: u32,
}

impl Quiet {
    /// Verdicts by `classifier`, kept in `map`.
    #[must_use]
    pub fn new(map: HashMap<MapData, DirKey, u8>, classifier: Classifier) -> Self {
        Self { map, classifier, judged: HashSet::new(), marked: Vec::new(), expires: None, budget: BUDGET }
    }

    /// Allows further verdicts; called between passes.
    pub fn refill(&mut self) {
        self.budget = BUDGET;
    }

    /// Judges the directory of a file that was opened, once until the verdict expires.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    pub fn observe(&mut self, opened: &Open, now: BootTime) -> Result<(), MapError> {
        let key = DirKey { ino: opened.parent_ino, dev: opened.file.dev, _pad: 0 };
        let full = self.judged.len() >= QUIET_DIRS as usize;
        if self.budget == 0 || full || !is_plain_read(opened) || self.judged.contains(&key) {
            return Ok(());
        }
        let mut classify = |path: &Path| self.classifier.classify(path);
        if !is_unremarkable(&classify(&opened.path)) {
            return Ok(());
        }
        self.budget -= 1;
        self.judged.insert(key);
        self.expires.get_or_insert(after(now, LIFETIME));
        if is_quiet(opened, classify) {
            self.map.insert(key, 1, 0)?;
            self.marked.push(key);
        }
        Ok(())
    }

    /// When [`Self::expire`] has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<BootTime> {
        self.expires
    }

    /// Takes all verdicts back when they have held for a minute.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    pub fn expire(&mut self, now: BootTime) -> Result<(), MapError> {
        if self.expires.is_none_or(|due| now < due) {
            return Ok(());
        }
        self.expires = None;
        self.judged.clear();
        for key in std::mem::take(&mut self.marked) {
            self.map.remove(&key)?;
        }
        Ok(())
    }
}

/// A read of a regular file whose path is whole.
fn is_plain_read(opened: &Open) -> bool {
    opened.read
        && !opened.write
        && u32::from(opened.mode) & libc::S_IFMT == libc::S_IFREG
        && opened.parent_ino != 0
        && !opened.path.truncated
        && !opened.path.unreachable
        && is_local(opened.magic)
}

/// Below a quiet prefix and of no class whose reading is a signal by itself. Documents below a quiet prefix are
/// those of the system.
fn is_unremarkable(class: &FileClass) -> bool {
    class.quiet && class.staging.is_none() && class.sensitive.is_none()
}

/// Whether the directory is the one that the kernel meant, and no name in it matters.
fn is_quiet(opened: &Open, mut classify: impl FnMut(&Path) -> FileClass) -> bool {
    let path = opened.path.bytes.as_slice();
    let Some(end) = path.iter().rposition(|&byte| byte == b'/') else { return false };
    let directory = path.get(..=end).unwrap_or_default();
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(file) = open(directory, flags, Mode::empty()) else { return false };
    // In another mount namespace the same path is another directory. The device is left out: for btrfs and overlay
    // stat(2) names another than the kernel does.
    if fstat(&file).map(|stat| stat.st_ino) != Ok(opened.parent_ino) {
        return false;
    }
    let Ok(entries) = Dir::new(file) else { return false };
    let mut seen = 0;
    for entry in entries {
        seen += 1;
        let Ok(entry) = entry else { return false };
        let name = [directory, entry.file_name().to_bytes()].concat();
        let path = Path { bytes: Bytes::from(name), ..Path::default() };
        if seen > NAMES_MAX || !is_unremarkable(&classify(&path)) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;
    use crate::config::classify::Rating;

    /// Everything below `/` is quiet, and keys are sensitive.
    fn classify(path: &Path) -> FileClass {
        let sensitive = path.bytes.as_slice().ends_with(b".key");
        let sensitive = sensitive.then(|| Rating { pattern: "*.key".to_owned(), risk: 5.0 });
        FileClass { sensitive, quiet: true, ..FileClass::default() }
    }

    fn opened(path: &str, parent_ino: u64) -> Open {
        let path = Path { bytes: path.into(), ..Path::default() };
        Open { path, parent_ino, read: true, mode: 0o100_644, magic: 0xEF53, ..Open::default() }
    }

    #[test]
    fn only_plain_reads_are_judged() {
        let plain = opened("/a/b", 1);
        let path = |truncated, unreachable| Path { truncated, unreachable, ..plain.path.clone() };
        let rows = [
            (plain.clone(), true),
            (Open { write: true, ..plain.clone() }, false),
            (Open { read: false, ..plain.clone() }, false),
            (Open { mode: 0o060_000, ..plain.clone() }, false),
            (Open { magic: 0x6969, ..plain.clone() }, false),
            (Open { parent_ino: 0, ..plain.clone() }, false),
            (Open { path: path(true, false), ..plain.clone() }, false),
            (Open { path: path(false, true), ..plain.clone() }, false),
        ];
        for (opened, expected) in rows {
            assert_eq!(is_plain_read(&opened), expected, "{opened:?}");
        }
    }

    #[test]
    fn a_directory_with_one_name_that_matters_is_not_quiet() {
        let dir = std::env::temp_dir().join(format!("weir-quiet-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        fs::write(dir.join("a.so"), "").unwrap();
        let ino = fs::metadata(&dir).unwrap().ino();
        let path = dir.join("a.so").to_str().unwrap().to_owned();
        let verdict = |ino, path: &str| is_quiet(&opened(path, ino), classify);
        assert!(verdict(ino, &path));
        assert!(!verdict(ino + 1, &path), "another directory");
        assert!(!verdict(ino, "a.so"), "no directory");
        fs::write(dir.join("server.key"), "").unwrap();
        assert!(!verdict(ino, &path));
        fs::remove_dir_all(&dir).unwrap();
    }
}
