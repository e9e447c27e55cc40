//! Facts about names of addresses.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Addresses that a name server gave for a name, to whoever asked. Whoever can send from port 53 can say anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    /// Who answered.
    pub server: IpAddr,
    /// Inode of the network namespace that the answer came into; 0 where this kernel does not tell.
    pub net_ns: u32,
    /// `IPPROTO_UDP` or `IPPROTO_TCP`.
    pub protocol: u16,
    /// The name that was asked for, as [`Answer`](super::dns::Answer) has it.
    pub name: String,
    /// Its addresses, those of its aliases included; at most as many as fit into a message.
    pub addresses: Vec<IpAddr>,
    /// Seconds for which they hold, as the server says.
    pub ttl: u32,
    /// Records are missing at the end.
    pub cut: bool,
}

/// Name servers that this host is configured to ask.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolvers {
    /// Inode of the host's network namespace; 0 where it cannot be found.
    pub net_ns: u32,
    /// Their addresses.
    pub servers: Vec<IpAddr>,
}
