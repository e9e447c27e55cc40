//! Unix sockets as processes use them.

use serde::{Deserialize, Serialize};

/// A process sent or received through its end of a unix socket, for the first time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnixSocket {
    /// It sent; else it received.
    pub sent: bool,
    /// Inode in sockfs of its end.
    pub inode: u64,
    /// A name that this end had before somebody accepted it, too, when it had no inode.
    pub name: u64,
    /// Inode of the end that it sent to; 0 when nobody had accepted that yet.
    pub peer_inode: u64,
    /// That end's name, while it had no inode; else 0.
    pub peer_name: u64,
}
