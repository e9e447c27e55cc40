//! What is kept over a restart, an upgrade and a reboot: sums of jobs, evidence that lives with its data, addresses that
//! programs had met, what trust rules covered, and what was told.

mod evidence;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::IpAddr,
};

use super::{
    MET_MAX, Pipeline, alerts::Told, causes::Runs, flows::Sums, horizon::Counted, sweep::is_witness,
};
use crate::{
    alert::Record,
    detect::{Scope, Volume},
    event::{
        BootTime, Bytes, ProcessKey, Remote,
        state::{Job, State, WallTime},
    },
    process::Cause,
};

/// Destinations of a job that are kept, those that took most.
const DESTINATIONS_MAX: usize = 8;
/// Steps in which the day of a job is kept: whole hours, a quarter of what the quarters of an hour would take.
const STEP_NS: u64 = 3_600 * 1_000_000_000;
/// What an earlier run knew of stories is of use for a day.
const DAY_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// From the times of this boot to those of the wall clock, and back.
#[derive(Clone, Copy, Debug)]
struct Clocks {
    boot_to_wall_ns: i64,
}

impl Clocks {
    fn wall(self, time: BootTime) -> WallTime {
        Record::wall(self.boot_to_wall_ns, time)
    }

    /// What was before this boot counts as its begin: the time in which the host was off makes no evidence older.
    fn boot(self, time: WallTime) -> BootTime {
        u64::try_from(time.saturating_sub(self.boot_to_wall_ns)).unwrap_or(0)
    }
}

/// Processes of an earlier boot get keys that no process of this one has: the kernel starts no program within the first
/// tenths of a second, so that small start times with the old number are free.
#[derive(Debug, Default)]
struct Keys {
    same_boot: bool,
    known: HashMap<ProcessKey, ProcessKey>,
    next: HashMap<u32, u64>,
}

impl Keys {
    fn here(&mut self, key: ProcessKey) -> ProcessKey {
        if self.same_boot {
            return key;
        }
        *self.known.entry(key).or_insert_with(|| {
            let next = self.next.entry(key.pid).or_default();
            let start_ticks = *next;
            *next += 1;
            ProcessKey { pid: key.pid, start_ticks }
        })
    }
}

impl Pipeline {
    /// What the next run is to know.
    #[must_use]
    pub fn state(&self) -> State {
        let clocks = Clocks { boot_to_wall_ns: self.boot_to_wall_ns };
        let least = self.config.alerts.signal_risk;
        let needed = |process| is_witness(&self.provenance, &self.evidence, process, least);
        let (witnesses, files) = self.evidence_to_keep(clocks, needed);
        let mut met: BTreeMap<&Bytes, Vec<IpAddr>> = BTreeMap::new();
        for (executable, address) in &self.met {
            met.entry(executable).or_default().push(*address);
        }
        for addresses in met.values_mut() {
            addresses.sort_unstable();
        }
        State {
            boot_id: self.host.boot_id.clone(),
            saved: clocks.wall(self.now),
            watched_ns: self.watched_ns(),
            met: met.into_iter().map(|(executable, addresses)| (executable.clone(), addresses)).collect(),
            jobs: self.jobs(clocks),
            told: self.book.told_stories().map(|(story, closed)| (story, clocks.wall(closed))).collect(),
            trusted: self
                .rules
                .used()
                .map(|(name, since, bytes)| (name.to_owned(), clocks.wall(since), bytes))
                .collect(),
            witnesses,
            files,
        }
    }

    /// For how long the agent has watched this host, earlier runs included.
    pub(super) fn watched_ns(&self) -> u64 {
        self.watched_before_ns.saturating_add(self.now.saturating_sub(self.started))
    }

    /// Goes on with what an earlier run knew.
    pub(super) fn restore(&mut self, state: &State) {
        let clocks = Clocks { boot_to_wall_ns: self.boot_to_wall_ns };
        let mut keys = Keys { same_boot: state.boot_id == self.host.boot_id, ..Keys::default() };
        self.watched_before_ns = state.watched_ns;
        let met = state.met.iter().flat_map(|(executable, addresses)| {
            addresses.iter().map(move |address| (executable.clone(), *address))
        });
        self.met.extend(met.take(MET_MAX));
        for (name, since, bytes) in &state.trusted {
            self.rules.restore(name, clocks.boot(*since), *bytes);
        }
        // Of a state that a clock set back made younger than it is, no more is believed than of one saved now.
        let age = clocks.wall(self.now).saturating_sub(state.saved);
        if age > DAY_NS.cast_signed() {
            return;
        }
        for job in &state.jobs {
            self.restore_job(job, clocks);
        }
        for (story, closed) in &state.told {
            self.book.restore_story(keys.here(*story), clocks.boot(*closed));
        }
        self.restore_evidence(state, clocks, &mut keys);
    }

    fn jobs(&self, clocks: Clocks) -> Vec<Job> {
        let told: HashMap<Cause, Told> = self.book.told_causes().collect();
        let known: HashSet<Cause> = self.causes.all().map(|(&cause, _)| cause).collect();
        let runs = self.causes.all().map(|(&cause, runs)| job(cause, Some(runs), told.get(&cause), clocks));
        let rest = self.book.told_causes().filter(|(cause, _)| !known.contains(cause));
        runs.chain(rest.map(|(cause, told)| job(cause, None, Some(&told), clocks))).collect()
    }

    fn restore_job(&mut self, job: &Job, clocks: Clocks) {
        let cause = Cause { id: job.cause, typed: job.typed };
        if let Some((closed, bytes)) = job.told {
            self.book.restore_cause(cause, Told { closed: clocks.boot(closed), bytes });
        }
        if job.slots.is_empty() {
            return;
        }
        let mut sums = Sums { bytes_out: job.bytes.0, bytes_in: job.bytes.1, ..Sums::default() };
        for &(begin, out, back, out_ports) in &job.slots {
            sums.day.add(Counted { out, back, out_ports }, clocks.boot(begin));
        }
        let day = sums.day.day(self.now);
        self.detectors.recall(&Volume {
            scope: Scope::Cause(cause),
            remote: Remote::Unknown,
            protocol: 0,
            bytes_out: day.out,
            bytes_in: day.back,
            bytes_out_ports: day.out_ports,
            last: (0, 0),
        });
        let destinations = job.destinations.iter().take(DESTINATIONS_MAX);
        sums.destinations
            .extend(destinations.map(|&(remote, protocol, bytes)| ((remote.into(), protocol), bytes)));
        let last = clocks.boot(job.last);
        self.causes.restore(cause, Runs { sums, story: Some(ProcessKey::HOST), last, gap_ns: job.gap_ns });
    }
}

fn job(cause: Cause, runs: Option<&Runs>, told: Option<&Told>, clocks: Clocks) -> Job {
    let mut job = Job {
        cause: cause.id,
        typed: cause.typed,
        told: told.map(|told| (clocks.wall(told.closed), told.bytes)),
        ..Job::default()
    };
    let Some(Runs { sums, last, gap_ns, .. }) = runs else { return job };
    job.last = clocks.wall(*last);
    job.gap_ns = *gap_ns;
    job.bytes = (sums.bytes_out, sums.bytes_in);
    let mut hours: BTreeMap<u64, (BootTime, Counted)> = BTreeMap::new();
    for (begin, bytes) in sums.day.slots() {
        let hour = hours.entry(begin / STEP_NS).or_default();
        // The last quarter stands for its hour, so that nothing is forgotten too early.
        hour.0 = begin;
        hour.1.add(bytes);
    }
    job.slots = hours
        .into_values()
        .map(|(begin, bytes)| (clocks.wall(begin), bytes.out, bytes.back, bytes.out_ports))
        .collect();
    job.destinations = sums
        .destinations
        .iter()
        .map(|(&(remote, protocol), &bytes)| (remote.address(), protocol, bytes))
        .collect();
    job.destinations.sort_by_key(|&(.., bytes)| std::cmp::Reverse(bytes));
    job.destinations.truncate(DESTINATIONS_MAX);
    job
}
