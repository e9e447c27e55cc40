//! What is looked up for a record the moment it is read, before it waits for its order: a moment later the process
//! may be gone.

use super::{
    beyond::Beyond,
    growth::Growth,
    identity::Identities,
    ledger::{BpfTable, Ledger},
    quiet::Quiet,
    resolvers::Resolvers,
    scripts::{Captured, Pending, Scripts},
};
use crate::event::{Event, Fact, Identity, decode::Decoded};

/// Facts that follow an event.
#[derive(Debug, Default)]
pub(super) struct Attached {
    pub(super) identity: Option<Identity>,
    /// Where the file system leads that was opened.
    pub(super) mount: Option<Event>,
    /// A capture under way.
    pub(super) script: Option<Pending>,
    /// A capture that has ended.
    pub(super) captured: Option<Captured>,
}

/// Everything that looks at a record as it is read.
pub(super) struct LookUp {
    pub(super) ledger: Ledger<BpfTable>,
    pub(super) identities: Identities,
    pub(super) scripts: Scripts,
    pub(super) quiet: Quiet,
    pub(super) resolvers: Resolvers,
    pub(super) beyond: Beyond,
    pub(super) growth: Growth,
}

impl LookUp {
    pub(super) fn at_read(&mut self, decoded: &Decoded) -> Attached {
        let event = &decoded.event;
        match &event.fact {
            Fact::Exec(exec) => {
                self.beyond.meet(event.process, exec.mnt_ns);
                return Attached {
                    script: self.scripts.begin(event.process, exec),
                    identity: Some(self.identities.of_exec(event.process, exec)),
                    ..Attached::default()
                };
            }
            Fact::Exit { .. } => self.ledger.note_exit(event.process, event.time),
            Fact::Open(opened) => {
                if let Err(error) = self.quiet.observe(opened, event.time) {
                    // Nothing is lost: the directory's reads keep being reported.
                    tracing::debug!(%error, "quiet directory cannot be marked");
                }
                let mount = self.beyond.observe(event.process, opened, event.time).unwrap_or_else(|error| {
                    // The kernel's side watches its files in vain.
                    tracing::debug!(%error, "a file system of the host's own cannot be marked");
                    None
                });
                if self.beyond.leads_away(opened) {
                    self.growth.opened(opened.file, event.time);
                }
                return Attached { mount, ..Attached::default() };
            }
            Fact::Flow(flow) => {
                if let Some(key) = &decoded.flow {
                    self.ledger.note(flow.what, key, event.time);
                }
            }
            Fact::Started(_)
            | Fact::Clock { .. }
            | Fact::Tick
            | Fact::Seen(_)
            | Fact::Fork(_)
            | Fact::Identity(_)
            | Fact::Script(_)
            | Fact::Loss(_)
            | Fact::Stopping { .. }
            | Fact::Names(_)
            | Fact::Resolvers(_)
            | Fact::State(_)
            | Fact::Unix(_)
            | Fact::Memory { .. }
            | Fact::Content(_)
            | Fact::Socket { .. }
            | Fact::Mount(_)
            | Fact::Host { .. } => {}
        }
        Attached::default()
    }
}
