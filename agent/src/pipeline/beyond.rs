//! File systems that lead away from this host, and the processes that serve some of them.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    sync::Arc,
};

use agent_common::file::DEVICE_FUSE;

use super::Pipeline;
use crate::{
    event::{Bytes, Exec, FdObject, Leads, Mount, Open, ProcessKey, Remote, Seen},
    hash::{self, Lru},
    process::Process,
};

/// File systems remembered; the one that was written to longest ago goes first.
const MOUNTS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);
/// Processes remembered that write to a server's files or send to it.
const PAIRS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);
/// Processes remembered that serve file systems.
const SERVERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);

/// What is known of them.
#[derive(Debug)]
pub(super) struct Mounts {
    known: Lru<u32, Mount>,
    pairs: Lru<(ProcessKey, SocketAddr), Pair>,
    /// Processes that hold `/dev/fuse`.
    serving: Lru<ProcessKey, ()>,
}

/// What a process wrote to a server's files, and what it sent to that server itself. Some file systems send in the place of
/// their writer (CIFS), others leave it to the kernel's own threads (NFS): the larger of both is what went.
#[derive(Clone, Copy, Debug, Default)]
struct Pair {
    by_files: u64,
    by_sockets: u64,
}

impl Default for Mounts {
    fn default() -> Self {
        Self { known: hash::lru(MOUNTS), pairs: hash::lru(PAIRS), serving: hash::lru(SERVERS) }
    }
}

impl Mounts {
    /// Where a file system leads is told.
    pub(super) fn tell(&mut self, mount: &Mount) {
        match mount.leads {
            Leads::Nowhere => {
                self.known.pop(&mount.dev);
            }
            Leads::Server(_) | Leads::Medium | Leads::Process { .. } => {
                self.known.put(mount.dev, mount.clone());
            }
        }
    }

    /// Where the file system of a device leads; none where it is this host's own.
    pub(super) fn leads(&mut self, dev: u32) -> Option<Leads> {
        self.get(dev).map(|mount| mount.leads)
    }

    fn get(&mut self, dev: u32) -> Option<Mount> {
        self.known.get(&dev).cloned()
    }

    /// Where what is written to it is mounted.
    pub(super) fn place(&self, remote: Remote) -> Option<Bytes> {
        self.mount(remote).map(|mount| mount.place.clone()).filter(|place| !place.is_empty())
    }

    /// The same as far as a trust rule may go by it: mounted for the host as a whole.
    pub(super) fn trusted_place(&self, remote: Remote) -> Option<&Bytes> {
        self.mount(remote).filter(|mount| mount.of_host).map(|mount| &mount.place)
    }

    /// Of several mounts of one server it cannot be told which is meant by its address.
    fn mount(&self, remote: Remote) -> Option<&Mount> {
        match remote {
            Remote::Medium(dev) | Remote::Share { dev, .. } => self.known.peek(&dev),
            Remote::Address(address) => {
                let mut all = self.of(address);
                all.next().filter(|_| all.next().is_none())
            }
            Remote::Unknown => None,
        }
    }

    fn of(&self, address: SocketAddr) -> impl Iterator<Item = &Mount> {
        let is_of = move |mount: &&Mount| matches!(mount.leads, Leads::Server(server) if server == address);
        self.known.iter().map(|(_, mount)| mount).filter(is_of)
    }

    /// A process wrote so many bytes to files of a server. Answers how many went that are not counted yet.
    pub(super) fn by_file(&mut self, process: ProcessKey, remote: Remote, bytes: u64) -> u64 {
        let Remote::Share { server, .. } = remote else { return bytes };
        self.pair(process, server, |pair| pair.by_files = pair.by_files.saturating_add(bytes))
    }

    /// A process sent so many bytes to an address. Answers how many went that are not counted yet.
    pub(super) fn by_socket(&mut self, process: ProcessKey, remote: Remote, bytes: u64) -> u64 {
        match remote {
            Remote::Address(address) if self.of(address).next().is_some() => {
                self.pair(process, address, |pair| pair.by_sockets = pair.by_sockets.saturating_add(bytes))
            }
            Remote::Address(_) | Remote::Unknown | Remote::Medium(_) | Remote::Share { .. } => bytes,
        }
    }

    fn pair(&mut self, process: ProcessKey, address: SocketAddr, add: impl FnOnce(&mut Pair)) -> u64 {
        let pair = self.pairs.get_or_insert_mut((process, address), Pair::default);
        let before = pair.by_files.max(pair.by_sockets);
        add(pair);
        pair.by_files.max(pair.by_sockets).saturating_sub(before)
    }

    /// Whether a share is mounted from there, on whatever port.
    pub(super) fn serves(&self, ip: IpAddr) -> bool {
        let is_of =
            |mount: &Mount| matches!(mount.leads, Leads::Server(server) if server.ip().to_canonical() == ip);
        self.known.iter().any(|(_, mount)| is_of(mount))
    }

    /// A process that was there before the agent.
    pub(super) fn seen(&mut self, process: ProcessKey, seen: &Seen) {
        if seen.fds.iter().any(|fd| fd.object == FdObject::Device { rdev: DEVICE_FUSE }) {
            self.serving.put(process, ());
        }
    }

    /// A child has what its parent has open.
    pub(super) fn fork(&mut self, parent: ProcessKey, child: ProcessKey) {
        if self.serving.contains(&parent) {
            self.serving.put(child, ());
        }
    }

    /// A process runs another program, which seldom has the descriptor still.
    pub(super) fn exec(&mut self, process: ProcessKey, exec: &Exec) {
        let serves = |object: FdObject| object == FdObject::Device { rdev: DEVICE_FUSE };
        let fds = exec.fds.iter().copied().chain(exec.more_fds.iter().map(|fd| fd.object));
        if fds.into_iter().any(serves) {
            self.serving.put(process, ());
        } else {
            self.gone(process);
        }
    }

    /// A process ended.
    pub(super) fn gone(&mut self, process: ProcessKey) {
        self.serving.pop(&process);
    }
}

impl Pipeline {
    /// A device was opened that is a way to somewhere else.
    pub(super) fn device(&mut self, process: ProcessKey, open: &Open) {
        self.table.ensure(process, self.now);
        if open.size == u64::from(DEVICE_FUSE) {
            self.mounts.serving.put(process, ());
        }
    }

    /// Somebody writes to a file system. Where a process serves it, that gets what is written: it runs for whoever mounted
    /// it, and was told the place or, where nobody was, has the name that the mount has for it; where nobody has, it may be
    /// any that serves one.
    pub(super) fn served_by(&mut self, process: ProcessKey, dev: u32) {
        let Some(Mount { place, leads: Leads::Process { kind, uid }, .. }) = self.mounts.get(dev) else {
            return;
        };
        let all = self.mounts.serving.iter().filter_map(|(&key, ())| self.table.get(key).cloned());
        let all: Vec<_> = all.filter(|server| [server.ids.uid, server.ids.euid].contains(&uid)).collect();
        let is_named = |server: &Process| {
            !kind.is_empty() && [server.name(), server.comm.as_slice()].contains(&kind.as_slice())
        };
        let told: Vec<_> = all.iter().filter(|server| is_told(server, place.as_slice())).cloned().collect();
        let named: Vec<_> = all.iter().filter(|server| is_named(server)).cloned().collect();
        let writer = Arc::clone(self.table.ensure(process, self.now));
        let story = self.table.story(process);
        let chosen = [told, named, all].into_iter().find(|servers| !servers.is_empty());
        for server in chosen.unwrap_or_default() {
            let its_story = self.table.story(server.key);
            self.provenance.serves([(&writer, story), (&server, its_story)], dev, self.now);
        }
    }
}

/// Whether a process was given a place as an argument.
fn is_told(server: &Process, place: &[u8]) -> bool {
    let cwd = server.cwd.bytes.as_slice();
    server.argv.iter().map(Bytes::as_slice).any(|argument| {
        let argument = argument.strip_suffix(b"/").unwrap_or(argument);
        let below = || place.strip_prefix(cwd)?.strip_prefix(b"/");
        argument == place || (!argument.is_empty() && below() == Some(argument))
    })
}
