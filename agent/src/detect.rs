//! Detections: one analytic a file, named by its ATT&CK data component. Each takes an [`Observation`] about a
//! [`Subject`] and yields [`Signal`]s.

pub mod signal;
pub mod weights;
mod recent;
mod threshold;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod tool;
pub mod command_execution;
pub mod script_execution;
pub mod file_access;
pub mod connection_creation;
pub mod unnamed_destination;
pub mod traffic_flow;
pub mod traffic_content;
pub mod protocol;
pub mod name_tunnel;
pub mod family;
pub mod duplication;

use std::{net::SocketAddr, sync::Arc};

use crate::{
    config::Config,
    config::classify::FileClass,
    event::{self, BootTime, Open, ProcessKey, Remote, Script},
    process::{Cause, Process},
};

pub use signal::{Analytic, Content, ContentKind, Object, Signal, Stage};
pub use traffic_content::Settled;

/// Who is observed, with its ancestors.
#[derive(Clone, Debug)]
pub struct Subject<'a> {
    /// The process that acts.
    pub process: &'a Process,
    /// Its ancestors within the story, nearest first; bounded.
    pub lineage: &'a [&'a Process],
    /// Key of the story's root: the last of `lineage`, or the process itself.
    pub story: ProcessKey,
}

/// What was observed.
#[derive(Clone, Debug)]
pub enum Observation<'a> {
    /// The process started a program.
    Exec,
    /// The text of the script that the process runs is known.
    Script(&'a Script),
    /// The process opened a file.
    Open {
        /// The open.
        open: &'a Open,
        /// What the file is.
        class: &'a FileClass,
        /// The file carries data that was collected or staged before (provenance).
        labelled: bool,
    },
    /// The process opened a connection.
    Connect {
        /// To where.
        remote: SocketAddr,
        /// `IPPROTO_*`.
        protocol: u16,
        /// The destination is outside.
        outside: bool,
        /// This executable never connected to that address before, as far as the agent knows.
        first_seen: bool,
        /// No name server gave that address a name, and that means something.
        unnamed: bool,
    },
    /// Bytes out grew.
    Volume(Volume),
    /// The sender paused or ended.
    Settled(Settled<'a>),
    /// Something of what it sends was seen.
    Spoken {
        /// What.
        content: &'a event::Content,
        /// It goes outside, and no trust rule covers that.
        outside: bool,
    },
    /// It asked for a name that its story had not asked for.
    Asked(Asked<'a>),
    /// It made or used a socket that is none of IP's.
    Socket(SocketUse),
}

/// What became of a socket that is none of IP's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketUse {
    /// It was made, the first of its family in this process: `AF_*`.
    Made(u16),
    /// So many bytes of the traffic of this host were read from a packet socket.
    Captured(u64),
}

/// Different names below one domain that a story asked for.
#[derive(Clone, Debug)]
pub struct Asked<'a> {
    /// The server that was asked last.
    pub remote: SocketAddr,
    /// The domain.
    pub domain: &'a Arc<str>,
    /// Within an hour.
    pub hour: NameSum,
    /// Within a day.
    pub day: NameSum,
}

/// How many names, and how many bytes they have before their domain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NameSum {
    /// Different names.
    pub names: u64,
    /// Bytes of them.
    pub bytes: u64,
}

/// Bytes of one scope within a day (of a flow: in all) towards the outside, loopback and inside destinations left out.
#[derive(Clone, Copy, Debug)]
pub struct Volume {
    /// What was summed.
    pub scope: Scope,
    /// The destination that the last bytes went to.
    pub remote: Remote,
    /// `IPPROTO_*`.
    pub protocol: u16,
    /// Bytes sent in the scope.
    pub bytes_out: u64,
    /// Bytes received in the scope.
    pub bytes_in: u64,
    /// Of those sent, the bytes to a port of the first class (21, 22, 53, 443).
    pub bytes_out_ports: u64,
    /// Bytes that were sent since the last observation, and by how many calls.
    pub last: (u64, u64),
}

/// What a volume sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// One socket of one process.
    Flow,
    /// All flows of a process.
    Process,
    /// All flows of the story that the process belongs to.
    Lineage,
    /// What all runs of the job sent of collected data; the story is one of them.
    Cause(Cause),
}

/// All detections, with their state.
#[derive(Debug)]
pub struct Detectors {
    command: command_execution::CommandExecution,
    script: script_execution::ScriptExecution,
    file: file_access::FileAccess,
    connection: connection_creation::ConnectionCreation,
    unnamed: unnamed_destination::UnnamedDestination,
    flow: traffic_flow::TrafficFlow,
    content: traffic_content::TrafficContent,
    protocol: protocol::Protocol,
    tunnel: name_tunnel::NameTunnel,
    family: family::Family,
    duplication: duplication::Duplication,
}

impl Detectors {
    /// Detections as the configuration means them.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            command: command_execution::CommandExecution::new(),
            script: script_execution::ScriptExecution::new(),
            file: file_access::FileAccess::new(&config.files),
            connection: connection_creation::ConnectionCreation::new(&config.volume),
            unnamed: unnamed_destination::UnnamedDestination::new(),
            flow: traffic_flow::TrafficFlow::new(&config.volume),
            content: traffic_content::TrafficContent::new(),
            protocol: protocol::Protocol::new(),
            tunnel: name_tunnel::NameTunnel::new(),
            family: family::Family,
            duplication: duplication::Duplication::new(),
        }
    }

    /// Shows an observation to every detection; signals are appended to `out`.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        self.command.observe(now, subject, observation, out);
        self.script.observe(now, subject, observation, out);
        self.file.observe(now, subject, observation, out);
        self.connection.observe(now, subject, observation, out);
        self.unnamed.observe(now, subject, observation, out);
        self.flow.observe(now, subject, observation, out);
        self.content.observe(now, subject, observation, out);
        self.protocol.observe(now, subject, observation, out);
        self.tunnel.observe(now, subject, observation, out);
        self.family.observe(now, subject, observation, out);
        self.duplication.observe(now, subject, observation, out);
    }

    /// A sum that an earlier run of the agent has seen, and found what was to be found in it.
    pub fn recall(&mut self, volume: &Volume) {
        self.flow.recall(volume);
    }

    /// The process is gone for good: state about it may go.
    pub fn forget(&mut self, process: ProcessKey) {
        self.script.forget(process);
        self.file.forget(process);
        self.connection.forget(process);
        self.unnamed.forget(process);
        self.flow.forget(process);
        self.protocol.forget(process);
        self.duplication.forget(process);
    }

    /// Whether `process` reads that file because it is its own: sshd its host key, a browser its profile.
    #[must_use]
    pub fn owns(process: &Process, path: &[u8]) -> bool {
        file_access::owns(process, path)
    }

    /// Entries of the detections' bounded tables that had to make room since the start. Making room can repeat
    /// a signal, restart a count of documents, or forget what a process ran before its last execve.
    #[must_use]
    pub const fn evicted(&self) -> u64 {
        self.script.evicted()
            + self.file.evicted()
            + self.connection.evicted()
            + self.unnamed.evicted()
            + self.flow.evicted()
            + self.protocol.evicted()
            + self.tunnel.evicted()
            + self.duplication.evicted()
    }
}
