//! The processes that one gathering visits.

use crate::{event::ProcessKey, hash::Set};

/// Processes that are visited at most.
const VISITS_MAX: usize = 256;
/// So many are looked through one by one: most gatherings find no more than a few.
const FEW: usize = 16;

/// Each is visited once, in the order in which they were found.
#[derive(Debug)]
pub(super) struct Visits {
    found: Vec<(ProcessKey, bool)>,
    next: usize,
    /// Those found, once they are many.
    many: Set<ProcessKey>,
}

impl Visits {
    /// Begins at a process.
    pub(super) fn of(process: ProcessKey) -> Self {
        Self { found: vec![(process, false)], next: 0, many: Set::default() }
    }

    /// A process was found, by a file or otherwise.
    pub(super) fn add(&mut self, process: ProcessKey, by_file: bool) {
        if self.found.len() < VISITS_MAX && !self.is_known(process) {
            self.found.push((process, by_file));
            if !self.many.is_empty() {
                self.many.insert(process);
            }
        }
    }

    fn is_known(&mut self, process: ProcessKey) -> bool {
        if self.found.len() < FEW {
            return self.found.iter().any(|&(found, _)| found == process);
        }
        if self.many.is_empty() {
            self.many.extend(self.found.iter().map(|&(found, _)| found));
        }
        self.many.contains(&process)
    }
}

impl Iterator for Visits {
    type Item = (ProcessKey, bool);

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.found.get(self.next).copied()?;
        self.next += 1;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_visited_once_as_far_as_there_is_room() {
        let key = |pid| ProcessKey { pid, start_ticks: 1 };
        let mut visits = Visits::of(key(0));
        let mut visited = Vec::new();
        while let Some((at, by_file)) = visits.next() {
            visited.push(at.pid);
            assert_eq!(by_file, at.pid % 2 == 1);
            for pid in (0..10).map(|step| at.pid.saturating_sub(5) + step) {
                visits.add(key(pid), pid % 2 == 1);
            }
        }
        assert_eq!(visited, (0..256).collect::<Vec<_>>());
    }
}
