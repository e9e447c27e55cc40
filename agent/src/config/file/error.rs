//! What is wrong with a configuration, told so that it can be mended without looking anything up.

use std::{fmt, io, ops::Range};

use thiserror::Error;
use toml::de::{DeTable, DeValue};

use super::MAX_BYTES;
use crate::event::escape::{escape, is_hostile};

/// Columns of a source line that a message quotes.
const QUOTED: usize = 100;

/// Why there is no configuration.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{file}: {why}")]
    Unreadable {
        /// The file.
        file: String,
        /// What stood in the way.
        why: Unreadable,
    },
    /// The text has problems, in the order of their place.
    #[error("{}", .problems.join("\n"))]
    Invalid {
        /// One message each: `file:line:column: key: found X, expected Y`, then the line quoted.
        problems: Vec<String>,
    },
}

/// What stood in the way of reading.
#[derive(Debug, Error)]
pub enum Unreadable {
    /// The system refused.
    #[error("cannot read the configuration: {}; {}", .0, remedy(.0.kind()))]
    Io(io::Error),
    /// Anybody on the host could switch the agent off through it.
    #[error(
        "mode {mode:04o} lets every user change what the agent sees; take the right away with `chmod o-w`"
    )]
    WritableByAll {
        /// Permission bits.
        mode: u32,
    },
    /// Not a configuration.
    #[error("the file is larger than {} bytes, which no configuration needs", MAX_BYTES)]
    TooLarge,
}

/// One thing that is wrong, at a range of bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// Key with the names of its tables, joined by dots; empty where there is none.
    pub key: String,
    /// What was found and what was expected.
    pub message: String,
}

impl Problem {
    /// A problem of the value of `key`.
    pub(super) fn new(span: Range<usize>, key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { span, key: key.into(), message: message.into() }
    }

    /// A problem that the TOML reader found in `table`.
    pub(super) fn syntax(error: &toml::de::Error, table: &DeTable<'_>) -> Self {
        let span = error.span().unwrap_or_default();
        Self { key: key_at(table, span.start), message: error.message().to_owned(), span }
    }
}

impl ConfigError {
    /// Problems of `text`, each with its place and its line.
    pub(super) fn invalid(file: &str, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.span.start);
        Self::Invalid { problems: problems.iter().map(|problem| located(file, text, problem)).collect() }
    }

    /// `bytes` stop being UTF-8 at `valid`.
    pub(super) fn not_utf8(file: &str, bytes: &[u8], valid: usize) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let message = format!("found the byte 0x{byte:02x}, expected UTF-8 text");
        Self::invalid(file, &text, vec![Problem::new(valid..valid + 1, "", message)])
    }
}

fn remedy(kind: io::ErrorKind) -> &'static str {
    if kind == io::ErrorKind::NotFound {
        "name a file that exists, or leave --config out to use the built-in defaults"
    } else if kind == io::ErrorKind::PermissionDenied {
        "run as root, or give this user the right to read it"
    } else if kind == io::ErrorKind::IsADirectory {
        "name the file, not its directory"
    } else {
        "check the path and the file system"
    }
}

fn located(file: &str, text: &str, problem: &Problem) -> String {
    let start = floor(text, problem.span.start);
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line_number = before.matches('\n').count() + 1;
    let line = text.get(line_start..).unwrap_or_default().lines().next().unwrap_or_default();
    let lead = text.get(line_start..start).unwrap_or_default();
    let column = lead.chars().count() + 1;

    let mut message = format!("{file}:{line_number}:{column}: ");
    if !problem.key.is_empty() {
        message.push_str(&escape(problem.key.as_str().into(), &['\t']));
        message.push_str(": ");
    }
    message.push_str(&escape(problem.message.replace('\n', " ").into(), &['\t']));

    // A long line is quoted around the place.
    let skipped = column.saturating_sub(QUOTED / 2);
    let shown: String =
        line.chars().skip(skipped).take(QUOTED).map(|c| if is_hostile(c) { ' ' } else { c }).collect();
    let marked = text.get(start..floor(text, problem.span.end)).unwrap_or_default();
    let marked = marked.lines().next().unwrap_or_default().chars().count();
    let indent = column - 1 - skipped;
    let marks = marked.clamp(1, QUOTED.saturating_sub(indent).max(1));
    let number = line_number.to_string();
    let gutter = number.len();
    let _ = fmt::Write::write_fmt(
        &mut message,
        format_args!("\n  {number} | {shown}\n  {:gutter$} | {:indent$}{}", "", "", "^".repeat(marks)),
    );
    message
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    let mut index = index.min(text.len());
    while !text.is_char_boundary(index) {
        index -= 1;
    }
    index
}

/// Key of the innermost value or key that lies at `offset`.
fn key_at(table: &DeTable<'_>, offset: usize) -> String {
    for (key, value) in table {
        // What dotted tables and headers hold may lie outside their span, which is the header's.
        if let DeValue::Table(inner) = value.get_ref() {
            let below = key_at(inner, offset);
            if !below.is_empty() {
                return format!("{}.{below}", key.get_ref());
            }
        }
        if value.span().contains(&offset) || key.span().contains(&offset) {
            return key.get_ref().to_string();
        }
    }
    String::new()
}
