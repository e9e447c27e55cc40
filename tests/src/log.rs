//! The alert log as a reader sees it: JSON lines in ECS names, each with the moment at which it could be read.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::PathBuf,
};

use anyhow::Result;
use serde_json::Value;

use crate::wait::wall_ns;

/// Follows a log.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    offset: u64,
    lines: Vec<Line>,
    broken: Vec<String>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Line {
    /// When it was seen, wall clock, nanoseconds since the epoch.
    pub seen_ns: i64,
    /// The record.
    pub record: Value,
}

/// A link of `weir.chain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// `pid`.
    pub pid: Option<u64>,
    /// `name`.
    pub name: String,
    /// `command_line`.
    pub command_line: String,
    /// `launcher`.
    pub launcher: bool,
}

impl Log {
    /// Follows the log at `path`, which need not be there yet.
    #[must_use]
    pub fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, lines: Vec::new(), broken: Vec::new() }
    }

    /// Takes in what was written since the last look.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    pub fn poll(&mut self) -> Result<()> {
        let Ok(mut file) = File::open(&self.path) else { return Ok(()) };
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(self.offset))?;
        file.read_to_end(&mut bytes)?;
        let seen_ns = wall_ns();
        let complete = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let complete = bytes.get(..complete).unwrap_or_default();
        self.offset += u64::try_from(complete.len())?;
        for line in complete.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(record) => self.lines.push(Line { seen_ns, record }),
                Err(_) => self.broken.push(String::from_utf8_lossy(line).into_owned()),
            }
        }
        Ok(())
    }

    /// Lines that are no JSON.
    #[must_use]
    pub fn broken(&self) -> &[String] {
        &self.broken
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }
}

impl Line {
    /// The value of an ECS field by its dotted name.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<&Value> {
        lookup(&self.record, field)
    }

    /// Text of a field; empty when absent.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// `event.action`.
    #[must_use]
    pub fn action(&self) -> &str {
        self.text("event.action")
    }

    /// `event.id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.text("event.id")
    }

    /// `weir.bytes_out`.
    #[must_use]
    pub fn bytes_out(&self) -> Option<u64> {
        self.get("weir.bytes_out").and_then(Value::as_u64)
    }

    /// Whether it is a line of an alert.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        self.text("event.kind") == "alert" && matches!(self.action(), "opened" | "updated" | "closed")
    }

    /// Whether the agent says that it watches.
    #[must_use]
    pub fn is_start(&self) -> bool {
        self.action() == "start"
    }

    /// Whether the agent says that it has stopped.
    #[must_use]
    pub fn is_stop(&self) -> bool {
        self.action() == "stop"
    }

    /// Whether the agent says that something was lost.
    #[must_use]
    pub fn is_gap(&self) -> bool {
        self.action() == "gap"
    }

    /// `weir.chain`.
    #[must_use]
    pub fn chain(&self) -> Vec<Link> {
        let links = self.get("weir.chain").and_then(Value::as_array);
        let text = |link: &Value, field: &str| {
            lookup(link, field).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        links
            .into_iter()
            .flatten()
            .map(|link| Link {
                pid: lookup(link, "pid").and_then(Value::as_u64),
                name: text(link, "name"),
                command_line: text(link, "command_line"),
                launcher: lookup(link, "launcher").and_then(Value::as_bool).unwrap_or_default(),
            })
            .collect()
    }

    /// Paths of `file` and `weir.files`.
    #[must_use]
    pub fn files(&self) -> Vec<&str> {
        let more = self.get("weir.files").and_then(Value::as_array);
        let more = more.into_iter().flatten().filter_map(|file| lookup(file, "path").or(Some(file)));
        self.get("file.path").into_iter().chain(more).filter_map(Value::as_str).collect()
    }
}

/// A dotted field: nested objects, or one key that has the dots in it.
fn lookup<'v>(value: &'v Value, field: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(field) {
        return Some(found);
    }
    field.match_indices('.').find_map(|(at, _)| {
        let (head, tail) = (field.get(..at)?, field.get(at + 1..)?);
        lookup(value.get(head)?, tail)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::lookup;

    #[test]
    fn fields_are_found_nested_and_dotted() {
        let rows = [
            (json!({"event": {"id": "a"}}), "event.id", Some("a")),
            (json!({"event.id": "a"}), "event.id", Some("a")),
            (json!({"weir": {"a.b": {"c": "d"}}}), "weir.a.b.c", Some("d")),
            (json!({"event": {"id": "a"}}), "event.kind", None),
            (json!({"event": "id"}), "event.id", None),
        ];
        for (record, field, expected) in rows {
            assert_eq!(lookup(&record, field).and_then(|value| value.as_str()), expected, "{record} {field}");
        }
    }
}
