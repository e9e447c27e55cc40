//! Scenarios as data.
//!
//! The files are part of the binary, so that it can be carried into a virtual machine alone.

mod files;

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::wait;
use files::FILES;

/// When a scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// With the suite and for the quality report.
    Core,
    /// With the suite alone: it says nothing about what is told from what.
    Suite,
    /// For the quality report alone.
    Quality,
}

/// A program that misbehaves or behaves, and what weir must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Name, unique.
    pub name: String,
    /// What it shows, in a sentence.
    pub tells: String,
    /// Where it comes from: a technique, a report, a document.
    pub source: String,
    /// Programs without which it is skipped.
    #[serde(default)]
    pub needs: Vec<String>,
    /// File systems of the kernel without which it is skipped.
    #[serde(default)]
    pub file_systems: Vec<String>,
    /// Sensors without which it is skipped: nothing else tells of it.
    #[serde(default)]
    pub sensors: Vec<String>,
    /// Receivers.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Shell text that is run before the agent starts.
    #[serde(default)]
    pub set_up: String,
    /// Shell text of a service that stands before the agent starts and is ended when all is done. Whatever it starts
    /// belongs to the story.
    pub service: Option<String>,
    /// Shell text that is run in the network namespace, as another host would: it comes to the service or to what the
    /// script opens, and the story is over when it and the script have ended.
    pub peer: Option<String>,
    /// Name of the script file.
    #[serde(default)]
    pub script_name: String,
    /// Its text, `#!` line included; none where a peer sets all in motion.
    #[serde(default)]
    pub script: String,
    /// Seconds that the script may take.
    pub limit_s: u64,
    /// Configuration for the agent, in which `{server}` stands for the server's address; none is its built-in
    /// defaults.
    pub config: Option<String>,
    /// File in `WORK` in which the flood generator said its pid, and its opens for reading and for writing: each
    /// of the latter must be recorded or counted as lost.
    pub flood_report: Option<String>,
    /// The alert that must come; none is no alert at all.
    pub alert: Option<Expected>,
    /// How many signals strong enough for a line of their own an honest scenario may raise.
    #[serde(default = "signals")]
    pub signals: u64,
    /// When it is run.
    #[serde(skip, default = "quality")]
    pub set: Set,
}

/// More than an honest program should raise, fewer than what anybody would read.
const fn signals() -> u64 {
    12
}

const fn quality() -> Set {
    Set::Quality
}

/// A receiver.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Protocol.
    pub kind: Kind,
    /// Port.
    pub port: u16,
    /// Bytes a second that it reads; none is as fast as they come.
    pub rate: Option<u64>,
}

/// What a receiver speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Reads to the end.
    Sink,
    /// HTTP.
    Http,
    /// A real sshd.
    Ssh,
    /// A real rsync daemon.
    Rsync,
    /// A real TLS server.
    Tls,
    /// HTTP behind a real TLS server.
    Https,
    /// Takes datagrams.
    Udp,
    /// Answers every query over UDP: there is no such name.
    Dns,
    /// A name server over UDP that gives every name the server's address.
    Names,
    /// FTP; data connections come to the port [`FTP_DATA`] above its own.
    Ftp,
    /// SMTP.
    Smtp,
    /// TFTP, for writing alone.
    Tftp,
    /// The kernel's NFS server, version 4, of the folder `exported` in `WORK`.
    Nfs,
}

/// From the port of an FTP server to that of its data connections.
pub const FTP_DATA: u16 = 10_000;

/// What an alert must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `process.name` of the sender; a `*` at the end stands for the rest.
    pub sender: String,
    /// Each must be a name, or part of a command line, of a link of the chain.
    pub chain: Vec<String>,
    /// The same of the chain's first link: who set it all in motion.
    pub root: Option<String>,
    /// Least and greatest score of the last line.
    pub band: Option<[f64; 2]>,
    /// Globs, each of which a file of the alert must match; `{stage}` and `{docs}` stand for the scenario's.
    #[serde(default)]
    pub files: Vec<String>,
    /// The files may lack where the log counts opens that were missed: for floods, which some kernels tell with gaps.
    #[serde(default)]
    pub opens_may_be_missed: bool,
    /// Destination port; none where the other end has one of its own choosing.
    pub port: Option<u16>,
    /// `destination.domain`; none is whatever it says.
    pub domain: Option<String>,
    /// The sensor that tells the destination; where it is off, the alert says so and may name none. None is the sensors that
    /// every kernel carries.
    pub destination_by: Option<String>,
    /// `destination.address`, empty where the alert is to name none; without it the server's.
    pub destination: Option<String>,
    /// How far `weir.bytes_out` may be from what the receiver's socket read, as a fraction; none where no receiver
    /// counts.
    pub bytes_within: Option<f64>,
    /// How long after the receiver had read this many bytes the alert may be opened.
    pub opened: Option<Opened>,
}

/// The moment at which an alert must stand.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// Bytes that the receiver's socket had read.
    pub after_bytes: u64,
    /// Seconds.
    pub within_s: f64,
    /// The same where the processors are emulated; none is the multiple that all limits have there. For cases that keep
    /// them all busy: there the agent has a fraction of a processor that is ten to thirty times slower than a real one.
    pub emulated_within_s: Option<f64>,
}

impl Opened {
    /// Seconds on this machine.
    #[must_use]
    pub fn within(&self) -> f64 {
        let of_its_own = self.emulated_within_s.filter(|_| wait::is_emulated());
        of_its_own.unwrap_or_else(|| wait::patient(Duration::from_secs_f64(self.within_s)).as_secs_f64())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

/// All scenarios of `sets`.
///
/// # Errors
/// Fails when a file does not fit [`Scenario`], naming it.
pub fn of(sets: &[Set]) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for &(name, set, text) in FILES.iter().filter(|(_, set, _)| sets.contains(set)) {
        let file: File = toml::from_str(text).with_context(|| format!("scenarios/{name}"))?;
        scenarios.extend(file.scenario.into_iter().map(|scenario| Scenario { set, ..scenario }));
    }
    Ok(scenarios)
}

impl Scenario {
    /// Whether a receiver counts what comes to `port`.
    #[must_use]
    pub fn serves(&self, port: u16) -> bool {
        self.servers.iter().any(|server| {
            server.port == port
                || (server.kind == Kind::Ftp && server.port.checked_add(FTP_DATA) == Some(port))
        })
    }
}

#[cfg(test)]
mod tests;
