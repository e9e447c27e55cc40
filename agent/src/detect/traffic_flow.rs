//! Network Traffic: Network Traffic Flow (DS0029): volumes of a process and of its story, and lopsided exchange.
//!
//! Thresholds are those of `T1020.md`, for TCP and UDP alike; the volume of one connection is
//! [`connection_creation`](super::connection_creation)'s, whose analytic 1 they come from. State: what has been
//! reported for each process and story, at most `SUBJECTS`; one that makes room may be reported once more.

#[cfg(test)]
mod tests;

use super::{Analytic, Observation, Scope, Signal, Subject, Volume, recent::Recent, threshold::Reported};
use crate::{
    config,
    event::{BootTime, ProcessKey},
    process::Cause,
};

/// Processes and stories remembered, together.
const SUBJECTS: usize = 32_768;
/// Bytes out above which a lopsided exchange is looked at.
const LOPSIDED_BYTES: u64 = 1_000_000;
/// Sent for each byte received: a reader of pages and mail receives far more than it sends, a mover of files sends
/// with hardly an answer.
const LOPSIDED_RATIO: u64 = 10;
/// Its risk: backups, streams and uploads look alike, so that it only adds to other evidence.
const LOPSIDED_RISK: f64 = 3.0;

/// The analytic.
#[derive(Debug)]
pub struct TrafficFlow {
    limits: config::Volume,
    subjects: Recent<Sum, State>,
}

/// Whose bytes were summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Sum {
    Process(ProcessKey),
    Story(ProcessKey),
    Cause(Cause),
}

#[derive(Debug, Default)]
struct State {
    volume: Reported,
    lopsided: bool,
}

impl TrafficFlow {
    /// For the configured limits.
    #[must_use]
    pub fn new(limits: &config::Volume) -> Self {
        Self { limits: limits.clone(), subjects: Recent::new(SUBJECTS) }
    }

    /// Looks at one observation: bytes out that grew.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        match observation {
            Observation::Volume(volume) => self.volume(now, subject, volume, out),
            Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. } => {}
        }
    }

    /// A sum of a job that was looked at before the agent was started: what it exceeds was reported then.
    pub fn recall(&mut self, volume: &Volume) {
        match volume.scope {
            Scope::Cause(cause) => {
                self.subjects.entry(Sum::Cause(cause)).volume.exceeded(volume, &self.limits);
            }
            Scope::Flow | Scope::Process | Scope::Lineage => {}
        }
    }

    /// Drops state about a process. Its story may outlive it.
    pub fn forget(&mut self, process: ProcessKey) {
        self.subjects.remove(&Sum::Process(process));
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.subjects.evicted()
    }

    fn volume(&mut self, now: BootTime, subject: &Subject<'_>, volume: &Volume, out: &mut Vec<Signal>) {
        let (key, who) = match volume.scope {
            Scope::Flow => return,
            Scope::Process => (Sum::Process(subject.process.key), "this process"),
            Scope::Lineage => (Sum::Story(subject.story), "the processes of this story"),
            Scope::Cause(cause) => (Sum::Cause(cause), "the runs of this job within a day"),
        };
        let lopsided = volume.scope == Scope::Process && is_lopsided(volume);
        // Small talk leaves no state behind.
        let least = self.limits.any_bytes.min(self.limits.port_bytes);
        if !lopsided && volume.bytes_out.max(volume.bytes_out_ports) <= least {
            return;
        }
        let state = self.subjects.entry(key);
        let mut emit = |risk: f64, reason: String| {
            let key = subject.process.key;
            out.push(Signal::egress(Analytic::TrafficFlow, risk, key, volume.remote, now, reason));
        };
        if let Some(exceeded) = state.volume.exceeded(volume, &self.limits) {
            emit(exceeded.risk, exceeded.sentence(who, &self.limits));
        }
        if lopsided && !state.lopsided {
            state.lopsided = true;
            let (sent, received) = (volume.bytes_out, volume.bytes_in);
            emit(LOPSIDED_RISK, format!("{who} sent {sent} bytes and received only {received}"));
        }
    }
}

fn is_lopsided(volume: &Volume) -> bool {
    volume.bytes_out > LOPSIDED_BYTES && volume.bytes_out > volume.bytes_in.saturating_mul(LOPSIDED_RATIO)
}
