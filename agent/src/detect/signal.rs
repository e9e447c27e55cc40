//! What a detection yields.

use std::borrow::Cow;

use serde::Serialize;

use crate::event::{BootTime, Bytes, ProcessKey, Remote};

/// Stage of an exfiltration story.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Sensitive or mass file reads, network traffic that is captured.
    Collection,
    /// Archive, encrypt, copy into a staging path.
    Staging,
    /// A tool or script able to send.
    Transfer,
    /// Bytes out: volume, destination, protocol, duplication.
    Egress,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Self; 4] = [Self::Collection, Self::Staging, Self::Transfer, Self::Egress];
}

/// An analytic of `T1020.md` and what it belongs to in ATT&CK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Analytic {
    /// Command: Command Execution (DS0017), analytic 1.
    CommandExecution,
    /// Script: Script Execution (DS0012), analytic 1.
    ScriptExecution,
    /// File: File Access (DS0022), analytic 1: staging places.
    FileAccess,
    /// File: File Access (DS0022): sensitive files.
    SensitiveFileAccess,
    /// File: File Access (DS0022): many documents.
    MassFileAccess,
    /// Network Traffic: Network Connection Creation (DS0029), analytic 1: new connections.
    ConnectionCreation,
    /// Network Traffic: Network Connection Creation (DS0029): addresses without a name.
    UnnamedDestination,
    /// Network Traffic: Network Traffic Flow (DS0029): volumes.
    TrafficFlow,
    /// Network Traffic: Network Traffic Content (DS0029): outbound traffic that contains collected data.
    TrafficContent,
    /// Network Traffic: Network Traffic Content (DS0029): another protocol than the port is for.
    Protocol,
    /// Network Traffic: Network Traffic Content (DS0029): data in names that are asked for.
    NameTunnel,
    /// Network Traffic: Network Connection Creation (DS0029): sockets of other families than IP.
    Family,
    /// Network Traffic: Network Traffic Flow (DS0029): what is captured on this host leaves it (Traffic Duplication).
    Duplication,
}

impl Analytic {
    /// The first in order, for ranges over all.
    pub const FIRST: Self = Self::CommandExecution;
    /// The last in order.
    pub const LAST: Self = Self::Duplication;
    /// All of them in order.
    pub const ALL: [Self; 13] = [
        Self::CommandExecution,
        Self::ScriptExecution,
        Self::FileAccess,
        Self::SensitiveFileAccess,
        Self::MassFileAccess,
        Self::ConnectionCreation,
        Self::UnnamedDestination,
        Self::TrafficFlow,
        Self::TrafficContent,
        Self::Protocol,
        Self::NameTunnel,
        Self::Family,
        Self::Duplication,
    ];

    /// The one with that id.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|analytic| analytic.id() == id)
    }

    /// Stable id in records: `T1020.DS0017.1` and the like.
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::CommandExecution => "T1020.DS0017.command_execution",
            Self::ScriptExecution => "T1020.DS0012.script_execution",
            Self::FileAccess => "T1020.DS0022.file_access",
            Self::SensitiveFileAccess => "T1020.DS0022.sensitive_file_access",
            Self::MassFileAccess => "T1020.DS0022.mass_file_access",
            Self::ConnectionCreation => "T1020.DS0029.connection_creation",
            Self::UnnamedDestination => "T1020.DS0029.unnamed_destination",
            Self::TrafficFlow => "T1020.DS0029.traffic_flow",
            Self::TrafficContent => "T1020.DS0029.traffic_content",
            Self::Protocol => "T1020.DS0029.protocol",
            Self::NameTunnel => "T1020.DS0029.name_tunnel",
            Self::Family => "T1020.DS0029.family",
            Self::Duplication => "T1020.001.DS0029.duplication",
        }
    }

    /// ATT&CK data component.
    #[must_use]
    pub const fn data_component(self) -> &'static str {
        match self {
            Self::CommandExecution => "Command: Command Execution (DS0017)",
            Self::ScriptExecution => "Script: Script Execution (DS0012)",
            Self::FileAccess | Self::SensitiveFileAccess | Self::MassFileAccess => {
                "File: File Access (DS0022)"
            }
            Self::ConnectionCreation | Self::UnnamedDestination | Self::Family => {
                "Network Traffic: Network Connection Creation (DS0029)"
            }
            Self::TrafficFlow | Self::Duplication => "Network Traffic: Network Traffic Flow (DS0029)",
            Self::TrafficContent | Self::Protocol | Self::NameTunnel => {
                "Network Traffic: Network Traffic Content (DS0029)"
            }
        }
    }
}

/// What a signal is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    /// A command line.
    Command(Bytes),
    /// A script by its path (or `-c`, `stdin`).
    Script(Bytes),
    /// A file by its path.
    File(Bytes),
    /// A number of files.
    Files(u32),
    /// A number of files that several processes of one story read between them.
    Shared(u32),
    /// A destination.
    Destination(Remote),
    /// Data that was sent.
    Content(Content),
}

impl Object {
    /// The destination that it is about.
    #[must_use]
    pub const fn remote(&self) -> Option<Remote> {
        match self {
            Self::Destination(remote) | Self::Content(Content { remote, .. }) => Some(*remote),
            Self::Command(_) | Self::Script(_) | Self::File(_) | Self::Files(_) | Self::Shared(_) => None,
        }
    }

    /// Whether it is the work of a story as a whole. Who is told of it is the one that made it full, by chance.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        match self {
            Self::Shared(_) => true,
            Self::Command(_)
            | Self::Script(_)
            | Self::File(_)
            | Self::Files(_)
            | Self::Destination(_)
            | Self::Content(_) => false,
        }
    }
}

/// Collected data that was found in what a process sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Content {
    /// Where most of it went.
    pub remote: Remote,
    /// Bytes that were collected.
    pub carried: u64,
    /// Bytes that were sent.
    pub sent: u64,
    /// How the one was found in the other.
    pub kind: ContentKind,
}

/// How sent bytes are known for collected data, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentKind {
    /// As many bytes.
    Parity,
    /// As many as an encoding as text makes of them.
    Encoded,
    /// From half of them up to all.
    Compressed,
    /// As many as secrets that belong to others.
    Secrets,
}

impl ContentKind {
    /// All of them in order.
    pub const ALL: [Self; 4] = [Self::Parity, Self::Encoded, Self::Compressed, Self::Secrets];

    /// Whether it is proof, or only evidence.
    #[must_use]
    pub const fn proves(self) -> bool {
        match self {
            Self::Parity | Self::Encoded => true,
            Self::Compressed | Self::Secrets => false,
        }
    }
}

/// Evidence that one detection found.
#[derive(Clone, Debug, PartialEq)]
pub struct Signal {
    /// Which analytic.
    pub analytic: Analytic,
    /// ATT&CK technique or sub-technique: `T1020`, `T1048.003`, `T1560.001`, ...
    pub technique: &'static str,
    /// 0 to 10; the number in `T1020.md` where it gives one.
    pub risk: f64,
    /// Stage of the story.
    pub stage: Stage,
    /// The process that did it.
    pub subject: ProcessKey,
    /// What it is about.
    pub object: Object,
    /// When.
    pub time: BootTime,
    /// One plain sentence for an operator.
    pub reason: Cow<'static, str>,
}

impl Signal {
    /// Bytes that went, or may go, to a destination outside.
    pub(super) fn egress(
        analytic: Analytic,
        risk: f64,
        subject: ProcessKey,
        remote: Remote,
        time: BootTime,
        reason: String,
    ) -> Self {
        Self {
            analytic,
            technique: match remote {
                Remote::Medium(_) => "T1052",
                Remote::Unknown | Remote::Address(_) | Remote::Share { .. } => "T1020",
            },
            risk,
            stage: Stage::Egress,
            subject,
            object: Object::Destination(remote),
            time,
            reason: reason.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_analytic_is_found_by_its_id() {
        assert_eq!(Analytic::ALL.len(), Analytic::LAST as usize + 1);
        for analytic in Analytic::ALL {
            assert_eq!(Analytic::named(analytic.id()), Some(analytic));
        }
        assert_eq!(Analytic::named("x"), None);
    }
}
