//! Tasks: identity, credentials, namespaces, descriptors.

use agent_common::{
    limits::EXEC_FDS,
    process::{NS_PER_TICK, ProcessKey},
};
use aya_ebpf::{
    EbpfContext,
    helpers::{bpf_get_current_pid_tgid, bpf_get_current_task},
    programs::TracePointContext,
};

use super::{layout, peek_into, read, tuning};

/// Place of the result in every `sys_exit_*` record: eight bytes of common fields, then the system call's number
/// in a long.
const SYS_EXIT_RET: usize = 2;

/// "Not set" for user and session ids.
pub(crate) const UNSET: u32 = u32::MAX;

/// `task_struct` of the running thread.
#[inline(always)]
pub(crate) fn current() -> u64 {
    // SAFETY: the helper has no precondition.
    unsafe { bpf_get_current_task() }
}

/// What the system call gives back at whose end a `sys_exit_*` tracepoint runs.
#[inline(always)]
pub(crate) fn syscall_result(ctx: &TracePointContext) -> i64 {
    let result: *const i64 = ctx.as_ptr().cast::<i64>().wrapping_add(SYS_EXIT_RET);
    // SAFETY: the record of a `sys_exit_*` tracepoint is three longs.
    unsafe { result.read() }
}

/// Whether the running thread belongs to the agent.
#[inline(always)]
pub(crate) fn is_agent() -> bool {
    (bpf_get_current_pid_tgid() >> 32) as u32 == tuning!(agent_tgid)
}

/// Identity of the process that `task` is a thread of.
#[inline(always)]
pub(crate) fn key(task: u64) -> Option<ProcessKey> {
    let pid: u32 = read(task, layout!(task_tgid))?;
    let leader: u64 = read(task, layout!(task_group_leader))?;
    let start: u64 = read(leader, layout!(task_start_boottime))?;
    Some(ProcessKey { start_ticks: start / NS_PER_TICK, pid, _pad: 0 })
}

/// Identity of the running process.
#[inline(always)]
pub(crate) fn current_key() -> Option<ProcessKey> {
    key(current())
}

/// Real user, effective user and real group id; `UNSET` where unknown.
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) euid: u32,
    pub(crate) gid: u32,
}

/// Credentials of a task.
#[inline(always)]
pub(crate) fn ids(task: u64) -> Ids {
    let cred: u64 = read(task, layout!(task_cred)).unwrap_or(0);
    Ids {
        uid: read(cred, layout!(cred_uid)).unwrap_or(UNSET),
        euid: read(cred, layout!(cred_euid)).unwrap_or(UNSET),
        gid: read(cred, layout!(cred_gid)).unwrap_or(UNSET),
    }
}

/// `mnt_namespace` of a task; 0 when it has none any more.
#[inline(always)]
pub(crate) fn mount_namespace(task: u64) -> u64 {
    let proxy: u64 = read(task, layout!(task_nsproxy)).unwrap_or(0);
    read(proxy, layout!(nsproxy_mnt)).unwrap_or(0)
}

/// Inode number of a task's network namespace.
#[inline(always)]
pub(crate) fn network_namespace(task: u64) -> u32 {
    let proxy: u64 = read(task, layout!(task_nsproxy)).unwrap_or(0);
    let net: u64 = read(proxy, layout!(nsproxy_net)).unwrap_or(0);
    read(net, layout!(net_inum)).unwrap_or(0)
}

/// The array of `file` pointers behind a task's descriptors, and its length.
#[inline(always)]
fn descriptors(task: u64) -> Option<(u64, u32)> {
    let files: u64 = read(task, layout!(task_files))?;
    let table: u64 = read(files, layout!(files_fdt))?;
    let length: u32 = read(table, layout!(fdtable_max_fds))?;
    let array: u64 = read(table, layout!(fdtable_fd))?;
    Some((array, length))
}

/// `file` behind descriptor `fd` of a task; `None` when it is closed.
#[inline(always)]
pub(crate) fn file(task: u64, fd: u64) -> Option<u64> {
    let (array, length) = descriptors(task)?;
    if fd >= u64::from(length) {
        return None;
    }
    let file: u64 = read(array + fd * 8, 0)?;
    (file != 0).then_some(file)
}

/// `file` pointers behind the first descriptors, zeros for those that are closed. Every table has room for more of them
/// (`NR_OPEN_DEFAULT`, the bits of a long).
#[inline(always)]
pub(crate) fn first_files(task: u64, into: &mut [u64; EXEC_FDS]) {
    *into = [0; EXEC_FDS];
    if let Some((array, length)) = descriptors(task)
        && length >= EXEC_FDS as u32
    {
        peek_into(array, 0, into);
    }
}
