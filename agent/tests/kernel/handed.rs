//! Descriptors that are handed over, and memory that others may read.

use std::{
    fs::{self, File},
    io, mem,
    os::{
        fd::{AsRawFd as _, RawFd},
        unix::{fs::MetadataExt as _, net::UnixStream, process::CommandExt as _},
    },
    process::Command,
    ptr,
};

use agent_common::{
    counters::Counter,
    file::{OPEN_RECEIVED, OpenRecord},
    memory::MemoryRecord,
    process::{ExitRecord, FMODE_READ, FMODE_WRITE, PIPEFS},
    record::{KIND_EXIT, KIND_MEMORY, KIND_OPEN},
};
use zerocopy::FromBytes as _;

use super::{
    Folder,
    edges::in_child,
    kernel_side::{Kernel, skip},
    path,
};

/// `struct cmsghdr` of a 64-bit kernel with a descriptor behind it: length, level and type, descriptor.
type Beside = [u64; 3];

/// A message of one byte with room for a descriptor beside it. The pointers are to what the caller holds.
fn message(vector: &mut libc::iovec, byte: &mut u8, beside: &mut Beside) -> libc::msghdr {
    vector.iov_base = ptr::from_mut(byte).cast();
    vector.iov_len = 1;
    // SAFETY: integers and pointers, for which zeros are a value.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = vector;
    message.msg_iovlen = 1;
    message.msg_control = beside.as_mut_ptr().cast();
    message.msg_controllen = size_of_val(beside);
    message
}

/// Two numbers as they lie one behind the other.
fn pair(first: i32, second: i32) -> u64 {
    let [first, second] = [first, second].map(i32::to_ne_bytes);
    let mut both = [0; 8];
    both[..4].copy_from_slice(&first);
    both[4..].copy_from_slice(&second);
    u64::from_ne_bytes(both)
}

fn give(through: RawFd, given: RawFd) -> io::Result<()> {
    // Two words of head, and four bytes.
    let mut beside = [20, pair(libc::SOL_SOCKET, libc::SCM_RIGHTS), pair(given, 0)];
    let mut byte = b'x';
    let mut vector = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    let message = message(&mut vector, &mut byte, &mut beside);
    // SAFETY: all that the message points to is alive.
    if unsafe { libc::sendmsg(through, &raw const message, 0) } == 1 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn take(through: RawFd) -> io::Result<()> {
    let (mut byte, mut beside) = (0, Beside::default());
    let mut vector = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    let mut message = message(&mut vector, &mut byte, &mut beside);
    // SAFETY: all that the message points to is alive.
    if unsafe { libc::recvmsg(through, &raw mut message, 0) } == 1 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Takes a descriptor of another process's.
fn fetch(owner: u32, fd: RawFd) -> io::Result<()> {
    let is_open = |fd: i64| if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(fd) };
    // SAFETY: numbers alone.
    let process = is_open(unsafe { libc::syscall(libc::SYS_pidfd_open, owner, 0) })?;
    // SAFETY: numbers alone.
    is_open(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, fd, 0) }).map(drop)
}

#[test]
fn descriptors_that_are_handed_over_are_opens() {
    let test = "descriptors_that_are_handed_over_are_opens";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("open.received") {
        skip(test, "nothing sees descriptors that are handed over here");
        return;
    }
    let folder = Folder::new("handed");
    let place = folder.0.join("secret.txt");
    fs::write(&place, "secret").expect("a file");
    let file = File::open(&place).expect("the file");
    let (reader, writer) = io::pipe().expect("a pipe");
    // SAFETY: the name ends in NUL.
    let memory = unsafe { libc::memfd_create(c"shared".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(memory >= 0);
    let (here, there) = UnixStream::pair().expect("a pair");
    for given in [file.as_raw_fd(), reader.as_raw_fd(), writer.as_raw_fd(), memory] {
        give(here.as_raw_fd(), given).expect("room");
    }
    let other = folder.0.join("other.txt");
    fs::write(&other, "other").expect("a file");
    let other = File::open(&other).expect("the file");
    let (through, fetched, owner) = (there.as_raw_fd(), other.as_raw_fd(), std::process::id());
    let pid = in_child(move || {
        (0..4).try_for_each(|_| take(through))?;
        fetch(owner, fetched)
    });
    kernel.wait(KIND_EXIT, "the end", |exit: &ExitRecord, _| exit.head.process.pid == pid);

    let received = kernel.backlog.iter().filter_map(|record| OpenRecord::read_from_prefix(record).ok());
    let received: Vec<_> = received
        .filter(|(open, _)| open.head.kind == KIND_OPEN && open.head.process.pid == pid)
        .filter(|(open, _)| open.flags & OPEN_RECEIVED != 0)
        .collect();
    let inode = |fd: RawFd| fs::metadata(format!("/proc/self/fd/{fd}")).expect("an open descriptor").ino();
    let seen: Vec<_> = received.iter().map(|(open, _)| (open.file.ino, open.fmode)).collect();
    let pipe = inode(reader.as_raw_fd());
    let expected = [
        (inode(file.as_raw_fd()), FMODE_READ),
        (pipe, FMODE_READ),
        (pipe, FMODE_WRITE),
        (inode(fetched), FMODE_READ),
    ];
    assert_eq!(seen, expected, "the file, both ends of the pipe and what was fetched, not the memory");
    let (open, tail) = received[0];
    assert_eq!(
        path(&tail[..open.path.len.into()]),
        fs::canonicalize(&place).expect("the file").to_string_lossy()
    );
    assert_eq!((open.size, received[1].0.magic), (6, PIPEFS));
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
    // SAFETY: the descriptor was opened above, and nobody else has it.
    unsafe { libc::close(memory) };
}

/// Reads a byte of this process's own, whose address every fork shares.
fn peek_at(owner: libc::pid_t) -> io::Result<()> {
    static BYTE: u8 = 7;
    let mut found = 0_u8;
    let local = libc::iovec { iov_base: (&raw mut found).cast(), iov_len: 1 };
    let remote = libc::iovec { iov_base: (&raw const BYTE).cast_mut().cast(), iov_len: 1 };
    // SAFETY: one byte goes into one byte; the other process's memory is read by the kernel.
    let count = unsafe { libc::process_vm_readv(owner, &raw const local, 1, &raw const remote, 1, 0) };
    if count == 1 && found == BYTE { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Gives the parent access, as the child of a debugger does.
fn trace_me() -> io::Result<()> {
    // SAFETY: no other argument counts.
    let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[test]
fn access_to_memory_is_told_once() {
    let test = "access_to_memory_is_told_once";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("memory") {
        skip(test, "nothing sees access to memory here");
        return;
    }
    let me = std::process::id();
    let owner = libc::pid_t::try_from(me).expect("a pid");
    let reader = in_child(move || (0..3).try_for_each(|_| peek_at(owner)));
    // What ps reads of everybody is no access to memory.
    let lister = in_child(move || fs::read_to_string(format!("/proc/{owner}/stat")).map(drop));
    let mut traced = Command::new("/bin/true");
    // SAFETY: between fork and exec the closure only calls the kernel.
    let mut traced = unsafe { traced.pre_exec(trace_me) }.spawn().expect("a child");
    let given = traced.id();
    let pid = libc::pid_t::try_from(given).expect("a pid");
    // It stops at its exec for its tracer.
    let mut status = 0;
    // SAFETY: the child is this process's own.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFSTOPPED(status), "status {status}");
    // SAFETY: as above.
    assert_eq!(unsafe { libc::ptrace(libc::PTRACE_DETACH, pid, 0, 0) }, 0);
    assert!(traced.wait().expect("its end").success());

    kernel.wait(KIND_EXIT, "the end", |exit: &ExitRecord, _| exit.head.process.pid == given);
    let told = kernel.backlog.iter().filter_map(|record| MemoryRecord::read_from_prefix(record).ok());
    let told: Vec<_> = told
        .filter(|(record, _)| record.head.kind == KIND_MEMORY)
        .map(|(record, _)| (record.head.process.pid, record.owner.pid))
        .filter(|pair| [reader, lister, me].contains(&pair.0))
        .collect();
    assert_eq!(told, [(reader, me), (me, given)]);
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}
