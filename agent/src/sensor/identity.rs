//! Names for a process's surroundings: container, systemd unit, user; and who may replace its executable.

mod cgroup;
mod users;
mod guard;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use lru::LruCache;

use super::procfs::{self, Procfs};
use crate::event::{Exec, Guard, Identity, Ids, ProcessKey, Seen};
use cgroup::Membership;
use guard::Guards;
use users::Users;

/// Processes and control groups whose membership is remembered.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);
/// Longest `cgroup` file that is read.
const CGROUP_MAX: usize = 64 * 1024;

/// Looks up identities.
#[derive(Debug)]
pub struct Identities {
    procfs: Procfs,
    users: Users,
    guards: Guards,
    /// By id in the v2 hierarchy; used only where there is no other hierarchy.
    by_cgroup: LruCache<u64, Membership>,
    /// For the children of processes that end before they can be asked.
    by_process: LruCache<ProcessKey, Membership>,
    unified: bool,
}

impl Identities {
    /// Reads control groups from `procfs` and users from the passwd file at `passwd`.
    #[must_use]
    pub fn new(procfs: Procfs, passwd: &str) -> Self {
        let own = read_cgroup(&procfs, std::process::id());
        Self {
            guards: Guards::new(procfs.clone()),
            procfs,
            users: Users::new(passwd),
            by_cgroup: LruCache::new(REMEMBERED),
            by_process: LruCache::new(REMEMBERED),
            unified: own.is_some_and(|text| cgroup::is_unified(&text)),
        }
    }

    /// Identity of a process that called exec.
    pub fn of_exec(&mut self, process: ProcessKey, exec: &Exec) -> Identity {
        let cached = if self.unified { self.by_cgroup.get(&exec.cgroup_id).cloned() } else { None };
        let membership = cached.or_else(|| self.read(process)).inspect(|membership| {
            if self.unified && exec.cgroup_id != 0 {
                self.by_cgroup.put(exec.cgroup_id, membership.clone());
            }
        });
        let membership = membership
            .or_else(|| self.by_process.get(&process).cloned())
            .or_else(|| self.by_process.get(&exec.parent).cloned())
            .unwrap_or_default();
        let guard = self.guards.of_exec(process, exec);
        self.identity(process, membership, exec.ids, guard)
    }

    /// Identity of a process that was there before the agent.
    pub fn of_seen(&mut self, process: ProcessKey, seen: &Seen) -> Identity {
        let membership = self.read(process).unwrap_or_default();
        let guard = self.guards.of_seen(process, seen.exe.as_slice());
        self.identity(process, membership, seen.ids, guard)
    }

    fn identity(&mut self, process: ProcessKey, membership: Membership, ids: Ids, guard: Guard) -> Identity {
        self.by_process.put(process, membership.clone());
        let Membership { container, unit } = membership;
        Identity { container, unit, user: self.users.name(ids.uid), guard }
    }

    /// Membership of a process that is still there.
    fn read(&self, process: ProcessKey) -> Option<Membership> {
        let text = read_cgroup(&self.procfs, process.pid)?;
        // Asked afterwards: the pid may be another process's by now.
        self.procfs.is_alive(process).then(|| cgroup::membership(&text))
    }
}

fn read_cgroup(procfs: &Procfs, pid: u32) -> Option<Vec<u8>> {
    procfs::read(&procfs.path(pid, "cgroup"), CGROUP_MAX).ok()
}
