//! Sums that forget: bytes of the last day, kept in quarters of an hour.

use crate::event::BootTime;

/// Nanoseconds of a quarter of an hour: what is forgotten goes in steps of a hundredth of a day.
const SLOT_NS: u64 = 900 * 1_000_000_000;
/// Slots of a day.
const SLOTS: u64 = 96;

/// Bytes of one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Sent.
    pub out: u64,
    /// Received.
    pub back: u64,
    /// Of those sent, to ports of the first class.
    pub out_ports: u64,
}

impl Counted {
    /// Adds what was counted elsewhere or at another time.
    pub fn add(&mut self, other: Self) {
        self.out = self.out.saturating_add(other.out);
        self.back = self.back.saturating_add(other.back);
        self.out_ports = self.out_ports.saturating_add(other.out_ports);
    }
}

/// Bytes by time. A subject that was active in one quarter only has one entry, one that never rests 97.
#[derive(Clone, Debug, Default)]
pub struct Horizon {
    /// Number of the slot since boot, ascending.
    slots: Vec<(u64, Counted)>,
}

impl Horizon {
    /// Adds what was counted at `now`. Time never goes back: what is told late belongs to the newest slot.
    pub fn add(&mut self, bytes: Counted, now: BootTime) {
        let slot = now / SLOT_NS;
        self.slots.retain(|(old, _)| old.saturating_add(SLOTS) >= slot);
        match self.slots.last_mut().filter(|(newest, _)| *newest >= slot) {
            Some((_, sum)) => sum.add(bytes),
            None => self.slots.push((slot, bytes)),
        }
    }

    /// Bytes of the last day.
    #[must_use]
    pub fn day(&self, now: BootTime) -> Counted {
        let slot = now / SLOT_NS;
        let mut sum = Counted::default();
        for (_, bytes) in self.slots.iter().filter(|(old, _)| old.saturating_add(SLOTS) >= slot) {
            sum.add(*bytes);
        }
        sum
    }

    /// Begin of each slot that still counts, and its bytes.
    pub fn slots(&self) -> impl Iterator<Item = (BootTime, Counted)> {
        self.slots.iter().map(|&(slot, bytes)| (slot.saturating_mul(SLOT_NS), bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600 * 1_000_000_000;

    #[test]
    fn a_day_is_summed_and_what_is_older_is_forgotten() {
        // Hour of a sending of 20 bytes and the sum that stands then.
        let rows = [(0, 20), (0, 40), (1, 60), (23, 80), (24, 100), (25, 80), (47, 80), (100, 20)];
        let mut horizon = Horizon::default();
        for (hour, expected) in rows {
            let now = hour * HOUR + HOUR / 2;
            horizon.add(Counted { out: 20, ..Counted::default() }, now);
            assert_eq!(horizon.day(now).out, expected, "hour {hour}");
        }
        assert_eq!(horizon.day(200 * HOUR), Counted::default());
    }

    #[test]
    fn one_that_never_rests_stays_bounded() {
        let mut horizon = Horizon::default();
        for minute in 0..10 * 24 * 60 {
            horizon.add(Counted { out: 1, back: 2, out_ports: 1 }, minute * HOUR / 60);
        }
        assert!(horizon.slots().count() as u64 <= SLOTS + 1);
        let day = horizon.day(10 * 24 * HOUR);
        assert!((1_440..=1_455).contains(&day.out), "{day:?}");
        assert_eq!((day.back, day.out_ports), (2 * day.out, day.out));
    }
}
