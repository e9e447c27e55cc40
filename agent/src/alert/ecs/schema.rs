//! The shape of a line: Elastic Common Schema 8.17 names, and what ECS has no name for under `weir`. Fields stand
//! in the order in which they are written. An absent value is an absent key.

use std::net::IpAddr;

use serde::Serialize;

use crate::detect::ContentKind;

#[derive(Debug, Default, Serialize)]
pub(super) struct Line {
    #[serde(rename = "@timestamp")]
    pub(super) timestamp: String,
    pub(super) message: String,
    pub(super) ecs: Ecs,
    pub(super) event: Event,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rule: Option<Rule>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) threat: Option<Threat>,
    pub(super) host: Host,
    pub(super) agent: Agent,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<Process>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<End>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<Network>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) container: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) systemd: Option<Systemd>,
    pub(super) weir: Weir,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Ecs {
    pub(super) version: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Event {
    pub(super) kind: &'static str,
    pub(super) category: Vec<&'static str>,
    #[serde(rename = "type")]
    pub(super) kinds: Vec<&'static str>,
    pub(super) action: &'static str,
    pub(super) id: String,
    pub(super) module: &'static str,
    pub(super) dataset: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) severity: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) risk_score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) risk_score_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Rule {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) category: &'static str,
    pub(super) ruleset: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Threat {
    pub(super) framework: &'static str,
    pub(super) tactic: Named,
    pub(super) technique: Techniques,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Techniques {
    #[serde(flatten)]
    pub(super) own: Named,
    #[serde(skip_serializing_if = "Named::is_empty")]
    pub(super) subtechnique: Named,
}

/// ECS keeps these as parallel lists.
#[derive(Debug, Default, Serialize)]
pub(super) struct Named {
    pub(super) id: Vec<String>,
    pub(super) name: Vec<String>,
    pub(super) reference: Vec<String>,
}

impl Named {
    fn is_empty(&self) -> bool {
        self.id.is_empty()
    }
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Host {
    pub(super) name: String,
    pub(super) hostname: String,
    pub(super) os: Os,
    pub(super) boot: Id,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Os {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) kernel: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Id {
    pub(super) id: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Agent {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) version: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) entity_id: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) executable: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) command_line: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) args: Vec<String>,
    pub(super) args_count: usize,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) working_directory: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) user: Option<User>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Box<Process>>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct User {
    pub(super) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) effective: Option<Id>,
}

/// An end of the flow. `bytes` is what went from source to destination, at both ends: ECS would count the way
/// back in `destination.bytes`, which weir does not report.
#[derive(Debug, Serialize)]
pub(super) struct End {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Network {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<&'static str>,
    pub(super) transport: String,
    pub(super) iana_number: String,
    pub(super) direction: &'static str,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct File {
    pub(super) path: String,
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size: Option<u64>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Systemd {
    pub(super) unit: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Weir {
    pub(super) schema: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) revision: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cap: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uncapped: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stages: Option<Stages>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) proof: Option<Proof>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_collected: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destinations: Option<Vec<Destination>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) signals: Option<Vec<Signal>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) formula: Option<super::formula::Formula>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) chain: Option<Vec<super::story::Linked>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) graph: Option<super::story::Graph>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<Vec<Collected>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files_more: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scripts: Option<Vec<Script>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) process: Option<Traits>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) trusted_by: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) coverage: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sensors: Option<Vec<Sensor>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) totals: Option<Totals>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) losses: Option<Vec<Lost>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) cut: Vec<Cut>,
}

/// Strength of each stage that has evidence, 0 to 1.
#[derive(Debug, Default, Serialize)]
pub(super) struct Stages {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) collection: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) staging: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) transfer: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) egress: Option<f64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Proof {
    pub(super) kind: ContentKind,
    pub(super) bytes_carried: u64,
    pub(super) bytes_out: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) port: Option<u16>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) transport: String,
    /// Where the file system is mounted that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mount: Option<String>,
    pub(super) bytes_out: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) domains: Vec<Domain>,
}

/// A name of an address, who said so (nobody but the client where there is no server), and whether this host is configured to
/// ask that server.
#[derive(Debug, Serialize)]
pub(super) struct Domain {
    pub(super) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) server: Option<IpAddr>,
    pub(super) vouched: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Signal {
    pub(super) analytic: &'static str,
    pub(super) technique: &'static str,
    pub(super) data_component: &'static str,
    pub(super) stage: crate::detect::Stage,
    pub(super) risk: f64,
    pub(super) decay: f64,
    pub(super) trust: f64,
    pub(super) weight: f64,
    /// In an alert: whether it is the strongest of its analytic and stage, which alone counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) counts: Option<bool>,
    pub(super) via: &'static str,
    pub(super) time: String,
    pub(super) reason: String,
    pub(super) object: Object,
    pub(super) process: Who,
}

/// What a signal is about: one of these.
#[derive(Debug, Default, Serialize)]
pub(super) struct Object {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) command_line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) script: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) files: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) destination: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Who {
    pub(super) pid: u32,
    pub(super) entity_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Collected {
    pub(super) path: String,
    pub(super) size: u64,
    pub(super) why: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Script {
    pub(super) process: Who,
    pub(super) origin: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) path: String,
    pub(super) size: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) not_captured: String,
}

/// What is worth knowing about the process beside its ECS fields.
#[derive(Debug, Default, Serialize)]
pub(super) struct Traits {
    pub(super) executable_deleted: bool,
    pub(super) older_than_agent: bool,
    pub(super) unknown: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) login_uid: Option<u32>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Sensor {
    #[serde(rename = "sensor")]
    pub(super) name: String,
    pub(super) hook: String,
    pub(super) gap: String,
    pub(super) reason: String,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) signals: u64,
    pub(super) alerts: u64,
    pub(super) open_alerts: u64,
    pub(super) evicted: u64,
    pub(super) lost: u64,
    pub(super) bytes_out: u64,
    pub(super) processes: u64,
    pub(super) flows: u64,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Lost {
    pub(super) what: String,
    pub(super) count: u64,
}

/// Something that did not fit: which field, where it was cut, and how much is missing (bytes of a text, entries
/// of a list) where that is known.
#[derive(Debug, Default, Serialize)]
pub(super) struct Cut {
    pub(super) field: &'static str,
    pub(super) by: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) missing: Option<usize>,
}
