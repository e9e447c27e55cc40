//! The sensor: everything that touches the kernel or procfs.
//!
//! [`Sensor`] ties the parts together and yields events in authoritative order: kernel records merged by time,
//! each followed by the facts that were looked up because of it, with ledger snapshots, losses and steps of the
//! wall clock between them.

pub mod layout;
pub mod hooks;
pub mod load;
pub mod clock;
pub mod filesystem;
pub mod reader;
pub mod ledger;
pub mod procfs;
pub mod mounts;
pub mod identity;
pub mod scripts;
pub mod quiet;
pub mod beyond;
pub mod growth;
pub mod resolvers;
pub mod counters;
mod lookup;
mod started;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, os::fd::AsFd, time::Duration};

use agent_common::counters::Counter;
use aya::{
    Ebpf,
    maps::{Map, MapData, MapError},
};
use tokio::time::sleep;

use crate::{
    config::{Config, classify::Classifier},
    event::{BootTime, Event, Fact, Identity, ProcessKey},
};
use beyond::Beyond;
use clock::{WallClock, after, boot_time};
use counters::{Counters, Losses};
use growth::Growth;
use identity::Identities;
use ledger::{BpfTable, Ledger};
use load::Loaded;
use lookup::{Attached, LookUp};
use procfs::Procfs;
use quiet::Quiet;
use reader::{Entry, Reader, ReaderError};
use resolvers::Resolvers;
use scripts::{Awaited, Scripts};

pub use started::started;

/// Time from the first record after a pause to a look at the counters, and between looks while records come.
const COUNTERS: Duration = Duration::from_secs(5);

/// Why the sensor cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// The object lacks a map.
    #[error("the kernel object has no map {0}")]
    NoMap(&'static str),
    /// A map cannot be used.
    #[error("map {name}: {source}")]
    Map {
        /// Its name.
        name: &'static str,
        /// What the kernel said.
        source: MapError,
    },
    /// The rings cannot be read.
    #[error(transparent)]
    Reader(#[from] ReaderError),
    /// procfs cannot be listed.
    #[error("procfs: {0}")]
    Procfs(std::io::Error),
}

/// The kernel's side, as a source of events.
pub struct Sensor {
    /// Keeps programs attached.
    loaded: Loaded,
    /// Runs of them that were missed, as of the last look.
    missed_runs: u64,
    reader: Reader<Attached>,
    look_up: LookUp,
    counters: Counters,
    losses: Losses,
    awaited: Awaited,
    wall: WallClock,
    counters_due: Option<BootTime>,
    /// Facts about the start that were not handed over yet.
    initial: Vec<Event>,
    /// Released by the reader, waiting for their facts.
    released: VecDeque<Entry<Attached>>,
    batch: Vec<Entry<Attached>>,
    /// Complete, waiting to be handed over.
    ready: Vec<Event>,
}

impl Sensor {
    /// Begins to read the maps of an object whose programs are attached. The first batch holds `Started` and a `Seen`
    /// fact with its identity for each process, parents first. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`SensorError`] when a map or procfs cannot be read.
    pub fn start(mut loaded: Loaded, config: &Config) -> Result<Self, SensorError> {
        let now = boot_time();
        let maps = &mut loaded.ebpf;
        let state = take(maps, "weir_state")?;
        let state_again = again("weir_state", &state)?;
        let reader = Reader::new(
            typed(maps, "weir_lifecycle")?,
            typed(maps, "weir_bulk")?,
            convert("weir_state", state)?,
        )?;
        let table = BpfTable {
            ledger: typed(maps, "weir_ledger")?,
            overflow: typed(maps, "weir_overflow")?,
            state: convert("weir_state", state_again)?,
        };
        let procfs = Procfs::default();
        let (growing, growers) = (typed(maps, "weir_growing")?, typed(maps, "weir_growers")?);
        let growth = Growth::new(maps, growing, growers);
        let look_up = LookUp {
            ledger: Ledger::new(table, config.sensor.drain_interval, now),
            identities: Identities::new(procfs.clone(), "/etc/passwd"),
            scripts: Scripts::new(procfs.clone(), loaded.host.clone()),
            quiet: Quiet::new(
                typed(maps, "weir_quiet_dirs")?,
                Classifier::new(&config.files),
                loaded.host.clone(),
            ),
            resolvers: Resolvers::new(procfs.clone(), config.network.resolvers.clone()),
            beyond: Beyond::new(typed(maps, "weir_own_fs")?, procfs.clone(), config.network.clone()),
            growth,
        };
        let counters = Counters::new(typed(maps, "weir_counters")?);
        let first = started(config, loaded.coverage.clone(), &procfs, now);
        let offset = if let Fact::Started(started) = &first.fact { started.boot_to_wall_ns } else { 0 };
        let mut sensor = Self {
            loaded,
            missed_runs: 0,
            reader,
            look_up,
            counters,
            losses: Losses::default(),
            awaited: Awaited::default(),
            wall: WallClock::new(offset),
            counters_due: None,
            initial: vec![first],
            released: VecDeque::new(),
            batch: Vec::new(),
            ready: Vec::new(),
        };
        sensor.initial.extend(sensor.look_up.resolvers.look(now));
        let fact = Fact::Host { mnt_ns: sensor.loaded.host.namespace() };
        sensor.initial.push(Event { time: now, process: ProcessKey::HOST, fact });
        sensor.snapshot(&procfs, now).map_err(SensorError::Procfs)?;
        Ok(sensor)
    }

    /// Tells what an earlier run left right after the start. Before the first call of [`Self::next`].
    pub fn begin_with(&mut self, earlier: Fact) {
        let Some(time) = self.initial.first().map(|started| started.time) else { return };
        self.initial.insert(1, Event { time, process: ProcessKey::HOST, fact: earlier });
    }

    /// Waits for events and appends them to `out`, at least one.
    ///
    /// Cancel-safe: what was read and not handed over comes with the next call.
    ///
    /// # Errors
    ///
    /// [`SensorError`] when the kernel's side cannot be reached any more.
    pub async fn next(&mut self, out: &mut Vec<Event>) -> Result<(), SensorError> {
        let before = out.len();
        out.append(&mut self.initial);
        while out.len() == before {
            self.complete().await;
            if self.ready.is_empty() {
                self.periodic()?;
                self.read().await?;
            }
            out.append(&mut self.ready);
        }
        Ok(())
    }

    /// Everything that is still on its way: both rings, the whole ledger, the last losses, and at the end a
    /// `Stopping` fact with `reason`. For a graceful stop; the programs stay attached until the sensor is dropped.
    ///
    /// # Errors
    ///
    /// [`SensorError`] when the kernel's side cannot be reached any more.
    pub async fn drain_final(&mut self, reason: String, out: &mut Vec<Event>) -> Result<(), SensorError> {
        out.append(&mut self.initial);
        let Self { reader, look_up, batch, .. } = self;
        reader.drain(batch, &mut |decoded| look_up.at_read(decoded));
        self.released.extend(self.batch.drain(..));
        while !self.released.is_empty() {
            self.complete().await;
            out.append(&mut self.ready);
        }
        self.look_up.growth.look_at_all();
        let now = boot_time();
        out.extend(
            self.look_up
                .ledger
                .drain_all(now)
                .map_err(|source| SensorError::Map { name: "weir_ledger", source })?,
        );
        self.count_losses()?;
        out.extend(self.losses.take(now));
        out.push(Event { time: now, process: ProcessKey::HOST, fact: Fact::Stopping { reason } });
        Ok(())
    }

    /// Sums of the kernel's counters as last read, for status.
    pub fn counter_totals(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        self.counters.totals()
    }

    fn snapshot(&mut self, procfs: &Procfs, now: BootTime) -> std::io::Result<()> {
        let snapshot = procfs.snapshot(now)?;
        self.losses.add("command_line_unreadable", snapshot.unreadable);
        if snapshot.unreadable > 0 {
            self.counters_due = Some(now);
        }
        for event in snapshot.events {
            let (time, process) = (event.time, event.process);
            let identity = if let Fact::Seen(seen) = &event.fact {
                Some(self.look_up.identities.of_seen(process, seen))
            } else {
                None
            };
            self.initial.push(event);
            self.initial.extend(identity.map(|identity| identity_event(time, process, identity)));
        }
        Ok(())
    }

    /// Moves released events to `ready` with the facts that follow them. Returns early rather than wait for a
    /// script while there is something to hand over.
    async fn complete(&mut self) {
        while let Some(front) = self.released.front_mut() {
            if let Some(pending) = &mut front.attached.script {
                if !self.ready.is_empty() && !pending.is_finished() {
                    return;
                }
                front.attached.captured = Some(pending.wait().await);
                front.attached.script = None;
            }
            let Some(Entry { decoded, attached }) = self.released.pop_front() else { return };
            let (time, process) = (decoded.event.time, decoded.event.process);
            let replaced = if let Fact::Open(opened) = &decoded.event.fact {
                self.awaited.opened(process, opened)
            } else {
                None
            };
            if let Fact::Names(_) = &decoded.event.fact {
                // Whether the host asks that server must be known before its answer.
                self.ready.extend(self.look_up.resolvers.look(time));
            }
            self.ready.extend(attached.mount);
            self.ready.push(decoded.event);
            self.ready.extend(attached.identity.map(|identity| identity_event(time, process, identity)));
            if let Some(captured) = &attached.captured {
                self.awaited.captured(process, captured);
            }
            let script = replaced.or(attached.captured.map(|captured| captured.script));
            let script = script.map(|script| Fact::Script(Box::new(script)));
            self.ready.extend(script.map(|fact| Event { time, process, fact }));
        }
    }

    /// What is due by time goes into the reader's window and comes out in order.
    fn periodic(&mut self) -> Result<(), SensorError> {
        let now = boot_time();
        if self.look_up.ledger.next_due() <= now {
            let procfs = Procfs::default();
            let events = self.look_up.ledger.drain(now, |process| procfs.is_alive(process));
            for event in events.map_err(|source| SensorError::Map { name: "weir_ledger", source })? {
                self.reader.insert(event);
            }
        }
        self.look_up
            .quiet
            .expire(now)
            .map_err(|source| SensorError::Map { name: "weir_quiet_dirs", source })?;
        let swept = self.look_up.beyond.expire(now);
        if swept.map_err(|source| SensorError::Map { name: "weir_own_fs", source })? {
            self.look_up.growth.sweep(|process| Procfs::default().is_alive(process));
        }
        self.look_up.growth.look(now);
        if self.counters_due.is_some_and(|due| due <= now) {
            self.counters_due = None;
            self.count_losses()?;
            if let Some(event) = self.losses.take(now) {
                self.reader.insert(event);
            }
        }
        if let Some(event) = self.wall.poll(now) {
            self.reader.insert(event);
        }
        Ok(())
    }

    /// Waits for the rings or for what is due by time, whichever comes first.
    async fn read(&mut self) -> Result<(), SensorError> {
        let now = boot_time();
        let LookUp { quiet, beyond, growth, .. } = &self.look_up;
        let due = [self.counters_due, quiet.next_due(), beyond.next_due(), growth.next_due()];
        let due = due.into_iter().flatten();
        let due = due.fold(self.look_up.ledger.next_due(), BootTime::min);
        let Self { reader, look_up, batch, .. } = self;
        let mut at_read = |decoded: &_| look_up.at_read(decoded);
        tokio::select! {
            read = reader.next_batch(batch, &mut at_read) => read?,
            () = sleep(Duration::from_nanos(due.saturating_sub(now))) => {}
        }
        if !self.batch.is_empty() {
            self.counters_due.get_or_insert(after(now, COUNTERS));
        }
        self.released.extend(self.batch.drain(..));
        Ok(())
    }

    fn count_losses(&mut self) -> Result<(), SensorError> {
        let risen =
            self.counters.read().map_err(|source| SensorError::Map { name: "weir_counters", source })?;
        self.losses.add_kernel(&risen);
        if risen.iter().any(|&(counter, _)| counter == Counter::LedgerOverflow) {
            self.look_up.ledger.note_overflow(boot_time());
        }
        let loss = self.reader.take_loss();
        self.losses.add("record_undecodable", loss.undecodable);
        self.losses.add("answer_malformed", loss.malformed_answers);
        self.losses.add("event_unordered", loss.unordered);
        let missed = load::missed_runs(&self.loaded.ebpf);
        self.losses.add("program_runs_missed", missed.saturating_sub(self.missed_runs));
        // A reading that failed for once must not tell the past again.
        self.missed_runs = self.missed_runs.max(missed);
        self.losses.add("ledger_undecodable", self.look_up.ledger.take_undecodable());
        Ok(())
    }
}

fn identity_event(time: BootTime, process: ProcessKey, identity: Identity) -> Event {
    Event { time, process, fact: Fact::Identity(Box::new(identity)) }
}

fn take(object: &mut Ebpf, name: &'static str) -> Result<Map, SensorError> {
    object.take_map(name).ok_or(SensorError::NoMap(name))
}

fn convert<T: TryFrom<Map, Error = MapError>>(name: &'static str, map: Map) -> Result<T, SensorError> {
    T::try_from(map).map_err(|source| SensorError::Map { name, source })
}

fn typed<T: TryFrom<Map, Error = MapError>>(object: &mut Ebpf, name: &'static str) -> Result<T, SensorError> {
    convert(name, take(object, name)?)
}

/// A second handle of an array map.
fn again(name: &'static str, map: &Map) -> Result<Map, SensorError> {
    let Map::Array(data) = map else { return Err(SensorError::NoMap(name)) };
    let descriptor = data.fd().as_fd().try_clone_to_owned().map_err(ReaderError::from)?;
    MapData::from_fd(descriptor).map(Map::Array).map_err(|source| SensorError::Map { name, source })
}
