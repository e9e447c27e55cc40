//! Network Traffic: Network Traffic Flow (DS0029): Traffic Duplication (T1020.001) by a program on this host.
//!
//! Whoever copies a host's traffic to somewhere else captures it by a packet socket and sends about as much as was captured.
//! A socket alone is what DHCP clients have as well; a capture to a terminal, or into a file that stays, sends nothing. State:
//! one capture for each of at most `STORIES` stories, the first; what makes room may be reported once more.

use agent_common::net::AF_PACKET;

use super::{
    Analytic, Object, Observation, Scope, Signal, SocketUse, Stage, Subject,
    recent::Recent,
    weights::{CAPTURE, CAPTURED, CARRIER, DUPLICATION, DUPLICATION_PARITY},
};
use crate::event::{BootTime, ProcessKey};

/// Stories remembered.
const STORIES: usize = 1_024;
/// Bytes sent from which it is no answer or a lease.
const LEAST: u64 = 1_000_000;
/// How long a capture must have lasted whose bytes are not known, nanoseconds.
const MOMENT_NS: u64 = 2_000_000_000;

/// The analytic.
#[derive(Debug)]
pub struct Duplication {
    /// By story.
    captures: Recent<ProcessKey, Option<Capture>>,
    /// Stories of those who capture.
    stories: Recent<ProcessKey, ProcessKey>,
}

/// A packet socket of a story.
#[derive(Clone, Copy, Debug)]
struct Capture {
    since: BootTime,
    /// Bytes read from it, as far as a hook counts them; what a ring shares with the kernel is read by nobody's call.
    captured: u64,
    /// What the story had sent outside before; none until it sends.
    before: Option<u64>,
    /// What was told: that it sends, and that it sends what it captured.
    told: [bool; 2],
}

impl Duplication {
    /// With nothing captured.
    #[must_use]
    pub fn new() -> Self {
        Self { captures: Recent::new(STORIES), stories: Recent::new(STORIES) }
    }

    /// Looks at one observation: a packet socket, what is read from it, what the story sends.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let process = subject.process.key;
        let signal = |stage, technique, risk, object, reason: String| Signal {
            analytic: Analytic::Duplication,
            technique,
            risk,
            stage,
            subject: process,
            object,
            time: now,
            reason: reason.into(),
        };
        match observation {
            Observation::Socket(SocketUse::Made(AF_PACKET)) => {
                self.begin(subject, now);
                let object = Object::Command(subject.process.command_line());
                let reason = "opened a socket that sees every packet of this host (AF_PACKET)".to_owned();
                out.push(signal(Stage::Collection, "T1040", CAPTURE, object, reason));
            }
            Observation::Socket(SocketUse::Captured(bytes)) => {
                let capture = self.begin(subject, now);
                capture.captured = capture.captured.saturating_add(*bytes);
            }
            Observation::Volume(volume) if volume.scope == Scope::Lineage => {
                let Some(Some(capture)) = self.captures.get(&subject.story) else { return };
                let Some(found) = capture.sent(volume.bytes_out, volume.last.0, now) else { return };
                let object = || Object::Destination(volume.remote);
                let Found { sent, captured } = found;
                let Some(captured) = captured else {
                    let reason = format!("sent {sent} bytes outside while its story captures packets");
                    return out.push(signal(Stage::Egress, "T1020.001", DUPLICATION, object(), reason));
                };
                let reason = format!("sent {sent} bytes outside, about what its story captured ({captured})");
                // Nothing else sends it: it is what was collected and what it goes by as well.
                for (stage, technique, risk) in [
                    (Stage::Egress, "T1020.001", DUPLICATION_PARITY),
                    (Stage::Transfer, "T1020.001", CARRIER),
                    (Stage::Collection, "T1040", CAPTURED),
                ] {
                    out.push(signal(stage, technique, risk, object(), reason.clone()));
                }
            }
            Observation::Socket(SocketUse::Made(_))
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_) => {}
        }
    }

    /// The story's capture, begun if need be.
    fn begin(&mut self, subject: &Subject<'_>, now: BootTime) -> &mut Capture {
        *self.stories.entry(subject.process.key) = subject.story;
        self.captures.entry(subject.story).get_or_insert_with(|| Capture::begin(now))
    }

    /// The process is gone, and with it what it captured.
    pub fn forget(&mut self, process: ProcessKey) {
        if let Some(story) = self.stories.get(&process).copied() {
            self.captures.remove(&story);
            self.stories.remove(&process);
        }
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.captures.evicted() + self.stories.evicted()
    }
}

impl Default for Duplication {
    fn default() -> Self {
        Self::new()
    }
}

/// What a story sent since it captures.
struct Found {
    sent: u64,
    /// What it captured, where that is what it sends.
    captured: Option<u64>,
}

impl Capture {
    const fn begin(since: BootTime) -> Self {
        Self { since, captured: 0, before: None, told: [false; 2] }
    }

    /// Takes what the story has sent in all, of which `last` bytes are news. What is found is found once.
    fn sent(&mut self, all: u64, last: u64, now: BootTime) -> Option<Found> {
        let before = *self.before.get_or_insert(all.saturating_sub(last));
        // A day's sum falls as well.
        let sent = all.saturating_sub(before);
        if sent < LEAST {
            return None;
        }
        let is_copy = sent >= self.captured / 3 && sent <= self.captured.saturating_add(self.captured / 8);
        let [any, copy] = &mut self.told;
        if is_copy && !*copy {
            [*any, *copy] = [true; 2];
            return Some(Found { sent, captured: Some(self.captured) });
        }
        let lasts = now.saturating_sub(self.since) >= MOMENT_NS;
        (!*any && lasts).then(|| {
            *any = true;
            Found { sent, captured: None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::{Volume, testing};

    const SECOND: u64 = 1_000_000_000;

    /// What a step of a story is.
    enum Step {
        Made(u16),
        Captured(u64),
        /// In all, and of that now.
        Sent(u64, u64),
        /// The process is forgotten.
        Gone,
    }

    fn told(steps: &[(u64, Step)]) -> Vec<Vec<(Stage, f64)>> {
        let mut analytic = Duplication::new();
        let (root, process) = (testing::process(1, "sh"), testing::process(2, "x"));
        let remote = "198.51.100.1:443".parse().expect("an address");
        let mut all = Vec::new();
        for (seconds, step) in steps {
            let observation = match *step {
                Step::Made(family) => Observation::Socket(SocketUse::Made(family)),
                Step::Captured(bytes) => Observation::Socket(SocketUse::Captured(bytes)),
                Step::Sent(bytes_out, news) => Observation::Volume(Volume {
                    scope: Scope::Lineage,
                    remote,
                    protocol: 6,
                    bytes_out,
                    bytes_in: 0,
                    bytes_out_ports: 0,
                    last: (news, 1),
                }),
                Step::Gone => {
                    analytic.forget(process.key);
                    continue;
                }
            };
            let found = testing::signals(&process, &[&root], &observation, |subject, observation, out| {
                analytic.observe(seconds * SECOND, subject, observation, out);
            });
            all.push(found.iter().map(|signal| (signal.stage, signal.risk)).collect());
        }
        all
    }

    #[test]
    fn what_is_captured_and_sent() {
        let capture = vec![(Stage::Collection, CAPTURE)];
        let copy = vec![
            (Stage::Egress, DUPLICATION_PARITY),
            (Stage::Transfer, CARRIER),
            (Stage::Collection, CAPTURED),
        ];
        let some = vec![(Stage::Egress, DUPLICATION)];
        let none = Vec::new;
        // As many bytes as were captured, of which half are the copy's own; once.
        assert_eq!(
            told(&[
                (0, Step::Made(AF_PACKET)),
                (5, Step::Captured(4_000_000)),
                (5, Step::Sent(2_000_000, 2_000_000)),
                (6, Step::Captured(4_000_000)),
                (6, Step::Sent(4_000_000, 2_000_000)),
            ]),
            [capture.clone(), none(), copy.clone(), none(), none()]
        );
        // Bytes that nobody's call read, and only later some that were.
        assert_eq!(
            told(&[
                (0, Step::Made(AF_PACKET)),
                (5, Step::Sent(2_000_000, 2_000_000)),
                (6, Step::Captured(2_000_000)),
                (6, Step::Sent(2_100_000, 100_000)),
            ]),
            [capture.clone(), some.clone(), none(), copy]
        );
        // What was sent before, a lease, an answer at once, a sender whose capture is over, another family.
        assert_eq!(
            told(&[
                (0, Step::Made(AF_PACKET)),
                (1, Step::Sent(3_000_000, 1_500_000)),
                (9, Step::Sent(2_400_000, 500)),
                (10, Step::Gone),
                (11, Step::Sent(9_000_000, 6_600_000)),
            ]),
            [capture, none(), none(), none()]
        );
        assert_eq!(told(&[(0, Step::Made(44)), (9, Step::Sent(2_000_000, 2_000_000))]), [none(), none()]);
    }
}
