//! What is kept over a restart: processes whose evidence is needed, and the ancestors that tell whose work it was.

use std::sync::Arc;

use super::{Entry, Table, WITNESSES_MAX};
use crate::{
    event::{BootTime, ProcessKey},
    process::Process,
};

impl Table {
    /// All processes that `needed` names and their ancestors within the story, parents first.
    pub fn witnesses(&self, needed: impl Fn(ProcessKey) -> bool) -> Vec<(ProcessKey, &Arc<Process>)> {
        let mut keys: Vec<ProcessKey> = self.entries.keys().copied().filter(|&key| needed(key)).collect();
        keys.sort_unstable_by_key(|key| (key.start_ticks, key.pid));
        let mut found = std::collections::HashSet::new();
        let mut listed = Vec::new();
        for key in keys {
            let ancestors = self.lineage(key).into_iter().rev().map(|ancestor| ancestor.key);
            for key in ancestors.chain([key]) {
                if found.insert(key) {
                    listed.extend(self.entries.get(&key).map(|entry| (entry.story, &entry.process)));
                }
            }
        }
        listed
    }

    /// Takes over a process of an earlier run, a parent before its children. It counts as ended, when nothing else is
    /// known as of the end of that run, until it is seen to live. What kernel records said already stays.
    pub fn restore(&mut self, mut process: Process, story: ProcessKey, saved: BootTime) {
        let key = process.key;
        if self.entries.contains_key(&key) || self.witnesses.len() >= WITNESSES_MAX {
            return;
        }
        let ended = *process.ended.get_or_insert(saved);
        if let Some(parent) = process.parent.and_then(|parent| self.entries.get_mut(&parent)) {
            parent.children = parent.children.saturating_add(1);
        }
        let entry = Entry { process: Arc::new(process), story, children: 0, cause: None, restored: true };
        self.entries.insert(key, entry);
        self.settle_cause(key);
        self.witnesses.push_back((ended, key));
    }
}
