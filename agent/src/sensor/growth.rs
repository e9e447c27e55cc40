//! How files grow on file systems that lead away from this host.
//!
//! The kernel's side looks at such a file when its writer opens others, forks or ends. While the writer lives and does none
//! of that, the agent asks it to look: a second after the open, and then after twice the time as long as nothing changes,
//! until nobody has it open for writing.

use std::{
    collections::{HashMap, HashSet},
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    time::Duration,
};

use agent_common::{
    file::{FileKey as FileSlot, GROWTH_GONE, GROWTH_SOME},
    limits::GROWING_FILES,
    process::ProcessKey as ProcessSlot,
};
use aya::{
    Ebpf,
    maps::{HashMap as Table, MapData},
    programs::{ProgramFd, RawTracePoint},
};

use super::clock::after;
use crate::event::{BootTime, Coverage, FileKey, ProcessKey};

/// The program that looks; it is attached to nothing.
const PROGRAM: &str = "weir_growth";
/// Name of the sensor in coverage records.
const SENSOR: &str = "files.growth";
/// What is not seen without it.
const GAP: &str =
    "how much is written to a file on a share or a medium before its writer opens others, forks or ends";
/// Between two looks at a file that grows.
const SOON: Duration = Duration::from_secs(1);
/// The same at most.
const LATE: Duration = Duration::from_secs(32);

/// Loads the program, and says how that went.
pub fn prepare(ebpf: &mut Ebpf) -> Coverage {
    let loaded = ebpf.program_mut(PROGRAM).map(|program| {
        let program: &mut RawTracePoint = program.try_into()?;
        program.load()
    });
    let reason = match loaded {
        Some(Ok(())) => String::new(),
        Some(Err(error)) => error.to_string(),
        None => format!("the object has no program {PROGRAM}"),
    };
    let works = reason.is_empty();
    let hook = if works { "BPF_PROG_TEST_RUN" } else { "" };
    Coverage {
        sensor: SENSOR.to_owned(),
        hook: hook.to_owned(),
        gap: if works { String::new() } else { GAP.to_owned() },
        reason,
    }
}

/// The kernel's entry of a file, which the agent does not read.
type Entry = [u8; 40];
/// The same of a process.
type Grower = [u8; 136];

/// Files that may grow.
pub struct Growth {
    program: Option<ProgramFd>,
    map: Table<MapData, FileSlot, Entry>,
    growers: Table<MapData, ProcessSlot, Grower>,
    files: HashMap<FileKey, Watched>,
    /// When the first of them is due.
    next: Option<BootTime>,
    /// Entries of the kernel's that nobody had told of at the last sweep.
    strays: HashSet<FileKey>,
}

struct Watched {
    due: BootTime,
    pause: Duration,
}

impl Growth {
    /// Nothing to look at yet; the kernel's side keeps its files in `map`, and in `growers` who has them.
    #[must_use]
    pub fn new(
        ebpf: &Ebpf,
        map: Table<MapData, FileSlot, Entry>,
        growers: Table<MapData, ProcessSlot, Grower>,
    ) -> Self {
        let program = ebpf.program(PROGRAM).and_then(|program| program.fd().ok()?.try_clone().ok());
        Self { program, map, growers, files: HashMap::new(), next: None, strays: HashSet::new() }
    }

    /// A process opened such a file for writing. Beyond as many as the kernel's side holds nothing is added.
    pub fn opened(&mut self, file: FileKey, now: BootTime) {
        if self.program.is_some() && self.files.len() < GROWING_FILES as usize {
            let due = after(now, SOON);
            self.files.insert(file, Watched { due, pause: SOON });
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    /// When [`Self::look`] has something to do.
    #[must_use]
    pub const fn next_due(&self) -> Option<BootTime> {
        self.next
    }

    /// Looks at the files that are due, and forgets those that nobody writes any more.
    pub fn look(&mut self, now: BootTime) {
        let Self { program: Some(program), files, next, .. } = self else { return };
        if next.is_none_or(|due| now < due) {
            return;
        }
        files.retain(|&key, file| {
            if file.due > now {
                return true;
            }
            file.pause = match ask(program, key) {
                Some(GROWTH_GONE) => return false,
                Some(GROWTH_SOME) => SOON,
                Some(_) => file.pause.saturating_mul(2).min(LATE),
                None => LATE,
            };
            file.due = after(now, file.pause);
            true
        });
        *next = files.values().map(|file| file.due).min();
    }

    /// Looks at the kernel's entries of which nobody told since the last sweep: of file systems that turned out to be the
    /// host's own, or whose records were lost. For once a minute: an open may be told after its entry was made. Processes
    /// whose end was missed go as well.
    pub fn sweep(&mut self, is_alive: impl Fn(ProcessKey) -> bool) {
        let listed: Vec<ProcessSlot> = self.growers.keys().flatten().collect();
        for slot in listed {
            if !is_alive(ProcessKey { pid: slot.pid, start_ticks: slot.start_ticks }) {
                // It may be gone already.
                let _ = self.growers.remove(&slot);
            }
        }
        let Some(program) = &self.program else { return };
        let held = self.map.keys().flatten().map(key).filter(|key| !self.files.contains_key(key));
        let (old, new): (Vec<_>, Vec<_>) = held.partition(|key| self.strays.contains(key));
        self.strays = new.into_iter().collect();
        // What is written still the next sweep looks at again.
        let is_written = |key: &FileKey| ask(program, *key).is_some_and(|found| found != GROWTH_GONE);
        self.strays.extend(old.into_iter().filter(is_written));
    }

    /// Looks at all of them, before the agent stops.
    pub fn look_at_all(&mut self) {
        let Some(program) = &self.program else { return };
        for &key in self.files.keys().chain(&self.strays) {
            ask(program, key);
        }
    }
}

const fn key(slot: FileSlot) -> FileKey {
    FileKey { ino: slot.ino, dev: slot.dev, generation: slot.generation }
}

/// What a look at a file finds; none where the kernel refuses one.
fn ask(program: &ProgramFd, key: FileKey) -> Option<u32> {
    run(program, key)
        .inspect_err(|error| tracing::debug!(%error, "a file on a share or a medium cannot be looked at"))
        .ok()
}

/// Runs the program once for a file, and gives back its result.
fn run(program: &ProgramFd, key: FileKey) -> io::Result<u32> {
    /// `BPF_PROG_TEST_RUN`.
    const PROG_TEST_RUN: libc::c_int = 10;
    /// The part of `union bpf_attr` that this command needs.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        prog_fd: u32,
        retval: u32,
        data_size_in: u32,
        data_size_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
        ctx_size_in: u32,
        ctx_size_out: u32,
        ctx_in: u64,
        ctx_out: u64,
        flags: u32,
        cpu: u32,
    }
    let context = [key.ino, u64::from(key.dev), u64::from(key.generation)];
    let mut attributes = Attributes {
        prog_fd: program.as_fd().as_raw_fd().cast_unsigned(),
        ctx_size_in: u32::try_from(size_of_val(&context)).unwrap_or_default(),
        ctx_in: context.as_ptr() as u64,
        ..Attributes::default()
    };
    let size = size_of_val(&attributes);
    // SAFETY: the attributes are as large as the call is told, and the context that they point to lives until it returns.
    let done = unsafe { libc::syscall(libc::SYS_bpf, PROG_TEST_RUN, &raw mut attributes, size) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(attributes.retval) }
}
