//! The formula, as ARCHITECTURE.md states it.
//!
//! Each signal has the weight `w = EVIDENCE · risk/10 · decay · trust`, with `decay = 2^(-age/half_life)`. Within a
//! stage the strongest signal of each analytic counts, and analytics combine as independent evidence:
//! `q(stage) = 1 - Π (1 - w)`. Stages combine alike: `uncapped = 10 · (1 - Π (1 - q))`. The cap is
//! [`CAP_ONE_STAGE`] when at most one stage is strong (`q >= STRONG`), [`CAP_TWO_STAGES`] when two are or when
//! egress is not among the strong ones, and 10 when three or more are or when collection or staging is strong and
//! what was sent is proven to be what was collected: by a signal like any other, of the analytic that looks at the
//! content of traffic, which weighs [`PROVES`] or more.
//!
//! More signals never lower the score, the order of signals does not matter, and the score stays within 0 and 10.

use std::collections::BTreeMap;

use super::{Verdict, Weighted};
use crate::detect::{
    Analytic, Object, Stage,
    weights::{CAP_ONE_STAGE, CAP_TWO_STAGES, EVIDENCE, PROVES, SCORE_MAX, STRONG},
};

/// Judges the evidence.
#[must_use]
pub fn judge(mut signals: Vec<Weighted>) -> Verdict {
    let mut strongest: BTreeMap<(Stage, Analytic), f64> = BTreeMap::new();
    for weighted in &signals {
        let slot = strongest.entry((weighted.signal.stage, weighted.signal.analytic)).or_default();
        *slot = slot.max(weighted.weight());
    }
    let mut stages = Vec::new();
    for stage in Stage::ALL {
        let unlikely: f64 = strongest
            .range((stage, Analytic::FIRST)..=(stage, Analytic::LAST))
            .map(|(_, weight)| 1.0 - weight)
            .product();
        let strength = 1.0 - unlikely;
        if strength > 0.0 {
            stages.push((stage, strength));
        }
    }
    let unlikely: f64 = stages.iter().map(|(_, strength)| 1.0 - strength).product();
    let uncapped = SCORE_MAX * (1.0 - unlikely);
    let strong = stages.iter().filter(|(_, strength)| *strength >= STRONG);
    let leaves = strong.clone().any(|(stage, _)| *stage == Stage::Egress);
    let gathered = strong.clone().any(|(stage, _)| matches!(stage, Stage::Collection | Stage::Staging));
    let content = strongest.get(&(Stage::Egress, Analytic::TrafficContent));
    let proven = content.is_some_and(|weight| *weight >= PROVES);
    let cap = match strong.count() {
        // That what left was collected matters where collecting it was remarkable.
        _ if proven && gathered => SCORE_MAX,
        0 | 1 => CAP_ONE_STAGE,
        3.. if leaves => SCORE_MAX,
        // However much was collected, staged and made ready: nothing is known to have left.
        2.. => CAP_TWO_STAGES,
    };
    signals.sort_by(|one, other| {
        other
            .weight()
            .total_cmp(&one.weight())
            .then(one.signal.time.cmp(&other.signal.time))
            .then(one.signal.analytic.cmp(&other.signal.analytic))
            .then(one.signal.subject.cmp(&other.signal.subject))
    });
    // The first is the strongest.
    let proof = signals.iter().find_map(|weighted| match weighted.signal.object {
        Object::Content(content) if content.kind.proves() => Some(content),
        Object::Content(_)
        | Object::Command(_)
        | Object::Script(_)
        | Object::File(_)
        | Object::Files(_)
        | Object::Shared(_)
        | Object::Destination(_) => None,
    });
    Verdict { score: uncapped.min(cap), uncapped, cap, stages, proof, signals }
}

/// Decay of evidence that is `age` nanoseconds old.
#[must_use]
pub fn decay(age_ns: u64, half_life_ns: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a share of a half-life needs no 64-bit precision")]
    let half_lives = age_ns as f64 / half_life_ns.max(1) as f64;
    (-half_lives).exp2()
}

impl Weighted {
    /// The weight of the signal, 0 to [`EVIDENCE`].
    #[must_use]
    pub fn weight(&self) -> f64 {
        EVIDENCE * (self.signal.risk / 10.0).clamp(0.0, 1.0) * self.decay * self.trust
    }
}

#[cfg(test)]
mod tests;
