//! Who opens files faster than they are read must not keep the opens of others out of the ring.

use std::{
    ffi::{CStr, CString},
    fs, io,
    os::fd::{FromRawFd as _, OwnedFd},
    process::{Command, Stdio},
};

use agent_common::{counters::Counter, file::OpenRecord, record::KIND_OPEN};

use super::{Folder, edges::in_child, kernel_side::Kernel, path};

/// Opens of the flood: their records are larger than the ring of 4 MiB.
const FLOOD: u32 = 60_000;

fn write_open(name: &CStr) -> io::Result<()> {
    // SAFETY: the name ends in NUL.
    let fd = unsafe { libc::open(name.as_ptr(), libc::O_WRONLY | libc::O_CREAT, 0o600) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was just opened, and nobody else has it.
    drop(unsafe { OwnedFd::from_raw_fd(fd) });
    Ok(())
}

#[test]
fn a_flood_of_opens_leaves_room_for_those_of_others() {
    let Some(mut kernel) = Kernel::load("a_flood_of_opens_leaves_room_for_those_of_others") else { return };
    let folder = Folder::new("flood");
    let place = folder.0.join("flood");
    let name = CString::new(place.as_os_str().as_encoded_bytes()).expect("a path");
    let before = kernel.counter(Counter::OpenDropped);
    in_child(move || (0..FLOOD).try_for_each(|_| write_open(&name)));
    assert!(kernel.counter(Counter::OpenDropped) > before, "the flood is no flood");

    let other = folder.0.join("other");
    fs::write(&other, "data").expect("a file");
    let mut reader = Command::new("/bin/cat").arg(&other).stdout(Stdio::null()).spawn().expect("cat");
    let pid = reader.id();
    assert!(reader.wait().expect("its end").success());
    let other = fs::canonicalize(&other).expect("the file");
    kernel.wait(KIND_OPEN, "the open of somebody else", |open: &OpenRecord, tail| {
        open.head.process.pid == pid && path(tail) == other.to_string_lossy()
    });
}
