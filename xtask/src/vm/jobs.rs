//! How many machines run at a time, and how far a run of them is.

use std::{
    fs,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// MiB that a running machine needs: 1.8 GB were seen, of which the guest has 1536 MiB.
const MACHINE: usize = 2048;

/// What this machine has for others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    processors: usize,
    /// MiB that programs could still have; none when the kernel does not say.
    available: Option<usize>,
}

impl Room {
    /// As it is now.
    pub(super) fn now() -> Self {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            processors: thread::available_parallelism().map_or(1, std::num::NonZero::get),
            available: available(&memory),
        }
    }

    /// How many machines it takes. An emulated guest keeps one processor busy: alone it left two thirds of two idle, a
    /// second one used them up.
    pub(super) fn machines(self) -> usize {
        self.available.map_or(self.processors, |mib| self.processors.min(mib / MACHINE)).max(1)
    }

    /// What there is of it, and what one machine needs.
    pub(super) fn words(self) -> String {
        let memory = self.available.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"));
        format!("{} processors, memory available {memory}, {MACHINE} MiB a machine", self.processors)
    }
}

/// `MemAvailable` of /proc/meminfo, which the kernel gives in KiB.
fn available(meminfo: &str) -> Option<usize> {
    let words = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(words.split_whitespace().next()?.parse::<usize>().ok()? / 1024)
}

/// How many machines of a run have begun and ended.
#[derive(Debug)]
pub(super) struct Progress {
    total: usize,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Progress {
    /// Of a run of so many.
    pub(super) const fn new(total: usize) -> Self {
        Self { total, begun: AtomicUsize::new(0), ended: AtomicUsize::new(0) }
    }

    /// One more begins; its number.
    pub(super) fn begin(&self) -> String {
        self.count(&self.begun)
    }

    /// One more has ended; how many have.
    pub(super) fn end(&self) -> String {
        format!("{} done", self.count(&self.ended))
    }

    fn count(&self, counter: &AtomicUsize) -> String {
        format!("{} of {}", counter.fetch_add(1, Ordering::Relaxed) + 1, self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::{Progress, Room, available};

    #[test]
    fn memory_and_processors_limit_machines() {
        let of = |kib: &str| {
            format!("MemTotal:       99999999 kB\nMemFree:  1 kB\nMemAvailable:   {kib} kB\nBuffers: 5 kB\n")
        };
        for (processors, meminfo, expected) in [
            (2, of("17825792"), 2),
            (16, of("17825792"), 8),
            (16, of("4194304"), 2),
            (16, of("4194303"), 1),
            (4, of("1000000"), 1),
            (4, of("no"), 4),
            (4, String::new(), 4),
        ] {
            let room = Room { processors, available: available(&meminfo) };
            assert_eq!(room.machines(), expected, "{processors} {meminfo}");
        }
        assert!(Room::now().machines() >= 1);
    }

    #[test]
    fn progress_is_counted() {
        let progress = Progress::new(26);
        assert_eq!(
            [progress.begin(), progress.begin(), progress.end()],
            ["1 of 26", "2 of 26", "1 of 26 done"]
        );
    }
}
