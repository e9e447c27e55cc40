//! Files on file systems that lead away from this host: a share of another one, a medium that can be carried off.
//!
//! No write is hooked. A file's size is read when it is opened for writing and later, as far as it grew booked in the
//! ledger to whoever opened it last: when a process that has it opens further files, forks, or ends, and when the agent asks.
//! Children have what their parents had open. When the opener ends, what the file grows by is that of the next one that
//! is seen to have it.
//!
//! The inode is found by its address. It may have left the kernel's memory in between, and the address be another one's: that
//! is told by device, number and generation, and what cannot be read any more is not booked.
//!
//! What is written over what was there makes no file larger, and is not counted.

use agent_common::{
    counters::Counter,
    file::{FAMILY_FILES, FILES_COOKIE, FileKey, FileSystem, GROWTH_GONE, GROWTH_NONE, GROWTH_SOME},
    process::ProcessKey,
};

use crate::{
    emit,
    kernel::{file::File, layout, read},
    ledger,
    maps::{GROWER_FILES, GROWERS, GROWING, Grower, Growing, OWN},
};

/// File systems in memory: tmpfs, ramfs, hugetlbfs. Anybody may have any number of them.
const IN_MEMORY: [u32; 3] = [0x0102_1994, 0x8584_58f6, 0x9584_58f6];

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

/// Begins to watch a file, unless it stays on this host.
#[inline(always)]
pub(crate) fn opened(key: &FileKey, magic: u32, file: &Opened) {
    if !IN_MEMORY.contains(&magic) && OWN.get_ptr(FileSystem { dev: key.dev, magic }).is_none() {
        watch(key, magic, file);
    }
}

/// A sub-program, since few opens come here.
#[inline(never)]
fn watch(key: &FileKey, magic: u32, file: &Opened) -> u64 {
    let counted = if file.empties { 0 } else { file.size };
    if let Some(growing) = GROWING.get_ptr_mut(key) {
        // What it grew by until now is whose it was.
        look(key, growing, &ProcessKey::default());
        // SAFETY: an entry of a preallocated map that the lookup vouched for; openers that race may each take it over.
        let growing = unsafe { &mut *growing };
        if growing.inode != file.inode && growing.process.pid != 0 && file.size > growing.counted {
            // It left the kernel's memory after the last look, and has come back.
            book(growing.process, key.dev, file.size - growing.counted);
        }
        if !file.received || growing.process.pid == 0 {
            growing.process = file.process;
        }
        (growing.inode, growing.counted, growing.magic) = (file.inode, counted, magic);
    } else {
        let growing = Growing { process: file.process, inode: file.inode, counted, magic, _pad: 0 };
        if GROWING.insert(key, growing, 0).is_err() {
            emit::count(Counter::FileUnwatched, 1);
            return 0;
        }
    }
    remember(&file.process, key)
}

/// Remembers that a process has a file, and looks at the one that makes room.
#[inline(never)]
fn remember(process: &ProcessKey, key: &FileKey) -> u64 {
    if GROWERS.get_ptr(process).is_none() {
        let none = FileKey { ino: 0, dev: 0, generation: 0 };
        if GROWERS.insert(process, Grower { files: [none; GROWER_FILES], next: 0 }, 0).is_err() {
            emit::count(Counter::FileUnwatched, 1);
        }
    }
    let Some(grower) = GROWERS.get_ptr_mut(process) else {
        return 0;
    };
    // SAFETY: an entry of a map that the lookup vouched for; only threads of one process write it, and whichever of two
    // that race comes last leaves one file less behind.
    let grower = unsafe { &mut *grower };
    if grower.files.iter().any(|known| known.ino == key.ino && known.dev == key.dev) {
        return 0;
    }
    let at = grower.next as usize % GROWER_FILES;
    grower.next = grower.next.wrapping_add(1);
    if let Some(place) = grower.files.get_mut(at) {
        let before = *place;
        *place = *key;
        sample(&before, process);
    }
    0
}

/// A child has what its parent has open, and may be the one that unmounts.
#[inline(always)]
pub(crate) fn forked(parent: &ProcessKey, child: &ProcessKey) {
    if GROWERS.get_ptr(parent).is_some() {
        look_at_all(parent, false);
        inherit(parent, child);
    }
}

#[inline(never)]
fn inherit(parent: &ProcessKey, child: &ProcessKey) -> u64 {
    let Some(grower) = GROWERS.get_ptr(parent) else {
        return 0;
    };
    // SAFETY: an entry of a preallocated map; a racing write can but hide a file.
    let grower = unsafe { &*grower };
    if GROWERS.insert(child, grower, 0).is_err() {
        emit::count(Counter::FileUnwatched, 1);
    }
    0
}

/// A process ended: the last look at its files by its own doing.
#[inline(always)]
pub(crate) fn ended(process: &ProcessKey) {
    if GROWERS.get_ptr(process).is_some() {
        look_at_all(process, true);
        let _ = GROWERS.remove(process);
    }
}

/// Looks at the files of a process, which leaves them to others if it ends.
#[inline(never)]
fn look_at_all(process: &ProcessKey, ends: bool) -> u64 {
    let Some(grower) = GROWERS.get_ptr(process) else {
        return 0;
    };
    // SAFETY: an entry of a preallocated map; a racing write can but hide a file.
    let files = unsafe { (*grower).files };
    for file in &files {
        if sample(file, process) != GROWTH_GONE && ends {
            leave(file, process);
        }
    }
    0
}

#[inline(always)]
fn leave(key: &FileKey, process: &ProcessKey) {
    if let Some(growing) = GROWING.get_ptr_mut(key) {
        // SAFETY: an entry of a preallocated map that the lookup vouched for.
        let growing = unsafe { &mut *growing };
        if growing.process.pid == process.pid && growing.process.start_ticks == process.start_ticks {
            growing.process = ProcessKey::default();
        }
    }
}

/// Looks at a file that is watched, on behalf of a process that has it or, without one, of the agent.
#[inline(never)]
pub(crate) fn sample(key: &FileKey, by: &ProcessKey) -> u32 {
    let Some(growing) = GROWING.get_ptr_mut(key) else {
        return GROWTH_GONE;
    };
    // SAFETY: an entry of a preallocated map that the lookup vouched for.
    let magic = unsafe { (*growing).magic };
    let is_own = OWN.get_ptr(FileSystem { dev: key.dev, magic }).is_some();
    let found = if is_own { GROWTH_GONE } else { look(key, growing, by) };
    if found == GROWTH_GONE {
        let _ = GROWING.remove(key);
    }
    found
}

/// Reads a file's size, and books what it grew by.
#[inline(always)]
fn look(key: &FileKey, growing: *mut Growing, by: &ProcessKey) -> u32 {
    // SAFETY: an entry of a preallocated map that the lookup vouched for. Of two that look at once both may book the same
    // bytes: a file is written by one program mostly, and the agent looks seldom.
    let growing = unsafe { &mut *growing };
    let file = File { address: 0, inode: growing.inode, fmode: 0, mode: 0 };
    let found = file.superblock().and_then(|superblock| file.key(superblock));
    let size: Option<u64> = read(file.inode, layout!(inode_size));
    let (Some(found), Some(size)) = (found, size) else {
        return GROWTH_GONE;
    };
    if found.ino != key.ino || found.dev != key.dev || found.generation != key.generation {
        return GROWTH_GONE;
    }
    if size <= growing.counted {
        growing.counted = size;
        return GROWTH_NONE;
    }
    if growing.process.pid == 0 {
        growing.process = *by;
    }
    if growing.process.pid == 0 {
        // Whoever has it will be seen.
        return GROWTH_NONE;
    }
    let bytes = size - growing.counted;
    growing.counted = size;
    book(growing.process, key.dev, bytes);
    GROWTH_SOME
}

#[inline(always)]
fn book(process: ProcessKey, dev: u32, bytes: u64) {
    ledger::count_written(process, FILES_COOKIE | u64::from(dev), FAMILY_FILES, bytes);
}
