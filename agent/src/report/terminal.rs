//! One short line per alert for whoever watches a terminal.

use std::{env, fmt::Write, io::IsTerminal};

use jiff::Timestamp;

use crate::{
    alert::{
        Action, Alert, Body, Record,
        ecs::{losses, reasons, summary},
        text,
    },
    event::Coverage,
};

/// Reasons that a line gives.
const REASONS: usize = 2;
/// Columns after which a line is cut.
const WIDTH: usize = 400;

const RED: &str = "\u{1b}[1;31m";
const YELLOW: &str = "\u{1b}[33m";
const GREEN: &str = "\u{1b}[32m";
const DIM: &str = "\u{1b}[2m";
const RESET: &str = "\u{1b}[0m";

/// Whether output to `stream` should be coloured: a terminal that can, and no `NO_COLOR` in the environment.
#[must_use]
pub fn wants_colour(stream: &impl IsTerminal) -> bool {
    let set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !set("NO_COLOR") && !dumb
}

/// The line for `record`, without its newline; none for signals and heartbeats, which would drown the alerts.
#[must_use]
pub fn line(record: &Record, colour: bool) -> Option<String> {
    let (style, word, rest) = match &record.body {
        Body::Alert(alert) => {
            let (style, word) = match alert.action {
                Action::Opened => (RED, "OPENED"),
                Action::Updated => (YELLOW, "UPDATED"),
                Action::Closed => (GREEN, "CLOSED"),
            };
            (style, word, of_alert(alert))
        }
        Body::Start { coverage } => (DIM, "START", of_start(coverage)),
        Body::Stop { reason, totals } => (
            DIM,
            "STOP",
            format!("{}; {} alerts, {} events, {} lost", reason, totals.alerts, totals.events, totals.lost),
        ),
        Body::Gap { losses: lost } => (YELLOW, "GAP", format!("lost: {}", losses(lost))),
        Body::Signal(_) | Body::Heartbeat { .. } => return None,
    };
    let (rest, missing) = text::clean(&rest, WIDTH);
    let more = if missing > 0 { "..." } else { "" };
    let (on, off) = if colour { (style, RESET) } else { ("", "") };
    Some(format!("{} {on}{word:<7}{off} {rest}{more}", clock(record.wall_ns)))
}

fn of_alert(alert: &Alert) -> String {
    let mut line = format!("{:>4.1}  {}", alert.verdict.score, summary(alert));
    let reasons = reasons(&alert.verdict.signals, REASONS);
    if !reasons.is_empty() {
        let _ = write!(line, ": {}", reasons.join("; "));
    }
    if !alert.trusted_by.is_empty() {
        let _ = write!(line, " (trusted by {})", alert.trusted_by.join(", "));
    }
    let _ = write!(line, " [{}]", text::cut(&alert.id, 12).0);
    line
}

fn of_start(coverage: &[Coverage]) -> String {
    let on = coverage.iter().filter(|sensor| !sensor.hook.is_empty()).count();
    let gaps: Vec<&str> = coverage
        .iter()
        .filter(|sensor| !sensor.gap.is_empty())
        .map(|sensor| sensor.sensor.as_str())
        .collect();
    let mut line = format!("watching with {on} of {} sensors", coverage.len());
    if !gaps.is_empty() {
        let _ = write!(line, "; gaps: {}", gaps.join(", "));
    }
    line
}

/// Time of day, UTC.
fn clock(wall_ns: i64) -> String {
    let stamp = Timestamp::from_nanosecond(i128::from(wall_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    stamp.strftime("%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::sample;

    #[test]
    fn lines() {
        let rows = [
            (
                "opened",
                Some(
                    "11:23:25Z OPENED   9.3  curl (pid 4202, user alice) sent 5.0 MB to drop.example \
                     (198.51.100.7:443, tcp): it \
                     sent more than 5,000,000 bytes to port 443; tar made an archive [5d41402abc4b]",
                ),
            ),
            ("signal", None),
            ("heartbeat", None),
            ("start", Some("11:23:25Z START   watching with 1 of 2 sensors; gaps: open.io_uring")),
            ("stop", Some("11:23:25Z STOP    SIGTERM; 1 alerts, 12345 events, 3 lost")),
            ("gap", Some("11:23:25Z GAP     lost: open_dropped 12")),
        ];
        let all = sample::all();
        for (name, expected) in rows {
            let (_, record) = all.iter().find(|(known, _)| *known == name).unwrap();
            assert_eq!(line(record, false).as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn colour_is_on_the_word_alone() {
        for (name, record) in sample::all() {
            let (Some(plain), Some(coloured)) = (line(&record, false), line(&record, true)) else { continue };
            assert!(!plain.contains('\u{1b}'), "{name}");
            assert_eq!(coloured.matches('\u{1b}').count(), 2, "{name}");
            let stripped =
                [RED, YELLOW, GREEN, DIM, RESET].iter().fold(coloured, |text, code| text.replace(code, ""));
            assert_eq!(stripped, plain);
        }
    }

    #[test]
    fn hostile_names_stay_on_their_line() {
        for alert in [sample::hostile(), sample::monstrous()] {
            let shown = line(&sample::record(Body::Alert(Box::new(alert))), false).unwrap();
            assert!(!shown.chars().any(crate::event::escape::is_hostile), "{shown}");
            assert!(shown.len() < WIDTH + 40);
        }
    }
}
