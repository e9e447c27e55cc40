//! Processes that were there before the agent, read from procfs.
//!
//! Reading ([`Procfs`]) and parsing (`parse`) are apart, and the root is a parameter, so that tests run on a
//! directory of fixtures.

mod cmdline;
mod fds;
mod parse;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    ffi::OsString,
    fmt::Display,
    fs, io,
    num::NonZeroUsize,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
    thread,
};

use crate::event::{BootTime, Bytes, Event, Fact, Ids, ProcessKey, Seen, decode};
use fds::Mounts;
use parse::Stat;

pub use parse::{Mount, unescape};

/// What the kernel appends to the link of an executable without a name.
const DELETED: &[u8] = b" (deleted)";
/// Threads that read at once.
const THREADS_MAX: usize = 4;
/// Longest `mountinfo` that is read.
const MOUNTINFO_MAX: usize = 4 << 20;
/// Longest `stat` or `status` file that is read.
const TEXT_MAX: usize = 16 * 1024;

/// A procfs.
#[derive(Clone, Debug)]
pub struct Procfs {
    root: PathBuf,
}

impl Default for Procfs {
    fn default() -> Self {
        Self::at("/proc")
    }
}

/// What a snapshot found.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// A `Seen` fact for each process, parents before children.
    pub events: Vec<Event>,
    /// Command lines that could not be read in time: a process can make the reader of its memory wait.
    pub unreadable: u64,
}

impl Procfs {
    /// The procfs mounted at `root`.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Path of `name` of a process.
    #[must_use]
    pub fn path(&self, pid: u32, name: &str) -> PathBuf {
        let mut path = self.root.join(pid.to_string());
        path.push(name);
        path
    }

    /// The key of the process that has this pid now.
    #[must_use]
    pub fn key(&self, pid: u32) -> Option<ProcessKey> {
        self.stat(pid).map(|stat| ProcessKey { pid, start_ticks: stat.start_ticks })
    }

    /// Whether this very process is still there.
    #[must_use]
    pub fn is_alive(&self, key: ProcessKey) -> bool {
        self.key(key.pid) == Some(key)
    }

    /// Inode number of a namespace (`mnt`, `pid`, ...) of a process, by its pid or `self`.
    #[must_use]
    pub fn namespace(&self, process: impl Display, kind: &str) -> Option<u32> {
        let target = link(&self.root.join(format!("{process}/ns/{kind}")));
        parse::inode(&target, kind.as_bytes()).and_then(|inode| u32::try_from(inode).ok())
    }

    /// Mounts as a process sees them; none when that cannot be read.
    #[must_use]
    pub fn mounts(&self, pid: u32) -> Vec<Mount> {
        parse::mountinfo(&read(&self.path(pid, "mountinfo"), MOUNTINFO_MAX).unwrap_or_default())
    }

    /// All processes as of `time`. One that ends meanwhile is left out.
    ///
    /// # Errors
    ///
    /// When the root cannot be listed.
    pub fn snapshot(&self, time: BootTime) -> io::Result<Snapshot> {
        let mut stats = HashMap::new();
        for entry in fs::read_dir(&self.root)? {
            let pid = entry?.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some((pid, stat)) = pid.and_then(|pid: u32| Some((pid, self.stat(pid)?))) {
                stats.insert(pid, stat);
            }
        }
        let order = parents_first(&stats);
        let is_user = |pid: &u32| stats.get(pid).is_some_and(|stat| !stat.kernel_thread);
        let users: Vec<_> = order.iter().copied().filter(is_user).collect();
        let (mut lines, unreadable) = cmdline::read_all(&self.root, &users);
        for pid in &order {
            if let (Some(stat), Some(line)) = (stats.get_mut(pid), lines.remove(pid)) {
                stat.line = line;
            }
        }
        // Nearly all of the time is spent in the kernel, on one process at a time.
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
        let share = order.len().div_ceil(threads).max(1);
        let read = &|pids: &[u32]| {
            let mut mounts = Mounts::default();
            pids.iter().filter_map(|&pid| self.event(pid, &stats, time, &mut mounts)).collect::<Vec<_>>()
        };
        let events = thread::scope(|scope| {
            let readers: Vec<_> = order.chunks(share).map(|pids| scope.spawn(move || read(pids))).collect();
            readers.into_iter().flat_map(|reader| reader.join().unwrap_or_default()).collect()
        });
        Ok(Snapshot { events, unreadable })
    }

    fn event(
        &self,
        pid: u32,
        stats: &HashMap<u32, Stat>,
        time: BootTime,
        mounts: &mut Mounts,
    ) -> Option<Event> {
        let stat = stats.get(&pid)?;
        let parent = stats.get(&stat.parent).map_or(ProcessKey::HOST, |parent| ProcessKey {
            pid: stat.parent,
            start_ticks: parent.start_ticks,
        });
        let seen = self.seen(pid, stat, parent, mounts)?;
        let process = ProcessKey { pid, start_ticks: stat.start_ticks };
        Some(Event { time, process, fact: Fact::Seen(Box::new(seen)) })
    }

    fn stat(&self, pid: u32) -> Option<Stat> {
        parse::stat(&self.read(pid, "stat")?)
    }

    fn seen(&self, pid: u32, stat: &Stat, parent: ProcessKey, mounts: &mut Mounts) -> Option<Seen> {
        let [uid, euid, gid] = parse::ids(&self.read(pid, "status")?)?;
        let number = |name| parse::number(&self.read(pid, name).unwrap_or_default()).unwrap_or(u32::MAX);
        let loginuid = number("loginuid");
        let sessionid = if loginuid == u32::MAX { u32::MAX } else { number("sessionid") };
        let ids = Ids { uid, euid, gid, loginuid, sessionid };
        let seen = Seen { parent, comm: stat.comm.clone(), ids, session: stat.session, ..Seen::default() };
        if stat.kernel_thread {
            return Some(seen);
        }
        let exe = self.link(pid, "exe");
        let named = exe.strip_suffix(DELETED);
        Some(Seen {
            exe: Bytes::from(named.unwrap_or(&exe)),
            deleted: named.is_some(),
            argv: decode::argv(&stat.line),
            cwd: Bytes::from(self.link(pid, "cwd")),
            fds: fds::read_all(&self.root.join(pid.to_string()), mounts),
            ..seen
        })
    }

    fn link(&self, pid: u32, name: &str) -> Vec<u8> {
        link(&self.path(pid, name))
    }

    fn read(&self, pid: u32, name: &str) -> Option<Vec<u8>> {
        read(&self.path(pid, name), TEXT_MAX).ok()
    }
}

/// Where file systems of a type are mounted for the process whose procfs directory is `process`, in the order of the
/// mounts; none when that cannot be read.
#[must_use]
pub fn mount_places(process: &Path, fstype: &str) -> Vec<PathBuf> {
    let text = read(&process.join("mountinfo"), MOUNTINFO_MAX).unwrap_or_default();
    let mounts = parse::mountinfo(&text).into_iter().filter(|mount| mount.fstype == fstype);
    mounts.map(|mount| OsString::from_vec(mount.place).into()).collect()
}

/// At most `max` bytes of a file.
pub(super) fn read(path: &Path, max: usize) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The text of a link; empty when there is none.
pub(super) fn link(path: &Path) -> Vec<u8> {
    fs::read_link(path).map(|target| target.into_os_string().into_vec()).unwrap_or_default()
}

/// Pids in an order in which every parent comes before its children.
fn parents_first(stats: &HashMap<u32, Stat>) -> Vec<u32> {
    let mut pids: Vec<_> = stats.keys().copied().collect();
    pids.sort_unstable();
    let mut placed = std::collections::HashSet::with_capacity(pids.len());
    let mut order = Vec::with_capacity(pids.len());
    for pid in pids {
        let mut chain = Vec::new();
        let mut next = pid;
        // `placed` also ends a circle, which a pid that was reused during the scan can make.
        while let Some(stat) = stats.get(&next).filter(|_| placed.insert(next)) {
            chain.push(next);
            next = stat.parent;
        }
        order.extend(chain.into_iter().rev());
    }
    order
}
