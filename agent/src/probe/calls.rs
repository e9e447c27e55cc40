//! Calls of the kernel that several ways need, and a network of one's own.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the kernel's interface: lengths of small structures, and families and flags that fit their fields"
)]

use std::{
    ffi::CStr,
    fs, io, mem,
    net::{Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd},
    path::Path,
    ptr,
};

pub(super) fn checked(result: i64) -> io::Result<u64> {
    u64::try_from(result).map_err(|_| io::Error::last_os_error())
}

pub(super) fn opened(fd: RawFd) -> io::Result<OwnedFd> {
    checked(fd.into())?;
    // SAFETY: the call before it gave the descriptor, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: numbers alone.
    opened(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) })
}

pub(super) fn inet(host: Ipv4Addr) -> libc::sockaddr_in {
    // SAFETY: integers and bytes, for which zeros are a value.
    let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
    address.sin_family = libc::AF_INET as libc::sa_family_t;
    address.sin_addr.s_addr = u32::from_ne_bytes(host.octets());
    address
}

pub(super) fn inet6(host: Ipv6Addr) -> libc::sockaddr_in6 {
    // SAFETY: integers and bytes, for which zeros are a value.
    let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
    address.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    address.sin6_addr.s6_addr = host.octets();
    address
}

pub(super) fn set<T>(socket: &impl AsRawFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let length = size_of::<T>() as libc::socklen_t;
    // SAFETY: the value is of that length.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, ptr::from_ref(value).cast(), length) };
    checked(result.into()).map(drop)
}

/// A network of one's own with its loopback up.
pub(super) fn own_network() -> io::Result<()> {
    // SAFETY: a flag alone.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNET) }.into())?;
    up(*b"lo\0")
}

/// An overlay at `/tmp/m`, in a mount namespace of one's own, where nobody else's `/tmp` is.
pub(super) fn own_overlay() -> io::Result<()> {
    // SAFETY: a flag alone.
    checked(unsafe { libc::unshare(libc::CLONE_NEWNS) }.into())?;
    mount(None, c"/", libc::MS_REC | libc::MS_PRIVATE, c"")?;
    mount(Some(c"tmpfs"), c"/tmp", 0, c"")?;
    ["l", "u", "w", "m"].iter().try_for_each(|folder| fs::create_dir(Path::new("/tmp").join(folder)))?;
    mount(Some(c"overlay"), c"/tmp/m", 0, c"lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w")
}

fn mount(kind: Option<&CStr>, place: &CStr, flags: libc::c_ulong, options: &CStr) -> io::Result<()> {
    let kind = kind.map_or(ptr::null(), CStr::as_ptr);
    // SAFETY: every string ends with a zero, and outlives the call.
    let done = unsafe { libc::mount(kind, place.as_ptr(), kind, flags, options.as_ptr().cast()) };
    checked(done.into()).map(drop)
}

pub(super) fn up<const N: usize>(name: [u8; N]) -> io::Result<()> {
    let any = socket(libc::AF_INET, libc::SOCK_DGRAM, 0)?;
    let mut request = request(&name);
    request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
    // SAFETY: the request is what the call reads.
    checked(unsafe { libc::ioctl(any.as_raw_fd(), libc::SIOCSIFFLAGS, &request) }.into()).map(drop)
}

pub(super) fn request(name: &[u8]) -> libc::ifreq {
    // SAFETY: integers and bytes, for which zeros are a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name) {
        *to = from.cast_signed();
    }
    request
}
