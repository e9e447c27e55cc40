//! A [`Record`] as one line of JSON with Elastic Common Schema names. Pure: the same record gives the same bytes.
//!
//! Whatever a process put into its names, a line is valid JSON without a newline in it and no longer than
//! [`LINE_MAX`]. What had to be cut for that is listed under `weir.cut`.

mod schema;
mod cutter;
mod parts;
mod formula;
mod story;
mod body;
mod message;
mod paragraph;
#[cfg(test)]
mod tests;

use super::Record;

pub use message::{losses, reasons, summary};

/// `weir.schema`: rises when a field changes its meaning or goes away.
pub const SCHEMA: u32 = 1;
/// Longest line, bytes, the newline not counted. Log shippers commonly take 1 MiB, and a line is one write(2).
pub const LINE_MAX: usize = 256 * 1024;

/// The line for `record`, without its newline. `script_text` tells whether it may hold the text of scripts.
#[must_use]
pub fn line(record: &Record, script_text: bool) -> String {
    let mut line = String::new();
    for limits in cutter::LEVELS {
        let mut cutter = cutter::Cutter::new(limits, script_text);
        let value = body::line(record, &mut cutter);
        // Nothing in these types can fail to serialise: they hold texts, numbers and lists of them.
        line = serde_json::to_string(&value).unwrap_or_default();
        if line.len() <= LINE_MAX {
            break;
        }
    }
    line
}
