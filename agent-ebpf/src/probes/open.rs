//! Files opened.

use agent_common::{
    counters::Counter,
    file::{DEVICE_TUN, DirKey, FAMILY_TUNNEL, OPEN_RECEIVED, OPEN_WRITTEN_BEFORE, OpenRecord},
    process::{FMODE_WRITE, PIPEFS},
    record::KIND_OPEN,
};
use aya_ebpf::{
    macros::{fexit, kprobe, tracepoint},
    programs::{FExitContext, ProbeContext, TracePointContext},
};

use super::family;
use crate::{
    emit,
    filter::{self, Fingerprint},
    growth::{self, Opened},
    kernel::{
        Fault, Outcome,
        file::{File, Leaf, S_IFCHR, S_IFREG, magic},
        layout, path, read, task,
    },
    maps::{SCRATCH_OPEN, SCRATCH_RECEIVED},
    unbroken::Unbroken,
};

/// `O_TRUNC`: the file is emptied after the hook.
const O_TRUNC: u32 = 0o1000;

/// Bytes of the fixed part.
const FIXED: u64 = size_of::<OpenRecord>() as u64;

/// `int security_file_open(struct file *file)`, 5.10 to 7.x; the result follows the argument.
#[fexit(function = "security_file_open")]
fn weir_open_fexit(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_open_fexit", try_security_file_open(ctx.arg(0), ctx.arg(1)));
    0
}

/// `syscalls:sys_exit_{open,openat,openat2,creat,open_by_handle_at}`: `int __syscall_nr; long ret`, 5.10 to 7.x
/// (openat2 is as old as 5.6).
#[tracepoint]
fn weir_open_syscall(ctx: TracePointContext) -> u32 {
    emit::finish(&ctx, "weir_open_syscall", try_sys_exit(&ctx));
    0
}

/// `int security_file_receive(struct file *file)`, 5.10 to 7.x: the caller gets a descriptor that came through a unix
/// socket (`SCM_RIGHTS`), or takes another process's by `pidfd_getfd(2)`.
#[fexit(function = "security_file_receive")]
fn weir_received_fexit(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let outcome =
        if ctx.arg::<i32>(1) == 0 { report(ctx.arg(0), SCRATCH_RECEIVED, OPEN_RECEIVED) } else { Ok(()) };
    emit::finish(&ctx, "weir_received_fexit", outcome);
    0
}

/// The same at its entry: what is refused counts as received.
#[kprobe]
fn weir_received_kprobe(ctx: ProbeContext) -> u32 {
    let outcome = ctx.arg(0).map_or(Err(Fault::File), |file| report(file, SCRATCH_RECEIVED, OPEN_RECEIVED));
    emit::finish(&ctx, "weir_received_kprobe", outcome);
    0
}

#[inline(always)]
fn try_security_file_open(file: u64, refused: i32) -> Outcome {
    if refused != 0 {
        return Ok(());
    }
    report(file, SCRATCH_OPEN, 0)
}

#[inline(always)]
fn try_sys_exit(ctx: &TracePointContext) -> Outcome {
    let result = task::syscall_result(ctx);
    if result < 0 || task::is_agent() {
        return Ok(());
    }
    // Another thread may have closed it already; then there is nothing to report.
    let Some(file) = task::file(task::current(), result.cast_unsigned()) else {
        return Ok(());
    };
    report(file, SCRATCH_OPEN, 0)
}

/// Reports the open of the `file` at an address unless the filter says no, and begins to watch it where it leads away.
#[inline(always)]
pub(crate) fn report(file: u64, area: u32, origin: u32) -> Outcome {
    if tell(file, area, origin)? {
        growth::opened(area);
    }
    Ok(())
}

/// Answers whether the file is to be watched.
#[inline(never)]
fn tell(file: u64, area: u32, origin: u32) -> Result<bool, Fault> {
    if task::is_agent() {
        return Ok(false);
    }
    let file = File::at(file).ok_or(Fault::File)?;
    if file.is_shadow() {
        return Ok(false);
    }
    emit::count(Counter::OpenSeen, 1);
    let superblock = file.superblock().ok_or(Fault::File)?;
    let magic = magic(superblock).ok_or(Fault::File)?;
    let place = file.path().ok_or(Fault::File)?;
    let leaf = Leaf::of(place.dentry).ok_or(Fault::File)?;
    // Memory that is handed over as a file was never opened by whoever filled it: there is nothing to follow.
    let is_memory = origin & OPEN_RECEIVED != 0 && magic != PIPEFS && File::is_internal(superblock);
    if is_memory || !filter::in_scope(magic, &file, leaf) {
        emit::count(Counter::OpenFiltered, 1);
        return Ok(false);
    }
    if file.kind() == S_IFCHR && file.device() == DEVICE_TUN {
        family::tell(task::current_key().ok_or(Fault::Task)?, FAMILY_TUNNEL, 0);
        return Ok(false);
    }
    let key = file.key(superblock).ok_or(Fault::File)?;
    let written_before = filter::mark_written(&file, &key);
    let parent: u64 = read(place.dentry, layout!(dentry_parent)).ok_or(Fault::File)?;
    let parent: u64 = read(parent, layout!(dentry_inode)).ok_or(Fault::File)?;
    let parent_ino: u64 = read(parent, layout!(inode_ino)).unwrap_or(0);
    let task = task::current();
    let mount_namespace = task::mount_namespace(task);
    let mnt_ns: u32 = read(mount_namespace, layout!(mnt_ns_inum)).unwrap_or(0);
    let parent = DirKey { ino: parent_ino, dev: key.dev, _pad: 0 };
    if filter::is_quiet(&file, written_before, mnt_ns, parent, leaf) {
        emit::count(Counter::OpenFiltered, 1);
        return Ok(false);
    }
    let process = task::key(task).ok_or(Fault::Task)?;
    let size: u64 = if file.kind() == S_IFCHR {
        file.device().into()
    } else {
        read(file.inode, layout!(inode_size)).unwrap_or(0)
    };
    let open_flags: u32 = read(file.address, layout!(file_flags)).unwrap_or(0);
    let mut is_watched = false;
    if file.access() & FMODE_WRITE != 0 && file.kind() == S_IFREG {
        let received = origin & OPEN_RECEIVED != 0;
        let empties = open_flags & O_TRUNC != 0;
        let opened = Opened { process, inode: file.inode, size, empties, received };
        is_watched = growth::note(area, &key, magic, &opened);
    }
    let ctime_sec: u64 = read(file.inode, layout!(inode_ctime_sec)).unwrap_or(0);
    let fingerprint = Fingerprint::of(&process, &key, file.access(), size, ctime_sec);
    // Who writes, and who reads what was written, is told each time: what a file holds may be new at every open.
    let may_repeat = file.access() & FMODE_WRITE == 0 && !written_before;
    if may_repeat && fingerprint.is_repeat() {
        emit::count(Counter::OpenRepeated, 1);
        return Ok(is_watched);
    }
    let scratch = emit::scratch(area).ok_or(Fault::Map)?;
    // SAFETY: the area is larger than the record, aligned to 8, and this CPU's own.
    let record = unsafe { &mut *scratch.cast::<OpenRecord>() };
    record.file = key;
    record.size = size;
    record.parent_ino = parent_ino;
    record.ctime_sec = ctime_sec;
    record.open_flags = open_flags;
    record.magic = magic;
    record.flags = origin | if written_before { OPEN_WRITTEN_BEFORE } else { 0 };
    record.path = path::append(scratch, FIXED, place, mount_namespace);
    record.mode = file.mode;
    record.fmode = file.access();
    record.mnt_ns = mnt_ns;
    let end = FIXED + u64::from(record.path.len);
    emit::head(&mut record.head, KIND_OPEN, end as u32, process);
    if emit::open(&process, scratch, end) {
        fingerprint.remember();
    }
    Ok(is_watched)
}
