//! Reads both rings and merges them by kernel time within a bounded window.
//!
//! A pass notes the time, drains both rings into a heap and releases what is older than that time less a small
//! slack: a record that is still being written is younger than the pass, so that nothing older can follow.
//! While records keep coming the rings are polled on a short timer and the kernel never has to wake anybody;
//! when a pass finds nothing the reader raises the idle flag, looks once more, and sleeps until the kernel clears
//! the flag and wakes it.

mod merge;

use std::{io, time::Duration};

use agent_common::net::STATE_IDLE;
use aya::maps::{Array, MapData, MapError, RingBuf};
use tokio::{
    io::unix::AsyncFd,
    time::{Instant, sleep_until, timeout_at},
};

use super::clock;
use crate::event::{
    Event,
    decode::{self, DecodeError, Decoded},
};
use merge::Merge;

/// Time between two passes while records keep coming.
const POLL: Duration = Duration::from_millis(5);
/// How far behind the pass the release stays, in nanoseconds: the longest time between a hook reading the clock
/// and its record standing in the ring, with room for a preemption.
const SLACK_NS: u64 = 1_000_000;
/// Time after which an idle reader looks once more: a program that read the idle flag just before it was raised
/// submits without a wake-up.
const SETTLE: Duration = Duration::from_millis(20);
/// Time after which a sleeping reader looks even if nobody woke it, so that a lost wake-up delays and does not
/// blind.
const BACKSTOP: Duration = Duration::from_secs(1);
/// Records taken from one ring in one pass, so that a flood cannot keep a pass from ending.
const PASS_RECORDS: usize = 32_768;
/// Records in a pass after which the next follows at once.
const BUSY_RECORDS: usize = 8_192;

/// Why the rings could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// A ring's descriptor cannot be waited for.
    #[error("ring cannot be waited for: {0}")]
    Wait(#[from] io::Error),
    /// The idle flag cannot be written.
    #[error("state map: {0}")]
    State(#[from] MapError),
}

/// What the reader lost since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderLoss {
    /// Records that could not be decoded.
    pub undecodable: u64,
    /// Packets from name servers that are no answers.
    pub malformed_answers: u64,
    /// Events released early because too many waited: their order is not certain.
    pub unordered: u64,
}

/// What a reader hands over for each event: the event, what came with it, and facts that follow it.
#[derive(Debug)]
pub struct Entry<T> {
    /// The event and its ledger key.
    pub decoded: Decoded,
    /// What [`Reader::next_batch`]'s `look_up` attached.
    pub attached: T,
}

/// How far the reader is on its way to sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// Records keep coming.
    Busy,
    /// The idle flag is up, one more look is due.
    Settling,
    /// Nothing came after that either.
    Asleep,
}

/// Reads the rings of life-cycle and bulk records.
pub struct Reader<T> {
    lifecycle: AsyncFd<RingBuf<MapData>>,
    bulk: AsyncFd<RingBuf<MapData>>,
    state: Array<MapData, u64>,
    merge: Merge<T>,
    next_pass: Instant,
    rest: Rest,
    loss: ReaderLoss,
}

impl<T: Default> Reader<T> {
    /// A reader of the two rings; `state` is the array with the idle flag. Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    ///
    /// [`ReaderError::Wait`] when a ring cannot be registered with the runtime.
    pub fn new(
        lifecycle: RingBuf<MapData>,
        bulk: RingBuf<MapData>,
        state: Array<MapData, u64>,
    ) -> Result<Self, ReaderError> {
        Ok(Self {
            lifecycle: register(lifecycle)?,
            bulk: register(bulk)?,
            state,
            merge: Merge::new(),
            next_pass: Instant::now(),
            rest: Rest::Busy,
            loss: ReaderLoss::default(),
        })
    }

    /// Waits until events are certain in their order and appends them to `out`. `look_up` is called for each event
    /// as soon as it is read, before it waits for its order, since what it looks up may be gone a moment later.
    ///
    /// Cancel-safe: what was read and not handed over stays for the next call.
    ///
    /// # Errors
    ///
    /// [`ReaderError`] when the kernel's side cannot be reached.
    pub async fn next_batch(
        &mut self,
        out: &mut Vec<Entry<T>>,
        look_up: &mut impl FnMut(&Decoded) -> T,
    ) -> Result<(), ReaderError> {
        let before = out.len();
        loop {
            self.wait().await?;
            let taken = self.pass(out, look_up);
            self.plan(taken)?;
            if out.len() > before {
                return Ok(());
            }
        }
    }

    /// Everything up to now that the rings hold and the window still kept, in order, without waiting: for the stop.
    /// The programs go on meanwhile, so that what is younger does not hold up the end.
    pub fn drain(&mut self, out: &mut Vec<Entry<T>>, look_up: &mut impl FnMut(&Decoded) -> T) {
        let stopped = clock::boot_time();
        loop {
            let (taken, complete_to) = self.take_records(look_up);
            if taken == 0 || complete_to >= stopped {
                break;
            }
            self.merge.release(complete_to.saturating_sub(SLACK_NS), out);
        }
        self.merge.release(u64::MAX, out);
    }

    /// Puts an event of the sensor's own into the order.
    pub fn insert(&mut self, event: Event) {
        self.merge.push(Entry { decoded: Decoded { event, flow: None }, attached: T::default() });
        self.rest = Rest::Busy;
        self.next_pass = self.next_pass.min(Instant::now() + POLL);
    }

    /// Whether records came lately, so that counters are worth a look.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.rest == Rest::Busy
    }

    /// What was lost since the last call.
    pub fn take_loss(&mut self) -> ReaderLoss {
        let mut loss = std::mem::take(&mut self.loss);
        loss.unordered = self.merge.take_forced();
        loss
    }

    /// Waits until the next pass is due.
    async fn wait(&mut self) -> Result<(), ReaderError> {
        if self.rest == Rest::Busy {
            sleep_until(self.next_pass).await;
            return Ok(());
        }
        let (lifecycle, bulk) = (&self.lifecycle, &self.bulk);
        let woken = async {
            tokio::select! {
                ready = lifecycle.readable() => ready.map(|mut guard| guard.clear_ready()),
                ready = bulk.readable() => ready.map(|mut guard| guard.clear_ready()),
            }
        };
        // The readiness is cleared before the rings are drained: a record that comes later makes a new edge.
        timeout_at(self.next_pass, woken).await.unwrap_or(Ok(()))?;
        Ok(())
    }

    /// One pass; returns the number of records taken.
    fn pass(&mut self, out: &mut Vec<Entry<T>>, look_up: &mut impl FnMut(&Decoded) -> T) -> usize {
        let now = clock::boot_time();
        let (taken, complete_to) = self.take_records(look_up);
        self.merge.release(now.min(complete_to).saturating_sub(SLACK_NS), out);
        taken
    }

    /// Moves records from the rings into the window. Returns their number and the time up to which both rings
    /// are known to be drained.
    fn take_records(&mut self, look_up: &mut impl FnMut(&Decoded) -> T) -> (usize, u64) {
        let (mut taken, mut complete_to) = (0, u64::MAX);
        for ring in [self.lifecycle.get_mut(), self.bulk.get_mut()] {
            let (mut records, mut last) = (0, 0);
            while records < PASS_RECORDS {
                let Some(item) = ring.next() else { break };
                records += 1;
                // Also of what cannot be understood: a pass of nothing else would hold up all that waits.
                last = decode::time(&item).unwrap_or(last);
                match decode::decode(&item) {
                    Ok(decoded) if !decoded.tells() => {}
                    Ok(decoded) => {
                        let attached = look_up(&decoded);
                        self.merge.push(Entry { decoded, attached });
                    }
                    Err(DecodeError::Dns(error)) => {
                        self.loss.malformed_answers += 1;
                        tracing::debug!(%error, "answer of a name server cannot be understood");
                    }
                    Err(error) => {
                        self.loss.undecodable += 1;
                        tracing::debug!(%error, "ring record cannot be decoded");
                    }
                }
            }
            if records == PASS_RECORDS {
                complete_to = complete_to.min(last);
            }
            taken += records;
        }
        (taken, complete_to)
    }

    /// Decides when the next pass is due.
    fn plan(&mut self, taken: usize) -> Result<(), ReaderError> {
        let now = Instant::now();
        let quiet = taken == 0 && self.merge.len() == 0;
        (self.rest, self.next_pass) = match self.rest {
            _ if !quiet && taken >= BUSY_RECORDS => (Rest::Busy, now),
            _ if !quiet => (Rest::Busy, now + POLL),
            Rest::Busy => {
                self.state.set(STATE_IDLE, 1, 0)?;
                // The look after raising the flag is due at once; its wait must not sleep.
                (Rest::Settling, now)
            }
            Rest::Settling => (Rest::Asleep, now + SETTLE),
            Rest::Asleep => (Rest::Asleep, now + BACKSTOP),
        };
        Ok(())
    }
}

fn register(ring: RingBuf<MapData>) -> io::Result<AsyncFd<RingBuf<MapData>>> {
    // SAFETY: the ring owns its descriptor, never changes it, and keeps it open until it is dropped, which is
    // after the runtime has let go of it.
    unsafe { AsyncFd::register(ring) }.map_err(io::Error::from)
}
