//! Waiting for conditions, each with a limit.

use std::{
    env, thread,
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

/// Set where the processors are emulated.
const EMULATED: &str = "WEIR_EMULATED";
/// How much longer to wait there before giving up: a shared processor that is ten to thirty times slower than a real
/// one, of which every limit already allows for a slow and busy one.
const EMULATED_PATIENCE: u32 = 4;

/// Whether the processors are emulated.
#[must_use]
pub fn is_emulated() -> bool {
    env::var_os(EMULATED).is_some()
}

/// A limit on this machine: where the processors are emulated it is a multiple.
#[must_use]
pub fn patient(limit: Duration) -> Duration {
    if is_emulated() { limit.saturating_mul(EMULATED_PATIENCE) } else { limit }
}

/// Looks at `condition` until it gives a value, at most for `limit`, which says when to give up and not how fast
/// anything is to be: an emulated machine gets a multiple of it.
///
/// # Errors
/// Fails when the limit has passed, naming `what`, or when the condition fails.
pub fn until<T>(limit: Duration, what: &str, mut condition: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let limit = patient(limit);
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
