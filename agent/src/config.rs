//! Configuration: TOML as written ([`mod@file`]) becomes [`Config`], configuration as meant. Built-in defaults
//! cover everything, so that no file is needed.

pub mod file;
pub mod classify;
mod domain;
mod hooks;

use std::{net::IpAddr, path::PathBuf, time::Duration};

use globset::GlobSet;
use ipnet::IpNet;

pub use domain::{DomainError, DomainPattern};
pub use hooks::{HookKind, Hooks, HooksError};

/// Configuration as meant: checked, compiled, with nothing optional that has a default.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where alerts go.
    pub alerts: Alerts,
    /// What is inside.
    pub network: Network,
    /// Which files matter.
    pub files: Files,
    /// Volumes that are signals.
    pub volume: Volume,
    /// How signals become a score.
    pub score: Score,
    /// What is kept over a restart.
    pub state: State,
    /// What is trusted.
    pub trust: Vec<Trust>,
    /// Kernel side.
    pub sensor: Sensor,
    /// The text that this was made from: TOML with every default filled in.
    pub source: String,
}

/// The alert log.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// JSON-lines file.
    pub path: PathBuf,
    /// Rotate when it grows past this many bytes.
    pub rotate_bytes: u64,
    /// Rotate when it is older than this.
    pub rotate_age: Duration,
    /// Rotated files that are kept.
    pub keep: u32,
    /// Whether signals are written too (`event.kind: signal`).
    pub signals: bool,
    /// Signals below this risk (0 to 10) get no line of their own; alerts list them all the same.
    pub signal_risk: f64,
    /// Whether script text is written into records.
    pub script_text: bool,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// An alert is updated when its bytes have grown by this factor.
    pub update_factor: f64,
    /// An alert is closed when its story was quiet for this long.
    pub close_after: Duration,
}

/// Inside and outside.
#[derive(Clone, Debug)]
pub struct Network {
    /// Networks that the configuration adds to the built-in inside ones.
    pub inside: Vec<IpNet>,
    /// Name servers beside those that the host is configured to ask, whose answers count where trust goes by names.
    pub resolvers: Vec<IpAddr>,
}

/// File classes.
#[derive(Clone, Debug)]
pub struct Files {
    /// Staging places and their risk.
    pub staging: Rated,
    /// Sensitive files and their risk.
    pub sensitive: Rated,
    /// Extensions of documents, lower case, without the dot.
    pub document_extensions: Vec<String>,
    /// Distinct documents by one process or lineage within `mass_window` that are mass access.
    pub mass_count: u32,
    /// The window.
    pub mass_window: Duration,
    /// Prefixes whose plain reads are left out in the kernel.
    pub quiet: Vec<String>,
}

/// Globs with a risk each; the index that the set returns is the index into `risks`.
#[derive(Clone, Debug)]
pub struct Rated {
    /// Compiled globs.
    pub globs: GlobSet,
    /// Pattern text and risk (0 to 10) in the order of the set.
    pub risks: Vec<(String, f64)>,
}

/// Outbound volumes.
#[derive(Clone, Debug)]
pub struct Volume {
    /// Ports of the first class.
    pub ports: Vec<u16>,
    /// Bytes out to one of those ports that are a signal of risk 8.
    pub port_bytes: u64,
    /// Bytes out to any port that are a signal of risk 9.
    pub any_bytes: u64,
}

/// Scoring.
#[derive(Clone, Debug)]
pub struct Score {
    /// Alert at this process score (0 to 10).
    pub threshold: f64,
    /// Half-life of a signal's weight.
    pub half_life: Duration,
    /// The same of how data was collected and made ready, for whoever carries that data.
    pub data_half_life: Duration,
}

/// What is kept over a restart.
#[derive(Clone, Debug)]
pub struct State {
    /// The file; none to keep nothing.
    pub path: Option<PathBuf>,
    /// Time between two writes; it is written at the stop as well.
    pub save_every: Duration,
}

/// A trust rule: every condition that is given must hold.
#[derive(Clone, Debug)]
pub struct Trust {
    /// Name, shown as `weir.trusted_by`.
    pub name: String,
    /// Executable paths.
    pub executable: Option<GlobSet>,
    /// User names or numeric ids.
    pub users: Vec<String>,
    /// systemd units.
    pub units: Vec<String>,
    /// Beginnings of containers' ids.
    pub containers: Vec<String>,
    /// Destinations by address. Where names or places are given too, one of all must hold.
    pub destinations: Vec<IpNet>,
    /// File systems by the place where they are mounted.
    pub places: Option<GlobSet>,
    /// Destinations by name.
    pub domains: Vec<DomainPattern>,
    /// Destination ports.
    pub ports: Vec<u16>,
    /// Bytes a day that the rule covers; none is without limit.
    pub daily_bytes: Option<u64>,
}

/// Kernel side.
#[derive(Clone, Debug)]
pub struct Sensor {
    /// The hooks with which the sensors' ladders begin.
    pub hooks: Hooks,
    /// Bytes of the life-cycle ring, a power of two.
    pub lifecycle_ring: u32,
    /// Bytes of the bulk ring, a power of two.
    pub bulk_ring: u32,
    /// Time between ledger drains while something flows.
    pub drain_interval: Duration,
    /// Look at the first bytes of flows, and at questions to name servers.
    pub content: bool,
}

impl Network {
    /// Whether `address` is inside: loopback, RFC 1918, CGNAT (RFC 6598), link-local, multicast, unspecified,
    /// unique local (RFC 4193), or added by the configuration. Documentation ranges are outside.
    #[must_use]
    pub fn is_inside(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let built_in = match address {
            IpAddr::V4(v4) => {
                let [a, b, ..] = v4.octets();
                v4.is_loopback()
                    || v4.is_private()
                    || v4.is_link_local()
                    || v4.is_multicast()
                    || v4.is_unspecified()
                    || v4.is_broadcast()
                    || (a == 100 && (64..128).contains(&b))
            }
            IpAddr::V6(v6) => {
                v6.is_loopback()
                    || v6.is_unique_local()
                    || v6.is_unicast_link_local()
                    || v6.is_multicast()
                    || v6.is_unspecified()
            }
        };
        built_in || self.inside.iter().any(|net| net.contains(&address))
    }
}
