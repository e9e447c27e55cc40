//! Descriptors of a process: 0 to 2, and every pipe, socket, and file system that it serves.

use std::{
    collections::{HashMap, HashSet},
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::Path,
};

use super::{MOUNTINFO_MAX, link, parse, read};
use crate::event::{FdObject, FdSeen};

/// Descriptors of one process that are looked at.
const VISITED_MAX: usize = 16_384;
/// Descriptors of one process that are kept.
const KEPT_MAX: usize = 1_024;
/// File systems that are never asked for an inode: the answer may take for ever.
const REMOTE: [&str; 7] = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "afs"];

/// Mounts of all mount namespaces met so far, by mount id, which is unique on the host.
#[derive(Default)]
pub(super) struct Mounts {
    namespaces: HashSet<Vec<u8>>,
    mounts: HashMap<u32, (u32, bool)>,
}

impl Mounts {
    /// Device of a mount and whether its file system may not answer.
    fn find(&mut self, process: &Path, id: u32) -> Option<(u32, bool)> {
        if self.namespaces.insert(link(&process.join("ns/mnt"))) {
            let text = read(&process.join("mountinfo"), MOUNTINFO_MAX).unwrap_or_default();
            for mount in parse::mountinfo(&text) {
                let remote = REMOTE.contains(&mount.fstype.as_str()) || mount.fstype.starts_with("fuse");
                self.mounts.insert(mount.id, (mount.dev, remote));
            }
        }
        self.mounts.get(&id).copied()
    }
}

/// Descriptors of the process whose procfs directory is `process`, in order.
pub(super) fn read_all(process: &Path, mounts: &mut Mounts) -> Vec<FdSeen> {
    let Ok(entries) = fs::read_dir(process.join("fd")) else { return Vec::new() };
    let numbers =
        entries.take(VISITED_MAX).filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let mut fds: Vec<_> = numbers.filter_map(|fd| seen(process, fd, mounts)).take(KEPT_MAX).collect();
    fds.sort_unstable_by_key(|seen| seen.fd);
    fds
}

fn seen(process: &Path, fd: u32, mounts: &mut Mounts) -> Option<FdSeen> {
    let path = process.join("fd").join(fd.to_string());
    let target = link(&path);
    let object = if let Some(ino) = parse::inode(&target, b"socket") {
        FdObject::Socket { ino }
    } else if let Some(ino) = parse::inode(&target, b"pipe") {
        let (read, write) = modes(&path);
        FdObject::Pipe { dev: 0, ino, read, write }
    } else if fd > 2 && target != b"/dev/fuse" {
        return None;
    } else {
        named(process, fd, &target, mounts)
    };
    Some(FdSeen { fd, object })
}

/// A descriptor of something with a path.
fn named(process: &Path, fd: u32, target: &[u8], mounts: &mut Mounts) -> FdObject {
    let path = process.join("fd").join(fd.to_string());
    let (read, write) = modes(&path);
    let text = super::read(&process.join("fdinfo").join(fd.to_string()), super::TEXT_MAX).unwrap_or_default();
    let Some((mount, ino)) = parse::fdinfo(&text) else { return FdObject::None };
    let found = mounts.find(process, mount);
    if let Some((dev, true)) = found {
        return ino.map_or(FdObject::Other { mode: 0 }, |ino| FdObject::File {
            key: (dev, ino),
            read,
            write,
        });
    }
    // Only paths have a type worth a look; the rest are anonymous inodes.
    let Some(metadata) = fs::metadata(&path).ok().filter(|_| target.starts_with(b"/")) else {
        return FdObject::Other { mode: 0 };
    };
    let ino = ino.unwrap_or(metadata.ino());
    let kind = metadata.file_type();
    if kind.is_char_device() {
        let rdev = metadata.rdev();
        FdObject::Device { rdev: parse::device(libc::major(rdev), libc::minor(rdev)) }
    } else if kind.is_fifo() {
        FdObject::Pipe { dev: found.map_or(0, |(dev, _)| dev), ino, read, write }
    } else if let (true, Some((dev, _))) = (kind.is_file(), found) {
        FdObject::File { key: (dev, ino), read, write }
    } else {
        FdObject::Other { mode: u16::try_from(metadata.mode() & libc::S_IFMT).unwrap_or_default() }
    }
}

/// The link's own permissions say how the descriptor was opened.
fn modes(path: &Path) -> (bool, bool) {
    let mode = fs::symlink_metadata(path).map_or(0, |metadata| metadata.mode());
    (mode & 0o400 != 0, mode & 0o200 != 0)
}
