//! Calls of the kernel that several ways need, and a network of one's own.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the kernel's interface: lengths of small structures, and families and flags that fit their fields"
)]

use std::{
    io, mem,
    net::Ipv4Addr,
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd},
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
