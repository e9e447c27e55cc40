//! What is kept over a restart: of each process that handled data, what it read, wrote, and got from whom.

use super::{Carried, FILES_MAX, FileNode, Provenance, Source, WRITERS_MAX, WROTE_MAX};
use crate::event::{Bytes, FileKey, ProcessKey};

/// How one process stands in the graph.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// What it read itself.
    pub own: Carried,
    /// Files that it wrote.
    pub wrote: Vec<FileKey>,
    /// Written files that it read.
    pub read_written: Vec<FileKey>,
    /// Processes whose data came to it by forks, pipes and sockets.
    pub fed_by: Vec<ProcessKey>,
}

impl Provenance {
    /// Where a process stands; its pipes and sockets as the processes that sent into them.
    #[must_use]
    pub fn place(&self, process: ProcessKey) -> Option<Place> {
        let node = self.processes.get(&process)?;
        let mut place = Place { own: node.own.clone(), wrote: node.wrote.clone(), ..Place::default() };
        for &source in &node.sources {
            match source {
                Source::Process(parent) => place.fed_by.push(parent),
                Source::Pipe(key) => place.fed_by.extend(self.feeders(key, process)),
                Source::File(file) => place.read_written.push(file),
            }
        }
        // What a service answered is that service's.
        let peers = node.peers.iter().filter(|peer| node.follows(peer) && !peer.answers);
        place.fed_by.extend(peers.map(|peer| peer.process));
        place.fed_by.retain(|&other| other != process);
        Some(place)
    }

    /// Path and writers of a file that somebody wrote.
    #[must_use]
    pub fn written(&self, file: FileKey) -> Option<(&Bytes, &[ProcessKey])> {
        self.files.get(&file).map(|file| (&file.path, file.writers.as_slice()))
    }

    /// Takes over where a process stood. What is known already stays.
    pub fn restore_place(&mut self, process: ProcessKey, place: Place) {
        let files = place.read_written.into_iter().map(Source::File);
        for source in files.chain(place.fed_by.into_iter().map(Source::Process)) {
            self.source(process, source);
        }
        let node = self.processes.entry(process).or_default();
        node.own.merge(&place.own);
        node.held = true;
        node.wrote.extend(place.wrote);
        node.wrote.truncate(WROTE_MAX);
    }

    /// Takes over a file that somebody wrote, in this boot or an earlier one.
    pub fn restore_file(
        &mut self,
        file: FileKey,
        path: Bytes,
        mut writers: Vec<ProcessKey>,
        same_boot: bool,
    ) {
        if self.files.len() < FILES_MAX && !self.files.contains_key(&file) {
            writers.truncate(WRITERS_MAX);
            self.files_order.push_back(file);
            let node = FileNode { path, writers, earlier_boot: !same_boot, ..FileNode::default() };
            self.files.insert(file, node);
        }
    }
}
