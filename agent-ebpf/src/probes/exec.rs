//! Programs started.

use agent_common::{
    counters::Counter,
    file::PATH_UNREACHABLE,
    limits::{ARGV_MAX, ARGV_SHORT, EXEC_FDS, PATH_MAX},
    process::{EXEC_ARGV_TRUNCATED, EXEC_ARGV_UNREADABLE, EXEC_DELETED, EXEC_MEMFD, EXEC_SCRIPT, ExecRecord},
    record::KIND_EXEC,
};
use aya_ebpf::{
    helpers::generated::{bpf_get_current_cgroup_id, bpf_probe_read_kernel_str, bpf_probe_read_user},
    macros::{btf_tracepoint, raw_tracepoint},
    programs::{BtfTracePointContext, RawTracePointContext},
};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, at_most,
        file::{File, describe, magic},
        layout, mask, member,
        path::{self, CURSOR_MASK},
        read, task,
    },
    maps::SCRATCH_EXEC,
    unbroken::Unbroken,
};

/// Bytes of the fixed part.
const FIXED: u64 = size_of::<ExecRecord>() as u64;
/// Bytes in a page of user memory, at least.
const PAGE: u64 = 4096;

/// `void sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`, 5.10 to 7.x.
#[btf_tracepoint(function = "sched_process_exec")]
fn weir_exec_tp_btf(ctx: BtfTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_exec_tp_btf", try_exec(ctx.arg(0), ctx.arg(2)));
    0
}

/// As above, where the tracepoint's types cannot be had.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
fn weir_exec_raw_tp(ctx: RawTracePointContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_exec_raw_tp", try_exec(ctx.arg(0), ctx.arg(2)));
    0
}

#[inline(always)]
fn try_exec(task: u64, bprm: u64) -> Outcome {
    let scratch = emit::scratch(SCRATCH_EXEC).ok_or(Fault::Map)?;
    // SAFETY: the area is larger than the record, aligned to 8, and this CPU's own.
    let record = unsafe { &mut *scratch.cast::<ExecRecord>() };
    let process = task::key(task).ok_or(Fault::Task)?;
    record.flags = 0;
    fill_identity(record, task);
    fill_descriptors(scratch, record, task);
    let mm: u64 = read(task, layout!(task_mm)).ok_or(Fault::Exec)?;
    let end = append_paths(scratch, record, task, mm)?;
    let end = append_names(scratch, record, bprm, end);
    let end = append_argv(scratch, record, mm, end);
    emit::head(&mut record.head, KIND_EXEC, end as u32, process);
    emit::exec(scratch, end);
    Ok(())
}

/// Everything of fixed size.
#[inline(always)]
fn fill_identity(record: &mut ExecRecord, task: u64) {
    let parent: u64 = read(task, layout!(task_real_parent)).unwrap_or(0);
    record.parent = task::key(parent).unwrap_or_default();
    // SAFETY: the helper has no precondition.
    record.cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    let ids = task::ids(task);
    record.uid = ids.uid;
    record.euid = ids.euid;
    record.gid = ids.gid;
    record.loginuid = read(task, layout!(task_loginuid)).unwrap_or(task::UNSET);
    record.sessionid = read(task, layout!(task_sessionid)).unwrap_or(task::UNSET);
    record.mnt_ns = read(task::mount_namespace(task), layout!(mnt_ns_inum)).unwrap_or(0);
    record.net_ns = task::network_namespace(task);
    record.comm = read(task, layout!(task_comm)).unwrap_or_default();
}

/// The first descriptors. Their addresses are kept where the paths will be.
#[inline(always)]
fn fill_descriptors(scratch: *mut u8, record: &mut ExecRecord, task: u64) {
    // SAFETY: right behind the fixed part, whose size is a multiple of 8, well inside the area, and this CPU's own.
    let files = unsafe { &mut *scratch.wrapping_add(FIXED as usize).cast::<[u64; EXEC_FDS]>() };
    task::first_files(task, files);
    for (file, out) in files.iter().zip(&mut record.fds) {
        describe(*file, out);
    }
}

/// The executable after lookup and the working directory; the new end of the record.
#[inline(always)]
fn append_paths(scratch: *mut u8, record: &mut ExecRecord, task: u64, mm: u64) -> Result<u64, Fault> {
    let namespace = task::mount_namespace(task);
    let file: u64 = read(mm, layout!(mm_exe_file)).ok_or(Fault::Exec)?;
    let file = File::at(file).ok_or(Fault::Exec)?;
    let superblock = file.superblock().ok_or(Fault::Exec)?;
    let key = file.key(superblock).ok_or(Fault::Exec)?;
    record.exe_ino = key.ino;
    record.exe_dev = key.dev;
    record.exe_magic = magic(superblock).ok_or(Fault::Exec)?;
    record.exe = path::append(scratch, FIXED, file.path().ok_or(Fault::Exec)?, namespace);
    if read::<u32>(file.inode, layout!(inode_nlink)) == Some(0) {
        record.flags |= EXEC_DELETED;
    }
    let first: *const [u8; 6] = scratch.wrapping_add(FIXED as usize).cast();
    // SAFETY: right behind the fixed part, well inside the area.
    let first = unsafe { first.read() };
    if record.exe.flags & PATH_UNREACHABLE != 0 && first == *b"memfd:" {
        record.flags |= EXEC_MEMFD;
    }
    let end = FIXED + u64::from(record.exe.len);
    let fs: u64 = read(task, layout!(task_fs)).ok_or(Fault::Exec)?;
    let pwd = member(fs, layout!(fs_pwd)).and_then(path::at).ok_or(Fault::Exec)?;
    record.cwd = path::append(scratch, end, pwd, namespace);
    Ok(end + u64::from(record.cwd.len))
}

/// The name as typed and the interpreter. `bprm->interp` is the very same pointer as `bprm->filename` until
/// `#!` or `binfmt_misc` replaces it with its own copy, so that comparing the pointers is exact.
#[inline(always)]
fn append_names(scratch: *mut u8, record: &mut ExecRecord, bprm: u64, end: u64) -> u64 {
    let filename: u64 = read(bprm, layout!(bprm_filename)).unwrap_or(0);
    let interp: u64 = read(bprm, layout!(bprm_interp)).unwrap_or(0);
    if interp != filename && interp != 0 {
        record.flags |= EXEC_SCRIPT;
    }
    record.filename_len = append_string(scratch, end, filename);
    let end = end + u64::from(record.filename_len);
    record.interp_len = append_string(scratch, end, interp);
    end + u64::from(record.interp_len)
}

/// A kernel string without its NUL; its length.
#[inline(never)]
fn append_string(scratch: *mut u8, end: u64, string: u64) -> u16 {
    let place = scratch.wrapping_add(mask::<CURSOR_MASK>(end) as usize);
    // SAFETY: the area reaches past every cursor by more than a path; the helper checks the source.
    let read = unsafe { bpf_probe_read_kernel_str(place.cast(), PATH_MAX as u32, string as *const _) };
    u16::try_from(read - 1).unwrap_or(0)
}

/// The arguments as they lie in the new program's memory, separated by NUL; the new end of the record.
#[inline(always)]
fn append_argv(scratch: *mut u8, record: &mut ExecRecord, mm: u64, end: u64) -> u64 {
    let from: u64 = read(mm, layout!(mm_arg_start)).unwrap_or(0);
    let to: u64 = read(mm, layout!(mm_arg_end)).unwrap_or(0);
    let total = to.saturating_sub(from);
    record.argv_total = total;
    let mut wanted = total.min(ARGV_MAX as u64);
    if wanted > ARGV_SHORT as u64 && emit::lifecycle_is_fuller_than(3) {
        wanted = ARGV_SHORT as u64;
        emit::count(Counter::ExecShortened, 1);
    }
    let mut carried = wanted;
    if !read_user(scratch, end, from, wanted) {
        // The vector may lie on two pages of which the second is not in memory.
        record.flags |= EXEC_ARGV_UNREADABLE;
        carried = wanted.min(PAGE - from % PAGE);
        if !read_user(scratch, end, from, carried) {
            carried = 0;
        }
    }
    if carried < total {
        record.flags |= EXEC_ARGV_TRUNCATED;
    }
    record.argv_len = carried as u32;
    end + carried
}

#[inline(never)]
fn read_user(scratch: *mut u8, end: u64, from: u64, length: u64) -> bool {
    let place = scratch.wrapping_add(mask::<CURSOR_MASK>(end) as usize);
    let size = at_most::<{ ARGV_MAX as u32 }>(length);
    // SAFETY: the area reaches past every cursor by the longest argument vector; the helper checks the source.
    let read = unsafe { bpf_probe_read_user(place.cast(), size as u32, from as *const _) };
    read == 0
}
