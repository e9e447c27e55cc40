//! The table itself: who is there, whose child it is, and to which story it belongs.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Process, story};
use crate::event::{BootTime, Exec, Fork, Identity, ProcessKey, Script, Seen};

/// Ancestors that a walk visits at most.
pub const LINEAGE_MAX: usize = 32;
/// Processes held at once; beyond it the longest-ended ones go first.
pub const PROCESSES_MAX: usize = 131_072;
/// How long an ended process without living children stays, so that late records and alerts still find it.
const ENDED_RETENTION_NS: u64 = 600_000_000_000;

/// All processes that the agent knows, living and recently ended.
#[derive(Debug, Default)]
pub struct Table {
    entries: HashMap<ProcessKey, Entry>,
    ended: VecDeque<(BootTime, ProcessKey)>,
    evicted: u64,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    story: ProcessKey,
    children: u32,
}

impl Table {
    /// A process that stood before the agent. What a kernel record said of it already stays.
    pub fn seen(&mut self, key: ProcessKey, seen: &Seen, now: BootTime) {
        if self.entries.get(&key).is_some_and(|entry| !entry.process.unknown) {
            return;
        }
        let process = Process {
            key,
            parent: (seen.parent.pid != 0).then_some(seen.parent),
            comm: seen.comm.clone(),
            exe: crate::event::Path { bytes: seen.exe.clone(), ..Default::default() },
            exe_unlinked: seen.deleted,
            argv: seen.argv.clone().into(),
            cwd: crate::event::Path { bytes: seen.cwd.clone(), ..Default::default() },
            ids: seen.ids,
            fds: [0, 1, 2].map(|fd| {
                seen.fds.iter().find(|found| found.fd == fd).map(|found| found.object).unwrap_or_default()
            }),
            preexisting: true,
            last_seen: now,
            ..Process::default()
        };
        self.insert(process);
    }

    /// A new process: the child begins as a copy of its parent.
    pub fn fork(&mut self, parent: ProcessKey, fork: &Fork, now: BootTime) {
        let mut process = Process::clone(self.ensure(parent, now));
        process.key = fork.child;
        process.parent = Some(parent);
        process.comm = fork.comm.clone();
        process.ids.uid = fork.uid;
        process.preexisting = false;
        process.unknown = process.exe.bytes.is_empty() && process.argv.is_empty();
        process.execs = 0;
        process.ended = None;
        process.last_seen = now;
        // An exec record may have come first: what it said is newer than what the parent was.
        if let Some(known) = self.entries.get(&fork.child)
            && known.process.execs > 0
        {
            process = Process { parent: Some(parent), ..Process::clone(&known.process) };
        }
        self.insert(process);
    }

    /// A program was started.
    pub fn exec(&mut self, key: ProcessKey, exec: &Exec, now: BootTime) {
        let known = self.ensure(key, now);
        let process = Process {
            key,
            parent: known.parent.or((exec.parent.pid != 0).then_some(exec.parent)),
            comm: exec.comm.clone(),
            exe: exec.exe.clone(),
            exe_file: exec.exe_file,
            exe_unlinked: exec.deleted || exec.memfd,
            filename: exec.filename.clone(),
            shebang: exec.script.clone(),
            argv: exec.argv.clone().into(),
            argv_truncated: exec.argv_truncated,
            cwd: exec.cwd.clone(),
            ids: exec.ids,
            fds: exec.fds,
            script: None,
            identity: Arc::clone(&known.identity),
            preexisting: known.preexisting,
            unknown: false,
            execs: known.execs.saturating_add(1),
            last_seen: now,
            ended: known.ended,
        };
        self.insert(process);
    }

    /// The last thread is gone.
    pub fn exit(&mut self, key: ProcessKey, now: BootTime) {
        self.ensure(key, now);
        self.change(key, |process| process.ended = Some(now));
        self.ended.push_back((now, key));
    }

    /// Container, unit and user are known.
    pub fn identify(&mut self, key: ProcessKey, identity: &Identity, now: BootTime) {
        self.ensure(key, now);
        self.change(key, |process| process.identity = Arc::new(identity.clone()));
    }

    /// The script that it runs is known.
    pub fn script(&mut self, key: ProcessKey, script: &Script, now: BootTime) {
        self.ensure(key, now);
        self.change(key, |process| process.script = Some(Arc::new(script.clone())));
    }

    /// The process, if it is known.
    #[must_use]
    pub fn get(&self, key: ProcessKey) -> Option<&Arc<Process>> {
        self.entries.get(&key).map(|entry| &entry.process)
    }

    /// The process; one of which nothing but its key is known when its records were lost.
    pub fn ensure(&mut self, key: ProcessKey, now: BootTime) -> &Arc<Process> {
        if !self.entries.contains_key(&key) {
            self.insert(Process { key, unknown: true, last_seen: now, ..Process::default() });
        }
        &self
            .entries
            .entry(key)
            .or_insert_with(|| Entry { process: Arc::default(), story: key, children: 0 })
            .process
    }

    /// Root of the story to which a process belongs; itself when it is unknown.
    #[must_use]
    pub fn story(&self, key: ProcessKey) -> ProcessKey {
        self.entries.get(&key).map_or(key, |entry| entry.story)
    }

    /// Ancestors within the story, nearest first, at most [`LINEAGE_MAX`].
    #[must_use]
    pub fn lineage(&self, key: ProcessKey) -> Vec<&Arc<Process>> {
        let story = self.story(key);
        let mut lineage = Vec::new();
        let mut at = key;
        while at != story && lineage.len() < LINEAGE_MAX {
            let Some(parent) = self.get(at).and_then(|process| process.parent).and_then(|key| self.get(key))
            else {
                break;
            };
            lineage.push(parent);
            at = parent.key;
        }
        lineage
    }

    /// Drops ended processes whose time has come; `forget` is told each, after its story.
    pub fn expire(&mut self, now: BootTime, mut forget: impl FnMut(ProcessKey, ProcessKey)) {
        while let Some(&(ended, key)) = self.ended.front() {
            let over = self.entries.len() > PROCESSES_MAX;
            if !over && now.saturating_sub(ended) < ENDED_RETENTION_NS {
                break;
            }
            self.ended.pop_front();
            let children = self.entries.get(&key).map_or(0, |entry| entry.children);
            if children > 0 && !over {
                // Its children still need it as a link to their root; it is looked at again later.
                self.ended.push_back((now, key));
                continue;
            }
            if over {
                self.evicted += 1;
            }
            let Some(gone) = self.entries.remove(&key) else { continue };
            if let Some(entry) = gone.process.parent.and_then(|parent| self.entries.get_mut(&parent)) {
                entry.children = entry.children.saturating_sub(1);
            }
            forget(gone.story, key);
        }
        if self.entries.len() > PROCESSES_MAX {
            self.make_room(&mut forget);
        }
    }

    /// Makes room when processes whose end was never seen fill the table: the sixteenth that was heard of longest
    /// ago goes.
    fn make_room(&mut self, forget: &mut impl FnMut(ProcessKey, ProcessKey)) {
        let mut heard: Vec<(BootTime, ProcessKey)> =
            self.entries.iter().map(|(&key, entry)| (entry.process.last_seen, key)).collect();
        heard.sort_unstable();
        for (_, key) in heard.into_iter().take(PROCESSES_MAX / 16) {
            self.evicted += 1;
            if let Some(gone) = self.entries.remove(&key) {
                forget(gone.story, key);
            }
        }
    }

    /// Processes held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Ended processes dropped before their time because the table was full, since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn insert(&mut self, process: Process) {
        let key = process.key;
        let parent = process.parent;
        let old = self.entries.get(&key);
        let children = old.map_or(0, |entry| entry.children);
        let old_parent = old.and_then(|entry| entry.process.parent);
        let story = match (old, parent.and_then(|parent| self.entries.get(&parent))) {
            // What a process belongs to is settled by the fork; its own or its parent's later execs move nobody.
            (Some(old), _) if old_parent == parent => old.story,
            (_, Some(parent)) if !story::is_launcher(&parent.process) => parent.story,
            (Some(_) | None, _) => key,
        };
        if old_parent != parent {
            if let Some(entry) = old_parent.and_then(|parent| self.entries.get_mut(&parent)) {
                entry.children = entry.children.saturating_sub(1);
            }
            if let Some(entry) = parent.and_then(|parent| self.entries.get_mut(&parent)) {
                entry.children = entry.children.saturating_add(1);
            }
        }
        self.entries.insert(key, Entry { process: Arc::new(process), story, children });
    }

    fn change(&mut self, key: ProcessKey, change: impl FnOnce(&mut Process)) {
        if let Some(entry) = self.entries.get_mut(&key) {
            change(Arc::make_mut(&mut entry.process));
        }
    }
}

#[cfg(test)]
mod tests;
