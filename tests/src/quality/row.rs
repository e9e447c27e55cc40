//! How one scenario went.

use serde::Serialize;

use super::{probe::Probe, words::Finding};

/// How a scenario ended.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// weir said what it should.
    Told,
    /// It did not; each difference.
    NotTold(Vec<String>),
    /// This host cannot play it, for this reason.
    Skipped(String),
    /// The scenario itself failed: nothing is known about weir.
    Broken(String),
}

/// One scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// What it shows.
    pub tells: String,
    /// Where the procedure is published.
    pub source: String,
    /// Whether an alert must come.
    pub malicious: bool,
    /// How it ended.
    pub end: End,
    /// What was seen; none where it was not played.
    pub seen: Option<Seen>,
    /// Seconds that it took, agent's start and end included.
    pub took_s: f64,
}

/// What was seen of a scenario that was played.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Seen {
    /// Alerts of the story.
    pub alerts: usize,
    /// Whether the last line names sender, root and chain rightly; none without an alert or for honest work.
    pub blamed: Option<bool>,
    /// Seconds from the moment at which all evidence was there to the first line; negative is before.
    pub to_alert_s: Option<f64>,
    /// What a replay that tells everything shows.
    pub probe: Probe,
    /// What the analytics of T1020 find, word for word.
    pub words: Vec<Finding>,
    /// Remarks, which fail nothing.
    pub notes: Vec<String>,
}

impl Row {
    /// Whether weir told an alert; none where it was not played.
    #[must_use]
    pub fn alerted(&self) -> Option<bool> {
        self.seen.as_ref().map(|seen| seen.alerts > 0)
    }

    /// Whether the analytics, word for word, would have.
    #[must_use]
    pub fn worded(&self) -> Option<bool> {
        self.seen.as_ref().map(|seen| !seen.words.is_empty())
    }
}
