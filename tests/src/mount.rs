//! mount(2), also between fork and exec: nothing is allocated.

use std::{ffi::CStr, fs, io, ptr};

/// Mounts `from` at `to`. A `kind` of none is for flags that ask for no file system; no `options` are an empty string.
///
/// # Errors
/// Fails when the kernel refuses.
pub fn mount(
    from: &CStr,
    to: &CStr,
    kind: Option<&CStr>,
    flags: libc::c_ulong,
    options: &CStr,
) -> io::Result<()> {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: the strings end in NUL and live through the call; a null file system type is one that is not looked at.
    done(unsafe { libc::mount(from.as_ptr(), to.as_ptr(), kind, flags, options.as_ptr().cast()) })
}

/// What a system call's result means.
///
/// # Errors
/// The calling thread's error when the result is not 0.
pub fn done(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether the kernel has a file system of this name, without looking for modules.
#[must_use]
pub fn is_known(name: &str) -> bool {
    let all = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    all.lines().any(|line| line.split_whitespace().last() == Some(name))
}
