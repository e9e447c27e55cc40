//! When a process first did something with a file, pipe or destination: for the edges of an alert.

use std::collections::BTreeMap;

use crate::{
    event::{BootTime, Exec, FdObject, FileKey, PipeKey, ProcessKey, Remote},
    hash::Map,
};

/// Marks of one process; further ones have no time.
const MARKS_MAX: usize = 512;

/// First times of what processes did; they go with their processes.
#[derive(Debug, Default)]
pub(super) struct Moments(Map<ProcessKey, BTreeMap<Mark, BootTime>>);

/// What a process did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Read(FileKey),
    Wrote(FileKey),
    Pipe(PipeKey),
    Sent(Remote, u8),
}

impl Moments {
    /// `process` did this now; what it did before stays.
    pub(super) fn note(&mut self, process: ProcessKey, mark: Mark, now: BootTime) {
        let marks = self.0.entry(process).or_default();
        if marks.len() < MARKS_MAX {
            marks.entry(mark).or_insert(now);
        }
    }

    /// A program was started that holds pipes.
    pub(super) fn exec(&mut self, process: ProcessKey, exec: &Exec, now: BootTime) {
        let more = exec.more_fds.iter().map(|found| found.object);
        for key in exec.fds.into_iter().chain(more).filter_map(FdObject::pipe) {
            self.note(process, Mark::Pipe(key), now);
        }
    }

    /// When `process` first did this, if it was noted.
    pub(super) fn first(&self, process: ProcessKey, mark: Mark) -> Option<BootTime> {
        self.0.get(&process)?.get(&mark).copied()
    }

    /// The process is gone for good.
    pub(super) fn forget(&mut self, process: ProcessKey) {
        self.0.remove(&process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_time_stays_and_marks_are_bounded() {
        let process = ProcessKey { pid: 1, start_ticks: 1 };
        let mut moments = Moments::default();
        for ino in 0..2 * MARKS_MAX as u64 {
            moments.note(process, Mark::Pipe((0, ino)), ino + 1);
            moments.note(process, Mark::Pipe((0, ino)), ino + 9);
        }
        let last = MARKS_MAX as u64 - 1;
        for (ino, expected) in [(0, Some(1)), (last, Some(last + 1)), (last + 1, None)] {
            assert_eq!(moments.first(process, Mark::Pipe((0, ino))), expected, "{ino}");
        }
        moments.forget(process);
        assert_eq!(moments.first(process, Mark::Pipe((0, 0))), None);
    }
}
