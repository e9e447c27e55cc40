//! An alert as the log tells it. The log is a file that somebody may have edited: whatever stands in it is text for
//! showing, escaped as it is read, and a missing field is an empty one.

use std::{collections::BTreeSet, fmt::Write as _, net::IpAddr};

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use crate::alert::text;

/// Bytes of one text; what is longer is cut.
const TEXT_MAX: usize = 16 * 1024;
/// Entries of one list.
const LIST_MAX: usize = 512;

/// A line of an alert.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Told {
    #[serde(rename = "@timestamp")]
    pub(super) time: Time,
    pub(super) message: Text,
    pub(super) event: Event,
    pub(super) host: Named,
    pub(super) process: Process,
    pub(super) user: User,
    pub(super) container: Option<Id>,
    pub(super) systemd: Option<Unit>,
    pub(super) threat: Threat,
    pub(super) weir: Weir,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    kind: Text,
    pub(super) action: Text,
    pub(super) id: Text,
    pub(super) start: Time,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Named {
    pub(super) name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Id {
    pub(super) id: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Unit {
    pub(super) unit: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct User {
    pub(super) id: Text,
    pub(super) name: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: Text,
    pub(super) executable: Text,
    pub(super) working_directory: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Threat {
    pub(super) technique: Techniques,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Techniques {
    pub(super) id: List<Text>,
    pub(super) name: List<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Weir {
    pub(super) schema: u32,
    pub(super) revision: u32,
    pub(super) score: f64,
    pub(super) cap: f64,
    pub(super) uncapped: f64,
    pub(super) stages: Stages,
    pub(super) formula: Formula,
    pub(super) proof: Option<Proof>,
    pub(super) bytes_collected: u64,
    pub(super) bytes_out: u64,
    pub(super) destinations: List<Destination>,
    pub(super) signals: List<Signal>,
    pub(super) chain: List<Link>,
    pub(super) graph: Graph,
    pub(super) files: List<File>,
    pub(super) files_more: u64,
    pub(super) scripts: List<Script>,
    pub(super) trusted_by: List<Text>,
    pub(super) coverage: List<Text>,
    pub(super) cut: List<Cut>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Stages {
    pub(super) collection: f64,
    pub(super) staging: f64,
    pub(super) transfer: f64,
    pub(super) egress: f64,
}

/// Numbers of lines that have none are those of the first version.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub(super) struct Formula {
    pub(super) weight: f64,
    pub(super) strong: f64,
    pub(super) half_life_s: f64,
    pub(super) threshold: f64,
    pub(super) cap_because: Text,
}

impl Default for Formula {
    fn default() -> Self {
        Self { weight: 0.7, strong: 0.4, half_life_s: 1800.0, threshold: 8.0, cap_because: Text::default() }
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Proof {
    pub(super) bytes_carried: u64,
    pub(super) bytes_out: u64,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Destination {
    #[serde(default)]
    pub(super) ip: Option<IpAddr>,
    #[serde(default)]
    pub(super) port: u16,
    #[serde(default)]
    pub(super) transport: Text,
    /// Where the file system is mounted that it is.
    #[serde(default)]
    pub(super) mount: Option<Text>,
    #[serde(default)]
    pub(super) bytes_out: u64,
    /// Names that it was heard under, the latest first.
    #[serde(default)]
    pub(super) domains: List<Domain>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Domain {
    pub(super) name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Signal {
    pub(super) analytic: Text,
    pub(super) technique: Text,
    pub(super) stage: Text,
    pub(super) risk: f64,
    pub(super) decay: f64,
    pub(super) trust: f64,
    pub(super) counts: Option<bool>,
    pub(super) via: Text,
    pub(super) time: Time,
    pub(super) reason: Text,
    pub(super) process: Who,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Who {
    pub(super) pid: u32,
    pub(super) name: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Link {
    pub(super) pid: u32,
    pub(super) entity_id: Text,
    pub(super) parent: Option<Text>,
    pub(super) name: Text,
    pub(super) executable: Text,
    pub(super) command_line: Text,
    pub(super) start: Time,
    pub(super) end: Time,
    pub(super) user: User,
    pub(super) did: List<Text>,
    pub(super) read: Option<Touches>,
    pub(super) wrote: Option<Touches>,
    pub(super) bytes_out: u64,
    pub(super) sender: bool,
    pub(super) launcher: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Touches {
    pub(super) count: u64,
    pub(super) bytes: u64,
    pub(super) files: List<File>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct File {
    pub(super) path: Text,
    pub(super) size: Option<u64>,
    pub(super) why: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Graph {
    pub(super) nodes: List<Node>,
    pub(super) edges: List<Edge>,
    pub(super) nodes_left_out: u64,
    pub(super) edges_left_out: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Node {
    pub(super) id: Text,
    pub(super) kind: Text,
    pub(super) name: Option<Text>,
    pub(super) pid: Option<u32>,
    pub(super) entity_id: Option<Text>,
    pub(super) path: Option<Text>,
    pub(super) count: Option<u64>,
    pub(super) bytes: Option<u64>,
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) transport: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Edge {
    pub(super) from: Text,
    pub(super) to: Text,
    pub(super) kind: Text,
    pub(super) bytes: Option<u64>,
    pub(super) time: Time,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Script {
    pub(super) process: Who,
    pub(super) path: Text,
    pub(super) size: u64,
    pub(super) sha256: Text,
    pub(super) text: Option<Lines>,
    pub(super) not_captured: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cut {
    pub(super) field: Text,
    pub(super) by: Text,
    pub(super) missing: Option<u64>,
}

/// Text in which nothing misleads a terminal or a reader; bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text(String);

impl Text {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for Text {
    fn from(raw: &str) -> Self {
        let (kept, missing) = text::clean(raw, TEXT_MAX);
        Self(if missing > 0 { kept + "..." } else { kept })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|raw| Self::from(raw.as_str()))
    }
}

/// As [`Text`], with the newlines and tabs that it had: for scripts.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines(String);

impl Lines {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Lines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = String::deserialize(deserializer)?;
        let (kept, missing) = text::shown_lines(&raw.as_str().into(), TEXT_MAX);
        Ok(Self(if missing > 0 { kept + "\n..." } else { kept }))
    }
}

/// A moment; none where the log has none that can be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Option<Timestamp>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(String::deserialize(deserializer)?.parse().ok()))
    }
}

/// A list of at most [`LIST_MAX`] entries; further ones are read and dropped.
#[derive(Clone, Debug)]
pub(super) struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> std::ops::Deref for List<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut list = Vec::deserialize(deserializer)?;
        list.truncate(LIST_MAX);
        Ok(Self(list))
    }
}

impl Told {
    /// The alert on a line of the log; none when it is a record of another kind.
    ///
    /// # Errors
    /// The line is no JSON, or no record of weir.
    pub fn parse(line: &str) -> Result<Option<Self>, serde_json::Error> {
        let told: Self = serde_json::from_str(line)?;
        Ok((told.event.kind.as_str() == "alert" && !told.event.id.is_empty()).then_some(told))
    }

    /// `event.id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.event.id.as_str()
    }

    /// `weir.schema`: how new the weir was that wrote it.
    #[must_use]
    pub fn schema(&self) -> u32 {
        self.weir.schema
    }

    /// `weir.revision`: the line with the highest one tells the most.
    #[must_use]
    pub fn revision(&self) -> u32 {
        self.weir.revision
    }

    /// `curl (pid 4202, user alice) sent 12.0 MB to 198.51.100.7:443 (tcp)`, or `... sent 12.0 MB, its story 24.0 MB to ...`.
    pub(super) fn headline(&self) -> String {
        let user = self.user.name.as_ref().unwrap_or(&self.user.id);
        let Process { name, pid, .. } = &self.process;
        let mut line = format!("{} (pid {pid}", name.as_str());
        if !user.is_empty() {
            line.push_str(", user ");
            line.push_str(user.as_str());
        }
        // A line that was cut may lack the sender's own link.
        let own = self.weir.chain.iter().find(|link| link.pid == *pid).map(|link| link.bytes_out);
        let own = own.filter(|own| *own < self.weir.bytes_out);
        let _ = match own {
            Some(own) => {
                write!(line, ") sent {}, its story {}", text::bytes(own), text::bytes(self.weir.bytes_out))
            }
            None => write!(line, ") sent {}", text::bytes(self.weir.bytes_out)),
        };
        if let Some(first) = self.weir.destinations.first() {
            let addresses: BTreeSet<Option<IpAddr>> =
                self.weir.destinations.iter().map(|one| one.ip).collect();
            let _ = match addresses.len() {
                1 => write!(line, " to {first}"),
                2 => write!(line, " to {first} and 1 more address"),
                more => write!(line, " to {first} and {} more addresses", more - 1),
            };
        }
        line
    }

    /// The four stages in order, by name.
    pub(super) fn stages(&self) -> [(&'static str, f64); 4] {
        let Stages { collection, staging, transfer, egress } = self.weir.stages;
        [("collection", collection), ("staging", staging), ("transfer", transfer), ("egress", egress)]
    }

    /// How loud it is: `critical`, `high`, `medium` or `low`, as `event.severity` has it.
    pub(super) fn severity(&self) -> &'static str {
        match self.weir.score {
            score if score >= 9.0 => "critical",
            score if score >= 7.0 => "high",
            score if score >= 4.0 => "medium",
            _ => "low",
        }
    }
}

impl std::fmt::Display for Destination {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let address = match (self.ip, &self.mount) {
            (Some(ip), _) => std::net::SocketAddr::new(ip, self.port).to_string(),
            (None, Some(mount)) => return write!(f, "the medium at {}", mount.as_str()),
            (None, None) => "an unknown destination".to_owned(),
        };
        let transport = match &self.mount {
            Some(mount) => format!("{}, mounted at {}", self.transport.as_str(), mount.as_str()),
            None => self.transport.as_str().to_owned(),
        };
        let transport = transport.as_str();
        match (self.domains.first(), transport) {
            (Some(domain), "") => write!(f, "{} ({address})", domain.name.as_str()),
            (Some(domain), _) => write!(f, "{} ({address}, {transport})", domain.name.as_str()),
            (None, "") => write!(f, "{address}"),
            (None, _) => write!(f, "{address} ({transport})"),
        }
    }
}

impl Link {
    /// Of a launcher, what it is to the story.
    pub(super) fn place(&self) -> Option<&'static str> {
        self.launcher.then_some("what follows, and is no part of the story itself")
    }

    /// What it did, but what `read` and `wrote` tell better.
    pub(super) fn deeds(&self) -> impl Iterator<Item = &str> {
        let told = |deed: &str| {
            (self.read.is_some() && deed.starts_with("read ") && !deed.starts_with("read /"))
                || (self.wrote.is_some() && deed.starts_with("wrote /") && !deed.contains(','))
        };
        self.did.iter().map(Text::as_str).filter(move |deed| !told(deed))
    }
}

impl Who {
    /// `tar 4201`.
    pub(super) fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("{} {}", name.as_str(), self.pid),
            None => format!("pid {}", self.pid),
        }
    }
}

#[cfg(test)]
mod tests;
