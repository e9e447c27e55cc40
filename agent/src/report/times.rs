//! What happened when: the moments of an alert in order.

use jiff::Timestamp;

use super::told::{Node, Text, Told};
use crate::alert::text;

/// Moments of one alert.
const MOMENTS_MAX: usize = 200;

/// Kinds of moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Began,
    Data,
    Sent,
    Signal,
    Alert,
    Ended,
}

impl Kind {
    /// One word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Began => "start",
            Self::Data => "data",
            Self::Sent => "sent",
            Self::Signal => "signal",
            Self::Alert => "alert",
            Self::Ended => "end",
        }
    }
}

/// Something happened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment {
    pub(super) at: Timestamp,
    pub(super) kind: Kind,
    pub(super) who: String,
    pub(super) what: String,
}

/// The moments in order, and how many were left out.
pub(super) fn moments(told: &Told) -> (Vec<Moment>, usize) {
    let mut found = Vec::new();
    let mut add = |at: Option<Timestamp>, kind: Kind, who: String, what: String| {
        found.extend(at.map(|at| Moment { at, kind, who, what }));
    };
    for link in told.weir.chain.iter().filter(|link| !link.launcher) {
        let who = || format!("{} {}", link.name.as_str(), link.pid);
        add(
            link.start.0,
            Kind::Began,
            who(),
            format!("started: {}", command(&link.command_line, &link.name)),
        );
        add(link.end.0, Kind::Ended, who(), "ended".to_owned());
    }
    let node = |id: &Text| told.weir.graph.nodes.iter().find(|node| node.id == *id);
    for edge in told.weir.graph.edges.iter() {
        let (Some(from), Some(to)) = (node(&edge.from), node(&edge.to)) else { continue };
        let bytes = edge.bytes.map(|bytes| format!(" ({})", text::bytes(bytes))).unwrap_or_default();
        let (kind, who, what) = match edge.kind.as_str() {
            "read" => (Kind::Data, to, format!("read {}{bytes}", from.shown())),
            "wrote" => (Kind::Data, from, format!("wrote {}{bytes}", to.shown())),
            "sent" => (Kind::Sent, from, format!("began to send to {}{bytes}", to.shown())),
            "piped" if to.is_memory() => {
                (Kind::Data, from, "began to share memory with another one, as a debugger does".to_owned())
            }
            "piped" if from.is_memory() => continue,
            "piped" if to.is_passage() => (Kind::Data, from, format!("began to write into {}", to.shown())),
            "piped" => (Kind::Data, to, format!("began to read from {}", from.shown())),
            _ => continue,
        };
        add(edge.time.0, kind, who.shown(), what);
    }
    for signal in told.weir.signals.iter() {
        let who = signal.process.shown();
        let what = format!("{} (risk {:.1})", signal.reason.as_str(), signal.risk);
        add(signal.time.0, Kind::Signal, who, what);
    }
    let score = told.weir.score;
    add(told.event.start.0, Kind::Alert, "weir".to_owned(), "opened the alert".to_owned());
    let said = format!("wrote this line, {} (score {score:.1})", told.event.action.as_str());
    add(told.time.0, Kind::Alert, "weir".to_owned(), said);
    found.sort();
    found.dedup();
    let left_out = found.len().saturating_sub(MOMENTS_MAX);
    found.truncate(MOMENTS_MAX);
    (found, left_out)
}

/// A command line, or the name where there is none.
pub(super) fn command<'t>(line: &'t Text, name: &'t Text) -> &'t str {
    if line.is_empty() { name.as_str() } else { line.as_str() }
}

/// Time since the first moment: `+0.000 s`, `+12.3 s`, `+4 min 05 s`, `+3 h 07 min`, `+2 d 04 h`.
pub(super) fn since(first: Timestamp, at: Timestamp) -> String {
    let milliseconds = at.as_millisecond().saturating_sub(first.as_millisecond()).max(0);
    let seconds = milliseconds / 1000;
    match seconds {
        0..60 => format!("+{seconds}.{:03} s", milliseconds % 1000),
        60..3600 => format!("+{} min {:02} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("+{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("+{} d {:02} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

impl Node {
    /// Whether data goes through it from process to process.
    pub(super) fn is_passage(&self) -> bool {
        ["pipe", "socket"].contains(&self.kind.as_str()) || self.is_memory()
    }

    /// Whether it stands for memory that two processes share.
    pub(super) fn is_memory(&self) -> bool {
        self.kind.as_str() == "memory"
    }

    /// What a reader calls it.
    pub(super) fn shown(&self) -> String {
        let path = self.path.as_ref().map_or("", Text::as_str);
        match self.kind.as_str() {
            "process" => match (&self.name, self.pid) {
                (Some(name), Some(pid)) => format!("{} {pid}", name.as_str()),
                (Some(name), None) => name.as_str().to_owned(),
                (None, Some(pid)) => format!("pid {pid}"),
                (None, None) => "a process".to_owned(),
            },
            "files" => match self.count.unwrap_or(0) {
                1 => format!("1 file below {path}"),
                count => format!("{count} files below {path}"),
            },
            "pipe" => "a pipe".to_owned(),
            "socket" => "a local socket".to_owned(),
            "memory" => "memory".to_owned(),
            "mount" => "a served file system".to_owned(),
            "destination" => match (self.ip, self.port) {
                (Some(ip), Some(port)) => std::net::SocketAddr::new(ip, port).to_string(),
                (Some(ip), None) => ip.to_string(),
                (None, _) if path.is_empty() => "a destination".to_owned(),
                (None, _) => path.to_owned(),
            },
            _ if path.is_empty() => "a file".to_owned(),
            _ => path.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_since_the_first() {
        let first = Timestamp::from_second(1_000_000).unwrap();
        let rows = [
            (0, "+0.000 s"),
            (1_234, "+1.234 s"),
            (59_999, "+59.999 s"),
            (65_000, "+1 min 05 s"),
            (3_600_000 + 7 * 60_000, "+1 h 07 min"),
            (2 * 86_400_000 + 4 * 3_600_000, "+2 d 04 h"),
            (-5, "+0.000 s"),
        ];
        for (milliseconds, expected) in rows {
            let at = Timestamp::from_millisecond(1_000_000_000 + milliseconds).unwrap();
            assert_eq!(since(first, at), expected);
        }
    }
}
