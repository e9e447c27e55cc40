//! The edges of one process, for showing.

use super::{Provenance, Source, hops::Hop};
use crate::event::{BootTime, Bytes, FileKey, PipeKey, ProcessKey};

/// What data came through to a process, or what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Touch<'p> {
    /// It read a file that somebody had written.
    Read(FileKey, &'p Bytes),
    /// It wrote a file.
    Wrote(FileKey, &'p Bytes),
    /// It reads a pipe, and these write into it.
    Pipe(PipeKey, Vec<ProcessKey>),
    /// It receives through a socket from a process of this host, since then.
    Peer(ProcessKey, Hop, BootTime),
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
                Source::Pipe(key) => found.push(Touch::Pipe(key, self.feeders(key, process))),
                Source::Process(_) => {}
                Source::File(key) => found.extend(path(key).map(|path| Touch::Read(key, path))),
            }
        }
        let peers = node.peers.iter().filter(|peer| node.follows(peer));
        found.extend(peers.map(|peer| Touch::Peer(peer.process, peer.hop, peer.first)));
        found.extend(node.wrote.iter().filter_map(|&key| Some(Touch::Wrote(key, path(key)?))));
        found
    }
}
