//! Network Traffic: Network Traffic Content (DS0029): "outbound traffic containing collected data".
//!
//! Content is mostly encrypted; its size is not. When a sender pauses or ends, what it sent is compared with what it
//! carries. Two rules: **sizes** (`sizes`) that agree with a cut through the way of the data, and **secrets**
//! (`secrets`), of which the first kilobytes are the theft, where sizes prove nothing. It keeps no state: a pause, at
//! most one signal of each rule.

mod sizes;
mod secrets;
#[cfg(test)]
mod tests;

use super::{Analytic, Content, Object, Observation, Signal, Stage, Subject};
use crate::{
    event::{BootTime, Remote},
    provenance::Load,
};

/// A sender paused or ended.
#[derive(Clone, Debug)]
pub struct Settled<'a> {
    /// Where its last bytes went.
    pub remote: Remote,
    /// Sums of what was sent that may each be all of it: since the last pause, since the sender's begin.
    pub sent: &'a [u64],
    /// Questions to name servers and ICMP messages among that.
    pub messages: u64,
    /// What it carries.
    pub load: &'a Load,
}

/// The analytic.
#[derive(Debug, Default)]
pub struct TrafficContent;

impl TrafficContent {
    /// Without state.
    #[must_use]
    pub fn new() -> Self {
        Self
    }

    /// Looks at one observation: a sender that settled.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let settled = match observation {
            Observation::Settled(settled) => settled,
            Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => return,
        };
        let found = [sizes::find(settled), secrets::find(settled)];
        out.extend(found.into_iter().flatten().map(|Found { content, risk, reason }| Signal {
            analytic: Analytic::TrafficContent,
            technique: "T1020",
            risk,
            stage: Stage::Egress,
            subject: subject.process.key,
            object: Object::Content(content),
            time: now,
            reason: reason.into(),
        }));
    }
}

/// What a rule found.
struct Found {
    content: Content,
    risk: f64,
    reason: String,
}
