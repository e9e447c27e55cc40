//! Parts of records: fixed part, tail, paths, arguments, descriptors, addresses.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use agent_common::{
    file::{PATH_FAULT, PATH_TRUNCATED, PATH_UNREACHABLE, S_IFCHR, S_IFIFO, S_IFMT, S_IFREG, S_IFSOCK},
    limits::COMM_LEN,
    net::{AF_INET, AF_INET6, DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN},
    process::{FMODE_READ, FMODE_WRITE, FdRecord, PIPEFS},
};
use zerocopy::FromBytes;

use super::DecodeError;
use crate::event::{Bytes, Direction, FdObject, Path};

/// The fixed part at the beginning of `bytes`, and the rest. A copy, so that no alignment is needed.
pub(super) fn fixed<T: FromBytes>(bytes: &[u8]) -> Result<(T, &[u8]), DecodeError> {
    T::read_from_prefix(bytes).map_err(|_| DecodeError::Short { have: bytes.len(), need: size_of::<T>() })
}

/// A tail whose parts are known to fill it exactly.
pub(super) struct Tail<'a>(&'a [u8]);

impl<'a> Tail<'a> {
    /// A tail of which `need` bytes will be taken.
    pub(super) fn new(bytes: &'a [u8], need: usize) -> Result<Self, DecodeError> {
        if bytes.len() == need { Ok(Self(bytes)) } else { Err(DecodeError::Tail { have: bytes.len(), need }) }
    }

    /// The next `len` bytes; fewer only where the caller takes more than it announced.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (part, rest) = self.0.split_at_checked(len).unwrap_or((self.0, &[]));
        self.0 = rest;
        part
    }
}

/// Turns a leaf-first path round. A walk that did not reach the root yields a path without a leading `/`, so that
/// no pattern anchored at the root matches it by accident.
pub(super) fn path(leaf_first: &[u8], flags: u16) -> Result<Path, DecodeError> {
    let truncated = flags & (PATH_TRUNCATED | PATH_FAULT) != 0;
    let unreachable = flags & PATH_UNREACHABLE != 0;
    if leaf_first.is_empty() {
        let bytes = if truncated { Bytes::default() } else { Bytes::from("/") };
        return Ok(Path { bytes, truncated, unreachable });
    }
    let names = leaf_first.strip_suffix(b"/").ok_or(DecodeError::Path)?;
    let mut bytes = Vec::with_capacity(leaf_first.len());
    // The name of a memfd may hold anything, a separator included: it is one component.
    if unreachable && names.starts_with(b"memfd:") {
        bytes.push(b'/');
        bytes.extend_from_slice(names);
        return Ok(Path { bytes: bytes.into(), truncated, unreachable });
    }
    for name in names.rsplit(|&byte| byte == b'/') {
        if !(bytes.is_empty() && truncated) {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
    }
    Ok(Path { bytes: bytes.into(), truncated, unreachable })
}

/// Splits an argument vector. Each argument is ended by NUL; the last may be cut, so that its NUL is missing.
#[must_use]
pub fn argv(bytes: &[u8]) -> Vec<Bytes> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let bytes = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    bytes.split(|&byte| byte == 0).map(Bytes::from).collect()
}

/// A fixed-length kernel name up to its NUL.
pub(super) fn comm(bytes: &[u8; COMM_LEN]) -> Bytes {
    Bytes::from(bytes.split(|&byte| byte == 0).next().unwrap_or_default())
}

/// What a descriptor is.
pub(super) fn fd_object(fd: &FdRecord) -> FdObject {
    let (read, write) = (fd.fmode & FMODE_READ != 0, fd.fmode & FMODE_WRITE != 0);
    match fd.mode & S_IFMT {
        _ if fd.mode == 0 => FdObject::None,
        S_IFREG => FdObject::File { key: (fd.dev, fd.ino), read, write },
        S_IFIFO => {
            FdObject::Pipe { dev: if fd.magic == PIPEFS { 0 } else { fd.dev }, ino: fd.ino, read, write }
        }
        S_IFSOCK => FdObject::Socket { ino: fd.ino },
        S_IFCHR => FdObject::Device { rdev: fd.rdev },
        mode => FdObject::Other { mode },
    }
}

/// An address as the ledger keeps it (IPv4 as `::ffff:a.b.c.d`). None for a family without addresses, and where
/// neither address nor port is set.
#[must_use]
pub fn socket_address(family: u16, address: [u8; 16], port: u16) -> Option<SocketAddr> {
    if !matches!(family, AF_INET | AF_INET6) || (address == [0; 16] && port == 0) {
        return None;
    }
    Some(SocketAddr::new(ip_address(address), port))
}

/// An address as the wire has it: IPv4 as `::ffff:a.b.c.d`.
pub(super) fn ip_address(address: [u8; 16]) -> IpAddr {
    IpAddr::V6(Ipv6Addr::from(address)).to_canonical()
}

/// Direction of a connection from its wire value.
///
/// # Errors
///
/// [`DecodeError::Direction`] for a value that is none.
pub fn direction(wire: u8) -> Result<Direction, DecodeError> {
    match wire {
        DIRECTION_OUT => Ok(Direction::Out),
        DIRECTION_IN => Ok(Direction::In),
        DIRECTION_UNKNOWN => Ok(Direction::Unknown),
        unknown => Err(DecodeError::Direction(unknown)),
    }
}
