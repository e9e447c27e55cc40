//! Pipes and FIFOs by inode, and who holds which end.

use crate::{
    event::{PipeKey, ProcessKey},
    hash::Map,
};

/// Pipes at once.
const PIPES_MAX: usize = 65_536;
/// Holders of one end that are remembered.
const ENDS_MAX: usize = 16;

/// Both ends of each pipe, FIFO or stdio socket as far as they are known.
#[derive(Debug, Default)]
pub struct Pipes {
    pipes: Map<PipeKey, Ends>,
    untracked: u64,
}

#[derive(Debug, Default)]
struct Ends {
    writers: Vec<ProcessKey>,
    readers: Vec<ProcessKey>,
    /// Parents of both. Whoever made a pipe for its children stands for an end that nobody is known to hold: scp feeds
    /// its ssh, a shell reads its `$(...)`.
    makers: Vec<ProcessKey>,
}

impl Ends {
    /// Somebody reads who does not write as well: a socket pair is both ends of its child.
    fn is_read(&self) -> bool {
        self.readers.iter().any(|reader| !self.writers.contains(reader))
    }

    /// Likewise somebody writes.
    fn is_written(&self) -> bool {
        self.writers.iter().any(|writer| !self.readers.contains(writer))
    }

    /// Whether a maker may hold the end that nobody is known to write to.
    fn stands_for_writer(&self, maker: &ProcessKey) -> bool {
        !self.is_written() && !self.readers.contains(maker)
    }
}

impl Pipes {
    /// `process` reads from a pipe; one of `makers` made it as far as is known.
    pub fn reads(&mut self, key: PipeKey, process: ProcessKey, makers: &[ProcessKey]) {
        if let Some(ends) = self.ends(key) {
            push(&mut ends.readers, process);
            for &maker in makers {
                push(&mut ends.makers, maker);
            }
        }
    }

    /// `process` writes into a pipe.
    pub fn writes(&mut self, key: PipeKey, process: ProcessKey, makers: &[ProcessKey]) {
        if let Some(ends) = self.ends(key) {
            push(&mut ends.writers, process);
            for &maker in makers {
                push(&mut ends.makers, maker);
            }
        }
    }

    /// Whose data `reader` gets out of a pipe: that of the known writers and, when there is none but the readers
    /// themselves, that of the makers. A maker gets nothing where somebody else is known to read, or where it was started
    /// with the other end: what `sh -c` runs writes to where the shell writes.
    #[must_use]
    pub fn writers(&self, key: PipeKey, reader: ProcessKey) -> Vec<ProcessKey> {
        let Some(ends) = self.pipes.get(&key) else { return Vec::new() };
        if !ends.readers.contains(&reader) && (ends.is_read() || ends.writers.contains(&reader)) {
            return Vec::new();
        }
        let makers = ends.makers.iter().filter(|maker| ends.stands_for_writer(maker));
        ends.writers.iter().chain(makers).copied().collect()
    }

    /// Whether `process` stands among the writers for one that is not known.
    #[must_use]
    pub fn stands_for_writer(&self, key: PipeKey, process: ProcessKey) -> bool {
        self.pipes
            .get(&key)
            .is_some_and(|ends| ends.stands_for_writer(&process) && ends.makers.contains(&process))
    }

    /// Who gets what is in a pipe.
    #[must_use]
    pub fn readers(&self, key: PipeKey) -> Vec<ProcessKey> {
        let Some(ends) = self.pipes.get(&key) else { return Vec::new() };
        let makers = ends.makers.iter().filter(|maker| !ends.is_read() && !ends.writers.contains(maker));
        ends.readers.iter().chain(makers).copied().collect()
    }

    /// `process` no longer holds an end; a pipe without ends is forgotten, so that its number may be used anew.
    pub fn leave(&mut self, key: PipeKey, process: ProcessKey) {
        if let Some(ends) = self.pipes.get_mut(&key) {
            for list in [&mut ends.writers, &mut ends.readers, &mut ends.makers] {
                list.retain(|&key| key != process);
            }
            if ends.writers.is_empty() && ends.readers.is_empty() {
                self.pipes.remove(&key);
            }
        }
    }

    /// Ends that found the table full, since the last call.
    pub fn take_untracked(&mut self) -> u64 {
        std::mem::take(&mut self.untracked)
    }

    fn ends(&mut self, key: PipeKey) -> Option<&mut Ends> {
        if self.pipes.len() >= PIPES_MAX && !self.pipes.contains_key(&key) {
            self.untracked += 1;
            return None;
        }
        Some(self.pipes.entry(key).or_default())
    }
}

fn push(list: &mut Vec<ProcessKey>, key: ProcessKey) {
    if !list.contains(&key) && list.len() < ENDS_MAX {
        list.push(key);
    }
}
