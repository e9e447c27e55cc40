//! Network Traffic: Network Connection Creation (DS0029), "abnormal/untrusted hosts": a connection to an outside
//! address that no name server gave a name for.
//!
//! Programs that people wrote for people go by names; what was built to be found by nobody else often brings its
//! addresses along. So do administrators, which is why it weighs next to nothing. When the absence of a name means
//! something is [`crate::names`]'s to say. State: what was reported for each of at most `PROCESSES` processes, at most
//! `ADDRESSES` addresses each; what makes room may be reported once more.

use std::net::{IpAddr, SocketAddr};

use super::{Analytic, Observation, Signal, Subject, recent::Recent, weights::UNNAMED};
use crate::event::{BootTime, ProcessKey};

/// Processes remembered.
const PROCESSES: usize = 4_096;
/// Addresses of a process that are reported.
const ADDRESSES: usize = 16;

/// The analytic.
#[derive(Debug)]
pub struct UnnamedDestination {
    reported: Recent<ProcessKey, Vec<IpAddr>>,
}

impl UnnamedDestination {
    /// With nothing reported.
    #[must_use]
    pub fn new() -> Self {
        Self { reported: Recent::new(PROCESSES) }
    }

    /// Looks at one observation: a new connection.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        match observation {
            // Port 0 is the resolver comparing source addresses; nothing is sent.
            Observation::Connect { remote, outside: true, unnamed: true, .. }
                if remote.port() != 0 && !is_name_service(*remote) =>
            {
                let key = subject.process.key;
                let reported = self.reported.entry(key);
                let address = remote.ip();
                if reported.len() < ADDRESSES && !reported.contains(&address) {
                    reported.push(address);
                    let reason = format!("connected to {remote}, an address that no name server named");
                    out.push(Signal::egress(
                        Analytic::UnnamedDestination,
                        UNNAMED,
                        key,
                        (*remote).into(),
                        now,
                        reason,
                    ));
                }
            }
            Observation::Connect { .. }
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => {}
        }
    }

    /// Drops state about a process.
    pub fn forget(&mut self, process: ProcessKey) {
        self.reported.remove(&process);
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.reported.evicted()
    }
}

impl Default for UnnamedDestination {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether names are asked for there, in the clear or over TLS: by its address, since there is no name before it.
const fn is_name_service(remote: SocketAddr) -> bool {
    matches!(remote.port(), 53 | 853)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::testing;

    #[test]
    fn each_address_without_a_name_is_told_once() {
        let mut analytic = UnnamedDestination::new();
        let process = testing::process(1, "x");
        let rows = [
            ("198.51.100.1:443", true, true, 1),
            ("198.51.100.1:80", true, true, 0),
            ("198.51.100.2:443", true, false, 0),
            ("198.51.100.3:443", false, true, 0),
            ("198.51.100.4:53", true, true, 0),
            ("198.51.100.4:853", true, true, 0),
            ("198.51.100.5:0", true, true, 0),
            ("[2001:db8::1]:22", true, true, 1),
        ];
        for (remote, outside, unnamed, expected) in rows {
            let remote = remote.parse().expect("an address");
            let connect = Observation::Connect { remote, protocol: 6, outside, first_seen: false, unnamed };
            let told = testing::signals(&process, &[], &connect, |subject, observation, out| {
                analytic.observe(1, subject, observation, out);
            });
            assert_eq!(told.len(), expected, "{remote}");
            assert!(told.iter().all(|signal| signal.risk < 1.0
                && signal.object == super::super::Object::Destination(remote.into())));
        }
    }

    #[test]
    fn it_makes_no_stage_strong_beside_what_is_weak() {
        let weak = [3.0, 3.0, UNNAMED].map(|risk| 1.0 - 0.7 * risk / 10.0);
        assert!(1.0 - weak.iter().product::<f64>() < 0.4);
    }
}
