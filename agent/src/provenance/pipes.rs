//! Pipes by inode, and who holds which end.

use std::collections::HashMap;

use crate::event::ProcessKey;

/// Pipes at once.
const PIPES_MAX: usize = 65_536;
/// Holders of one end that are remembered.
const ENDS_MAX: usize = 16;

/// Both ends of each pipe, FIFO or stdio socket as far as they are known.
#[derive(Debug, Default)]
pub struct Pipes(HashMap<u64, Ends>);

#[derive(Debug, Default)]
struct Ends {
    writers: Vec<ProcessKey>,
    readers: Vec<ProcessKey>,
    /// Parents of the readers: they feed the pipe when no writer is known (scp feeds its ssh).
    readers_parents: Vec<ProcessKey>,
}

impl Pipes {
    /// `process` reads from `ino`; its `parent` made the pipe as far as is known.
    pub fn reads(&mut self, ino: u64, process: ProcessKey, parent: Option<ProcessKey>) {
        if let Some(ends) = self.ends(ino) {
            push(&mut ends.readers, process);
            if let Some(parent) = parent {
                push(&mut ends.readers_parents, parent);
            }
        }
    }

    /// `process` writes into `ino`; its `parent` reads it when nobody else is known to.
    pub fn writes(&mut self, ino: u64, process: ProcessKey, parent: Option<ProcessKey>) {
        if let Some(ends) = self.ends(ino) {
            push(&mut ends.writers, process);
            if ends.readers.is_empty()
                && let Some(parent) = parent
            {
                push(&mut ends.readers, parent);
            }
        }
    }

    /// Who writes into a pipe: the known writers, or the parents of its readers when there is none but the
    /// readers themselves (a socket pair is both ends of its child).
    #[must_use]
    pub fn writers(&self, ino: u64) -> Vec<ProcessKey> {
        let Some(ends) = self.0.get(&ino) else { return Vec::new() };
        let only_readers = ends.writers.iter().all(|writer| ends.readers.contains(writer));
        let parents = ends.readers_parents.iter().filter(|_| only_readers);
        ends.writers.iter().chain(parents).copied().collect()
    }

    /// Who reads from a pipe.
    #[must_use]
    pub fn readers(&self, ino: u64) -> Vec<ProcessKey> {
        self.0.get(&ino).map(|ends| ends.readers.clone()).unwrap_or_default()
    }

    /// `process` no longer holds an end; a pipe without ends is forgotten, so that its number may be used anew.
    pub fn leave(&mut self, ino: u64, process: ProcessKey) {
        if let Some(ends) = self.0.get_mut(&ino) {
            for list in [&mut ends.writers, &mut ends.readers, &mut ends.readers_parents] {
                list.retain(|&key| key != process);
            }
            if ends.writers.is_empty() && ends.readers.is_empty() {
                self.0.remove(&ino);
            }
        }
    }

    fn ends(&mut self, ino: u64) -> Option<&mut Ends> {
        if self.0.len() >= PIPES_MAX && !self.0.contains_key(&ino) {
            return None;
        }
        Some(self.0.entry(ino).or_default())
    }
}

fn push(list: &mut Vec<ProcessKey>, key: ProcessKey) {
    if !list.contains(&key) && list.len() < ENDS_MAX {
        list.push(key);
    }
}
