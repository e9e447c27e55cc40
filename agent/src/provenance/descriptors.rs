//! Pipes and FIFOs as descriptors tell of them.

use super::{Provenance, SOURCES_MAX, Source};
use crate::event::{Exec, FdObject, FdSeen, Open, PipeKey, ProcessKey, Seen};

/// Which way data goes through a descriptor.
#[derive(Clone, Copy)]
enum Direction {
    In,
    Out,
}

impl Provenance {
    /// Descriptors of a new program, which is a part of its parent's no more. `makers` are its parent and, while they run no program of their own, the ancestors
    /// beyond: one of them made the pipes.
    pub fn exec(&mut self, process: ProcessKey, makers: &[ProcessKey], exec: &Exec) {
        if let Some(node) = self.processes.get_mut(&exec.parent) {
            node.bare.retain(|&child| child != process);
        }
        let [stdin, stdout, stderr] = exec.fds;
        self.descriptor(process, makers, stdin, Direction::In);
        self.descriptor(process, makers, stdout, Direction::Out);
        self.descriptor(process, makers, stderr, Direction::Out);
        for (key, read, write) in one_way(&exec.more_fds) {
            self.pipe(process, makers, key, read, write);
        }
        if let FdObject::File { key, write: true, .. } = stdout {
            self.prints_into(process, makers, key);
        }
    }

    /// A program's standard output is a file, which one of `makers` opened for a group of programs (`(a; b | c) >file`).
    fn prints_into(&mut self, process: ProcessKey, makers: &[ProcessKey], (dev, ino): (u32, u64)) {
        let nodes = makers.iter().filter_map(|maker| self.processes.get(maker));
        let opened = nodes.flat_map(|node| node.wrote.iter().rev());
        if let Some(file) = opened.copied().find(|file| (file.dev, file.ino) == (dev, ino)) {
            self.writes(process, file);
        }
    }

    /// Pipes of a process that stood before the agent.
    pub fn seen(&mut self, process: ProcessKey, seen: &Seen) {
        for found in &seen.fds {
            if let FdObject::Pipe { dev, ino, read, write } = found.object {
                self.pipe(process, &[], (dev, ino), read, write);
            }
        }
    }

    /// A FIFO was opened.
    pub fn fifo(&mut self, process: ProcessKey, open: &Open) {
        self.pipe(process, &[], (open.file.dev, open.file.ino), open.read, open.write);
    }

    /// Whose data `reader` gets out of a pipe. Where only a maker stands for the writer, its children that run no program
    /// of their own may have the end as well: a shell's loop that writes into a pipe.
    pub(super) fn feeders(&self, key: PipeKey, reader: ProcessKey) -> Vec<ProcessKey> {
        let mut writers = self.pipes.writers(key, reader);
        let makers: Vec<ProcessKey> =
            writers.iter().copied().filter(|&writer| self.pipes.stands_for_writer(key, writer)).collect();
        for maker in makers {
            writers.extend(self.processes.get(&maker).into_iter().flat_map(|node| &node.bare));
        }
        writers
    }

    /// A pipe goes the ways that it was opened for. A socket can go both, so that its number decides.
    fn descriptor(
        &mut self,
        process: ProcessKey,
        makers: &[ProcessKey],
        object: FdObject,
        direction: Direction,
    ) {
        match (object, direction) {
            (FdObject::Pipe { dev, ino, read, write }, _) => {
                self.pipe(process, makers, (dev, ino), read, write);
            }
            (FdObject::Socket { ino }, Direction::In) => self.pipe(process, makers, (0, ino), true, false),
            (FdObject::Socket { ino }, Direction::Out) => self.pipe(process, makers, (0, ino), false, true),
            (
                FdObject::File { .. } | FdObject::Device { .. } | FdObject::Other { .. } | FdObject::None,
                _,
            ) => {}
        }
    }

    fn pipe(&mut self, process: ProcessKey, makers: &[ProcessKey], key: PipeKey, read: bool, write: bool) {
        if read {
            self.pipes.reads(key, process, makers);
            self.source(process, Source::Pipe(key));
        }
        if write {
            self.pipes.writes(key, process, makers);
            // Where nobody else is known to read, whoever made the pipe does.
            for &maker in makers {
                self.source(maker, Source::Pipe(key));
            }
        }
        let node = self.processes.entry(process).or_default();
        if (read || write) && !node.pipes.contains(&key) && node.pipes.len() < SOURCES_MAX {
            node.pipes.push(key);
        }
    }
}

/// Pipes among inherited descriptors, and how they are held. One of which a process holds both ends is no way to another:
/// what it takes out may be its own (the tokens of make).
fn one_way(fds: &[FdSeen]) -> Vec<(PipeKey, bool, bool)> {
    let mut held: Vec<(PipeKey, bool, bool)> = Vec::new();
    for found in fds {
        let FdObject::Pipe { dev, ino, read, write } = found.object else { continue };
        match held.iter_mut().find(|(key, ..)| *key == (dev, ino)) {
            Some((_, reads, writes)) => (*reads, *writes) = (*reads || read, *writes || write),
            None => held.push(((dev, ino), read, write)),
        }
    }
    held.retain(|&(_, read, write)| read != write);
    held
}
