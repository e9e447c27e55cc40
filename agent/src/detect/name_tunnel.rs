//! Network Traffic: Network Traffic Content (DS0029): data in the names that are asked of name servers (T1048.003,
//! T1071.004).
//!
//! A question reaches whoever has the domain through any resolver, so that the last hop says nothing and the names say
//! all: many of them below one domain, none twice, and long. The sums are the pipeline's
//! ([`Asked`](super::Asked)). State: how far each story's sum for a domain was reported.

use std::sync::Arc;

use super::{
    Analytic, Object, Observation, Signal, Stage, Subject,
    recent::Recent,
    threshold::Level,
    weights::{CARRIER, NAME_TUNNEL},
};
use crate::event::{BootTime, ProcessKey};

/// Stories and domains remembered.
const SUMS: usize = 4_096;
/// Bytes of names below one domain within an hour that carry data: fifty names of twenty letters, as a content network's
/// servers have them, are as many.
pub(crate) const HOUR_BYTES: u64 = 1_024;
/// The same within a day, for who takes his time.
pub(crate) const DAY_BYTES: u64 = 8 * HOUR_BYTES;
/// Names at least.
const NAMES_LEAST: u64 = 16;
/// Bytes of a name at least, on average: addresses that mail servers look up in lists of senders have nine.
const LENGTH_LEAST: u64 = 16;

/// The analytic.
#[derive(Debug)]
pub struct NameTunnel {
    reported: Recent<(ProcessKey, Arc<str>), Level>,
}

impl NameTunnel {
    /// With nothing reported.
    #[must_use]
    pub fn new() -> Self {
        Self { reported: Recent::new(SUMS) }
    }

    /// Looks at one observation: a question to a name server.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let asked = match observation {
            Observation::Asked(asked) => asked,
            Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Socket(_) => return,
        };
        if !asked.is_tunnel() {
            return;
        }
        let level = self.reported.entry((subject.story, Arc::clone(asked.domain)));
        if !level.exceeded(asked.day.bytes, HOUR_BYTES - 1) {
            return;
        }
        let (names, bytes) = (asked.day.names, asked.day.bytes);
        let reason = format!(
            "asked {} for {names} different names below {}, which carry {bytes} bytes",
            asked.remote, asked.domain
        );
        // Nothing else sends them: they are what the data goes by as well.
        for (stage, risk) in [(Stage::Egress, NAME_TUNNEL), (Stage::Transfer, CARRIER)] {
            out.push(Signal {
                analytic: Analytic::NameTunnel,
                technique: "T1048.003",
                risk,
                stage,
                subject: subject.process.key,
                object: Object::Destination(asked.remote.into()),
                time: now,
                reason: reason.clone().into(),
            });
        }
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.reported.evicted()
    }
}

impl Default for NameTunnel {
    fn default() -> Self {
        Self::new()
    }
}

impl super::Asked<'_> {
    /// Whether the names carry data.
    #[must_use]
    pub const fn is_tunnel(&self) -> bool {
        self.hour.carries(HOUR_BYTES) || self.day.carries(DAY_BYTES)
    }
}

impl super::NameSum {
    const fn carries(&self, least: u64) -> bool {
        self.bytes >= least && self.names >= NAMES_LEAST && self.bytes >= self.names * LENGTH_LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Asked, NameSum, testing};

    #[test]
    fn many_long_names_are_a_tunnel_and_few_or_short_ones_are_not() {
        let sum = |names, bytes| NameSum { names, bytes };
        let rows = [
            (sum(20, 1_200), sum(20, 1_200), true),
            (sum(15, 2_000), sum(15, 2_000), false),
            (sum(40, 800), sum(40, 800), false),
            (sum(900, 9_000), sum(900, 9_000), false),
            (sum(3, 120), sum(200, 7_000), false),
            (sum(3, 120), sum(240, 9_600), true),
        ];
        for (hour, day, expected) in rows {
            let domain: Arc<str> = "example.org".into();
            let remote = "127.0.0.53:53".parse().expect("an address");
            let asked = Asked { remote, domain: &domain, hour, day };
            assert_eq!(asked.is_tunnel(), expected, "{asked:?}");
            let mut analytic = NameTunnel::new();
            let mut tell = |asked: &Asked<'_>| {
                let observation = Observation::Asked(asked.clone());
                let process = testing::process(1, "dig");
                testing::signals(&process, &[], &observation, |subject, observation, out| {
                    analytic.observe(1, subject, observation, out);
                })
                .len()
            };
            assert_eq!(tell(&asked), 2 * usize::from(expected), "{asked:?}");
            assert_eq!(tell(&asked), 0, "the same again");
            let more = Asked { day: sum(day.names * 8, day.bytes * 8), ..asked };
            assert_eq!(tell(&more), 2 * usize::from(more.is_tunnel()), "{more:?}");
        }
    }
}
