//! File: File Access (DS0022): staging places (analytic 1), sensitive files, many documents.
//!
//! - **Staging places**: writing into one is staging, reading from one is collection, with the risk of the pattern.
//! - **Sensitive files**: reading one is collection, unless it is the program's own (`owner`).
//! - **Mass access**: many distinct documents by one process, or by one story when its processes share the work;
//!   again at each doubling, not at each file. Fewer are enough within a second. What is shared is the story's: who of
//!   its processes read the last one is told of it, and that is chance.
//!
//! Each file is at most one signal of each kind for a process, and past `SINGLY` files of a kind only each doubling
//! of their number is told: who unpacks into a staging place floods nobody. State, bounded: `PROCESSES` processes and
//! `STORIES` stories, `REPORTED` files reported and 512 documents each. A process that makes room has been
//! counted in its story; what made room is counted.

mod mass;
mod owner;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, time::Duration};

use agent_common::file::{S_IFDIR, S_IFMT};

use super::{
    Analytic, Object, Observation, Signal, Stage, Subject,
    recent::Recent,
    weights::{MASS, MASS_BURST, MASS_INDEXER, MASS_MAX, MASS_STEP},
};
use crate::{
    config::Files,
    config::classify::{FileClass, Rating},
    event::{BootTime, FileKey, Open, ProcessKey, nanoseconds},
};
use mass::{Documents, Limits, Read, Sum, Together};

/// Processes remembered.
const PROCESSES: usize = 2_048;
/// Stories remembered.
const STORIES: usize = 512;
/// Files of a process that are remembered as reported.
const REPORTED: usize = 256;
/// Files of one kind that are told one by one for a process.
const SINGLY: u32 = 16;
/// Documents within a second that are mass access at least: a handful may be one person's choice in a dialogue.
const BURST_LEAST: u32 = 8;

/// The analytic.
#[derive(Debug)]
pub struct FileAccess {
    mass_count: u32,
    mass_window: u64,
    processes: Recent<ProcessKey, Accessed>,
    stories: Recent<ProcessKey, Together>,
    /// Reported files that had to make room within their process.
    forgotten: u64,
}

#[derive(Debug)]
struct Accessed {
    reported: Recent<(FileKey, Kind), ()>,
    counts: Counts,
    documents: Documents,
}

impl Default for Accessed {
    fn default() -> Self {
        Self { reported: Recent::new(REPORTED), counts: Counts::default(), documents: Documents::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    StagingWrite,
    StagingRead,
    Sensitive,
}

/// Files of each kind that a process touched.
#[derive(Debug, Default)]
struct Counts {
    staging_write: u32,
    staging_read: u32,
    sensitive: u32,
}

impl Counts {
    /// Counts one more. Returns the number where it is to be told.
    fn tell(&mut self, kind: Kind) -> Option<u32> {
        let count = match kind {
            Kind::StagingWrite => &mut self.staging_write,
            Kind::StagingRead => &mut self.staging_read,
            Kind::Sensitive => &mut self.sensitive,
        };
        *count = count.saturating_add(1);
        (*count <= SINGLY || count.is_power_of_two()).then_some(*count)
    }
}

/// Whether a program reads that file because it is its own.
pub(super) fn owns(process: &crate::process::Process, path: &[u8]) -> bool {
    owner::owns(process, path)
}

impl FileAccess {
    /// For the configured files.
    #[must_use]
    pub fn new(files: &Files) -> Self {
        Self {
            mass_count: files.mass_count,
            mass_window: nanoseconds(files.mass_window),
            processes: Recent::new(PROCESSES),
            stories: Recent::new(STORIES),
            forgotten: 0,
        }
    }

    /// Looks at one observation: a file that was opened.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        match observation {
            Observation::Open { open, class, labelled } if open.mode & S_IFMT != S_IFDIR => {
                self.open(&Access { now, subject, open, labelled: *labelled }, class, out);
            }
            Observation::Open { .. }
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => {}
        }
    }

    /// Drops state about a process. Its story may outlive it.
    pub fn forget(&mut self, process: ProcessKey) {
        self.processes.remove(&process);
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.processes.evicted() + self.stories.evicted() + self.forgotten
    }

    fn open(&mut self, access: &Access<'_>, class: &FileClass, out: &mut Vec<Signal>) {
        let path = access.open.path.bytes.as_slice();
        let process = access.subject.process;
        // An empty file holds nothing to collect; special and pseudo files of size 0 can be sensitive all the same.
        let reads = access.open.read && access.open.size > 0;
        if let Some(rating) = &class.staging
            && !owner::shares_memory(process, path)
        {
            if access.open.write && !owner::downloads(process, path) {
                self.once(access, Kind::StagingWrite, rating, out);
            }
            if reads && !access.open.write && !self.wrote(access) {
                self.once(access, Kind::StagingRead, rating, out);
            }
        }
        if let Some(rating) = &class.sensitive
            && access.open.read
            && !class.quiet
            && !owner::owns(process, path)
        {
            self.once(access, Kind::Sensitive, rating, out);
        }
        if class.document && reads && (!class.quiet || access.labelled) {
            self.document(access, out);
        }
    }

    /// Whether the process itself put the file there: then reading it is the use of a temporary file.
    fn wrote(&mut self, access: &Access<'_>) -> bool {
        let process = self.processes.get(&access.subject.process.key);
        process.is_some_and(|process| process.reported.get(&(access.open.file, Kind::StagingWrite)).is_some())
    }

    fn once(&mut self, access: &Access<'_>, kind: Kind, rating: &Rating, out: &mut Vec<Signal>) {
        let Accessed { reported, counts, .. } = self.processes.entry(access.subject.process.key);
        if reported.get(&(access.open.file, kind)).is_some() {
            return;
        }
        let before = reported.evicted();
        reported.entry((access.open.file, kind));
        self.forgotten += reported.evicted() - before;
        let Some(count) = counts.tell(kind) else { return };
        let (analytic, technique, stage) = match kind {
            Kind::StagingWrite => (Analytic::FileAccess, "T1074.001", Stage::Staging),
            Kind::StagingRead => (Analytic::FileAccess, "T1074.001", Stage::Collection),
            Kind::Sensitive => (Analytic::SensitiveFileAccess, "T1005", Stage::Collection),
        };
        let path = access.open.path.bytes.show();
        let mut reason = match (kind, access.labelled) {
            (Kind::StagingWrite, _) => {
                format!("wrote {path}, a place where data is staged ({})", rating.pattern)
            }
            (Kind::StagingRead, false) => {
                format!("read {path} from a place where data is staged ({})", rating.pattern)
            }
            (Kind::StagingRead, true) => format!("read {path}, which holds data that was collected before"),
            (Kind::Sensitive, _) => format!("read {path}, a sensitive file ({})", rating.pattern),
        };
        if count > SINGLY {
            reason = format!("{reason}; it is the {count}th such file of this process");
        }
        out.push(access.signal(
            (analytic, technique, stage),
            rating.risk,
            Object::File(access.open.path.bytes.clone()),
            reason.into(),
        ));
    }

    fn document(&mut self, access: &Access<'_>, out: &mut Vec<Signal>) {
        let process = access.subject.process;
        let (now, file, reader) = (access.now, access.open.file, process.key);
        let read = Read { now, file, reader, picked: owner::picks(process) };
        let (window, least, least_burst) = (self.mass_window, self.mass_count, self.burst_count());
        let limits = Limits { window, least, least_burst };
        let indexes = owner::indexes(process);
        let own = self.processes.entry(reader).documents.read(&read, &limits);
        out.extend(self.mass(access, own, indexes, ("this process", Object::Files)));
        // What an indexer reads is its work, and nobody's share.
        if !indexes {
            let together = self.stories.entry(access.subject.story).read(&read, &limits);
            out.extend(self.mass(access, together, false, ("the processes of this story", Object::Shared)));
        }
    }

    /// Documents within a second that are mass access: two fifths of those within the window.
    fn burst_count(&self) -> u32 {
        (self.mass_count.saturating_mul(2) / 5).max(BURST_LEAST)
    }

    /// The signal that is due, if one is. A count weighs no less than a burst.
    fn mass(
        &self,
        access: &Access<'_>,
        sum: Sum,
        indexes: bool,
        (who, object): (&str, fn(u32) -> Object),
    ) -> Option<Signal> {
        let Sum { count, doublings, bursts } = sum;
        let (risk, reason) = if let Some(doublings) = doublings {
            let risk = MASS_STEP.mul_add(f64::from(doublings), MASS).min(MASS_MAX);
            let seconds = Duration::from_nanos(self.mass_window).as_secs();
            let reason = format!("{who} read {count} different documents within {seconds} seconds");
            (if indexes { MASS_INDEXER } else { risk }, reason)
        } else if bursts {
            let least = self.burst_count();
            (MASS_BURST, format!("{who} read {least} different documents within a second"))
        } else {
            return None;
        };
        let kind = (Analytic::MassFileAccess, "T1119", Stage::Collection);
        Some(access.signal(kind, risk, object(count), reason.into()))
    }
}

/// One open and who did it.
struct Access<'a> {
    now: BootTime,
    subject: &'a Subject<'a>,
    open: &'a Open,
    labelled: bool,
}

impl Access<'_> {
    fn signal(
        &self,
        (analytic, technique, stage): (Analytic, &'static str, Stage),
        risk: f64,
        object: Object,
        reason: Cow<'static, str>,
    ) -> Signal {
        let subject = self.subject.process.key;
        Signal { analytic, technique, risk, stage, subject, object, time: self.now, reason }
    }
}
