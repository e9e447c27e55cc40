//! What the drain knows of each entry: its last value, whether it is to be read or deleted, and who owns it.

use std::{
    collections::{HashMap, HashSet, hash_map},
    hash::Hash,
};

use agent_common::{
    net::{FlowKey, FlowValue},
    process::ProcessKey as WireKey,
};

use crate::event::{BootTime, ProcessKey};

/// The sums of an entry as last read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums([u64; 4]);

impl Sums {
    pub(super) fn of(value: &FlowValue) -> Self {
        Self([value.tx_bytes, value.rx_bytes, value.tx_calls, value.rx_calls])
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    sums: Sums,
    changed_at: Option<BootTime>,
    announced: bool,
    ends_at: Option<BootTime>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Overflow {
    sums: Sums,
    ending: bool,
}

/// Entries by key, by socket and by process. As large as the kernel's tables at most, apart from keys announced
/// since the last drain.
#[derive(Debug, Default)]
pub(super) struct Tracked {
    flows: HashMap<FlowKey, State>,
    sockets: HashMap<u64, HashSet<FlowKey>>,
    processes: HashMap<ProcessKey, HashSet<FlowKey>>,
    overflow: HashMap<WireKey, Overflow>,
}

impl Tracked {
    /// Whether `key` was not announced before.
    pub(super) fn announce(&mut self, key: &FlowKey) -> bool {
        !std::mem::replace(&mut self.state(key).announced, true)
    }

    pub(super) fn unannounce(&mut self, key: &FlowKey) {
        self.state(key).announced = false;
    }

    /// Takes back the end of a flow that moves again.
    pub(super) fn revive(&mut self, key: &FlowKey) {
        self.state(key).ends_at = None;
    }

    /// Sets the end of a flow; false when it was set before.
    pub(super) fn end(&mut self, key: &FlowKey, due: BootTime) -> bool {
        let ends_at = &mut self.state(key).ends_at;
        let first = ends_at.is_none();
        ends_at.get_or_insert(due);
        first
    }

    pub(super) fn is_ending(&self, key: &FlowKey, due: BootTime) -> bool {
        self.flows.get(key).is_some_and(|state| state.ends_at == Some(due))
    }

    /// Keeps the sums; whether they changed.
    pub(super) fn update(&mut self, key: &FlowKey, sums: Sums, now: BootTime) -> bool {
        let state = self.state(key);
        let changed = state.sums != sums;
        if changed || state.changed_at.is_none() {
            state.changed_at = Some(now);
        }
        state.sums = sums;
        changed
    }

    /// Since when a flow did not change.
    pub(super) fn silent_since(&self, key: &FlowKey) -> Option<BootTime> {
        self.flows.get(key)?.changed_at
    }

    pub(super) fn forget(&mut self, key: &FlowKey) {
        self.flows.remove(key);
        remove_from(&mut self.sockets, key.cookie, key);
        remove_from(&mut self.processes, key.process.into(), key);
    }

    pub(super) fn of_socket(&self, cookie: u64) -> Vec<FlowKey> {
        self.sockets.get(&cookie).into_iter().flatten().copied().collect()
    }

    pub(super) fn of_process(&self, process: ProcessKey) -> Vec<FlowKey> {
        self.processes.get(&process).into_iter().flatten().copied().collect()
    }

    /// Processes with entries.
    pub(super) fn processes(&self) -> impl Iterator<Item = ProcessKey> + '_ {
        self.processes.keys().copied().chain(self.overflow.keys().map(|&key| key.into()))
    }

    pub(super) fn has_overflow(&self, process: &WireKey) -> bool {
        self.overflow.contains_key(process)
    }

    /// Keeps the sums of an overflow entry; whether they changed.
    pub(super) fn update_overflow(&mut self, process: &WireKey, sums: Sums) -> bool {
        let entry = self.overflow.entry(*process).or_default();
        std::mem::replace(&mut entry.sums, sums) != sums
    }

    /// False when its end was set before.
    pub(super) fn end_overflow(&mut self, process: &WireKey) -> bool {
        let entry = self.overflow.entry(*process).or_default();
        !std::mem::replace(&mut entry.ending, true)
    }

    pub(super) fn forget_overflow(&mut self, process: &WireKey) {
        self.overflow.remove(process);
    }

    fn state(&mut self, key: &FlowKey) -> &mut State {
        match self.flows.entry(*key) {
            hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hash_map::Entry::Vacant(entry) => {
                self.sockets.entry(key.cookie).or_default().insert(*key);
                self.processes.entry(key.process.into()).or_default().insert(*key);
                entry.insert(State::default())
            }
        }
    }
}

fn remove_from<K: Hash + Eq>(index: &mut HashMap<K, HashSet<FlowKey>>, owner: K, key: &FlowKey) {
    if let hash_map::Entry::Occupied(mut entry) = index.entry(owner) {
        entry.get_mut().remove(key);
        if entry.get().is_empty() {
            entry.remove();
        }
    }
}
