//! User names from the passwd file. The name service switch is left alone: it runs foreign code and may ask the
//! network.

use std::{collections::HashMap, fs, os::unix::fs::MetadataExt, path::PathBuf};

use crate::sensor::procfs;

/// Bytes of the passwd file that are read.
const PASSWD_MAX: usize = 8 << 20;

/// Names by user id, read again when the file changes.
#[derive(Debug)]
pub(super) struct Users {
    passwd: PathBuf,
    version: Option<Version>,
    names: HashMap<u32, String>,
}

/// What changes when the file does: inode, size, change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Version(u64, u64, i64, i64);

impl Users {
    pub(super) fn new(passwd: impl Into<PathBuf>) -> Self {
        Self { passwd: passwd.into(), version: None, names: HashMap::new() }
    }

    /// The name of a user; none when the file has none.
    pub(super) fn name(&mut self, uid: u32) -> Option<String> {
        let version = fs::metadata(&self.passwd)
            .ok()
            .map(|file| Version(file.ino(), file.size(), file.ctime(), file.ctime_nsec()));
        if version != self.version {
            self.version = version;
            self.names = parse(&procfs::read(&self.passwd, PASSWD_MAX).unwrap_or_default());
        }
        self.names.get(&uid).cloned()
    }
}

/// `name:password:uid:...`; the first name of an id wins, as with getpwuid(3).
fn parse(text: &[u8]) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        if let Some(uid) = fields.nth(1).and_then(|uid| uid.parse().ok()).filter(|_| !name.is_empty()) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}
