//! One open through `io_uring`, by system calls alone.

use std::{ffi::CStr, io, ptr};

/// `IORING_OP_OPENAT`.
const OPENAT: u8 = 18;
/// `IORING_OFF_SQES`.
const SQES: libc::off_t = 0x1000_0000;
/// `IORING_ENTER_GETEVENTS`.
const GETEVENTS: libc::c_long = 1;
/// Enough for a ring of one entry.
const PAGE: usize = 4096;

/// The part of `io_uring_sqe` that an open uses.
#[repr(C)]
struct Entry {
    opcode: u8,
    flags: u8,
    priority: u16,
    directory: i32,
    offset: u64,
    path: u64,
    mode: u32,
    open_flags: u32,
    user_data: u64,
    rest: [u64; 3],
}

/// Opens a file for reading and waits until it is open.
pub(crate) fn open(path: &CStr) -> io::Result<()> {
    // `struct io_uring_params`: the offsets of the submission ring begin at the eleventh word.
    let mut parameters = [0_u32; 30];
    // SAFETY: the kernel fills the structure, which is as long as it expects.
    let ring = unsafe { libc::syscall(libc::SYS_io_uring_setup, 1_u32, &raw mut parameters) };
    let ring = i32::try_from(ring).ok().filter(|ring| *ring >= 0).ok_or_else(io::Error::last_os_error)?;
    let (tail, array) = (parameters[11], parameters[16]);
    let queue = map(ring, 0)?;
    let entry: *mut Entry = map(ring, SQES)?.cast();
    let open = Entry {
        opcode: OPENAT,
        flags: 0,
        priority: 0,
        directory: libc::AT_FDCWD,
        offset: 0,
        path: path.as_ptr() as u64,
        mode: 0,
        open_flags: 0,
        user_data: 1,
        rest: [0; 3],
    };
    // SAFETY: the first entry of the mapped array.
    unsafe { entry.write(open) };
    // SAFETY: inside the mapped ring, at the offset that the kernel gave.
    unsafe { queue.wrapping_add(array as usize).cast::<u32>().write_volatile(0) };
    // SAFETY: as above.
    unsafe { queue.wrapping_add(tail as usize).cast::<u32>().write_volatile(1) };
    // SAFETY: no pointers but a null signal mask.
    let submitted = unsafe {
        libc::syscall(libc::SYS_io_uring_enter, ring, 1_u32, 1_u32, GETEVENTS, ptr::null::<u8>(), 0_usize)
    };
    if submitted == 1 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn map(ring: i32, offset: libc::off_t) -> io::Result<*mut u8> {
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_POPULATE);
    // SAFETY: a new mapping, at a place of the kernel's choice.
    let place = unsafe { libc::mmap(ptr::null_mut(), PAGE, protection, flags, ring, offset) };
    if place == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(place.cast()) }
}
