//! How a run is shown: a line a scenario while it goes on, tables in Markdown, everything in JSON.

mod markdown;

use std::{fmt::Write as _, fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{
    row::{End, Row},
    sums::{Sums, Told},
};

/// A run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// All figures.
    pub sums: Sums,
    /// Seconds of the whole run.
    pub took_s: f64,
    /// All scenarios.
    pub rows: Vec<Row>,
}

impl Report {
    /// Sums up `rows`.
    #[must_use]
    pub fn new(rows: Vec<Row>, took: Duration) -> Self {
        Self { sums: Sums::of(&rows), took_s: took.as_secs_f64(), rows }
    }

    /// Whether every scenario that was played went as it should, and one was.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.sums.bad == 0 && self.sums.broken == 0 && self.sums.good > 0
    }

    /// Writes `report.md` and `report.json` into `folder`.
    ///
    /// # Errors
    /// Fails when they cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let files =
            [("report.md", markdown::text(self)), ("report.json", serde_json::to_string_pretty(self)?)];
        for (name, text) in files {
            fs::write(folder.join(name), text).with_context(|| format!("cannot write {name}"))?;
        }
        Ok(())
    }

    /// The end of what stands on the terminal.
    #[must_use]
    pub fn summary(&self) -> String {
        let sums = &self.sums;
        let mut text = String::new();
        let rows = [("weir", sums.weir), ("T1020, word for word", sums.words)];
        let single = sums.single.iter().map(|(analytic, told)| (*analytic, *told));
        let _ = writeln!(
            text,
            "{:22}  {:>7}  {:>9}  {:>5}  {:>6}  {:>12}  {:>5}",
            "", "recall", "precision", "told", "missed", "false alerts", "quiet"
        );
        for (name, told) in rows.into_iter().chain(single) {
            let Told { hits, misses, false_alerts, quiet } = told;
            let _ = writeln!(
                text,
                "{name:22}  {:>7}  {:>9}  {hits:>5}  {misses:>6}  {false_alerts:>12}  {quiet:>5}",
                percent(told.recall()),
                percent(told.precision()),
            );
        }
        let _ = writeln!(
            text,
            "\nblame      {} of {} alerts name sender, root and chain",
            sums.blamed, sums.weir.hits
        );
        if let Some((median, most)) = sums.to_alert_s {
            let _ = writeln!(
                text,
                "alert      {median:.2} s after the evidence was complete (median), {most:.2} s (95 %)"
            );
        }
        let Sums { good, bad, skipped, broken, .. } = sums;
        let _ = writeln!(
            text,
            "scenarios  {good} as expected, {bad} not, {broken} broken, {skipped} skipped, in {:.0} s",
            self.took_s
        );
        text
    }
}

/// A scenario in a line, and a line for each thing that does not fit.
#[must_use]
pub fn line(row: &Row) -> String {
    let (word, details): (_, &[String]) = match &row.end {
        End::Told => ("ok", &[]),
        End::NotTold(failures) => ("NOT TOLD", failures),
        End::Skipped(reason) => ("skipped", std::slice::from_ref(reason)),
        End::Broken(reason) => ("BROKEN", std::slice::from_ref(reason)),
    };
    let mut text = format!("{word:8}  {:44}  {:5.1} s", row.name, row.took_s);
    if let Some(seen) = &row.seen {
        let _ = write!(text, "  score {:>4.1}  {}", seen.probe.score, worst(row));
        let words: std::collections::BTreeSet<_> =
            seen.words.iter().map(|finding| finding.analytic).collect();
        let words: Vec<_> = words.into_iter().collect();
        let _ = write!(text, "  words: {}", if words.is_empty() { "-".to_owned() } else { words.join(" ") });
    }
    let notes = row.seen.iter().flat_map(|seen| &seen.notes);
    for detail in details.iter().chain(notes).flat_map(|detail| detail.lines()) {
        let _ = write!(text, "\n          {detail}");
    }
    text
}

/// The stages of a story at its worst, and whether there was proof; where it was never judged as a sender, its
/// analytics with their greatest risks.
fn worst(row: &Row) -> String {
    let Some(seen) = &row.seen else { return String::new() };
    let stages = seen.probe.stages.iter();
    let mut words: Vec<String> = stages
        .map(|(stage, strength)| format!("{} {strength:.2}", stage.get(..3).unwrap_or(stage)))
        .collect();
    if words.is_empty() {
        let short = |id: &str| id.rsplit('.').next().unwrap_or_default().to_owned();
        words = seen.probe.analytics.iter().map(|(id, (_, risk))| format!("{} {risk}", short(id))).collect();
    }
    if seen.probe.proof {
        words.push("proof".to_owned());
    }
    words.join(" ")
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", share * 100.0))
}
