//! Network Traffic: Network Connection Creation (DS0029): new connections to the outside, and analytic 1, the bytes
//! that one connection carried out: more than 5,000,000 to a port of the first class 8, more than 10,000,000 9.
//!
//! A connection alone is a low risk that wakes nobody; it adds to what else its process did. State: for each of at
//! most `PROCESSES` processes `DESTINATIONS` destinations reported; further destinations are told at each
//! doubling of their number. What makes room may be reported once more.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use agent_common::net::IPPROTO_UDP;

use super::{
    Analytic, Observation, Scope, Signal, Subject, Volume,
    recent::Recent,
    threshold::Reported,
    weights::{CONNECTION, CONNECTION_FILES, CONNECTION_FIRST, CONNECTION_WEB},
};
use crate::{
    config,
    event::{BootTime, ProcessKey, Remote},
};

/// Processes remembered.
const PROCESSES: usize = 8_192;
/// Destinations of a process that are reported one by one.
const DESTINATIONS: usize = 32;
/// Connections of a process whose reported volume is remembered.
const FLOWS: usize = 64;

/// Risk of a new connection by port: clear-text file transfer and remote copy above the web, DNS over TCP above the
/// resolver's everyday UDP. Configured further ports stand with the web.
const fn port_risk(port: u16, protocol: u16, of_class: bool) -> f64 {
    match (port, protocol) {
        (53, IPPROTO_UDP) => CONNECTION,
        (21 | 22 | 53, _) => CONNECTION_FILES,
        (443, _) => CONNECTION_WEB,
        _ if of_class => CONNECTION_WEB,
        _ => CONNECTION,
    }
}

/// The analytic.
#[derive(Debug)]
pub struct ConnectionCreation {
    limits: config::Volume,
    processes: Recent<ProcessKey, Connections>,
    /// Connections that had to make room within their process.
    forgotten: u64,
}

#[derive(Debug)]
struct Connections {
    destinations: Recent<(SocketAddr, u16), ()>,
    /// Connections to destinations that are not remembered.
    further: u32,
    flows: Recent<(Remote, u16), Reported>,
}

impl Default for Connections {
    fn default() -> Self {
        Self { destinations: Recent::new(DESTINATIONS), further: 0, flows: Recent::new(FLOWS) }
    }
}

impl ConnectionCreation {
    /// For the configured limits.
    #[must_use]
    pub fn new(limits: &config::Volume) -> Self {
        Self { limits: limits.clone(), processes: Recent::new(PROCESSES), forgotten: 0 }
    }

    /// Looks at one observation: a new connection, or bytes out of one.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let mut told = None;
        match observation {
            // Port 0 is the resolver comparing source addresses; nothing is sent.
            Observation::Connect { remote, protocol, outside: true, first_seen, .. }
                if remote.port() != 0 =>
            {
                told = self
                    .connect(subject, *remote, *protocol, *first_seen)
                    .map(|(risk, reason)| (Remote::from(*remote), risk, reason));
            }
            Observation::Volume(volume) if volume.scope == Scope::Flow => told = self.volume(subject, volume),
            Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_)
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. } => {}
        }
        if let Some((remote, risk, reason)) = told {
            let key = subject.process.key;
            out.push(Signal::egress(Analytic::ConnectionCreation, risk, key, remote, now, reason));
        }
    }

    /// Drops state about a process.
    pub fn forget(&mut self, process: ProcessKey) {
        self.processes.remove(&process);
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.processes.evicted() + self.forgotten
    }

    fn connect(
        &mut self,
        subject: &Subject<'_>,
        remote: SocketAddr,
        protocol: u16,
        first_seen: bool,
    ) -> Option<(f64, String)> {
        let port = remote.port();
        let of_class = self.limits.ports.contains(&port);
        let connections = self.processes.entry(subject.process.key);
        if connections.destinations.get(&(remote, protocol)).is_some() {
            return None;
        }
        let base = port_risk(port, protocol, of_class);
        if connections.destinations.len() < DESTINATIONS {
            connections.destinations.entry((remote, protocol));
            let (risk, known) = if first_seen {
                (base + CONNECTION_FIRST, ", where this program never connected before")
            } else {
                (base, "")
            };
            return Some((risk, format!("connected to {remote} outside{known}")));
        }
        connections.further = connections.further.saturating_add(1);
        let all = u32::try_from(DESTINATIONS).unwrap_or(u32::MAX).saturating_add(connections.further);
        all.is_power_of_two()
            .then(|| (base + CONNECTION_FIRST, format!("made {all} new connections to the outside")))
    }

    fn volume(&mut self, subject: &Subject<'_>, volume: &Volume) -> Option<(Remote, f64, String)> {
        let least = self.limits.any_bytes.min(self.limits.port_bytes);
        if volume.bytes_out.max(volume.bytes_out_ports) <= least {
            return None;
        }
        let flows = &mut self.processes.entry(subject.process.key).flows;
        let before = flows.evicted();
        let exceeded = flows.entry((volume.remote, volume.protocol)).exceeded(volume, &self.limits);
        self.forgotten += flows.evicted() - before;
        let exceeded = exceeded?;
        let who = if volume.remote.is_files() {
            format!("this process, into files on {},", volume.remote)
        } else {
            format!("one connection to {}", volume.remote)
        };
        Some((volume.remote, exceeded.risk, exceeded.sentence(&who, &self.limits)))
    }
}
