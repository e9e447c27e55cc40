//! Waiting for conditions, each with a limit.

use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};

/// Time between two looks at a condition: far below every limit that is asserted.
pub const POLL: Duration = Duration::from_millis(10);

/// Wall clock, nanoseconds since the epoch.
#[must_use]
pub fn wall_ns() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Looks at `condition` until it gives a value, at most for `limit`.
///
/// # Errors
/// Fails when the limit has passed, naming `what`, or when the condition fails.
pub fn until<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let started = Instant::now();
    loop {
        if let Some(value) = condition()? {
            return Ok(value);
        }
        if started.elapsed() >= limit {
            bail!("{what}: not within {} s", limit.as_secs_f64());
        }
        thread::sleep(POLL);
    }
}
