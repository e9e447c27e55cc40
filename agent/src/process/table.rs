//! The table itself: who is there, whose child it is, and to which story it belongs.

mod restore;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, sync::Arc};

use super::{Process, cause::Cause, story};
use crate::{
    event::{BootTime, Exec, Fork, Identity, ProcessKey, Script, Seen},
    hash::Map,
};

/// Ancestors that a walk visits at most.
pub const LINEAGE_MAX: usize = 32;
/// Processes held at once; beyond it the longest-ended ones go first.
pub const PROCESSES_MAX: usize = 131_072;
/// How long an ended process without living children stays, so that late records and alerts still find it.
const ENDED_RETENTION_NS: u64 = 600_000_000_000;
/// How long one stays whose evidence is needed, since data lives that it had in its hands: a day, so that a collector at
/// noon is still known to an uploader at night.
pub const EVIDENCE_RETENTION_NS: u64 = 24 * 3_600 * 1_000_000_000;
/// Ended processes that stay for their evidence; beyond it the longest-ended one goes. At some 2 kB each with their
/// signals and files 16 MB.
pub const WITNESSES_MAX: usize = 8_192;

/// All processes that the agent knows, living and recently ended.
#[derive(Debug, Default)]
pub struct Table {
    entries: Map<ProcessKey, Entry>,
    ended: VecDeque<(BootTime, ProcessKey)>,
    /// Ended ones that stay for their evidence.
    witnesses: VecDeque<(BootTime, ProcessKey)>,
    evicted: u64,
    witnesses_evicted: u64,
}

#[derive(Debug)]
struct Entry {
    process: Arc<Process>,
    story: ProcessKey,
    children: u32,
    /// Of the root of a story: what its next run has too.
    cause: Option<Cause>,
    /// Known from an earlier run alone: whether it still lives is to be seen.
    restored: bool,
}

impl Table {
    /// A process that stood before the agent. What a kernel record said of it already stays.
    pub fn seen(&mut self, key: ProcessKey, seen: &Seen, now: BootTime) {
        if let Some(entry) = self.entries.get_mut(&key).filter(|entry| !entry.process.unknown)
            && (!entry.restored || entry.process.exe.bytes == seen.exe)
        {
            // What an earlier run knew lives on, with its evidence.
            if std::mem::take(&mut entry.restored) {
                Arc::make_mut(&mut entry.process).ended = None;
            }
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
        process.begin_missed = false;
        process.execs = 0;
        // Its exit record may have come first.
        process.ended = self.entries.get(&fork.child).and_then(|known| known.process.ended);
        process.last_seen = now;
        // An exec record may have come first: what it said is newer than what the parent was.
        if let Some(known) = self.entries.get(&fork.child)
            && known.process.execs > 0
        {
            process = Process { parent: Some(parent), begin_missed: false, ..Process::clone(&known.process) };
        }
        self.insert(process);
    }

    /// A program was started.
    pub fn exec(&mut self, key: ProcessKey, exec: &Exec, now: BootTime) {
        let restored = self.entries.get(&key).is_some_and(|entry| entry.restored);
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
            begin_missed: known.begin_missed,
            unknown: false,
            execs: known.execs.saturating_add(1),
            last_seen: now,
            // What an earlier run knew counts as ended only as long as nothing is heard of it.
            ended: known.ended.filter(|_| !restored),
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
        self.settle_cause(key);
    }

    /// The script that it runs is known.
    pub fn script(&mut self, key: ProcessKey, script: &Script, now: BootTime) {
        self.ensure(key, now);
        self.change(key, |process| process.script = Some(Arc::new(script.clone())));
        self.settle_cause(key);
    }

    /// The process, if it is known.
    #[must_use]
    pub fn get(&self, key: ProcessKey) -> Option<&Arc<Process>> {
        self.entries.get(&key).map(|entry| &entry.process)
    }

    /// The process; one of which nothing but its key is known when its records were lost.
    pub fn ensure(&mut self, key: ProcessKey, now: BootTime) -> &Arc<Process> {
        if !self.entries.contains_key(&key) {
            let missed =
                Process { key, unknown: true, begin_missed: true, last_seen: now, ..Process::default() };
            self.insert(missed);
        }
        &self
            .entries
            .entry(key)
            .or_insert_with(|| Entry {
                process: Arc::default(),
                story: key,
                children: 0,
                cause: None,
                restored: false,
            })
            .process
    }

    /// Root of the story to which a process belongs; itself when it is unknown.
    #[must_use]
    pub fn story(&self, key: ProcessKey) -> ProcessKey {
        self.entries.get(&key).map_or(key, |entry| entry.story)
    }

    /// What the story with that root has in common with its next run; none where the root is unknown or gone.
    #[must_use]
    pub fn cause(&self, story: ProcessKey) -> Option<Cause> {
        self.entries.get(&story)?.cause
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

    /// Drops ended processes whose time has come; `forget` is told each. Those that `needed` names stay
    /// for a day, as far as there is room.
    pub fn expire(
        &mut self,
        now: BootTime,
        needed: impl Fn(ProcessKey) -> bool,
        mut forget: impl FnMut(ProcessKey),
    ) {
        while let Some(&(ended, key)) = self.ended.front() {
            let over = self.entries.len() > PROCESSES_MAX;
            if !over && now.saturating_sub(ended) < ENDED_RETENTION_NS {
                break;
            }
            self.ended.pop_front();
            if self.has_children(key) && !over {
                // Its children still need it as a link to their root; it is looked at again later.
                self.ended.push_back((now, key));
            } else if self.entries.contains_key(&key) && needed(key) {
                self.witnesses.push_back((ended, key));
            } else {
                self.evicted += u64::from(over);
                self.remove(key, &mut forget);
            }
        }
        self.expire_witnesses(now, &mut forget);
        if self.entries.len() > PROCESSES_MAX {
            self.make_room(&needed, &mut forget);
        }
    }

    fn expire_witnesses(&mut self, now: BootTime, forget: &mut impl FnMut(ProcessKey)) {
        // Each is looked at once at most: one with children is put behind the others.
        for _ in 0..self.witnesses.len() {
            let Some(&(ended, key)) = self.witnesses.front() else { return };
            let full = self.witnesses.len() > WITNESSES_MAX;
            if !full && now.saturating_sub(ended) < EVIDENCE_RETENTION_NS {
                return;
            }
            self.witnesses.pop_front();
            if self.get(key).is_some_and(|process| process.ended.is_none()) {
                // An earlier run knew it, and it lives.
                continue;
            }
            if self.has_children(key) && !full {
                self.witnesses.push_back((now, key));
            } else {
                self.witnesses_evicted += u64::from(full);
                self.remove(key, forget);
            }
        }
    }

    /// Makes room when processes whose end was never seen fill the table: the sixteenth that was heard of longest
    /// ago goes.
    fn make_room(&mut self, needed: &impl Fn(ProcessKey) -> bool, forget: &mut impl FnMut(ProcessKey)) {
        let mut heard: Vec<(BootTime, ProcessKey)> =
            self.entries.iter().map(|(&key, entry)| (entry.process.last_seen, key)).collect();
        heard.sort_unstable();
        for (_, key) in heard.into_iter().take(PROCESSES_MAX / 16).filter(|&(_, key)| !needed(key)) {
            self.evicted += 1;
            self.remove(key, forget);
        }
    }

    fn has_children(&self, key: ProcessKey) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.children > 0)
    }

    fn remove(&mut self, key: ProcessKey, forget: &mut impl FnMut(ProcessKey)) {
        let Some(gone) = self.entries.remove(&key) else { return };
        if let Some(entry) = gone.process.parent.and_then(|parent| self.entries.get_mut(&parent)) {
            entry.children = entry.children.saturating_sub(1);
        }
        forget(key);
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

    /// Processes whose evidence was dropped before its day was over because there were too many, since the last call.
    pub fn take_witnesses_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.witnesses_evicted)
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
        let entry = Entry { process: Arc::new(process), story, children, cause: None, restored: false };
        self.entries.insert(key, entry);
        self.settle_cause(key);
    }

    /// The root's program, surroundings or script became known.
    fn settle_cause(&mut self, key: ProcessKey) {
        let Some(entry) = self.entries.get(&key).filter(|entry| entry.story == key) else { return };
        let parent = entry.process.parent.and_then(|parent| self.get(parent));
        let cause = Cause::of(&entry.process, parent.map(Arc::as_ref));
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.cause = cause;
        }
    }

    fn change(&mut self, key: ProcessKey, change: impl FnOnce(&mut Process)) {
        if let Some(entry) = self.entries.get_mut(&key) {
            change(Arc::make_mut(&mut entry.process));
        }
    }
}
