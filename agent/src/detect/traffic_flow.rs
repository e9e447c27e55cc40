//! Network Traffic: Network Traffic Flow (DS0029): volumes of a process and of its story, lopsided exchange, and
//! "protocols that do not follow the expected protocol standards": questions and echoes that carry data.
//!
//! Thresholds are those of `T1020.md`, for TCP and UDP alike; the volume of one connection is
//! [`connection_creation`](super::connection_creation)'s, whose analytic 1 they come from. State: what has been
//! reported for each process and story, at most `SUBJECTS`; one that makes room may be reported once more.

#[cfg(test)]
mod tests;

use agent_common::{dns::DNS_PORT, net::IPPROTO_UDP};

use super::{
    Analytic, Observation, Scope, Signal, Stage, Subject, Volume,
    recent::Recent,
    threshold::Reported,
    weights::{CARRIER, LOPSIDED},
};
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
/// Questions or echoes of one story from which their mean size says something.
const CARRIED_LEAST: u64 = 64;
/// Mean size of a question to a name server above which names carry data. A question is a header of 12 bytes, the name,
/// and 6 bytes; with the options of resolvers up to 23 more. Names of hosts have 15 to 30 bytes, those that clouds make
/// up some 60; a tunnel fills its labels of 63.
const QUESTION_MEAN: u64 = 80;
/// Mean size of an ICMP message above which it carries data: ping sends 64 bytes.
const ECHO_MEAN: u64 = 128;

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
    /// Bytes and messages of questions and of echoes.
    messages: [(u64, u64); 2],
    carrier: bool,
}

/// `IPPROTO_ICMP` and `IPPROTO_ICMPV6`.
pub(crate) const fn is_icmp(protocol: u16) -> bool {
    matches!(protocol, 1 | 58)
}

/// A protocol of short messages that were not made for carrying data.
#[derive(Clone, Copy)]
enum Carrier {
    Dns,
    Icmp,
}

/// Whether what goes so are questions to a name server or ICMP messages.
pub(crate) fn is_of_messages(protocol: u16, port: u16) -> bool {
    Carrier::of(protocol, port).is_some()
}

impl Carrier {
    fn of(protocol: u16, port: u16) -> Option<Self> {
        match (protocol, port) {
            (protocol, _) if is_icmp(protocol) => Some(Self::Icmp),
            (IPPROTO_UDP, DNS_PORT) => Some(Self::Dns),
            (..) => None,
        }
    }

    /// Whether so many bytes in so many messages are no questions or echoes any more.
    const fn is_full(self, (bytes, messages): (u64, u64)) -> bool {
        let mean = match self {
            Self::Dns => QUESTION_MEAN,
            Self::Icmp => ECHO_MEAN,
        };
        messages >= CARRIED_LEAST && bytes > messages.saturating_mul(mean)
    }

    const fn technique(self) -> &'static str {
        match self {
            Self::Dns => "T1071.004",
            Self::Icmp => "T1095",
        }
    }

    const fn messages(self) -> &'static str {
        match self {
            Self::Dns => "questions to name servers",
            Self::Icmp => "ICMP messages",
        }
    }
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
            | Observation::Connect { .. }
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => {}
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
        if volume.scope == Scope::Lineage
            && let Some(carrier) = Carrier::of(volume.protocol, volume.remote.port())
        {
            self.carried(now, subject, volume, carrier, out);
        }
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
            emit(LOPSIDED, format!("{who} sent {sent} bytes and received only {received}"));
        }
    }
}

impl TrafficFlow {
    /// Counts messages of a story. What they are is a means of transfer; how much went is looked at like any bytes.
    fn carried(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        volume: &Volume,
        carrier: Carrier,
        out: &mut Vec<Signal>,
    ) {
        let state = self.subjects.entry(Sum::Story(subject.story));
        let [questions, echoes] = &mut state.messages;
        let sum = match carrier {
            Carrier::Dns => questions,
            Carrier::Icmp => echoes,
        };
        *sum = (sum.0.saturating_add(volume.last.0), sum.1.saturating_add(volume.last.1));
        if !carrier.is_full(*sum) || state.carrier {
            return;
        }
        state.carrier = true;
        let (bytes, messages) = *sum;
        let mean = bytes / messages.max(1);
        let what = carrier.messages();
        let reason = format!(
            "the processes of this story sent {messages} {what} of {mean} bytes each: those carry data"
        );
        let key = subject.process.key;
        let signal = Signal::egress(Analytic::TrafficFlow, CARRIER, key, volume.remote, now, reason);
        out.push(Signal { stage: Stage::Transfer, technique: carrier.technique(), ..signal });
    }
}

fn is_lopsided(volume: &Volume) -> bool {
    volume.bytes_out > LOPSIDED_BYTES && volume.bytes_out > volume.bytes_in.saturating_mul(LOPSIDED_RATIO)
}
