//! Network Traffic: Network Traffic Content (DS0029): a flow that does not speak what its port is for.
//!
//! What gets past a filter of ports is taken for what the port is for: SSH to 443, anything to 53. So are VPNs and
//! programs that want through a hotel's network, which is why it proves nothing by itself; but to the port of name
//! servers nothing honest sends what is no question. State: what was reported for each of at most `PROCESSES` processes,
//! at most `FLOWS` destinations each; what makes room may be reported once more.

use std::{borrow::Cow, net::SocketAddr};

use super::{
    Analytic, Object, Observation, Signal, Stage, Subject,
    recent::Recent,
    weights::{PROTOCOL_NAMES, PROTOCOL_NOISE, PROTOCOL_OTHER, PROTOCOL_UNKNOWN},
};
use crate::event::{BootTime, Content, Part, ProcessKey, Spoken};

/// Processes remembered.
const PROCESSES: usize = 4_096;
/// Destinations of a process that are reported.
const FLOWS: usize = 16;
/// Hundredths of a bit per byte from which bytes are noise: encrypted or compressed. Base64 has 600, machine code about 650.
const NOISE: u16 = 750;

/// The analytic.
#[derive(Debug)]
pub struct Protocol {
    reported: Recent<ProcessKey, Vec<(SocketAddr, bool)>>,
}

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meant {
    Ftp,
    Ssh,
    Smtp,
    Dns,
    Http,
    Tls,
}

impl Meant {
    /// By IANA's registry of ports. Those that begin in the clear and go on in TLS speak their own protocol first.
    const fn of(port: u16) -> Option<Self> {
        Some(match port {
            21 => Self::Ftp,
            22 => Self::Ssh,
            25 | 587 => Self::Smtp,
            53 => Self::Dns,
            80 => Self::Http,
            443 | 465 | 563 | 636 | 853 | 989 | 990 | 993 | 995 => Self::Tls,
            _ => return None,
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ftp => "FTP",
            Self::Ssh => "SSH",
            Self::Smtp => "SMTP",
            Self::Dns => "DNS",
            Self::Http => "HTTP",
            Self::Tls => "TLS",
        }
    }

    const fn is(self, spoken: &Spoken) -> bool {
        matches!(
            (self, spoken),
            (Self::Ftp, Spoken::Ftp)
                | (Self::Ssh, Spoken::Ssh)
                | (Self::Smtp, Spoken::Smtp)
                | (Self::Dns, Spoken::Dns(_))
                | (Self::Http, Spoken::Http { .. })
                | (Self::Tls, Spoken::Tls { .. })
        )
    }
}

impl Protocol {
    /// With nothing reported.
    #[must_use]
    pub fn new() -> Self {
        Self { reported: Recent::new(PROCESSES) }
    }

    /// Looks at one observation: bytes of a flow to the outside.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        let content = match observation {
            Observation::Spoken { content, outside: true } => content,
            Observation::Spoken { .. }
            | Observation::Exec
            | Observation::Script(_)
            | Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Asked(_)
            | Observation::Socket(_) => return,
        };
        let (key, remote) = (subject.process.key, content.remote);
        let reported = self.reported.entry(key);
        let room = reported.len() < FLOWS;
        let known = reported.iter_mut().find(|(to, _)| *to == remote);
        let found = match (content.part, known) {
            // What goes on as noise after it began with nothing that is known.
            (Part::Later, Some((_, unknown))) if *unknown && is_noise(content) => {
                *unknown = false;
                Some((PROTOCOL_UNKNOWN + PROTOCOL_NOISE, noise(remote)))
            }
            (Part::First | Part::Question, None) if room => judge(content).inspect(|&(risk, _)| {
                // What is noise already is told as that.
                reported.push((remote, risk <= PROTOCOL_UNKNOWN));
            }),
            (Part::First | Part::Later | Part::Question, _) => None,
        };
        out.extend(found.map(|(risk, reason)| Signal {
            analytic: Analytic::Protocol,
            technique: if remote.port() == 53 { "T1048.003" } else { "T1571" },
            risk,
            stage: Stage::Egress,
            subject: key,
            object: Object::Destination(remote.into()),
            time: now,
            reason: Cow::Owned(reason),
        }));
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

impl Default for Protocol {
    fn default() -> Self {
        Self::new()
    }
}

fn is_noise(content: &Content) -> bool {
    content.entropy.is_some_and(|bits| bits >= NOISE)
}

fn noise(remote: SocketAddr) -> String {
    let meant = Meant::of(remote.port()).map_or("nothing known", Meant::name);
    format!(
        "sends bytes without any pattern to {remote}, in no protocol that is known, where {meant} is spoken"
    )
}

/// Risk and reason, when a flow does not begin as its port is meant.
fn judge(content: &Content) -> Option<(f64, String)> {
    let remote = content.remote;
    let meant = Meant::of(remote.port()).filter(|meant| !meant.is(&content.spoken))?;
    let spoken = &content.spoken;
    Some(match (meant, spoken) {
        (Meant::Dns, _) => (
            PROTOCOL_NAMES,
            format!("sent {remote} what is no question to a name server (protocol: {})", spoken.name()),
        ),
        (_, Spoken::Unknown) if is_noise(content) => (PROTOCOL_UNKNOWN + PROTOCOL_NOISE, noise(remote)),
        (_, Spoken::Unknown) => (
            PROTOCOL_UNKNOWN,
            format!("speaks no protocol that is known to {remote}, where {} is spoken", meant.name()),
        ),
        _ => (
            PROTOCOL_OTHER,
            format!("speaks {} to {remote}, where {} is spoken", spoken.name(), meant.name()),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{detect::testing, event::dns::Question};

    fn content(remote: &str, part: Part, spoken: Spoken, entropy: Option<u16>) -> Content {
        let remote = remote.parse().expect("an address");
        let local = "192.0.2.1:40000".parse().expect("an address");
        Content { socket: 1, local, remote, net_ns: 1, protocol: 6, part, bytes: 300, spoken, entropy }
    }

    #[test]
    fn a_flow_that_does_not_speak_what_its_port_is_for_is_told_once() {
        let tls = || Spoken::Tls { name: None };
        let http = || Spoken::Http { host: None };
        let rows = [
            ("198.51.100.1:443", Part::First, tls(), None, None),
            ("198.51.100.1:443", Part::First, Spoken::Ssh, None, Some(PROTOCOL_OTHER)),
            ("198.51.100.1:443", Part::First, Spoken::Ssh, None, None),
            ("198.51.100.2:443", Part::First, Spoken::Unknown, Some(300), Some(PROTOCOL_UNKNOWN)),
            ("198.51.100.2:443", Part::Later, Spoken::Unknown, Some(400), None),
            (
                "198.51.100.2:443",
                Part::Later,
                Spoken::Unknown,
                Some(790),
                Some(PROTOCOL_UNKNOWN + PROTOCOL_NOISE),
            ),
            ("198.51.100.2:443", Part::Later, Spoken::Unknown, Some(790), None),
            (
                "198.51.100.3:443",
                Part::First,
                Spoken::Unknown,
                Some(790),
                Some(PROTOCOL_UNKNOWN + PROTOCOL_NOISE),
            ),
            // What began in order may go on as noise: it is encrypted.
            ("198.51.100.4:443", Part::Later, Spoken::Unknown, Some(790), None),
            ("198.51.100.5:53", Part::First, Spoken::Unknown, None, Some(PROTOCOL_NAMES)),
            ("198.51.100.6:53", Part::Question, Spoken::Unknown, None, Some(PROTOCOL_NAMES)),
            ("198.51.100.7:53", Part::Question, Spoken::Dns(Question::default()), None, None),
            ("198.51.100.8:80", Part::First, http(), None, None),
            ("198.51.100.8:22", Part::First, http(), None, Some(PROTOCOL_OTHER)),
            ("198.51.100.8:22", Part::First, Spoken::Ssh, None, None),
            ("198.51.100.8:2222", Part::First, Spoken::Ssh, None, None),
            ("198.51.100.8:9000", Part::First, Spoken::Unknown, Some(800), None),
            ("198.51.100.8:25", Part::First, Spoken::Smtp, None, None),
            ("198.51.100.8:21", Part::First, Spoken::Ftp, None, None),
        ];
        let mut analytic = Protocol::new();
        let process = testing::process(1, "x");
        for (remote, part, spoken, entropy, expected) in rows {
            let content = content(remote, part, spoken, entropy);
            let observation = Observation::Spoken { content: &content, outside: true };
            let told = testing::signals(&process, &[], &observation, |subject, observation, out| {
                analytic.observe(1, subject, observation, out);
            });
            let risks: Vec<f64> = told.iter().map(|signal| signal.risk).collect();
            assert_eq!(risks, Vec::from_iter(expected), "{content:?}");
        }
    }

    #[test]
    fn what_stays_inside_is_nobodys_business() {
        let mut analytic = Protocol::new();
        let content = content("10.0.0.1:443", Part::First, Spoken::Ssh, None);
        let observation = Observation::Spoken { content: &content, outside: false };
        let told =
            testing::signals(&testing::process(1, "x"), &[], &observation, |subject, observation, out| {
                analytic.observe(1, subject, observation, out);
            });
        assert!(told.is_empty());
    }
}
