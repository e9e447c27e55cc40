//! The formula, as ARCHITECTURE.md states it.
//!
//! Each signal has the weight `w = WEIGHT · risk/10 · decay · trust`, with `decay = 2^(-age/half_life)`. Within a
//! stage the strongest signal of each analytic counts, and analytics combine as independent evidence:
//! `q(stage) = 1 - Π (1 - w)`. Stages combine alike: `uncapped = 10 · (1 - Π (1 - q))`. The cap is
//! [`CAP_ONE_STAGE`] when at most one stage is strong (`q >= STRONG`), [`CAP_TWO_STAGES`] when two are or when
//! egress is not among the strong ones, and 10 when three or more are or when collection or staging is strong and
//! provenance proves that what was sent is what was collected.
//!
//! More signals never lower the score, the order of signals does not matter, and the score stays within 0 and 10.

use std::collections::BTreeMap;

use super::{Proof, Verdict, Weighted};
use crate::detect::{Analytic, Stage};

/// Share of a signal's risk that counts as probability: no single analytic is ever certain. With 0.7 a lone
/// signal of risk 9 stays below 7, and two strong stages (8 and 8) reach 8.1 before the cap.
pub const WEIGHT: f64 = 0.7;
/// A stage counts towards the cap from this strength: a signal of risk 6 reaches it. One of risk 5 does not, so
/// that a file in /tmp is no stage of a story; nor do a connection to an unusual port (3) and a lopsided flow (3)
/// together, so that egress needs volume.
pub const STRONG: f64 = 0.4;
/// Cap with at most one strong stage (DESIGN: one signal alone wakes nobody).
pub const CAP_ONE_STAGE: f64 = 5.0;
/// Cap with two strong stages, or with more but without strong egress, and no proof.
pub const CAP_TWO_STAGES: f64 = 7.9;
/// Highest score.
pub const SCORE_MAX: f64 = 10.0;

/// Judges the evidence.
#[must_use]
pub fn judge(mut signals: Vec<Weighted>, proof: Option<Proof>) -> Verdict {
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
    let cap = match strong.count() {
        // That what left was collected matters where collecting it was remarkable.
        _ if proof.is_some() && gathered => SCORE_MAX,
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
    /// The weight of the signal, 0 to [`WEIGHT`].
    #[must_use]
    pub fn weight(&self) -> f64 {
        WEIGHT * (self.signal.risk / 10.0).clamp(0.0, 1.0) * self.decay * self.trust
    }
}

/// Least bytes for which sizes prove anything: what a TLS or SSH handshake sends (up to 6 kB) looks like any small
/// file.
const PROOF_LEAST: u64 = 64 * 1024;

/// Whether bytes sent match bytes carried.
///
/// `derived` are the bytes of archives and copies that the sender carries, `collected` those of the files that
/// were collected. Sent data matches an archive when at least nine tenths of it left and not much more than
/// protocols add (TLS, SSH, HTTP and base64: at most a third). Data sent without an archive on disk may be
/// compressed on its way: from half of what was collected.
#[must_use]
pub fn proof(collected: u64, derived: u64, bytes_out: u64) -> Option<Proof> {
    let fits = |carried: u64, least_tenths: u64| {
        carried >= PROOF_LEAST
            && bytes_out >= carried.saturating_mul(least_tenths) / 10
            && bytes_out <= carried.saturating_mul(4) / 3
    };
    let carried = if fits(derived, 9) {
        derived
    } else if fits(collected, 5) {
        collected
    } else {
        return None;
    };
    Some(Proof { bytes_carried: carried, bytes_out })
}

#[cfg(test)]
mod tests;
