//! File systems that lead away from this host, looked at when something is first written there.
//!
//! The kernel's side watches how files grow on every file system that it has not been told to be one of the host's own;
//! here each is judged by its type, its source and its device. Nothing is asked of the file system itself, whose answer may
//! take for ever.
//!
//! What the first process sees counts: in a mount namespace of his own anybody gives any name to any folder. Only what is
//! not mounted there at all is judged by what its writer sees, and nobody is trusted by such a place.
//!
//! Verdicts are looked at again after a minute, since the number of a device is soon another one's.

mod server;
mod medium;

use std::{
    collections::HashMap as Map, ffi::OsStr, num::NonZeroUsize, os::unix::ffi::OsStrExt as _, path::Path,
    time::Duration,
};

use agent_common::{file::FileSystem, limits::OWN_FILE_SYSTEMS};
use aya::maps::{HashMap, MapData, MapError};
use lru::LruCache;

use super::{
    clock::after,
    filesystem::{is_local, magic_of},
    procfs::{Mount as Line, Procfs},
};
use crate::{
    config::Network,
    event::{BootTime, Bytes, Event, Fact, Leads, Mount, Open, ProcessKey},
};
use medium::{Disks, guess, on_medium};

/// Time after which verdicts are looked at again.
const LIFETIME: Duration = Duration::from_mins(1);
/// The first process, whose mounts are those of the host.
const FIRST: u32 = 1;
/// Tables of mounts of other processes that are read within a second: whoever makes new file systems by the thousand must not
/// keep the agent from its work.
const LOOKS: u32 = 16;
/// Mount namespaces of which processes are remembered, and so many of each.
const NAMESPACES: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
const MEMBERS: usize = 4;
const SECOND: u64 = 1_000_000_000;

/// What is known of file systems.
pub struct Beyond {
    own: HashMap<MapData, FileSystem, u8>,
    procfs: Procfs,
    disks: Disks,
    network: Network,
    /// Those that were judged; none where they are the host's own.
    known: Map<FileSystem, Option<Mount>>,
    /// What was told, by device: told anew only when it changed.
    told: Map<u32, Mount>,
    expires: Option<BootTime>,
    /// Looks within a second, and when that began.
    looks: (u32, BootTime),
    /// Processes that were last seen in a mount namespace, the latest last.
    members: LruCache<u32, Vec<u32>>,
}

/// Marks the host's own file systems before anything is attached, so that no open there is taken for one elsewhere: those
/// whose type says which they are.
///
/// # Errors
///
/// When the map cannot be written.
pub fn mark_own(own: &mut HashMap<&mut MapData, FileSystem, u8>, procfs: &Procfs) -> Result<(), MapError> {
    let (mounts, disks) = (procfs.mounts(FIRST), Disks::default());
    for line in &mounts {
        if let Some(magic) = magic_of(&line.fstype)
            && judge(line.dev, &mounts, true, &disks) == Verdict::Own
        {
            own.insert(FileSystem { dev: line.dev, magic }, 1, 0)?;
        }
    }
    Ok(())
}

impl Beyond {
    /// Nothing known; the host's own file systems are kept in `own`.
    #[must_use]
    pub fn new(own: HashMap<MapData, FileSystem, u8>, procfs: Procfs, network: Network) -> Self {
        let (known, told) = (Map::new(), Map::new());
        let (disks, members) = (Disks::default(), LruCache::new(NAMESPACES));
        Self { own, procfs, disks, network, known, told, expires: None, looks: (0, 0), members }
    }

    /// Judges the file system of a file that `process` opened, and tells where it leads when that is news.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    pub fn observe(
        &mut self,
        process: ProcessKey,
        opened: &Open,
        now: BootTime,
    ) -> Result<Option<Event>, MapError> {
        let key = FileSystem { dev: opened.file.dev, magic: opened.magic };
        if !is_watched(opened) || self.known.contains_key(&key) {
            return Ok(None);
        }
        self.expires.get_or_insert(after(now, LIFETIME));
        if !self.may_look(now) {
            return Ok(None);
        }
        let verdict = match self.judge(key, process, opened.mnt_ns) {
            Verdict::Unlisted => {
                // Nobody is left who sees it mounted.
                let guessed = guess(key.dev, opened.path.bytes.as_slice(), &self.disks);
                return Ok(guessed.and_then(|mount| self.tell(key.dev, Some(mount), now)));
            }
            Verdict::Own => None,
            Verdict::Away(mount) => Some(mount),
        };
        if self.known.len() < OWN_FILE_SYSTEMS as usize {
            if !is_counted(verdict.as_ref(), &self.network) {
                self.own.insert(key, 1, 0)?;
            }
            self.known.insert(key, verdict.clone());
        }
        Ok(self.tell(key.dev, verdict, now))
    }

    /// Whether files there are watched as they grow.
    #[must_use]
    pub fn leads_away(&self, opened: &Open) -> bool {
        let key = FileSystem { dev: opened.file.dev, magic: opened.magic };
        is_watched(opened) && is_counted(self.known.get(&key).and_then(Option::as_ref), &self.network)
    }

    /// When [`Self::expire`] has something to do.
    #[must_use]
    pub fn next_due(&self) -> Option<BootTime> {
        self.expires
    }

    /// Looks at all verdicts again when they have held for a minute; those that hold no more, and those that rest on a
    /// table of somebody's own, are forgotten. Answers whether it did, which is once a minute.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    pub fn expire(&mut self, now: BootTime) -> Result<bool, MapError> {
        if self.expires.is_none_or(|due| now < due) {
            return Ok(false);
        }
        self.expires = Some(after(now, LIFETIME));
        let host = self.procfs.mounts(FIRST);
        let Self { own, disks, network, known, .. } = self;
        let mut gone = Vec::new();
        known.retain(|key, verdict| {
            let holds = match judge(key.dev, &host, true, disks) {
                Verdict::Unlisted => false,
                Verdict::Own => verdict.is_none(),
                Verdict::Away(mount) => verdict.as_ref() == Some(&mount),
            };
            if !holds {
                gone.push((*key, is_counted(verdict.as_ref(), network)));
            }
            holds
        });
        for (key, was_counted) in gone {
            if !was_counted {
                own.remove(&key)?;
            }
        }
        Ok(true)
    }

    /// A process is in a mount namespace.
    pub fn meet(&mut self, process: ProcessKey, mnt_ns: u32) {
        let members = self.members.get_or_insert_mut(mnt_ns, Vec::new);
        members.retain(|&pid| pid != process.pid);
        if members.len() >= MEMBERS {
            members.remove(0);
        }
        members.push(process.pid);
    }

    /// Unlisted when it cannot be told now: who is in that namespace is gone.
    fn judge(&mut self, key: FileSystem, process: ProcessKey, mnt_ns: u32) -> Verdict {
        let found = judge(key.dev, &self.procfs.mounts(FIRST), true, &self.disks);
        if found != Verdict::Unlisted {
            return found;
        }
        let members = self.members.get(&mnt_ns).cloned().unwrap_or_default();
        for pid in [process.pid].into_iter().chain(members.into_iter().rev()) {
            let mounts = self.procfs.mounts(pid);
            // Whose table it was is known when it was read: the number may be another one's.
            if mounts.is_empty() || self.procfs.namespace(pid, "mnt") != Some(mnt_ns) {
                continue;
            }
            let found = judge(key.dev, &mounts, false, &self.disks);
            // Memory that has the form of a file is in no table, nor is what was mounted without a place.
            let is_own = found == Verdict::Unlisted && is_local(key.magic);
            return if is_own { Verdict::Own } else { found };
        }
        Verdict::Unlisted
    }

    fn may_look(&mut self, now: BootTime) -> bool {
        if now.saturating_sub(self.looks.1) >= SECOND {
            self.looks = (0, now);
        }
        self.looks.0 += 1;
        self.looks.0 <= LOOKS
    }

    /// The fact about a device, where it is news.
    fn tell(&mut self, dev: u32, verdict: Option<Mount>, now: BootTime) -> Option<Event> {
        let mount = if let Some(mount) = verdict {
            mount
        } else {
            let before = self.told.remove(&dev)?;
            Mount { leads: Leads::Nowhere, ..before }
        };
        if self.told.get(&dev) == Some(&mount) {
            return None;
        }
        if mount.leads != Leads::Nowhere {
            if self.told.len() >= OWN_FILE_SYSTEMS as usize {
                self.told.clear();
            }
            self.told.insert(dev, mount.clone());
        }
        Some(Event { time: now, process: ProcessKey::HOST, fact: Fact::Mount(Box::new(mount)) })
    }
}

/// A regular file that is opened for writing.
fn is_watched(opened: &Open) -> bool {
    opened.write && u32::from(opened.mode) & libc::S_IFMT == libc::S_IFREG
}

/// Whether what is written there is counted where it is written: not where it goes to a server of one's own network.
fn is_counted(verdict: Option<&Mount>, network: &Network) -> bool {
    verdict.is_some_and(|mount| match mount.leads {
        Leads::Server(address) => !network.is_inside(address.ip()),
        Leads::Medium => true,
        Leads::Nowhere | Leads::Process { .. } => false,
    })
}

/// What a table of mounts says of a file system.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nothing.
    Unlisted,
    /// It is the host's own.
    Own,
    /// It leads away.
    Away(Mount),
}

/// Where the file system of device `dev` leads, according to a table of mounts. Of several mounts one that leads away counts,
/// and of those one of the whole.
fn judge(dev: u32, mounts: &[Line], of_host: bool, disks: &Disks) -> Verdict {
    let mut lines: Vec<&Line> = mounts.iter().filter(|line| line.dev == dev).collect();
    if lines.is_empty() {
        return Verdict::Unlisted;
    }
    let has_whole = lines.iter().any(|line| line.whole);
    // A folder that is mounted once more has a name that says nothing about the disk.
    lines.retain(|line| line.whole || !has_whole);
    let found = lines.iter().find_map(|line| Some((line, leads(line, mounts, disks)?)));
    let Some((line, leads)) = found else { return Verdict::Own };
    Verdict::Away(Mount { dev, place: Bytes::from(line.place.as_slice()), of_host, leads })
}

fn leads(line: &Line, mounts: &[Line], disks: &Disks) -> Option<Leads> {
    match line.fstype.as_str() {
        "nfs" | "nfs4" | "cifs" | "smb3" | "ceph" => server::of(line).map(Leads::Server),
        // By a transport of the hypervisor it ends there.
        "9p" => line.option("trans").filter(|&by| by == "tcp").and(server::of(line)).map(Leads::Server),
        "overlay" => {
            // What is written lies on the upper one.
            let upper = Path::new(OsStr::from_bytes(line.option("upperdir")?.as_bytes()));
            let below = |other: &&Line| {
                upper.starts_with(OsStr::from_bytes(&other.place)) && other.fstype != "overlay"
            };
            leads(mounts.iter().filter(below).max_by_key(|other| other.place.len())?, mounts, disks)
        }
        kind => match kind.strip_prefix("fuse") {
            Some(rest) if rest.is_empty() || rest == "blk" || rest.starts_with('.') => {
                let uid = line.option("user_id").and_then(|uid| uid.parse().ok()).unwrap_or(0);
                let kind = Bytes::from(rest.strip_prefix('.').unwrap_or_default());
                on_medium(line, mounts, disks).or(Some(Leads::Process { kind, uid }))
            }
            Some(_) | None => on_medium(line, mounts, disks),
        },
    }
}

#[cfg(test)]
pub(in crate::sensor::beyond) fn line(fstype: &str, source: &str, options: &str, place: &str) -> Line {
    Line {
        id: 1,
        dev: 40,
        whole: true,
        place: place.as_bytes().to_vec(),
        fstype: fstype.to_owned(),
        source: source.to_owned(),
        options: options.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_leads_where_its_mount_says() {
        let server = |address: &str| Some(Leads::Server(address.parse().expect("an address")));
        let process = |kind: &str| Some(Leads::Process { kind: Bytes::from(kind), uid: 1_000 });
        let rows = [
            (("ext4", "/dev/vda", "rw", "/srv"), None),
            (("tmpfs", "tmpfs", "rw", "/media/x"), None),
            (("ext4", "/dev/sdb1", "rw", "/media/usb"), Some(Leads::Medium)),
            (("fuseblk", "/dev/sdb1", "rw", "/media/ntfs"), Some(Leads::Medium)),
            (("nfs4", "nas:/home", "rw,addr=198.51.100.2", "/home"), server("198.51.100.2:2049")),
            (("nfs4", "nas:/home", "rw", "/home"), None),
            (("9p", "198.51.100.6", "rw,trans=tcp", "/n"), server("198.51.100.6:564")),
            (("9p", "host", "rw,trans=virtio", "/n"), None),
            (("fuse.sshfs", "me@nas:/", "rw,user_id=1000", "/n"), process("sshfs")),
            (("fuse", "x", "rw,user_id=1000", "/n"), process("")),
            (("fusectl", "x", "rw", "/n"), None),
            (("virtiofs", "tag", "rw", "/n"), None),
            (("overlay", "o", "rw,upperdir=/media/usb/u", "/m"), Some(Leads::Medium)),
            (("overlay", "o", "rw,upperdir=/srv/u", "/m"), None),
            (("overlay", "o", "ro", "/m"), None),
        ];
        for ((fstype, source, options, place), expected) in rows {
            let line = line(fstype, source, options, place);
            let root = Line { dev: 39, ..super::line("ext4", "/dev/vda", "rw", "/") };
            let others = [root, super::line("ext4", "/dev/sdb1", "rw", "/media/usb")];
            assert_eq!(leads(&line, &others, &Disks::nothing()), expected, "{line:?}");
        }
    }

    #[test]
    fn a_folder_with_another_name_is_no_medium() {
        let whole = line("ext4", "/dev/vda", "rw", "/srv");
        let folder = Line { whole: false, ..line("ext4", "/dev/vda", "rw", "/media/films") };
        let stick = line("ext4", "/dev/sdb1", "rw", "/media/x");
        let again = line("ext4", "/dev/sdb1", "rw", "/home/ann/x");
        let rows: [(&[Line], Option<&str>); 4] = [
            (&[folder.clone(), whole], None),
            (&[folder], Some("/media/films")),
            (&[again.clone(), stick], Some("/media/x")),
            (&[again], None),
        ];
        for (mounts, expected) in rows {
            let place = match judge(40, mounts, true, &Disks::nothing()) {
                Verdict::Away(mount) => Some(mount.place),
                Verdict::Own => None,
                Verdict::Unlisted => panic!("listed: {mounts:?}"),
            };
            assert_eq!(place, expected.map(Bytes::from), "{mounts:?}");
        }
        assert_eq!(judge(41, &[], true, &Disks::nothing()), Verdict::Unlisted, "another device");
    }
}
