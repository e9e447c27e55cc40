//! How long a machine may take. Each limit is far above what a guest needs under emulation on a busy host, and
//! together they leave no way not to end.

use std::time::{Duration, Instant};

/// How long a guest may report nothing, not even that it lives, which it does every [`ALIVE`]. The longest such time
/// is a boot with systemd.
const SILENCE: Duration = Duration::from_mins(5);
/// How long a case may take. The longest ones, which start the agent dozens of times, take about a half of it.
const CASE: Duration = Duration::from_mins(12);
/// How long a machine may take besides its cases: its boot, the agent's first look, the artifacts.
const MACHINE: Duration = Duration::from_mins(15);
/// What a machine gets for each of its cases: several times what they take on average.
const EACH: Duration = Duration::from_secs(75);
/// How often a guest says that it lives.
pub(super) const ALIVE: Duration = Duration::from_secs(30);

/// The limits of one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) silence: Duration,
    pub(super) case: Duration,
    pub(super) total: Duration,
}

impl Limits {
    /// For a machine that runs so many cases.
    pub(super) fn of(cases: usize) -> Self {
        let cases = u32::try_from(cases).unwrap_or(u32::MAX);
        Self { silence: SILENCE, case: CASE, total: MACHINE.saturating_add(EACH.saturating_mul(cases)) }
    }
}

/// What a machine did last, and when.
#[derive(Debug)]
pub(super) struct Clock {
    limits: Limits,
    started: Instant,
    heard: Instant,
    moved: Instant,
}

impl Clock {
    pub(super) fn start(limits: Limits, now: Instant) -> Self {
        Self { limits, started: now, heard: now, moved: now }
    }

    /// The guest said something.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard = now;
    }

    /// A step began or ended, or a case did.
    pub(super) fn moved(&mut self, now: Instant) {
        self.moved = now;
    }

    /// The limit that has passed, while the guest was at `running`.
    pub(super) fn trouble(&self, now: Instant, running: &str) -> Option<String> {
        let Limits { silence, case, total } = self.limits;
        let passed = |since: Instant, limit: Duration| now.saturating_duration_since(since) >= limit;
        if passed(self.heard, silence) {
            return Some(format!("the guest hung at {running}: no word for {} s", silence.as_secs()));
        }
        if passed(self.moved, case) {
            return Some(format!("{running} did not end within {} s, while the guest lived", case.as_secs()));
        }
        passed(self.started, total).then(|| {
            format!("the machine took more than the {} s for its cases, at {running}", total.as_secs())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_gets_time_for_its_cases() {
        let minutes = |cases| Limits::of(cases).total.as_secs() / 60;
        assert_eq!([0, 1, 40, 200].map(minutes), [15, 16, 65, 265]);
        assert!(
            Limits::of(0).case < Limits::of(0).total,
            "a long case alone is no reason to end its machine"
        );
        assert!(ALIVE * 5 < SILENCE && SILENCE < CASE);
        assert!(Limits::of(usize::MAX).total > Limits::of(1000).total);
    }

    #[test]
    fn each_limit_ends_a_machine() {
        let second = Duration::from_secs(1);
        let limits = Limits { silence: 5 * second, case: 12 * second, total: 60 * second };
        // Heard and moved last, and asked, so many seconds after the start.
        let rows = [
            (0, 0, 4, None),
            (0, 0, 5, Some("the guest hung at x: no word for 5 s")),
            (10, 0, 11, None),
            (10, 0, 12, Some("x did not end within 12 s, while the guest lived")),
            (59, 59, 59, None),
            (59, 59, 60, Some("the machine took more than the 60 s for its cases, at x")),
        ];
        for (heard, moved, asked, expected) in rows {
            let start = Instant::now();
            let mut clock = Clock::start(limits, start);
            clock.heard(start + heard * second);
            clock.moved(start + moved * second);
            assert_eq!(clock.trouble(start + asked * second, "x").as_deref(), expected, "{asked}");
        }
    }
}
