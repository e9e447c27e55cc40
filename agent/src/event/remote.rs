//! Where bytes go.

use std::{
    fmt,
    net::{AddrParseError, IpAddr, Ipv4Addr, SocketAddr},
    str::FromStr,
};

/// The other end of what leaves.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Remote {
    /// Bytes that were counted without a destination. They count as going outside.
    Unknown,
    /// An address and, where the protocol has ports, a port.
    Address(SocketAddr),
    /// A medium that can be carried away, by the `s_dev` of its file system.
    Medium(u32),
    /// A folder of a server that is mounted here.
    Share {
        /// `s_dev` of its file system.
        dev: u32,
        /// The server.
        server: SocketAddr,
    },
}

/// Stands for what has no address in records and in saved state.
const NOWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

impl Remote {
    /// The address, IPv4 as such.
    #[must_use]
    pub fn ip(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) | Self::Share { server: address, .. } => Some(address.ip().to_canonical()),
            Self::Unknown | Self::Medium(_) => None,
        }
    }

    /// The port; 0 where there is none.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Address(address) | Self::Share { server: address, .. } => address.port(),
            Self::Unknown | Self::Medium(_) => 0,
        }
    }

    /// Whether it is files that are written there.
    #[must_use]
    pub const fn is_files(self) -> bool {
        match self {
            Self::Medium(_) | Self::Share { .. } => true,
            Self::Unknown | Self::Address(_) => false,
        }
    }

    /// As an address; `0.0.0.0:0` where there is none.
    #[must_use]
    pub const fn address(self) -> SocketAddr {
        match self {
            Self::Address(address) | Self::Share { server: address, .. } => address,
            Self::Unknown | Self::Medium(_) => NOWHERE,
        }
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        if address == NOWHERE { Self::Unknown } else { Self::Address(address) }
    }
}

impl FromStr for Remote {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|address: SocketAddr| address.into())
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => formatter.write_str("an unknown destination"),
            Self::Address(address) => write!(formatter, "{address}"),
            Self::Share { server, .. } => write!(formatter, "the file server {server}"),
            Self::Medium(dev) => {
                write!(formatter, "the removable medium {}:{}", dev >> 20, dev & 0xf_ffff)
            }
        }
    }
}

/// As records name what a signal is about, from which its id is made.
impl fmt::Debug for Remote {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Medium(dev) => write!(formatter, "medium {dev}"),
            Self::Unknown | Self::Address(_) | Self::Share { .. } => write!(formatter, "{}", self.address()),
        }
    }
}
