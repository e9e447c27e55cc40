//! File systems that lead away from this host.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::Bytes;

/// A file system that is none of this host's own disks. Told before the first bytes that are written there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Its `s_dev` (`major << 20 | minor`), which another one may have after it.
    pub dev: u32,
    /// Where it is mounted.
    pub place: Bytes,
    /// Whether it is there for the host as a whole, not in a mount namespace of somebody's own.
    pub of_host: bool,
    /// Who gets what is written there.
    pub leads: Leads,
}

/// Where a file system leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Leads {
    /// Nowhere: it stays on this host. Told of a device that was told otherwise before.
    Nowhere,
    /// To a server (NFS, CIFS, Ceph, 9P).
    Server(SocketAddr),
    /// Onto a medium that can be carried away.
    Medium,
    /// To a process of this host (FUSE).
    Process {
        /// The kind of file system that it says it serves, as in `fuse.sshfs`; empty when it says none.
        kind: Bytes,
        /// Who mounted it, and runs the process.
        uid: u32,
    },
}
