//! Directories whose plain reads the kernel need not report.
//!
//! A directory is quiet when it lies below a configured prefix, by the path that the kernel walked: nothing is
//! looked up for it. The verdict is handed to the kernel and taken back once a minute, so that a directory that was
//! renamed since is judged anew; a file that was written since the agent started is reported in any case.
//!
//! Verdicts are given and used in the host's mount namespace alone ([`HostMounts`]): in one of its own, anybody can
//! mount what is secret below a quiet prefix.

use std::{collections::HashSet, time::Duration};

use agent_common::{file::DirKey, limits::QUIET_DIRS};
use aya::maps::{HashMap, MapData, MapError};

use super::{clock::after, filesystem::is_local, mounts::HostMounts};
use crate::{
    config::classify::{Classifier, FileClass},
    event::{BootTime, Open},
};

/// Time for which a verdict holds.
const LIFETIME: Duration = Duration::from_mins(1);

/// The quiet directories.
pub struct Quiet {
    map: HashMap<MapData, DirKey, u8>,
    classifier: Classifier,
    host: HostMounts,
    marked: HashSet<DirKey>,
    expires: Option<BootTime>,
}

impl Quiet {
    /// Verdicts by `classifier`, kept in `map`, for the mount namespace `host`, which the kernel
    /// must have been told.
    #[must_use]
    pub fn new(map: HashMap<MapData, DirKey, u8>, classifier: Classifier, host: HostMounts) -> Self {
        Self { map, classifier, host, marked: HashSet::new(), expires: None }
    }

    /// Judges the directory of a file that was opened, once until the verdict expires.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    pub fn observe(&mut self, opened: &Open, now: BootTime) -> Result<(), MapError> {
        let key = DirKey { ino: opened.parent_ino, dev: opened.file.dev, _pad: 0 };
        let full = self.marked.len() >= QUIET_DIRS as usize;
        if full || !is_plain_read(opened, &self.host) || self.marked.contains(&key) {
            return Ok(());
        }
        if is_unremarkable(&self.classifier.classify(&opened.path)) {
            self.map.insert(key, 1, 0)?;
            self.marked.insert(key);
            self.expires.get_or_insert(after(now, LIFETIME));
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
        for key in std::mem::take(&mut self.marked) {
            self.map.remove(&key)?;
        }
        Ok(())
    }
}

/// A read, in the mount namespace `host`, of a regular file whose path is whole.
fn is_plain_read(opened: &Open, host: &HostMounts) -> bool {
    opened.read
        && host.is(opened.mnt_ns)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::classify::Rating, event::Path, sensor::mounts::tests::Fixture};

    const HOST: u32 = 7;

    fn opened(path: &str, parent_ino: u64) -> Open {
        let path = Path { bytes: path.into(), ..Path::default() };
        Open { path, parent_ino, read: true, mode: 0o100_644, magic: 0xEF53, mnt_ns: HOST, ..Open::default() }
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
            (Open { mnt_ns: HOST + 1, ..plain.clone() }, false),
            (Open { mnt_ns: 0, ..plain.clone() }, false),
            (Open { path: path(true, false), ..plain.clone() }, false),
            (Open { path: path(false, true), ..plain.clone() }, false),
        ];
        let host = Fixture::new("quiet", &[("self/ns/mnt", "mnt:[7]")]).host();
        for (opened, expected) in rows {
            assert_eq!(is_plain_read(&opened, &host), expected, "{opened:?}");
        }
    }

    #[test]
    fn a_file_of_a_class_that_matters_makes_no_directory_quiet() {
        let rating = Some(Rating { pattern: "*.key".to_owned(), risk: 5.0 });
        let quiet = FileClass { quiet: true, ..FileClass::default() };
        let rows = [
            (quiet.clone(), true),
            (FileClass { document: true, ..quiet.clone() }, true),
            (FileClass { sensitive: rating.clone(), ..quiet.clone() }, false),
            (FileClass { staging: rating, ..quiet.clone() }, false),
            (FileClass::default(), false),
        ];
        for (class, expected) in rows {
            assert_eq!(is_unremarkable(&class), expected, "{class:?}");
        }
    }
}
