//! Who may put another program where an executable lies.
//!
//! A trust rule names executables by path. A path is worth something only where nobody but root can change what lies
//! there: the file and every directory above it belong to root and are writable for nobody else. Modes are looked at through
//! the process's own root directory, and numbers of users are the host's: root of a user namespace is none.

use std::{
    ffi::OsStr,
    fs,
    num::NonZeroUsize,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use lru::LruCache;

use crate::{
    event::{Bytes, Exec, Guard, ProcessKey},
    sensor::procfs::Procfs,
};

/// Executables that are remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(2_047);
/// `S_IWOTH` and `S_IWGRP`.
const OTHERS_WRITE: u32 = 0o002;
const GROUP_WRITES: u32 = 0o020;

/// An executable: a file that replaces another one at the same path is another one.
type Executable = (Bytes, (u32, u64), u32);

/// Looks executables up, each once. What only root could change, only root can open to others later.
#[derive(Debug)]
pub(super) struct Guards {
    procfs: Procfs,
    known: LruCache<Executable, Guard>,
}

impl Guards {
    pub(super) fn new(procfs: Procfs) -> Self {
        Self { procfs, known: LruCache::new(REMEMBERED) }
    }

    /// Of a program that was started.
    pub(super) fn of_exec(&mut self, process: ProcessKey, exec: &Exec) -> Guard {
        let path = &exec.exe;
        if exec.deleted || exec.memfd || path.truncated || path.unreachable {
            return Guard::Unknown;
        }
        let executable = (path.bytes.clone(), exec.exe_file, exec.mnt_ns);
        if let Some(known) = self.known.get(&executable) {
            return *known;
        }
        let guard = self.look(process, path.bytes.as_slice());
        // The pid may be another process's by now.
        if guard != Guard::Unknown && self.procfs.is_alive(process) {
            self.known.put(executable, guard);
            return guard;
        }
        Guard::Unknown
    }

    /// Of a process that was there before the agent.
    pub(super) fn of_seen(&self, process: ProcessKey, exe: &[u8]) -> Guard {
        let guard = self.look(process, exe);
        if self.procfs.is_alive(process) { guard } else { Guard::Unknown }
    }

    fn look(&self, process: ProcessKey, path: &[u8]) -> Guard {
        below(&self.procfs.path(process.pid, "root"), path)
    }
}

/// Who may replace what lies at `path` below `root`.
fn below(root: &Path, path: &[u8]) -> Guard {
    let Some(path) = path.strip_prefix(b"/") else { return Guard::Unknown };
    let mut at = PathBuf::from(root);
    // The root directory itself is behind a link.
    at.push(".");
    let mut guard = Guard::Root;
    let parts = path.split(|byte| *byte == b'/').map(OsStr::from_bytes).map(Some);
    for part in [None].into_iter().chain(parts) {
        if let Some(part) = part {
            at.push(part);
        }
        let Ok(metadata) = fs::symlink_metadata(&at) else { return Guard::Unknown };
        let mode = metadata.mode();
        let group_writes = mode & GROUP_WRITES != 0 && metadata.gid() != 0;
        if metadata.uid() != 0 || group_writes || mode & OTHERS_WRITE != 0 {
            guard = Guard::Others;
        }
    }
    guard
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_others_may_write_anywhere_on_the_way_is_theirs() {
        let root = Path::new("/");
        // Without these nothing can be said here: tests may run as anybody, and anywhere.
        assert_eq!(below(root, b"/proc/self/no-such-file"), Guard::Unknown);
        assert_eq!(below(root, b"relative"), Guard::Unknown);
        let folder = std::env::temp_dir().join(format!("weir-guard-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let program = folder.join("program");
        fs::write(&program, "").unwrap();
        let own = fs::symlink_metadata(&program).unwrap().uid() == 0;
        let rows =
            [(0o755, 0o755, own), (0o777, 0o755, false), (0o755, 0o757, false), (0o1777, 0o755, false)];
        for (of_folder, of_program, guarded) in rows {
            fs::set_permissions(&folder, fs::Permissions::from_mode(of_folder)).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(of_program)).unwrap();
            // The folder stands for a root directory: what is above it does not count.
            let expected = if guarded { Guard::Root } else { Guard::Others };
            assert_eq!(below(&folder, b"/program"), expected, "{of_folder:o} {of_program:o}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
