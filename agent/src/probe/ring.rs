//! `io_uring` by system calls alone: one request at a time.

use std::{
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
    ptr,
    sync::atomic::{AtomicU32, Ordering},
};

/// `IORING_OP_SENDMSG`.
pub(super) const SENDMSG: u8 = 9;
/// `IORING_OP_SEND`.
pub(super) const SEND: u8 = 26;
/// `IORING_OP_SPLICE`.
pub(super) const SPLICE: u8 = 30;
/// `IORING_OP_SEND_ZC`, from 6.0.
pub(super) const SEND_ZC: u8 = 47;
/// `IORING_SETUP_SQPOLL`: a thread of the kernel takes the requests.
pub(super) const SQPOLL: u32 = 2;

/// `IORING_OFF_SQES`.
const SQES: libc::off_t = 0x1000_0000;
/// `IORING_ENTER_GETEVENTS`.
const GETEVENTS: u32 = 1;
/// `IORING_ENTER_SQ_WAKEUP`.
const WAKEUP: u32 = 2;
/// `IORING_CQE_F_NOTIF`: what was sent without a copy is free again.
const NOTIFICATION: u32 = 8;
/// Entries of the ring, and room for it.
const ENTRIES: u32 = 8;
const ROOM: usize = 4_096;

/// `struct io_uring_sqe`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Request {
    pub(super) opcode: u8,
    pub(super) flags: u8,
    pub(super) priority: u16,
    pub(super) fd: i32,
    /// Offset; of a splice, where it writes.
    pub(super) offset: u64,
    /// Address; of a splice, where it reads.
    pub(super) address: u64,
    pub(super) length: u32,
    pub(super) operation_flags: u32,
    pub(super) user_data: u64,
    pub(super) buffer: u16,
    pub(super) personality: u16,
    /// The descriptor that a splice reads from.
    pub(super) splice_from: i32,
    pub(super) rest: [u64; 2],
}

/// A ring.
pub(super) struct Ring {
    fd: OwnedFd,
    shared: *mut u8,
    requests: *mut Request,
    /// Offsets of the parts: `struct io_uring_params` as words.
    parameters: [u32; 30],
    polls: bool,
}

impl Ring {
    /// A ring; `flags` are `IORING_SETUP_*`.
    pub(super) fn new(flags: u32) -> io::Result<Self> {
        let mut parameters = [0_u32; 30];
        parameters[2] = flags;
        // SAFETY: the kernel fills the structure, which is as long as it expects.
        let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, ENTRIES, &raw mut parameters) };
        let fd = RawFd::try_from(fd).ok().filter(|fd| *fd >= 0).ok_or_else(io::Error::last_os_error)?;
        // SAFETY: the descriptor was just opened, and nobody else has it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let shared = map(&fd, 0)?;
        let requests = map(&fd, SQES)?.cast();
        Ok(Self { fd, shared, requests, parameters, polls: flags & SQPOLL != 0 })
    }

    /// Hands a request in, and waits for its result.
    pub(super) fn run(&mut self, request: Request) -> io::Result<u64> {
        // Words 10 to 19 are the offsets of the submission ring (head, tail, mask, entries, flags, dropped, array), 20 to 29
        // those of the completion ring (head, tail, mask, entries, overflow, entries).
        let [sq_tail, sq_mask, sq_array] = [self.parameters[11], self.parameters[12], self.parameters[16]];
        let tail = self.word(sq_tail);
        let at = tail.load(Ordering::Acquire) & self.word(sq_mask).load(Ordering::Relaxed);
        // SAFETY: the mask keeps the index inside the mapped array.
        let slot = unsafe { self.requests.add(at as usize) };
        // SAFETY: nobody else writes to it, and the kernel looks once the tail has moved.
        unsafe { slot.write(request) };
        self.word(sq_array + at * 4).store(at, Ordering::Relaxed);
        tail.fetch_add(1, Ordering::Release);
        self.enter(u32::from(!self.polls))?;
        loop {
            let (result, flags) = self.completion()?;
            if flags & NOTIFICATION == 0 {
                return u64::try_from(result).map_err(|_| io::Error::from_raw_os_error(-result));
            }
        }
    }

    /// Hands in so many requests, and waits for a completion.
    fn enter(&self, requests: u32) -> io::Result<()> {
        let flags = if self.polls { GETEVENTS | WAKEUP } else { GETEVENTS };
        // SAFETY: no pointers but a null signal mask.
        let entered = unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                requests,
                1_u32,
                flags,
                ptr::null::<u8>(),
                0_usize,
            )
        };
        if entered < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// The next completion: its result and flags.
    fn completion(&self) -> io::Result<(i32, u32)> {
        let [cq_head, cq_tail, cq_mask, cqes] =
            [self.parameters[20], self.parameters[21], self.parameters[22], self.parameters[25]];
        let head = self.word(cq_head);
        let at = head.load(Ordering::Relaxed);
        while self.word(cq_tail).load(Ordering::Acquire) == at {
            // What found no room waits in the kernel until somebody asks.
            self.enter(0)?;
        }
        // An entry is the request's number in two words, the result and the flags.
        let entry = cqes + (at & self.word(cq_mask).load(Ordering::Relaxed)) * 16;
        let result = self.word(entry + 8).load(Ordering::Relaxed).cast_signed();
        let flags = self.word(entry + 12).load(Ordering::Relaxed);
        head.store(at.wrapping_add(1), Ordering::Release);
        Ok((result, flags))
    }

    fn word(&self, offset: u32) -> &AtomicU32 {
        // SAFETY: the kernel gave the offset of an aligned word inside the mapping, which lives as long as the ring.
        let word = unsafe { self.shared.add(offset as usize) };
        // SAFETY: as above; both sides use it as a whole word.
        unsafe { AtomicU32::from_ptr(word.cast()) }
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        for place in [self.shared.cast(), self.requests.cast::<u8>()] {
            // SAFETY: mapped by this ring with this size; nobody looks at it any more.
            unsafe { libc::munmap(place.cast(), ROOM) };
        }
    }
}

fn map(fd: &OwnedFd, offset: libc::off_t) -> io::Result<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
    // SAFETY: a new mapping, at a place of the kernel's choice.
    let place = unsafe { libc::mmap(ptr::null_mut(), ROOM, protection, flags, fd.as_raw_fd(), offset) };
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place.cast()) }
}
