//! The score as a sum that a reader can redo.

use super::told::{Signal, Told};

/// One stage with the signals in it.
#[derive(Clone, Debug)]
pub(super) struct Stage<'t> {
    pub(super) name: &'static str,
    /// 0 to 1, as the record has it.
    pub(super) strength: f64,
    /// Whether it counts towards the cap.
    pub(super) strong: bool,
    /// Those that count first.
    pub(super) signals: Vec<Weighed<'t>>,
}

/// A signal with its weight.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weighed<'t> {
    pub(super) signal: &'t Signal,
    pub(super) weight: f64,
    /// It is the strongest of its analytic in the stage; the others are shown and do not count.
    pub(super) counts: bool,
}

/// Stages that have strength or signals, in order.
pub(super) fn stages(told: &Told) -> Vec<Stage<'_>> {
    let formula = &told.weir.formula;
    told.stages()
        .into_iter()
        .map(|(name, strength)| {
            let mut signals: Vec<Weighed<'_>> = Vec::new();
            for signal in told.weir.signals.iter().filter(|signal| signal.stage.as_str() == name) {
                let weight =
                    formula.weight * (signal.risk / 10.0).clamp(0.0, 1.0) * signal.decay * signal.trust;
                let first = !signals.iter().any(|other| other.signal.analytic == signal.analytic);
                signals.push(Weighed { signal, weight, counts: signal.counts.unwrap_or(first) });
            }
            signals.sort_by_key(|weighed| !weighed.counts);
            Stage { name, strength, strong: strength >= formula.strong, signals }
        })
        .filter(|stage| stage.strength > 0.0 || !stage.signals.is_empty())
        .collect()
}

impl Stage<'_> {
    /// `1 - (1 - 0.56)(1 - 0.14)`, of those that count.
    pub(super) fn formula(&self) -> String {
        let factors = self.signals.iter().filter(|weighed| weighed.counts);
        let factors = product(factors.map(|weighed| weighed.weight));
        if factors.is_empty() {
            "of signals that the line had no room for".to_owned()
        } else {
            format!("1 - {factors}")
        }
    }
}

/// `10 · (1 - (1 - 0.77)(1 - 0.81))`.
pub(super) fn uncapped(stages: &[Stage<'_>]) -> String {
    let factors = product(stages.iter().map(|stage| stage.strength));
    format!("10 · (1 - {factors})")
}

/// `(1 - 0.56)(1 - 0.14)`.
fn product(of: impl Iterator<Item = f64>) -> String {
    let factors: Vec<String> = of.map(|strength| format!("(1 - {strength:.2})")).collect();
    factors.concat()
}
