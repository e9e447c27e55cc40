//! Reads the kernel's byte ledger: announced flows at every drain, everything at a slow sweep, and deletes an
//! entry only after its end and a grace period, so that its last bytes are read.
//!
//! Values are cumulative. An entry that was deleted and comes back (a datagram socket that was silent for minutes)
//! begins from zero, which its time of the first byte tells. A value below the last one of the same entry is an older
//! reading: news of a flow carry the sums of their own moment, and a drain reads a little after the time that it bears.

mod table;
mod tracked;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, num::NonZeroUsize, time::Duration};

use agent_common::{
    limits::LEDGER_ENTRIES,
    net::{FlowKey, FlowValue},
    process::ProcessKey as WireKey,
};
use aya::maps::MapError;
use lru::LruCache;

use super::clock::after;
use crate::event::{BootTime, Event, Fact, FlowWhat, ProcessKey, decode};
use tracked::{Sums, Tracked};

pub use table::{BpfTable, Table};

/// Time from the end of a socket or process to the deletion of its entries: longer than any delay between a last
/// byte and its count.
const GRACE: Duration = Duration::from_secs(5);
/// Time between two sweeps, which find what no announcement named.
const SWEEP: Duration = Duration::from_mins(1);
/// Time without a byte after which the entry of a datagram or raw socket is deleted: the end of such a socket is
/// not seen, and a resolver makes one for each question.
const DATAGRAM_IDLE: Duration = Duration::from_mins(3);
/// With more entries than this a missed end can be one too many for the others.
const CROWDED: usize = LEDGER_ENTRIES as usize / 2;
/// Time without a byte after which a crowded ledger lets a connection go. Most such have ended, and the change that would
/// have told of it was missed; one that lives on begins a new entry with its next byte, and loses no more than the
/// memory of who opened it.
const CONNECTION_IDLE: Duration = Duration::from_mins(10);
/// Ends that are remembered for entries which nobody announced.
const ENDS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(16_383);
/// `SOCK_STREAM`.
const SOCK_STREAM: u16 = 1;

/// Something whose end deletes entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Owner {
    Socket(u64),
    Process(ProcessKey),
}

/// An entry of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum EntryKey {
    Flow(FlowKey),
    Overflow(WireKey),
}

/// The drain of the ledger.
#[derive(Debug)]
pub struct Ledger<T> {
    table: T,
    interval: Duration,
    epoch: u64,
    tracked: Tracked,
    /// Flows to read at the next drain.
    announced: Vec<FlowKey>,
    next_drain: Option<BootTime>,
    next_sweep: BootTime,
    /// Entries to delete, by time.
    ending: VecDeque<(BootTime, EntryKey)>,
    ends: LruCache<Owner, ()>,
    /// The overflow table has entries that move.
    overflowing: bool,
    /// Entries whose direction made no sense.
    undecodable: u64,
}

impl<T: Table> Ledger<T> {
    /// A drain of `table` every `interval` while something flows.
    #[must_use]
    pub fn new(table: T, interval: Duration, now: BootTime) -> Self {
        Self {
            table,
            interval,
            epoch: 0,
            tracked: Tracked::default(),
            announced: Vec::new(),
            next_drain: None,
            next_sweep: after(now, SWEEP),
            ending: VecDeque::new(),
            ends: LruCache::new(ENDS),
            overflowing: false,
            undecodable: 0,
        }
    }

    /// Takes note of a flow record: `what` happened to `key` at `now`.
    pub fn note(&mut self, what: FlowWhat, key: &FlowKey, now: BootTime) {
        match what {
            FlowWhat::Active => {
                self.tracked.revive(key);
                self.announce(*key, now);
            }
            FlowWhat::Closed => self.end(Owner::Socket(key.cookie), now),
            FlowWhat::Connect | FlowWhat::Accepted | FlowWhat::Snapshot => {}
        }
    }

    /// Takes note that a process ended.
    pub fn note_exit(&mut self, process: ProcessKey, now: BootTime) {
        self.end(Owner::Process(process), now);
    }

    /// Takes note that the kernel counted into the overflow table.
    pub fn note_overflow(&mut self, now: BootTime) {
        self.overflowing = true;
        self.next_drain.get_or_insert(after(now, self.interval));
    }

    /// When [`Self::drain`] has something to do. While nothing flows only the sweep is due.
    #[must_use]
    pub fn next_due(&self) -> BootTime {
        let ending = self.ending.front().map(|&(due, _)| due);
        [self.next_drain, ending].into_iter().flatten().fold(self.next_sweep, BootTime::min)
    }

    /// Entries whose direction made no sense, since the last call.
    pub fn take_undecodable(&mut self) -> u64 {
        std::mem::take(&mut self.undecodable)
    }

    /// Reads what is due and returns a snapshot of each entry that changed. `is_alive` is asked at a sweep, to
    /// delete the entries of processes whose end was not seen.
    ///
    /// # Errors
    ///
    /// When a map cannot be read or written.
    pub fn drain(
        &mut self,
        now: BootTime,
        is_alive: impl Fn(ProcessKey) -> bool,
    ) -> Result<Vec<Event>, MapError> {
        let mut events = Vec::new();
        if self.next_drain.is_some_and(|due| due <= now) {
            self.read_announced(now, &mut events)?;
        }
        self.delete_ended(now, &mut events)?;
        if self.next_sweep <= now {
            self.sweep(now, &mut events)?;
            self.end_the_dead(now, is_alive);
            self.next_sweep = after(now, SWEEP);
        }
        Ok(events)
    }

    /// Reads every entry and returns a snapshot of each that changed: for the stop.
    ///
    /// # Errors
    ///
    /// When a map cannot be read.
    pub fn drain_all(&mut self, now: BootTime) -> Result<Vec<Event>, MapError> {
        let mut events = Vec::new();
        self.sweep(now, &mut events)?;
        Ok(events)
    }

    fn announce(&mut self, key: FlowKey, now: BootTime) {
        if self.tracked.announce(&key) {
            self.announced.push(key);
        }
        self.next_drain.get_or_insert(after(now, self.interval));
    }

    fn read_announced(&mut self, now: BootTime, events: &mut Vec<Event>) -> Result<(), MapError> {
        // The epoch rises first: whatever is counted after the reads below announces its flow anew.
        self.epoch += 1;
        self.table.set_epoch(self.epoch)?;
        for key in std::mem::take(&mut self.announced) {
            self.tracked.unannounce(&key);
            let Some(value) = self.table.flow(&key)? else {
                self.tracked.forget(&key);
                continue;
            };
            // A program that read the old epoch may still be counting: a flow that moved is read once more.
            if self.snapshot(&key, &value, now, events) && self.tracked.announce(&key) {
                self.announced.push(key);
            }
        }
        if self.overflowing {
            self.overflowing = self.read_overflow(now, events)?;
        }
        let more = self.overflowing || !self.announced.is_empty();
        self.next_drain = more.then(|| after(now, self.interval));
        Ok(())
    }

    fn delete_ended(&mut self, now: BootTime, events: &mut Vec<Event>) -> Result<(), MapError> {
        while let Some(&(due, entry)) = self.ending.front().filter(|&&(due, _)| due <= now) {
            self.ending.pop_front();
            match entry {
                EntryKey::Flow(key) if self.tracked.is_ending(&key, due) => {
                    if let Some(value) = self.table.flow(&key)? {
                        self.snapshot(&key, &value, now, events);
                        self.table.remove_flow(&key)?;
                    }
                    self.tracked.forget(&key);
                }
                // It moved again since, so that another end is awaited.
                EntryKey::Flow(_) => {}
                EntryKey::Overflow(process) => {
                    if let Some(value) = self.table.overflow(&process)? {
                        self.overflow_snapshot(&process, &value, now, events);
                        self.table.remove_overflow(&process)?;
                    }
                    self.tracked.forget_overflow(&process);
                }
            }
        }
        Ok(())
    }

    fn sweep(&mut self, now: BootTime, events: &mut Vec<Event>) -> Result<(), MapError> {
        let flows = self.table.flows()?;
        let crowded = flows.len() > CROWDED;
        for (key, value) in flows {
            let changed = self.snapshot(&key, &value, now, events);
            let ended = self.ends.contains(&Owner::Socket(key.cookie))
                || self.ends.contains(&Owner::Process(key.process.into()));
            let silent =
                |patience| self.tracked.silent_since(&key).is_some_and(|since| after(since, patience) <= now);
            let is_stream = value.sock_type == SOCK_STREAM;
            let silent = if is_stream { crowded && silent(CONNECTION_IDLE) } else { silent(DATAGRAM_IDLE) };
            if !changed && (ended || silent) {
                self.end_flow(key, now);
                if is_stream && silent {
                    self.emit(FlowWhat::Closed, &key, &value, now, events);
                }
            }
        }
        self.read_overflow(now, events)?;
        Ok(())
    }

    /// Whether an entry changed.
    fn read_overflow(&mut self, now: BootTime, events: &mut Vec<Event>) -> Result<bool, MapError> {
        let mut changed = false;
        for (process, value) in self.table.overflows()? {
            changed |= self.overflow_snapshot(&process, &value, now, events);
            if self.ends.contains(&Owner::Process(process.into())) {
                self.end_overflow(process, now);
            }
        }
        Ok(changed)
    }

    fn end_the_dead(&mut self, now: BootTime, is_alive: impl Fn(ProcessKey) -> bool) {
        let dead: Vec<_> = self.tracked.processes().filter(|&process| !is_alive(process)).collect();
        for process in dead {
            self.end(Owner::Process(process), now);
        }
    }

    fn end(&mut self, owner: Owner, now: BootTime) {
        self.ends.put(owner, ());
        let keys = match owner {
            Owner::Socket(cookie) => self.tracked.of_socket(cookie),
            Owner::Process(process) => {
                if self.tracked.has_overflow(&process.into()) {
                    self.end_overflow(process.into(), now);
                }
                self.tracked.of_process(process)
            }
        };
        for key in keys {
            // The last bytes are wanted at the next drain already, not after the grace period.
            self.announce(key, now);
            self.end_flow(key, now);
        }
    }

    fn end_flow(&mut self, key: FlowKey, now: BootTime) {
        let due = after(now, GRACE);
        if self.tracked.end(&key, due) {
            self.ending.push_back((due, EntryKey::Flow(key)));
        }
    }

    fn end_overflow(&mut self, process: WireKey, now: BootTime) {
        let due = after(now, GRACE);
        if self.tracked.end_overflow(&process) {
            self.ending.push_back((due, EntryKey::Overflow(process)));
        }
    }

    /// Adds a snapshot if the entry changed since it was last read.
    fn snapshot(&mut self, key: &FlowKey, value: &FlowValue, now: BootTime, events: &mut Vec<Event>) -> bool {
        self.tracked.update(key, Sums::of(value), now)
            && self.emit(FlowWhat::Snapshot, key, value, now, events)
    }

    fn overflow_snapshot(
        &mut self,
        process: &WireKey,
        value: &FlowValue,
        now: BootTime,
        events: &mut Vec<Event>,
    ) -> bool {
        let key = FlowKey { process: *process, ..FlowKey::default() };
        // Many flows are summed here, so that the ends of one of them would mislead.
        let value = FlowValue { remote: [0; 16], remote_port: 0, local: [0; 16], local_port: 0, ..*value };
        self.tracked.update_overflow(process, Sums::of(&value))
            && self.emit(FlowWhat::Snapshot, &key, &value, now, events)
    }

    fn emit(
        &mut self,
        what: FlowWhat,
        key: &FlowKey,
        value: &FlowValue,
        now: BootTime,
        events: &mut Vec<Event>,
    ) -> bool {
        match decode::flow_fact(what, key, value) {
            Ok(flow) => {
                events.push(Event {
                    time: now,
                    process: key.process.into(),
                    fact: Fact::Flow(Box::new(flow)),
                });
            }
            Err(error) => {
                self.undecodable += 1;
                tracing::debug!(%error, "ledger entry cannot be decoded");
            }
        }
        true
    }
}
