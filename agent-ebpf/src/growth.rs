//! Files on file systems that lead away from this host: a share of another one, a medium that can be carried off.
//!
//! No write is hooked. A file's size is read when it is opened for writing and later, as far as it grew booked in the
//! ledger to whoever opened it last: when a process that has it opens further files, forks, or ends, and when the agent asks.
//! Children have what their parents had open. When the opener ends, what the file grows by is that of the next one that
//! is seen to have it and, when none is, its own. A file that nobody has open for writing is let go at the next look.
//!
//! The inode is found by its address. It may have left the kernel's memory in between, and the address be another one's: that
//! is told by device, number and generation, and what cannot be read any more is not booked.
//!
//! What is written over what was there makes no file larger, and is not counted.
//!
//! Steps follow one another instead of nesting, and leave what the next one needs on a desk, for the sake of the stack: before
//! 6.13 a program and all that it calls has 512 bytes.

use agent_common::{
    counters::Counter,
    file::{
        FAMILY_FILES, FILES_COOKIE, FileKey, FileSystem, GROWTH_GONE, GROWTH_NONE, GROWTH_SOME, IN_MEMORY,
    },
    net::FlowKey,
    process::ProcessKey,
};
use aya_ebpf::bindings::BPF_NOEXIST;

use crate::{
    emit,
    kernel::{file::File, layout, read},
    ledger,
    maps::{DESK_EXIT, DESK_FORK, DESKS, Desk, GROWER_FILES, GROWERS, GROWING, Grower, Growing, OWN},
};

/// A place in which there is no file.
const NONE: FileKey = FileKey { ino: 0, dev: 0, generation: 0 };

/// A regular file that is opened for writing.
pub(crate) struct Opened {
    pub(crate) process: ProcessKey,
    pub(crate) inode: u64,
    /// Bytes that were there before.
    pub(crate) size: u64,
    /// They go with the open.
    pub(crate) empties: bool,
    /// The descriptor came from somebody else.
    pub(crate) received: bool,
}

#[inline(always)]
fn desk(area: u32) -> Option<&'static mut Desk> {
    // SAFETY: this CPU's own, and of one program, which the kernel does not let enter itself.
    DESKS.get_ptr_mut(area).map(|desk| unsafe { &mut *desk })
}

/// Whether a file is to be watched, since it may not stay on this host: then [`opened`] comes next.
#[inline(always)]
pub(crate) fn note(area: u32, key: &FileKey, magic: u32, file: &Opened) -> bool {
    if IN_MEMORY.contains(&magic) || OWN.get_ptr(FileSystem { dev: key.dev, magic }).is_some() {
        return false;
    }
    let Some(desk) = desk(area) else {
        return false;
    };
    (desk.key, desk.magic, desk.process) = (*key, magic, file.process);
    (desk.inode, desk.size) = (file.inode, file.size);
    (desk.empties, desk.received) = (file.empties.into(), file.received.into());
    true
}

/// Begins to watch the file that was noted, and looks at the one that makes room in its process's list.
#[inline(never)]
pub(crate) fn opened(area: u32) -> u64 {
    watch(area);
    book(area);
    remember(area);
    look(area);
    book(area);
    0
}

#[inline(never)]
fn watch(area: u32) -> u64 {
    let Some(desk) = desk(area) else {
        return 0;
    };
    let counted = if desk.empties == 1 { 0 } else { desk.size };
    let mut process = desk.process;
    desk.bytes = 0;
    if let Some(growing) = GROWING.get_ptr(desk.key) {
        // SAFETY: an entry of a preallocated map that the lookup vouched for; openers that race may each take it over.
        let growing = unsafe { &*growing };
        if desk.size > growing.counted {
            // What it grew by until now is whose it was, also when its inode had left the kernel's memory and come back.
            (desk.owner, desk.bytes) = (growing.process, desk.size - growing.counted);
        }
        if desk.received == 1 && growing.orphaned == 0 {
            process = growing.process;
        }
    }
    let growing = Growing { process, inode: desk.inode, counted, magic: desk.magic, orphaned: 0 };
    if GROWING.insert(desk.key, growing, 0).is_err() {
        emit::count(Counter::FileUnwatched, 1);
    }
    0
}

/// Remembers that a process has a file. In its place on the desk comes the one that makes room.
#[inline(never)]
fn remember(area: u32) -> u64 {
    let Some(desk) = desk(area) else {
        return 0;
    };
    let (process, key) = (desk.process, desk.key);
    desk.key = NONE;
    if GROWERS.get_ptr(process).is_none() {
        begin(&process);
    }
    let Some(grower) = GROWERS.get_ptr_mut(process) else {
        emit::count(Counter::FileUnwatched, 1);
        return 0;
    };
    // SAFETY: an entry of a map that the lookup vouched for; only threads of one process write it, and whichever of two
    // that race comes last leaves one file less behind.
    let grower = unsafe { &mut *grower };
    let mut at = grower.next as usize % GROWER_FILES;
    for (place, known) in grower.files.iter().enumerate() {
        if known.ino == key.ino && known.dev == key.dev {
            return 0;
        }
        if known.ino == 0 {
            at = place;
        }
    }
    grower.next = grower.next.wrapping_add(1);
    if let Some(place) = grower.files.get_mut(at % GROWER_FILES) {
        desk.key = *place;
        *place = key;
    }
    0
}

/// Makes a list for a process. A sub-program, for the sake of its own stack.
#[inline(never)]
fn begin(process: &ProcessKey) -> u64 {
    let none = Grower { files: [NONE; GROWER_FILES], next: 0 };
    u64::from(GROWERS.insert(process, none, u64::from(BPF_NOEXIST)).is_ok())
}

/// A child has what its parent has open, and may be the one that unmounts.
#[inline(always)]
pub(crate) fn forked(parent: &ProcessKey, child: &ProcessKey) {
    if GROWERS.get_ptr(parent).is_some()
        && let Some(desk) = desk(DESK_FORK)
    {
        desk.process = *parent;
        look_at_all(DESK_FORK, 0);
        if desk.open == 0 {
            let _ = GROWERS.remove(parent);
        } else if let Some(grower) = GROWERS.get_ptr(parent) {
            // SAFETY: an entry of a preallocated map; a racing write can but hide a file.
            let grower = unsafe { &*grower };
            if GROWERS.insert(child, grower, 0).is_err() {
                emit::count(Counter::FileUnwatched, 1);
            }
        }
    }
}

/// A process ended: the last look at its files by its own doing.
#[inline(always)]
pub(crate) fn ended(process: &ProcessKey) {
    if GROWERS.get_ptr(process).is_some()
        && let Some(desk) = desk(DESK_EXIT)
    {
        desk.process = *process;
        look_at_all(DESK_EXIT, 1);
        let _ = GROWERS.remove(process);
    }
}

/// Looks at the files of the process on the desk, which leaves them to others if it ends. How many are still open is
/// counted on the desk, where the verifier does not follow each number by itself.
#[inline(never)]
fn look_at_all(area: u32, ends: u32) -> u64 {
    if let Some(desk) = desk(area) {
        desk.open = 0;
    }
    for at in 0..GROWER_FILES {
        look_at(area, at as u32, ends);
        book(area);
    }
    0
}

#[inline(never)]
fn look_at(area: u32, at: u32, ends: u32) -> u64 {
    let Some(desk) = desk(area) else {
        return 0;
    };
    desk.bytes = 0;
    let Some(grower) = GROWERS.get_ptr_mut(desk.process) else {
        return 0;
    };
    // SAFETY: an entry of a preallocated map; a racing write can but hide a file.
    let grower = unsafe { &mut *grower };
    let Some(place) = grower.files.get_mut(at as usize) else {
        return 0;
    };
    if place.ino == 0 {
        return 0;
    }
    desk.key = *place;
    if look(area) == GROWTH_GONE {
        *place = NONE;
        return 0;
    }
    desk.open += 1;
    if ends == 1 {
        leave(desk);
    }
    0
}

#[inline(always)]
fn leave(desk: &Desk) {
    if let Some(growing) = GROWING.get_ptr_mut(desk.key) {
        // SAFETY: an entry of a preallocated map that the lookup vouched for.
        let growing = unsafe { &mut *growing };
        let (owner, process) = (growing.process, desk.process);
        if owner.pid == process.pid && owner.start_ticks == process.start_ticks {
            growing.orphaned = 1;
        }
    }
}

/// Looks at a file on behalf of the agent.
#[inline(always)]
pub(crate) fn asked(area: u32, key: FileKey) -> u32 {
    let Some(desk) = desk(area) else {
        return GROWTH_GONE;
    };
    (desk.key, desk.process) = (key, ProcessKey::default());
    let found = look(area);
    book(area);
    found
}

/// Looks at the file on the desk, on behalf of the process there that has it or, without one, of the agent.
#[inline(never)]
fn look(area: u32) -> u32 {
    let Some(desk) = desk(area) else {
        return GROWTH_GONE;
    };
    desk.bytes = 0;
    if desk.key.ino == 0 {
        return GROWTH_GONE;
    }
    let Some(growing) = GROWING.get_ptr_mut(desk.key) else {
        return GROWTH_GONE;
    };
    // SAFETY: an entry of a preallocated map that the lookup vouched for. Of two that look at once both may book the same
    // bytes: a file is written by one program mostly, and the agent looks seldom.
    let growing = unsafe { &mut *growing };
    let is_own = OWN.get_ptr(FileSystem { dev: desk.key.dev, magic: growing.magic }).is_some();
    let found = if is_own { GROWTH_GONE } else { measure(desk, growing) };
    if found == GROWTH_GONE {
        let _ = GROWING.remove(desk.key);
    }
    found
}

/// Reads a file's size, and leaves what it grew by.
#[inline(always)]
fn measure(desk: &mut Desk, growing: &mut Growing) -> u32 {
    let file = File { address: 0, inode: growing.inode, fmode: 0, mode: 0 };
    let found = file.superblock().and_then(|superblock| file.key(superblock));
    // Before the size: who writes and lets go in between is not missed.
    let writers: Option<i32> = read(file.inode, layout!(inode_writecount));
    let size: Option<u64> = read(file.inode, layout!(inode_size));
    let key = desk.key;
    let same =
        |found: &FileKey| found.ino == key.ino && found.dev == key.dev && found.generation == key.generation;
    let (Some(_), Some(writers), Some(size)) = (found.filter(same), writers, size) else {
        // It left the kernel's memory, and what it grew by after the last look with it.
        emit::count(Counter::FileUnwatched, 1);
        return GROWTH_GONE;
    };
    let is_open = writers > 0;
    if size <= growing.counted {
        growing.counted = size;
        return if is_open { GROWTH_NONE } else { GROWTH_GONE };
    }
    if growing.orphaned == 1 {
        if desk.process.pid != 0 {
            (growing.process, growing.orphaned) = (desk.process, 0);
        } else if is_open {
            // Whoever has it will be seen.
            return GROWTH_NONE;
        }
    }
    (desk.owner, desk.bytes) = (growing.process, size - growing.counted);
    growing.counted = size;
    if is_open { GROWTH_SOME } else { GROWTH_GONE }
}

/// Books what the last step found.
#[inline(never)]
fn book(area: u32) -> u64 {
    let Some(desk) = desk(area) else {
        return 0;
    };
    if desk.bytes == 0 {
        return 0;
    }
    let cookie = FILES_COOKIE | u64::from(desk.key.dev);
    desk.flow = FlowKey { process: desk.owner, cookie, ..FlowKey::default() };
    let bytes = desk.bytes;
    desk.bytes = 0;
    ledger::count_written(&desk.flow, &mut desk.value, FAMILY_FILES, bytes);
    0
}
