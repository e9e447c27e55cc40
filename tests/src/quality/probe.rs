//! What the pipeline makes of a recording beyond its alerts: how near a story came to one, and its signals.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};
use serde::Serialize;
use weir::{
    alert::{Body, Record},
    config::Config,
    event::{Event, Fact, ProcessKey},
    pipeline::Pipeline,
    score::Verdict,
};

/// Low enough for any verdict to be told as an alert.
const ANY: f64 = 0.01;

/// How a story looked at its worst.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Probe {
    /// Signals strong enough for a line of their own.
    pub signals: u64,
    /// All signals by analytic: how many, and the greatest risk.
    pub analytics: BTreeMap<String, (u64, f64)>,
    /// The greatest score that any of its processes had.
    pub score: f64,
    /// That score without its cap.
    pub uncapped: f64,
    /// The cap.
    pub cap: f64,
    /// Strength of each stage with that score.
    pub stages: BTreeMap<String, f64>,
    /// Whether what was sent was proven to be what was collected.
    pub proof: bool,
}

/// Runs `events` through a pipeline that tells everything, and looks at what it says of `members`.
///
/// # Errors
/// Fails when the recording does not begin with a configuration that is good.
pub fn look(events: &[Event], members: &BTreeSet<ProcessKey>) -> Result<Probe> {
    let mut config = configuration(events)?;
    let strong = config.alerts.signal_risk;
    (config.score.threshold, config.alerts.signals, config.alerts.signal_risk) = (ANY, true, 0.0);
    let mut probe = Probe::default();
    for record in replay(events, config) {
        match record.body {
            Body::Alert(alert) => {
                let own = alert.chain.iter().any(|link| members.contains(&link.process.key));
                if own || members.contains(&alert.process.key) {
                    probe.verdict(&alert.verdict);
                }
            }
            Body::Signal(line) if members.contains(&line.process.key) => {
                let signal = &line.signal.signal;
                probe.signals += u64::from(signal.risk >= strong);
                let (count, risk) = probe.analytics.entry(signal.analytic.id().to_owned()).or_default();
                (*count, *risk) = (*count + 1, risk.max(signal.risk));
                if line.score > probe.score {
                    probe.verdict(&Verdict { score: line.score, ..Verdict::default() });
                }
            }
            Body::Signal(_)
            | Body::Start { .. }
            | Body::Stop { .. }
            | Body::Heartbeat { .. }
            | Body::Gap { .. } => {}
        }
    }
    Ok(probe)
}

/// The configuration that a recording begins with.
///
/// # Errors
/// Fails when it has none that is good.
pub fn configuration(events: &[Event]) -> Result<Config> {
    let first = events.first().context("an empty recording")?;
    let Fact::Started(started) = &first.fact else {
        anyhow::bail!("the recording does not begin with the start of a run");
    };
    Config::parse(&started.config, "the recording").context("the recorded configuration")
}

/// All records of a replay.
#[must_use]
pub fn replay(events: &[Event], config: Config) -> Vec<Record> {
    let mut pipeline = Pipeline::new(config);
    let mut records = Vec::new();
    for event in events {
        pipeline.step(event, &mut records);
    }
    records
}

impl Probe {
    fn verdict(&mut self, verdict: &Verdict) {
        self.proof |= verdict.proof.is_some();
        if verdict.score >= self.score {
            (self.score, self.uncapped, self.cap) = (verdict.score, verdict.uncapped, verdict.cap);
            let stages = verdict.stages.iter();
            self.stages =
                stages.map(|(stage, strength)| (format!("{stage:?}").to_lowercase(), *strength)).collect();
        }
    }
}
