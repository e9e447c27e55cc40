//! A sensitive file stays one under another name: a hard link, a rename, a bind mount.
//!
//! It is learnt from paths of the host's own mount namespace alone: in one of his own anybody can put any file in the place
//! of a key. Nor is it learnt on file systems without generations, where an inode number is soon another file's.

use std::num::NonZeroUsize;

use agent_common::file::{S_IFMT, S_IFREG};

use crate::{
    config::classify::{FileClass, Rating},
    event::{FileKey, Open},
    hash::{self, Lru},
};

/// Files remembered; hosts open the same few over and over.
const FILES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);

/// Files that were opened by a path that makes them sensitive.
#[derive(Debug)]
pub(super) struct Sensitive {
    known: Lru<FileKey, Rating>,
    /// The host's mount namespace; 0 when it is not known.
    mnt_ns: u32,
}

impl Default for Sensitive {
    fn default() -> Self {
        Self { known: hash::lru(FILES), mnt_ns: 0 }
    }
}

impl Sensitive {
    /// The host's mount namespace, whose paths are believed.
    pub(super) const fn believe(&mut self, mnt_ns: u32) {
        self.mnt_ns = mnt_ns;
    }

    /// Remembers a file that its path makes sensitive, and recognises one that another path made so.
    pub(super) fn recognise(&mut self, open: &Open, class: &mut FileClass) {
        if open.mode & S_IFMT != S_IFREG {
            return;
        }
        let believed = self.mnt_ns != 0 && open.mnt_ns == self.mnt_ns && open.file.generation != 0;
        match &class.sensitive {
            Some(_) if self.known.contains(&open.file) => {
                self.known.promote(&open.file);
            }
            Some(rating) if believed => {
                self.known.put(open.file, rating.clone());
            }
            Some(_) => {}
            None => class.sensitive = self.known.get(&open.file).cloned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_identity() {
        let rating = || Some(Rating { pattern: "/etc/shadow".to_owned(), risk: 8.0 });
        let rows = [
            ("a file", 0o100_600, 1, 7, rating()),
            ("no file", 0o060_600, 1, 7, None),
            ("without a generation", 0o100_600, 0, 7, None),
            ("in a namespace of somebody's own", 0o100_600, 1, 8, None),
        ];
        for (name, mode, generation, mnt_ns, expected) in rows {
            let mut known = Sensitive::default();
            known.believe(7);
            let file = FileKey { dev: 1, ino: 5, generation };
            let open = |mnt_ns| Open { file, mode, mnt_ns, ..Open::default() };
            let mut class = FileClass { sensitive: rating(), ..FileClass::default() };
            known.recognise(&open(mnt_ns), &mut class);
            let mut class = FileClass::default();
            known.recognise(&open(9), &mut class);
            assert_eq!(class.sensitive, expected, "{name}");
        }
    }
}
