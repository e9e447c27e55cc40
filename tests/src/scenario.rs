//! Scenarios as data.
//!
//! The files are part of the binary, so that it can be carried into a virtual machine alone.

use std::env;

use anyhow::{Context, Result};
use serde::Deserialize;

const FILES: [(&str, &str); 4] = [
    ("malicious.toml", include_str!("../scenarios/malicious.toml")),
    ("honest.toml", include_str!("../scenarios/honest.toml")),
    ("names.toml", include_str!("../scenarios/names.toml")),
    ("load.toml", include_str!("../scenarios/load.toml")),
];

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
    /// Receivers.
    #[serde(default)]
    pub servers: Vec<Server>,
    /// Shell text that is run before the agent starts.
    #[serde(default)]
    pub set_up: String,
    /// Name of the script file.
    pub script_name: String,
    /// Its text, `#!` line included.
    pub script: String,
    /// Seconds that the script may take.
    pub limit_s: u64,
    /// Configuration for the agent, `{server}` for the server's address; none is its built-in defaults.
    pub config: Option<String>,
    /// File in `WORK` in which the flood generator said its pid, and its opens for reading and for writing: each
    /// of the latter must be recorded or counted as lost.
    pub flood_report: Option<String>,
    /// The alert that must come; none is no alert at all.
    pub alert: Option<Expected>,
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
    /// A name server over UDP that gives every name the server's address.
    Dns,
}

/// What an alert must say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// `process.name` of the sender.
    pub sender: String,
    /// Each must be a name, or part of a command line, of a link of the chain.
    pub chain: Vec<String>,
    /// Globs, each of which a file of the alert must match; `{stage}` and `{docs}` stand for the scenario's.
    #[serde(default)]
    pub files: Vec<String>,
    /// Destination port.
    pub port: u16,
    /// `destination.domain`; none is whatever it says.
    pub domain: Option<String>,
    /// How far `weir.bytes_out` may be from what the receiver's socket read, as a fraction.
    pub bytes_within: f64,
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
    /// The same where the processors are emulated; none is no more. For cases that keep them all busy: there the agent
    /// has a fraction of a processor that is ten to thirty times slower than a real one.
    pub emulated_within_s: Option<f64>,
}

/// Set where the processors are emulated.
const EMULATED: &str = "WEIR_EMULATED";

impl Opened {
    /// Seconds on this machine.
    #[must_use]
    pub fn within(&self) -> f64 {
        self.emulated_within_s.filter(|_| env::var_os(EMULATED).is_some()).unwrap_or(self.within_s)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    scenario: Vec<Scenario>,
}

/// All scenarios.
///
/// # Errors
/// Fails when a file does not fit [`Scenario`], naming it.
pub fn all() -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for (name, text) in FILES {
        let file: File = toml::from_str(text).with_context(|| format!("scenarios/{name}"))?;
        scenarios.extend(file.scenario);
    }
    Ok(scenarios)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_file_fits_and_every_name_is_unique() {
        let scenarios = super::all().expect("scenario files");
        let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names.len(), scenarios.len());
        for scenario in &scenarios {
            assert!(scenario.script.starts_with("#!"), "{}: no #! line", scenario.name);
            let served = |port| scenario.servers.iter().any(|server| server.port == port);
            let alert = scenario.alert.as_ref();
            assert!(
                alert.is_none_or(|alert| served(alert.port)),
                "{}: nobody serves the port",
                scenario.name
            );
        }
    }
}
