//! What a tool's action is worth: risk, stage, technique and a sentence for the operator.

use std::borrow::Cow;

use super::{Action, Tool};
use crate::{
    detect::{
        Stage,
        weights::{
            TOOL_TO_LOOPBACK,
            tools::{ROWS, Row},
        },
    },
    event::Bytes,
};

/// What an action is worth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rating {
    /// 0 to 10.
    pub risk: f64,
    /// Stage of the story.
    pub stage: Stage,
    /// ATT&CK technique.
    pub technique: &'static str,
    /// What the tool does, to follow its name.
    pub(crate) reason: &'static str,
}

fn row(tool: Tool, action: Action) -> Option<Rating> {
    let fits = |row: &&Row| row.1 == action && (row.0.is_empty() || row.0.contains(&tool));
    ROWS.iter().find(fits).map(|row| row.2)
}

/// Rating of an action; `loopback` when the remote named is this host.
pub(super) fn rate(tool: Tool, action: Action, loopback: bool) -> Option<Rating> {
    let rating = row(tool, action)?;
    Some(if loopback { Rating { risk: rating.risk.min(TOOL_TO_LOOPBACK), ..rating } } else { rating })
}

/// One sentence.
pub(super) fn reason(
    tool: Tool,
    action: Action,
    rating: Option<Rating>,
    remote: Option<&[u8]>,
) -> Cow<'static, str> {
    let name = tool.name();
    match (rating, remote) {
        (Some(rating), Some(remote)) => {
            format!("{name} {}: {}", rating.reason, Bytes::from(remote).show()).into()
        }
        (Some(rating), None) => format!("{name} {}", rating.reason).into(),
        (None, _) if action == Action::Download => format!("{name} fetches data").into(),
        (None, _) => format!("{name} moves nothing away").into(),
    }
}
