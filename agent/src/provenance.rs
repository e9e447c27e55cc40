//! Which data a process, pipe or file carries, and how it got it.
//!
//! Reads, writes, pipes, sockets and forks are kept as edges; what a process carries is gathered from them when
//! somebody asks ([`Provenance::carried`]), so that data read after a pipe was laid is found as well as data read
//! before.
//! When a process is forgotten, what it carried is frozen into the files that it wrote, so that an archive made
//! at noon still has its origins at night.

pub mod carried;
pub mod load;
pub mod pipes;
pub mod hops;
pub mod sinks;
mod descriptors;
mod visits;
mod peers;
pub mod edges;
pub mod restore;

use std::{collections::VecDeque, ops::ControlFlow, sync::Arc};

use agent_common::file::IN_MEMORY;

use crate::{
    config::classify::FileClass,
    event::{Bytes, FileKey, Open, PipeKey, ProcessKey},
    hash::Map,
};

pub use carried::{Bearers, Carried, Origin};
pub use load::{Cut, Load, Secrets};

use hops::Hops;
use peers::Peer;
use pipes::Pipes;
use visits::Visits;

/// Files remembered as written, at once; the oldest go first.
const FILES_MAX: usize = 131_072;
/// Of the oldest written files, so many are passed over at most for the data that they hold, when there is no room.
const PASSED_OVER_MAX: usize = 16;
/// Writers remembered for a file.
const WRITERS_MAX: usize = 8;
/// Files remembered as written by one process.
const WROTE_MAX: usize = 256;
/// Sources remembered for one process.
const SOURCES_MAX: usize = 128;
/// Children without a program of their own remembered for one process, the latest.
const BARE_MAX: usize = 32;

/// The graph.
#[derive(Debug, Default)]
pub struct Provenance {
    processes: Map<ProcessKey, Node>,
    files: Map<FileKey, FileNode>,
    files_order: VecDeque<FileKey>,
    pipes: Pipes,
    hops: Hops,
    forgotten_files: u64,
    forgotten_peers: u64,
}

#[derive(Debug, Default)]
struct Node {
    /// What it read itself.
    own: Carried,
    /// What processes left to it that are gone.
    left: Carried,
    /// The same of peers of other stories.
    left_by_strangers: Carried,
    /// Of that, what services had read themselves that it had asked.
    answered: Carried,
    sources: Vec<Source>,
    wrote: Vec<FileKey>,
    pipes: Vec<PipeKey>,
    /// Processes that send to it through sockets, or whose memory it may read.
    peers: Vec<Peer>,
    /// Stories of theirs beside its own; no more than are needed to know that they are many.
    strangers: Vec<ProcessKey>,
    /// The same of those with which it shares memory: who looks into strangers' memory must not hide by that who sends to
    /// him.
    strangers_in_memory: Vec<ProcessKey>,
    /// Processes that receive from it in such a way.
    feeds: Vec<ProcessKey>,
    /// Children that were forked and run its program still.
    bare: Vec<ProcessKey>,
    /// There is strong evidence about what it collected or made ready.
    held: bool,
    /// It starts what others asked for: what it hears of one child is not what it tells another.
    launches: bool,
    /// Its story, once it used a socket.
    story: Option<ProcessKey>,
}

#[derive(Debug, Default)]
struct FileNode {
    path: Bytes,
    writers: Vec<ProcessKey>,
    /// Of those, who may share it as memory.
    sharers: Vec<ProcessKey>,
    frozen: Option<Arc<Carried>>,
    /// Known from an earlier boot: its number may be another file's by now, if the path is another.
    earlier_boot: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Process(ProcessKey),
    Pipe(PipeKey),
    File(FileKey),
}

impl Provenance {
    /// A child inherits what its parent has in memory. Launchers pass nothing on: the caller leaves them out.
    pub fn fork(&mut self, parent: ProcessKey, child: ProcessKey) {
        if self.processes.contains_key(&parent) {
            self.source(child, Source::Process(parent));
        }
    }

    /// A child that has not called exec is a part of its parent's program: what it reads reaches the parent by pipes that
    /// both had before (sshd's sftp, a pool of workers). It does not reach the parent's other children.
    pub fn helps(&mut self, parent: ProcessKey, child: ProcessKey) {
        push_latest(&mut self.processes.entry(parent).or_default().bare, child, BARE_MAX);
    }

    /// A file was opened. Answers whether the file carries data that somebody collected or staged.
    pub fn open(&mut self, process: ProcessKey, open: &Open, class: &FileClass) -> bool {
        let other = |file: &FileNode| file.earlier_boot && file.path != open.path.bytes;
        if self.files.get(&open.file).is_some_and(other) {
            self.files.remove(&open.file);
        }
        let mut labelled = false;
        if open.read {
            labelled = self.read(process, open, class);
        }
        if open.write {
            self.write(process, open);
        }
        labelled
    }

    /// What a process carries: what it read itself and what came to it through files, pipes and forks.
    #[must_use]
    pub fn carried(&self, process: ProcessKey) -> Carried {
        let mut all = Carried::default();
        self.walk(process, |handler, load| {
            all.merge(load);
            if let Some(handler) = handler {
                all.handled_by(handler);
            }
            ControlFlow::Continue(())
        });
        all
    }

    /// Who had what a process carries in their hands: all that most judgements need to know of it.
    #[must_use]
    pub fn bearers(&self, process: ProcessKey) -> Bearers {
        let mut all = Bearers::default();
        self.walk(process, |handler, load| {
            load.handlers().chain(handler).for_each(|handler| all.add(handler));
            all.carry |= !load.is_empty();
            ControlFlow::Continue(())
        });
        all
    }

    /// Whether any of those who had what a process carries in their hands, itself among them, is `wanted`.
    #[must_use]
    pub fn is_from(&self, process: ProcessKey, wanted: impl Fn(ProcessKey) -> bool) -> bool {
        let mut found = false;
        self.walk(process, |handler, load| {
            found = handler.is_some_and(&wanted) || load.handlers().any(&wanted);
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Whether a process carries anything at all.
    #[must_use]
    pub fn carries(&self, process: ProcessKey) -> bool {
        let mut found = false;
        self.walk(process, |_, load| {
            found = !load.is_empty();
            if found { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        found
    }

    /// Whether what a process writes is made of anything: of a launcher, what it read itself.
    fn puts_into_files(&self, process: ProcessKey) -> bool {
        match self.processes.get(&process) {
            Some(node) if node.launches => !node.own.is_empty(),
            _ => self.carries(process),
        }
    }

    /// Shows `take` each load that reaches a process, nearest first: those of processes with their key, and those
    /// that are frozen into files without.
    fn walk(
        &self,
        process: ProcessKey,
        mut take: impl FnMut(Option<ProcessKey>, &Carried) -> ControlFlow<()>,
    ) {
        // Files that one process wrote share what is frozen into them.
        let mut frozen = Vec::new();
        let mut visits = Visits::of(process);
        while let Some((at, by_file)) = visits.next() {
            let Some(node) = self.processes.get(&at) else { continue };
            if take(Some(at), &node.own).is_break() {
                return;
            }
            // What a launcher wrote is made of what it read itself.
            if node.launches && by_file {
                continue;
            }
            if node.left().any(|left| take(None, left).is_break()) {
                return;
            }
            let mut visit = |key: ProcessKey, by_file: bool| visits.add(key, by_file);
            if at == process {
                node.bare.iter().for_each(|&child| visit(child, false));
            }
            for &source in &node.sources {
                match source {
                    Source::Process(parent) => visit(parent, false),
                    Source::Pipe(key) => self.feeders(key, at).into_iter().for_each(|key| visit(key, false)),
                    Source::File(file) => {
                        let Some(file) = self.files.get(&file) else { continue };
                        file.writers.iter().for_each(|&writer| visit(writer, true));
                        if let Some(load) = &file.frozen
                            && !frozen.contains(&Arc::as_ptr(load))
                        {
                            frozen.push(Arc::as_ptr(load));
                            if take(None, load).is_break() {
                                return;
                            }
                        }
                    }
                }
            }
            for peer in node.peers.iter().filter(|peer| node.follows(peer)) {
                visit(peer.process, false);
            }
        }
    }

    /// The process is gone for good: what it carried stays with the files that it wrote.
    pub fn forget(&mut self, process: ProcessKey) {
        if !self.processes.contains_key(&process) {
            return;
        }
        // Most processes leave nothing behind.
        let leaves = self.processes.get(&process).is_some_and(|node| {
            let writes = node.wrote.iter().any(|file| self.files.contains_key(file));
            writes || !node.pipes.is_empty() || !node.feeds.is_empty()
        });
        let carried = Arc::new(if leaves { self.carried(process) } else { Carried::default() });
        let Some(node) = self.processes.remove(&process) else { return };
        let into_files = if node.launches { Arc::new(node.own.clone()) } else { Arc::clone(&carried) };
        if !into_files.is_empty() {
            for key in &node.wrote {
                match self.files.get_mut(key).map(|file| &mut file.frozen) {
                    // All files that it wrote hold the same: they share it.
                    Some(frozen @ None) => *frozen = Some(Arc::clone(&into_files)),
                    Some(Some(frozen)) => Arc::make_mut(frozen).merge(&into_files),
                    None => {}
                }
            }
        }
        for &key in &node.pipes {
            for reader in self.pipes.readers(key) {
                if let Some(reader) = self.processes.get_mut(&reader) {
                    reader.left.merge(&carried);
                }
            }
            self.pipes.leave(key, process);
        }
        for receiver in &node.feeds {
            if let Some(receiver) = self.processes.get_mut(receiver) {
                receiver.lose(process, &carried, &node.own);
            }
        }
    }

    /// Files that this process wrote, by path; bounded.
    pub fn wrote(&self, process: ProcessKey) -> impl Iterator<Item = &Bytes> {
        self.processes
            .get(&process)
            .into_iter()
            .flat_map(|node| &node.wrote)
            .filter_map(|key| self.files.get(key))
            .map(|file| &file.path)
    }

    /// There is strong evidence about what the process collected or made ready: files that hold its data are the last to
    /// be forgotten.
    pub fn hold(&mut self, process: ProcessKey) {
        self.processes.entry(process).or_default().held = true;
    }

    /// Whether what the process carries may still come to others through it: by a file that it wrote and that is
    /// remembered, or by a pipe or a socket whose reader is.
    #[must_use]
    pub fn hands_on(&self, process: ProcessKey) -> bool {
        let Some(node) = self.processes.get(&process) else { return false };
        let is_other = |reader: &ProcessKey| *reader != process && self.processes.contains_key(reader);
        node.wrote.iter().any(|file| self.files.contains_key(file))
            || node.pipes.iter().any(|&key| self.pipes.readers(key).iter().any(is_other))
            || node.feeds.iter().any(|receiver| self.hears(*receiver, process))
    }

    /// Whether the process starts what others asked for, as a scheduler or a runner of jobs does. It reads what its
    /// children print, and writes logs and scripts: those are not made of what the children printed.
    pub fn launches(&mut self, process: ProcessKey, launches: bool) {
        if launches {
            self.processes.entry(process).or_default().launches = true;
        } else if let Some(node) = self.processes.get_mut(&process) {
            node.launches = false;
        }
    }

    /// Whether what `sender` carries reaches a process by a socket.
    fn hears(&self, process: ProcessKey, sender: ProcessKey) -> bool {
        let Some(node) = self.processes.get(&process).filter(|_| process != sender) else { return false };
        node.peers.iter().any(|peer| peer.process == sender && node.follows(peer))
    }

    /// What the process itself read.
    #[must_use]
    pub fn own(&self, process: ProcessKey) -> Option<&Carried> {
        self.processes.get(&process).map(|node| &node.own)
    }

    /// Written files dropped from memory because there were too many, since the last call.
    pub fn take_forgotten_files(&mut self) -> u64 {
        std::mem::take(&mut self.forgotten_files)
    }

    /// Ends of pipes and sockets that could not be remembered, since the last call.
    pub fn take_forgotten_ends(&mut self) -> u64 {
        let peers = std::mem::take(&mut self.forgotten_peers);
        self.pipes.take_untracked().saturating_add(self.hops.take_evicted()).saturating_add(peers)
    }

    fn read(&mut self, process: ProcessKey, open: &Open, class: &FileClass) -> bool {
        let written = self
            .files
            .get(&open.file)
            .filter(|file| file.frozen.is_some() || file.writers.iter().any(|&writer| writer != process));
        let derived = written.is_some_and(|file| {
            file.frozen.as_ref().is_some_and(|frozen| !frozen.is_empty())
                || file.writers.iter().any(|&writer| writer != process && self.puts_into_files(writer))
        });
        if written.is_some() {
            self.source(process, Source::File(open.file));
        }
        let wrote = self.files.get(&open.file).is_some_and(|file| file.writers.contains(&process));
        let own = wrote && self.carries(process);
        if derived || own || (class.is_collection() && !class.quiet) {
            let path = open.path.bytes.clone();
            let origin = Origin { path, size: open.size, class: class.into(), derived, own };
            self.processes.entry(process).or_default().own.add(open.file, origin);
        }
        derived
    }

    fn write(&mut self, process: ProcessKey, open: &Open) {
        if !self.files.contains_key(&open.file) {
            if self.files.len() >= FILES_MAX {
                self.make_room();
            }
            self.files_order.push_back(open.file);
        }
        let new = || FileNode { path: open.path.bytes.clone(), ..FileNode::default() };
        let file = self.files.entry(open.file).or_insert_with(new);
        if open.read && IN_MEMORY.contains(&open.magic) {
            push_latest(&mut file.sharers, process, WRITERS_MAX);
        }
        self.writes(process, open.file);
    }

    /// A process writes into a file that is remembered.
    fn writes(&mut self, process: ProcessKey, key: FileKey) {
        let Some(file) = self.files.get_mut(&key) else { return };
        let is_new = push_latest(&mut file.writers, process, WRITERS_MAX).is_new();
        let sharers = if is_new { file.sharers.clone() } else { Vec::new() };
        let node = self.processes.entry(process).or_default();
        if node.wrote.len() < WROTE_MAX && !node.wrote.contains(&key) {
            node.wrote.push(key);
        }
        // Whoever has it open both ways reads what this one will write.
        for sharer in sharers.into_iter().filter(|&sharer| sharer != process) {
            self.source(sharer, Source::File(key));
        }
    }

    /// The oldest file goes, but those that hold what somebody strongly suspected collected stay longer.
    fn make_room(&mut self) {
        let mut passed_over = 0;
        while let Some(oldest) = self.files_order.pop_front() {
            if passed_over < PASSED_OVER_MAX && self.is_held(oldest) {
                passed_over += 1;
                self.files_order.push_back(oldest);
            } else if let Some(file) = self.files.remove(&oldest) {
                // Where nobody's data is, nothing is lost: hosts that build software write such files all day.
                let frozen = file.frozen.is_some_and(|frozen| !frozen.is_empty());
                let holds = frozen || file.writers.iter().any(|&writer| self.puts_into_files(writer));
                self.forgotten_files += u64::from(holds);
                return;
            }
        }
    }

    fn is_held(&self, file: FileKey) -> bool {
        let Some(file) = self.files.get(&file) else { return false };
        let mut held = false;
        for &writer in &file.writers {
            self.walk(writer, |handler, _| {
                held |=
                    handler.and_then(|handler| self.processes.get(&handler)).is_some_and(|node| node.held);
                if held { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        held
    }

    fn source(&mut self, process: ProcessKey, source: Source) {
        push_latest(&mut self.processes.entry(process).or_default().sources, source, SOURCES_MAX);
    }
}

/// What adding to a bounded list did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pushed {
    /// It was there.
    Known,
    /// There was room.
    Added,
    /// The oldest one made room.
    Replaced,
}

impl Pushed {
    const fn is_new(self) -> bool {
        matches!(self, Self::Added | Self::Replaced)
    }
}

/// Adds to the latest `most` of a list, without doubles.
fn push_latest<T: PartialEq>(list: &mut Vec<T>, item: T, most: usize) -> Pushed {
    if list.contains(&item) {
        return Pushed::Known;
    }
    let full = list.len() >= most;
    if full {
        list.remove(0);
    }
    list.push(item);
    if full { Pushed::Replaced } else { Pushed::Added }
}

#[cfg(test)]
mod tests;
