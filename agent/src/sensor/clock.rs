//! The two clocks: time since boot, by which everything is ordered, and its distance to the wall clock.

use std::time::Duration;

use crate::event::{BootTime, Event, Fact, ProcessKey, nanoseconds};

/// Change of the distance that is worth an event. A clock that the time daemon slews moves by at most 0.5 ms a
/// second, so that slewing alone makes at most an event in 20 s.
const STEP_NS: u64 = 10_000_000;
/// Time between two looks, in nanoseconds.
const INTERVAL_NS: u64 = 1_000_000_000;

/// Nanoseconds since boot, suspend included.
#[must_use]
pub fn boot_time() -> BootTime {
    read(libc::CLOCK_BOOTTIME)
}

/// `CLOCK_REALTIME - CLOCK_BOOTTIME` in nanoseconds: the best of three readings, so that a preemption between
/// the two clocks does not count.
#[must_use]
pub fn boot_to_wall_ns() -> i64 {
    let reading = || {
        let before = boot_time();
        let wall = read(libc::CLOCK_REALTIME);
        let after = boot_time();
        let width = after.saturating_sub(before);
        (width, wall.cast_signed().saturating_sub((before + width / 2).cast_signed()))
    };
    [reading(), reading(), reading()].into_iter().min().unwrap_or_default().1
}

/// The time that is `duration` after `time`.
#[must_use]
pub fn after(time: BootTime, duration: Duration) -> BootTime {
    time.saturating_add(nanoseconds(duration))
}

/// Notices that the wall clock was set.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    offset_ns: i64,
    looked_at: BootTime,
}

impl WallClock {
    /// Begins with the distance that the start fact carries.
    #[must_use]
    pub fn new(offset_ns: i64) -> Self {
        Self { offset_ns, looked_at: 0 }
    }

    /// The fact that the wall clock has moved by more than 10 ms since the last such fact. Looks at most once a
    /// second.
    pub fn poll(&mut self, now: BootTime) -> Option<Event> {
        if now.saturating_sub(self.looked_at) < INTERVAL_NS {
            return None;
        }
        self.looked_at = now;
        self.moved(boot_to_wall_ns(), now)
    }

    fn moved(&mut self, offset_ns: i64, now: BootTime) -> Option<Event> {
        if offset_ns.abs_diff(self.offset_ns) <= STEP_NS {
            return None;
        }
        self.offset_ns = offset_ns;
        Some(Event { time: now, process: ProcessKey::HOST, fact: Fact::Clock { boot_to_wall_ns: offset_ns } })
    }
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that outlives the call; both clocks exist on every supported kernel.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec).unwrap_or_default();
    seconds.saturating_mul(1_000_000_000).saturating_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_agrees_with_the_kernel() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let ours = Duration::from_nanos(boot_time()).as_secs_f64();
        assert!((ours - seconds).abs() < 5.0, "{ours} and {seconds}");
    }

    #[test]
    fn only_a_step_is_an_event() {
        let mut clock = WallClock::new(1_000);
        let rows =
            [(1_000, None), (10_001_000, None), (10_001_001, Some(10_001_001)), (0, Some(0)), (5_000, None)];
        for (offset, expected) in rows {
            let fact = clock.moved(offset, 7).map(|event| event.fact);
            assert_eq!(fact, expected.map(|boot_to_wall_ns| Fact::Clock { boot_to_wall_ns }), "{offset}");
        }
    }
}
