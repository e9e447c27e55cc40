//! Reading a script through the process's own view.

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    time::Instant,
};

use rustix::{
    fs::{FileType, Mode, OFlags, ResolveFlags, fstat, fstatfs, open, openat2},
    io::Errno,
};
use sha2::{Digest, Sha256};

use super::DEADLINE;
use crate::{
    event::{Bytes, Exec, Ids, ProcessKey, decode},
    sensor::{
        filesystem::is_local,
        mounts::HostMounts,
        procfs::{self, Procfs},
    },
};

/// Bytes of text that are kept.
const TEXT_MAX: usize = 64 * 1024;
/// Largest file that is hashed, in bytes.
const HASH_MAX: u64 = 16 << 20;
/// Longest command line that is read again.
const COMMAND_LINE_MAX: usize = 1 << 20;
/// Bytes of one read.
const CHUNK: usize = 64 * 1024;

/// Inode and device as `stat(2)` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    /// Inode.
    pub ino: u64,
    /// Device.
    pub dev: u64,
}

/// What was read.
pub(super) struct Content {
    pub(super) path: Bytes,
    pub(super) sha256: String,
    pub(super) size: u64,
    pub(super) text: Bytes,
    pub(super) file: FileId,
    pub(super) remark: String,
}

/// Finds a script by the path that the process was given. What comes back names the file and has not opened it.
pub(super) fn by_path(
    procfs: &Procfs,
    process: ProcessKey,
    exec: &Exec,
    host: &HostMounts,
    path: &[u8],
) -> Result<OwnedFd, String> {
    if let Some(number) = descriptor(path) {
        return by_descriptor(procfs, process, number);
    }
    let own_root = procfs.path(process.pid, "root");
    let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let (root, place) = match open(&own_root, directory, Mode::empty()) {
        // Asked after the root was opened: from here on it is this process's root and no other's.
        Ok(root) if procfs.is_alive(process) => (root, own_root.as_path()),
        // The process is gone; in the host's mount namespace its paths still mean the same.
        Ok(_) | Err(Errno::NOENT | Errno::SRCH) if host.is(exec.mnt_ns) => {
            let root = open(host.root(), directory, Mode::empty()).map_err(|error| reason("root", error))?;
            (root, host.root())
        }
        Ok(_) => return Err("the process has ended".to_owned()),
        Err(error) => return Err(reason("root of the process", error)),
    };
    let path =
        if path.starts_with(b"/") { path.to_vec() } else { absolute(exec, &procfs::link(place), path)? };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let found = openat2(&root, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
        .map_err(|error| reason("the path", error))?;
    readable(&found, exec.ids)?;
    Ok(found)
}

/// Refuses what the process itself could not have read: the agent's own rights must not put a secret into a record
/// because somebody named it as a script. The judgement is by owner, group and mode; an access list that says more
/// is not asked.
fn readable(found: &OwnedFd, ids: Ids) -> Result<(), String> {
    let stat = fstat(found).map_err(|error| reason("the file", error))?;
    let may = ids.euid == 0
        || (stat.st_uid == ids.euid && stat.st_mode & 0o400 != 0)
        || (stat.st_gid == ids.gid && stat.st_mode & 0o040 != 0)
        || stat.st_mode & 0o004 != 0;
    if may { Ok(()) } else { Err("the process may not read it".to_owned()) }
}

/// Finds a script by a descriptor of the process.
pub(super) fn by_descriptor(procfs: &Procfs, process: ProcessKey, number: u32) -> Result<OwnedFd, String> {
    let path = procfs.path(process.pid, &format!("fd/{number}"));
    let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| reason(&format!("descriptor {number}"), error))?;
    if procfs.is_alive(process) { Ok(file) } else { Err("the process has ended".to_owned()) }
}

/// Reads a file that was found, if it is a regular one on a local file system.
pub(super) fn read(found: &OwnedFd, deadline: Instant) -> Result<Content, String> {
    let stat = fstat(found).map_err(|error| reason("the file", error))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => {}
        FileType::Fifo => return Err("the script is a pipe".to_owned()),
        kind @ (FileType::Directory
        | FileType::Symlink
        | FileType::Socket
        | FileType::CharacterDevice
        | FileType::BlockDevice
        | FileType::Unknown) => return Err(format!("the script is not a regular file: {kind:?}")),
    }
    let magic = fstatfs(found).map_err(|error| reason("the file system", error))?.f_type;
    if !u32::try_from(magic & 0xFFFF_FFFF).is_ok_and(is_local) {
        return Err(format!("file system {magic:#x} is not read"));
    }
    let own = format!("/proc/self/fd/{}", found.as_fd().as_raw_fd());
    // A lease that somebody holds on the file makes a blocking open wait.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = open(&own, flags, Mode::empty()).map_err(|error| reason("the file", error))?;
    let path = Bytes::from(procfs::link(Path::new(&own)));
    let size = u64::try_from(stat.st_size).unwrap_or_default();
    // Of a file that is too large to be hashed only the text is read.
    let limit = if size > HASH_MAX { TEXT_MAX as u64 } else { HASH_MAX };
    let (text, mut sha256, mut remark) = digest(File::from(file).take(limit), deadline);
    if size > HASH_MAX {
        sha256.clear();
        remark = format!("the file is larger than {HASH_MAX} bytes");
    }
    Ok(Content { path, sha256, size, text, file: FileId { ino: stat.st_ino, dev: stat.st_dev }, remark })
}

/// The whole command line of a process that is still there. This reads the process's memory and may hang.
pub(super) fn command_line(procfs: &Procfs, process: ProcessKey) -> Option<Vec<Bytes>> {
    let bytes = procfs::read(&procfs.path(process.pid, "cmdline"), COMMAND_LINE_MAX).ok()?;
    (bytes.len() < COMMAND_LINE_MAX && procfs.is_alive(process)).then(|| decode::argv(&bytes))
}

/// Said when [`DEADLINE`] passed.
pub(super) fn too_slow() -> String {
    format!("reading took longer than {} ms", DEADLINE.as_millis())
}

/// The part of a text that is kept.
pub(super) fn head(text: &[u8]) -> &[u8] {
    text.get(..TEXT_MAX).unwrap_or(text)
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Head of the text, hash of the whole, and why one of them is missing.
fn digest(mut file: impl Read, deadline: Instant) -> (Bytes, String, String) {
    let (mut text, mut hasher) = (Vec::new(), Sha256::new());
    let mut chunk = vec![0; CHUNK];
    let remark = loop {
        // The first read is made in any case: the text matters most, and the thread may have been started late.
        if !text.is_empty() && Instant::now() > deadline {
            break too_slow();
        }
        let read = match file.read(&mut chunk) {
            Ok(read) => chunk.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => break format!("reading: {error}"),
        };
        if read.is_empty() {
            break String::new();
        }
        hasher.update(read);
        let room = TEXT_MAX.saturating_sub(text.len());
        text.extend_from_slice(read.get(..room).unwrap_or(read));
    };
    let sha256 = if remark.is_empty() { hex(&hasher.finalize()) } else { String::new() };
    (text.into(), sha256, remark)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(nibble.into(), 16));
        }
        text
    })
}

/// The descriptor that a path like `/dev/fd/63` names. `self` would be the agent, were the path followed.
fn descriptor(path: &[u8]) -> Option<u32> {
    if path == b"/dev/stdin" {
        return Some(0);
    }
    let number =
        [b"/dev/fd/".as_slice(), b"/proc/self/fd/"].into_iter().find_map(|start| path.strip_prefix(start))?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// A relative path, made absolute by the working directory at the exec, as seen from the process's root.
fn absolute(exec: &Exec, root: &[u8], path: &[u8]) -> Result<Vec<u8>, String> {
    if exec.cwd.truncated || exec.cwd.unreachable {
        return Err("the working directory has no path".to_owned());
    }
    let cwd = exec.cwd.bytes.as_slice();
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let below = cwd.strip_prefix(root).filter(|below| below.is_empty() || below.starts_with(b"/"));
    let below = below.ok_or("the working directory is outside the process's root")?;
    Ok([below, b"/", path].concat())
}

fn reason(what: &str, error: Errno) -> String {
    format!("{what}: {}", std::io::Error::from(error))
}
