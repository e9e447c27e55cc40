//! What a record says, in plain English.

use std::{collections::BTreeSet, fmt::Write};

use super::{paragraph, parts::transport};
use crate::{
    alert::{Alert, Body, Destination, Link, SignalLine, text},
    event::{Bytes, Coverage, Loss},
    process::Process,
    score::{Via, Weighted},
};

/// Bytes of one name or reason in a message.
const PART: usize = 200;

/// One paragraph for an operator.
pub(super) fn message(body: &Body) -> String {
    match body {
        Body::Alert(alert) => paragraph::of_alert(alert),
        Body::Signal(signal) => of_signal(signal),
        Body::Start { coverage } => of_start(coverage),
        Body::Stop { reason, totals } => format!(
            "weir stopped: {}. It raised {}; {} lost.",
            part(reason),
            counted(totals.alerts, "alert"),
            counted(totals.lost, "event")
        ),
        Body::Heartbeat { totals } => format!(
            "weir is watching {}; {} open; {} lost so far.",
            counted(totals.processes, "process"),
            counted(totals.open_alerts, "alert"),
            counted(totals.lost, "event")
        ),
        Body::Gap { losses } => format!("Something was lost: {}.", self::losses(losses)),
    }
}

/// Who sent how much to where: `curl (pid 7, user alice) sent 12.0 MB to 198.51.100.7:443 (tcp)`. Where others of its
/// story sent as well, nobody but the ledger knows whose bytes went to which of several addresses.
#[must_use]
pub fn summary(alert: &Alert) -> String {
    let mut line = format!("{} sent {}", of_process(&alert.process), text::bytes(alert.process_bytes_out));
    let mut to = String::new();
    let addresses: BTreeSet<_> = alert.destinations.iter().map(|one| one.remote.ip()).collect();
    if let Some(first) = alert.destinations.first() {
        let _ = write!(to, "to {}", of_destination(first));
        if addresses.len() > 1 {
            let _ = write!(to, " and {}", counted(addresses.len() as u64 - 1, "more address"));
        }
    }
    let story = (alert.bytes_out > alert.process_bytes_out).then(|| text::bytes(alert.bytes_out));
    let _ = match story {
        Some(story) if addresses.len() > 1 => {
            write!(line, "; its story sent {story} in all, most of it {to}")
        }
        Some(story) if to.is_empty() => write!(line, "; its story sent {story} in all"),
        Some(story) => write!(line, " {to}; its story sent {story} in all"),
        None if to.is_empty() => Ok(()),
        None => write!(line, " {to}"),
    };
    line
}

/// The strongest reasons, each once.
#[must_use]
pub fn reasons(signals: &[Weighted], most: usize) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    // What the sender did or carries says more than what happened elsewhere in its story.
    let (near, far): (Vec<_>, Vec<_>) =
        signals.iter().partition(|weighted| matches!(weighted.via, Via::Own | Via::Data));
    for weighted in near.into_iter().chain(far) {
        if reasons.len() == most {
            break;
        }
        let reason = part(&weighted.signal.reason).trim_end_matches('.').to_owned();
        if !reason.is_empty() && !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    reasons
}

/// What was lost, as a list: `open_dropped 12, log_half_line 1`.
#[must_use]
pub fn losses(losses: &[Loss]) -> String {
    let each: Vec<String> =
        losses.iter().take(16).map(|loss| format!("{} {}", part(&loss.what), loss.count)).collect();
    if each.is_empty() { "nothing named".to_owned() } else { each.join(", ") }
}

fn of_signal(line: &SignalLine) -> String {
    let signal = &line.signal.signal;
    let reason = part(&signal.reason);
    format!(
        "{}: {} (risk {:.1}; the process scores {:.1} of 10).",
        of_process(&line.process),
        reason.trim_end_matches('.'),
        signal.risk,
        line.score
    )
}

fn of_start(coverage: &[Coverage]) -> String {
    let off = coverage.iter().filter(|sensor| sensor.hook.is_empty()).count();
    let gaps: Vec<String> = coverage
        .iter()
        .filter(|sensor| !sensor.gap.is_empty())
        .take(8)
        .map(|sensor| format!("{}: {}", part(&sensor.sensor), part(&sensor.gap)))
        .collect();
    let mut message = format!("weir watches with {} of {} sensors", coverage.len() - off, coverage.len());
    if !gaps.is_empty() {
        let _ = write!(message, ". Not seen: {}", gaps.join("; "));
    }
    message.push('.');
    message
}

fn of_process(process: &Process) -> String {
    let name = bytes_part(process.name());
    let user = process.identity.user.as_ref().map_or_else(|| process.ids.uid.to_string(), |user| part(user));
    format!("{name} (pid {}, user {user})", process.key.pid)
}

/// The root is told by its script or command line, which says more than the name of its shell.
pub(super) fn of_root(link: &Link) -> String {
    let command = bytes_part(link.process.command_line().as_slice());
    if command.is_empty() {
        of_process(&link.process)
    } else {
        format!("`{command}` (pid {})", link.process.key.pid)
    }
}

fn of_destination(destination: &Destination) -> String {
    let (remote, transport) = (destination.remote, transport(destination.protocol));
    if let (None, Some(place)) = (remote.ip(), &destination.place) {
        return format!("the medium at {}", bytes_part(place.as_slice()));
    }
    let place = destination.place.as_ref();
    let transport = match place.map(|place| bytes_part(place.as_slice())) {
        Some(place) => format!("{transport}, mounted at {place}"),
        None => transport,
    };
    match destination.domains.first() {
        Some(domain) if domain.server.is_some() => {
            format!("{} ({remote}, {transport})", part(&domain.name))
        }
        Some(claimed) => format!("{remote} ({transport}, which the sender calls {})", part(&claimed.name)),
        None => format!("{remote} ({transport})"),
    }
}

/// `1 alert`, `2 alerts`, `3 processes`.
pub(super) fn counted(count: u64, noun: &str) -> String {
    let ending = match count {
        1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{count} {noun}{ending}")
}

pub(super) fn part(value: &str) -> String {
    ellipsis(text::clean(value, PART))
}

pub(super) fn bytes_part(value: &[u8]) -> String {
    ellipsis(text::shown(&Bytes::from(value), PART))
}

fn ellipsis((kept, missing): (String, usize)) -> String {
    if missing > 0 { kept + "..." } else { kept }
}
