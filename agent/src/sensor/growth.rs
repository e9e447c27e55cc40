//! How files grow on file systems that lead away from this host.
//!
//! The kernel's side looks at such a file when its writer opens others, forks or ends. While the writer lives and does none
//! of that, the agent asks it to look: a second after the open, and then after twice the time as long as nothing changes.

use std::{
    collections::HashMap,
    io,
    os::fd::{AsFd as _, AsRawFd as _},
    time::Duration,
};

use agent_common::file::{FileKey as FileSlot, GROWTH_GONE, GROWTH_SOME};
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

/// Looks without growth after which a file is done with, whose writer is gone or has opened others since.
const SILENT: u32 = 3;
/// Files of one process that may all be open: as many as the kernel's side keeps for it.
const RECENT: u64 = 8;

/// Bytes of the kernel's entry, which the agent does not read.
type Entry = [u8; 40];

/// Files that may grow.
pub struct Growth {
    program: Option<ProgramFd>,
    map: Table<MapData, FileSlot, Entry>,
    files: HashMap<FileKey, Watched>,
    /// How many files each process has opened so.
    opened: HashMap<ProcessKey, u64>,
}

struct Watched {
    process: ProcessKey,
    /// Which of its process's files it is.
    number: u64,
    due: BootTime,
    pause: Duration,
    silent: u32,
}

impl Growth {
    /// Nothing to look at yet; the kernel's side keeps its files in `map`.
    #[must_use]
    pub fn new(ebpf: &Ebpf, map: Table<MapData, FileSlot, Entry>) -> Self {
        let program = ebpf.program(PROGRAM).and_then(|program| program.fd().ok()?.try_clone().ok());
        Self { program, map, files: HashMap::new(), opened: HashMap::new() }
    }

    /// A process opened such a file for writing.
    pub fn opened(&mut self, process: ProcessKey, file: FileKey, now: BootTime) {
        let opened = self.opened.entry(process).or_default();
        *opened += 1;
        let watched = Watched { process, number: *opened, due: after(now, SOON), pause: SOON, silent: 0 };
        self.files.insert(file, watched);
    }

    /// When [`Self::look`] has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<BootTime> {
        self.files.values().map(|file| file.due).min()
    }

    /// Looks at the files that are due, and takes those off the kernel's table that nobody writes any more.
    pub fn look(&mut self, now: BootTime, is_alive: impl Fn(ProcessKey) -> bool) {
        let Self { program, map, files, opened } = self;
        files.retain(|&key, file| {
            if file.due > now {
                return true;
            }
            match program.as_ref().map(|program| run(program, key)) {
                Some(Ok(GROWTH_GONE)) => return false,
                Some(Ok(GROWTH_SOME)) => (file.pause, file.silent) = (SOON, 0),
                Some(Ok(_)) | None => {
                    file.silent += 1;
                    file.pause = file.pause.saturating_mul(2).min(LATE);
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "a file on a share or a medium cannot be looked at");
                    file.silent += 1;
                    file.pause = LATE;
                }
            }
            file.due = after(now, file.pause);
            let recent = opened.get(&file.process).is_some_and(|&opened| opened - file.number < RECENT);
            let may_grow = file.silent < SILENT || (recent && is_alive(file.process));
            if !may_grow {
                // It may be gone already.
                let _ = map.remove(&slot(key));
            }
            may_grow
        });
        if files.is_empty() {
            opened.clear();
        }
    }

    /// Looks at all of them, before the agent stops.
    pub fn look_at_all(&mut self) {
        let Some(program) = &self.program else { return };
        for &key in self.files.keys() {
            if let Err(error) = run(program, key) {
                tracing::debug!(%error, "a file on a share or a medium cannot be looked at");
            }
        }
    }
}

fn slot(key: FileKey) -> FileSlot {
    FileSlot { ino: key.ino, dev: key.dev, generation: key.generation }
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
