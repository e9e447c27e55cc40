//! Which bytes on connections that others opened are egress.
//!
//! What a service answers to those who ask is its work, however much it is, and so is what it asks other services of
//! this host for (a web server its backends). It is more than that when the data came to it by another process (a script
//! of a web server packs a folder, a login's sftp reads documents), when it was collected, staged or secret, or when
//! nobody runs a service at all: somebody just started a tool that offers files.

use super::Pipeline;
use crate::{
    detect::tool::{self, Action},
    event::ProcessKey,
    process::Process,
    provenance::Carried,
};

/// Programs that run services: what they start offers what it was set up to offer. Base names.
const SUPERVISORS: &[&[u8]] = &[
    b"systemd",
    b"init",
    b"runsv",
    b"s6-supervise",
    b"openrc-run",
    b"supervisord",
    b"containerd-shim",
    b"containerd-shim-runc-v2",
    b"conmon",
    b"dockerd",
    b"tini",
    b"dumb-init",
];

impl Pipeline {
    /// Whether what `process` answers leaves as taken data.
    pub(super) fn gives_away(&self, process: ProcessKey) -> bool {
        let own_is_grave = || self.provenance.own(process).is_some_and(Carried::is_grave);
        self.provenance.carries(process)
            && (own_is_grave() || self.provenance.is_fed(process) || self.serves_ad_hoc(process))
    }

    /// Whether the process is a tool that offers files, or its copy, which was started while the agent watched and not by
    /// a supervisor.
    fn serves_ad_hoc(&self, process: ProcessKey) -> bool {
        let own = self.table.get(process).into_iter();
        let started = own.chain(self.table.lineage(process)).find(|known| known.execs > 0);
        started.is_some_and(|started| offers(started)) && !self.is_supervised(process)
    }

    fn is_supervised(&self, process: ProcessKey) -> bool {
        let root = self.table.get(self.table.story(process));
        let starter = root.and_then(|root| root.parent).and_then(|parent| self.table.get(parent));
        starter.is_some_and(|starter| SUPERVISORS.contains(&starter.name()))
    }
}

fn offers(process: &Process) -> bool {
    tool::command(process).is_some_and(|command| command.action == Action::Serve)
}
