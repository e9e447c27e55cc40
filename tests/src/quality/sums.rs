//! Recall, precision, blame and time over all rows.

use serde::Serialize;

use super::row::{End, Row, Seen};

/// How well malicious was told from honest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Malicious scenarios with an alert.
    pub hits: usize,
    /// Malicious ones without.
    pub misses: usize,
    /// Honest ones with an alert.
    pub false_alerts: usize,
    /// Honest ones without.
    pub quiet: usize,
}

/// All figures.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Sums {
    /// By weir.
    pub weir: Told,
    /// By the analytics of T1020 word for word.
    pub words: Told,
    /// By each of these analytics alone.
    pub single: Vec<(&'static str, Told)>,
    /// Malicious scenarios with an alert that names sender, root and chain rightly.
    pub blamed: usize,
    /// Seconds to the alert: median and 95th percentile. What was told while it still went on counts as 0.
    pub to_alert_s: Option<(f64, f64)>,
    /// Scenarios that went as they should.
    pub good: usize,
    /// That did not.
    pub bad: usize,
    /// That this host could not play.
    pub skipped: usize,
    /// That failed by themselves.
    pub broken: usize,
}

/// The analytics by data component.
const ANALYTICS: [&str; 4] = ["DS0017", "DS0012", "DS0022", "DS0029"];

impl Told {
    /// Share of the malicious that was told.
    #[must_use]
    pub fn recall(self) -> Option<f64> {
        share(self.hits, self.hits + self.misses)
    }

    /// Share of what was told that is malicious.
    #[must_use]
    pub fn precision(self) -> Option<f64> {
        share(self.hits, self.hits + self.false_alerts)
    }

    fn of(rows: &[Row], told: impl Fn(&Seen) -> bool) -> Self {
        let mut all = Self::default();
        for row in rows {
            let Some(seen) = &row.seen else { continue };
            let place = match (row.malicious, told(seen)) {
                (true, true) => &mut all.hits,
                (true, false) => &mut all.misses,
                (false, true) => &mut all.false_alerts,
                (false, false) => &mut all.quiet,
            };
            *place += 1;
        }
        all
    }
}

impl Sums {
    /// Sums up.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let seen = || rows.iter().filter_map(|row| row.seen.as_ref());
        let mut times: Vec<f64> =
            seen().filter_map(|seen| seen.to_alert_s).map(|seconds| seconds.max(0.0)).collect();
        times.sort_by(f64::total_cmp);
        let single = ANALYTICS.map(|analytic| {
            let found = |seen: &Seen| seen.words.iter().any(|finding| finding.analytic == analytic);
            (analytic, Told::of(rows, found))
        });
        let mut sums = Self {
            weir: Told::of(rows, |seen| seen.alerts > 0),
            words: Told::of(rows, |seen| !seen.words.is_empty()),
            single: single.to_vec(),
            blamed: seen().filter(|seen| seen.blamed == Some(true)).count(),
            to_alert_s: percentile(&times, 50).zip(percentile(&times, 95)),
            ..Self::default()
        };
        for row in rows {
            let place = match &row.end {
                End::Told => &mut sums.good,
                End::NotTold(_) => &mut sums.bad,
                End::Skipped(_) => &mut sums.skipped,
                End::Broken(_) => &mut sums.broken,
            };
            *place += 1;
        }
        sums
    }
}

fn share(part: usize, whole: usize) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "numbers of scenarios are far below 2^52")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The smallest of `sorted` that `percent` of them do not exceed.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::{super::words::Finding, *};

    fn row(malicious: bool, alerts: usize, worded: Option<&'static str>, to_alert_s: Option<f64>) -> Row {
        let words =
            worded.map(|analytic| Finding { analytic, risk: 8, what: String::new() }).into_iter().collect();
        Row {
            name: String::new(),
            tells: String::new(),
            source: String::new(),
            malicious,
            end: End::Told,
            seen: Some(Seen { alerts, to_alert_s, words, ..Seen::default() }),
            took_s: 0.0,
        }
    }

    #[test]
    fn rows_are_summed_up() {
        let mut rows = vec![
            row(true, 1, None, Some(0.3)),
            row(true, 2, Some("DS0017"), Some(-1.0)),
            row(true, 0, Some("DS0017"), None),
            row(false, 0, Some("DS0029"), None),
            row(false, 0, None, None),
        ];
        rows.push(Row { seen: None, end: End::Skipped(String::new()), ..row(true, 0, None, None) });
        rows.push(Row { seen: None, end: End::Broken(String::new()), ..row(false, 0, None, None) });
        let sums = Sums::of(&rows);
        assert_eq!(sums.weir, Told { hits: 2, misses: 1, false_alerts: 0, quiet: 2 });
        assert_eq!(sums.words, Told { hits: 2, misses: 1, false_alerts: 1, quiet: 1 });
        assert_eq!(sums.weir.precision(), Some(1.0));
        assert_eq!(sums.single.last().map(|(_, told)| told.precision()), Some(Some(0.0)));
        assert_eq!(sums.to_alert_s, Some((0.0, 0.3)));
        assert_eq!((sums.good, sums.skipped, sums.broken), (5, 1, 1));
        assert_eq!(Told::default().recall(), None);
    }
}
