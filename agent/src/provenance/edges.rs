//! The edges of one process, for showing.

use super::{Provenance, Source};
use crate::event::{Bytes, FileKey, ProcessKey};

/// What data came through to a process, or what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch<'p> {
    /// It read a file that somebody had written.
    Read(FileKey, &'p Bytes),
    /// It wrote a file.
    Wrote(FileKey, &'p Bytes),
    /// It reads a pipe, and these write into it.
    Pipe(u64, Vec<ProcessKey>),
}

impl Provenance {
    /// What a process read from others and wrote, as far as it is remembered: written files and pipes, not the files
    /// that nobody was seen writing ([`Provenance::own`] has those that matter).
    #[must_use]
    pub fn touches(&self, process: ProcessKey) -> Vec<Touch<'_>> {
        let Some(node) = self.processes.get(&process) else { return Vec::new() };
        let path = |key: FileKey| self.files.get(&key).map(|file| &file.path);
        let mut found = Vec::new();
        for &source in &node.sources {
            match source {
                Source::Process(_) => {}
                Source::Pipe(ino) => found.push(Touch::Pipe(ino, self.pipes.writers(ino))),
                Source::File(key) => found.extend(path(key).map(|path| Touch::Read(key, path))),
            }
        }
        found.extend(node.wrote.iter().filter_map(|&key| Some(Touch::Wrote(key, path(key)?))));
        found
    }
}
