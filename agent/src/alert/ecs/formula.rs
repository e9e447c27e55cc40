//! The numbers that, with the signals, give the score again.

use serde::Serialize;

use super::parts::rounded;
use crate::{
    alert::Alert,
    detect::{
        Stage,
        weights::{CAP_ONE_STAGE, EVIDENCE, SCORE_MAX, STRONG},
    },
    score::{Verdict, Weighted},
};

/// What the verdict was made with.
#[derive(Debug, Serialize)]
pub(super) struct Formula {
    /// Share of a signal's risk that counts.
    weight: f64,
    /// Strength from which a stage counts towards the cap.
    strong: f64,
    /// Seconds in which a signal's weight halves.
    half_life_s: f64,
    /// Score from which a process is an alert.
    threshold: f64,
    /// Why the cap is what it is.
    cap_because: &'static str,
}

pub(super) fn of(alert: &Alert) -> Formula {
    Formula {
        weight: EVIDENCE,
        strong: STRONG,
        half_life_s: rounded(alert.scale.half_life.as_secs_f64()),
        threshold: rounded(alert.scale.threshold),
        cap_because: cap_because(&alert.verdict),
    }
}

/// Whether a signal is the strongest of its analytic and stage, which alone counts. `before` are the stronger ones.
pub(super) fn counts(weighted: &Weighted, before: &[Weighted]) -> bool {
    let kind = |weighted: &Weighted| (weighted.signal.stage, weighted.signal.analytic);
    weighted.weight() > 0.0 && !before.iter().any(|other| kind(other) == kind(weighted))
}

fn cap_because(verdict: &Verdict) -> &'static str {
    let strong: Vec<Stage> =
        verdict.stages.iter().filter(|(_, strength)| *strength >= STRONG).map(|(stage, _)| *stage).collect();
    if verdict.cap >= SCORE_MAX {
        if strong.len() >= 3 && strong.contains(&Stage::Egress) {
            "three or more stages are strong and egress is one of them"
        } else {
            "what was sent is what was collected, and collecting or staging it was strong"
        }
    } else if verdict.cap <= CAP_ONE_STAGE {
        "at most one stage is strong"
    } else if strong.contains(&Stage::Egress) {
        "two stages are strong"
    } else {
        "egress is not among the strong stages"
    }
}
