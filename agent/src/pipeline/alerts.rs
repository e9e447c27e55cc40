//! Open alerts: one a story, opened once, updated as it grows, closed when it went quiet.

use std::collections::{BTreeMap, HashMap};

use agent_common::process::NS_PER_TICK;
use sha2::{Digest, Sha256};

use crate::{
    config::{Alerts, Score},
    detect::Stage,
    event::{BootTime, ProcessKey},
    score::Verdict,
};

/// Least time between two lines of one alert.
const LINE_INTERVAL_NS: u64 = 1_000_000_000;
/// A rise of the score that is worth a line.
const SCORE_STEP: f64 = 0.5;

/// Senders remembered for one alert.
const SENDERS_MAX: usize = 16;
/// Least risk of an egress signal that opens an alert about a story anew: the least that makes a stage strong.
const EGRESS_NEWS: f64 = 6.0;

/// Alerts that are open.
#[derive(Debug, Default)]
pub struct Book {
    open: BTreeMap<u64, Open>,
    by_story: HashMap<ProcessKey, u64>,
    /// When the last alert about a story was closed.
    told: HashMap<ProcessKey, BootTime>,
    next: u64,
}

/// One open alert.
#[derive(Clone, Debug)]
pub struct Open {
    /// `event.id`.
    pub id: String,
    /// Stories that it covers: the first is the one that opened it.
    pub stories: Vec<ProcessKey>,
    /// The process that sent most in the story that joined last.
    pub sender: ProcessKey,
    /// Processes that reached the threshold, the sender among them; bounded.
    pub senders: Vec<ProcessKey>,
    /// Lines written.
    pub revision: u32,
    /// When it was opened.
    pub opened: BootTime,
    /// Last growth.
    pub active: BootTime,
    /// Score and evidence at the last judgement of the sender.
    pub verdict: Verdict,
    lined: BootTime,
    lined_bytes: u64,
    seen_bytes: u64,
    lined_score: f64,
    sender_bytes: u64,
}

/// What a judgement means for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A new alert, by number.
    Opened(u64),
    /// A line is due.
    Updated(u64),
    /// Nothing to say.
    Quiet,
}

/// A judged process.
#[derive(Clone, Debug)]
pub struct Judged<'a> {
    /// When.
    pub now: BootTime,
    /// Who.
    pub process: ProcessKey,
    /// Its story.
    pub story: ProcessKey,
    /// Further stories that its data came through.
    pub related: &'a [ProcessKey],
    /// The verdict.
    pub verdict: Verdict,
    /// Bytes that the process itself sent outside.
    pub process_bytes: u64,
    /// Bytes that its story sent outside.
    pub story_bytes: u64,
}

impl Book {
    /// Takes a judgement in.
    pub fn judge(&mut self, judged: Judged<'_>, boot_id: &str, score: &Score, alerts: &Alerts) -> Change {
        let crossed = judged.verdict.score >= score.threshold;
        let own = self.by_story.get(&judged.story).copied();
        // Another story joins an alert when it is one itself and carries data of the same origin.
        let related = || judged.related.iter().find_map(|story| self.by_story.get(story).copied());
        let number = own.or_else(|| related().filter(|_| crossed));
        let Some((number, open)) =
            number.and_then(|number| self.open.get_mut(&number).map(|open| (number, open)))
        else {
            return if crossed && self.is_news(&judged) {
                Change::Opened(self.open(judged, boot_id))
            } else {
                Change::Quiet
            };
        };
        let joins = !open.stories.contains(&judged.story);
        if joins {
            open.stories.push(judged.story);
            self.by_story.insert(judged.story, number);
        }
        if joins || judged.story_bytes > open.seen_bytes {
            open.active = judged.now;
            open.seen_bytes = judged.story_bytes;
        }
        if crossed && open.senders.len() < SENDERS_MAX && !open.senders.contains(&judged.process) {
            open.senders.push(judged.process);
        }
        if joins || judged.process == open.sender || judged.process_bytes > open.sender_bytes {
            open.sender = judged.process;
            open.sender_bytes = judged.process_bytes;
            // An alert does not take back what it said: the strongest verdict stays.
            let proof = judged.verdict.proof.or(open.verdict.proof);
            if joins || judged.verdict.score >= open.verdict.score {
                open.verdict = judged.verdict;
            }
            open.verdict.proof = proof;
        }
        #[expect(clippy::cast_precision_loss, reason = "a growth factor needs no 64-bit precision")]
        let grown = judged.story_bytes as f64 >= open.lined_bytes.max(1) as f64 * alerts.update_factor;
        let due = judged.now.saturating_sub(open.lined) >= LINE_INTERVAL_NS
            && (grown || open.verdict.score >= open.lined_score + SCORE_STEP);
        if joins || due {
            open.line(judged.now, judged.story_bytes);
            Change::Updated(number)
        } else {
            Change::Quiet
        }
    }

    /// A sender of `story` paused or ended: what was sent since the last line is told.
    pub fn settle(&mut self, now: BootTime, story: ProcessKey, story_bytes: u64) -> Change {
        let number = self.by_story.get(&story).copied();
        let open = number.and_then(|number| self.open.get_mut(&number).map(|open| (number, open)));
        match open {
            Some((number, open)) if story_bytes > open.lined_bytes => {
                open.line(now, story_bytes);
                Change::Updated(number)
            }
            Some(_) | None => Change::Quiet,
        }
    }

    /// The story is gone for good.
    pub fn forget(&mut self, story: ProcessKey) {
        self.told.remove(&story);
    }

    /// Whether there is more to tell than a closed alert about the same story told: bytes out that were a signal
    /// since, or proof about a process that began since.
    fn is_news(&self, judged: &Judged<'_>) -> bool {
        let Some(&told) = self.told.get(&judged.story) else { return true };
        let began = judged.process.start_ticks.saturating_mul(NS_PER_TICK);
        let signal =
            judged.verdict.signals.iter().map(|weighted| &weighted.signal).any(|signal| {
                signal.stage == Stage::Egress && signal.risk >= EGRESS_NEWS && signal.time > told
            });
        signal || (judged.verdict.proof.is_some() && began > told)
    }

    /// The open alert of that number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Open> {
        self.open.get(&number)
    }

    /// Takes out the alerts that were quiet for `idle_ns`, or all when none is given.
    pub fn close(&mut self, now: BootTime, idle_ns: Option<u64>) -> Vec<Open> {
        let due: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, open)| idle_ns.is_none_or(|idle| now.saturating_sub(open.active) >= idle))
            .map(|(&number, _)| number)
            .collect();
        due.into_iter()
            .filter_map(|number| {
                self.by_story.retain(|_, other| *other != number);
                let mut open = self.open.remove(&number)?;
                self.told.extend(open.stories.iter().map(|&story| (story, now)));
                open.revision += 1;
                Some(open)
            })
            .collect()
    }

    /// When the next alert goes quiet at the earliest.
    #[must_use]
    pub fn next_close(&self, idle_ns: u64) -> Option<BootTime> {
        self.open.values().map(|open| open.active.saturating_add(idle_ns)).min()
    }

    /// Open alerts.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open.len()
    }

    fn open(&mut self, judged: Judged<'_>, boot_id: &str) -> u64 {
        let number = self.next;
        self.next += 1;
        let mut open = Open {
            id: id(boot_id, judged.story, judged.process, judged.now),
            stories: vec![judged.story],
            sender: judged.process,
            senders: vec![judged.process],
            revision: 0,
            opened: judged.now,
            active: judged.now,
            verdict: judged.verdict,
            lined: judged.now,
            lined_bytes: 0,
            seen_bytes: judged.story_bytes,
            lined_score: 0.0,
            sender_bytes: judged.process_bytes,
        };
        open.line(judged.now, judged.story_bytes);
        self.by_story.insert(judged.story, number);
        self.open.insert(number, open);
        number
    }
}

impl Open {
    fn line(&mut self, now: BootTime, bytes: u64) {
        self.revision += 1;
        self.lined = now;
        self.lined_bytes = bytes;
        self.lined_score = self.verdict.score;
    }
}

/// `event.id`: half of a SHA-256 over what a replay knows too.
fn id(boot_id: &str, story: ProcessKey, process: ProcessKey, now: BootTime) -> String {
    let mut hash = Sha256::new();
    hash.update(boot_id.as_bytes());
    for number in [u64::from(story.pid), story.start_ticks, u64::from(process.pid), process.start_ticks, now]
    {
        hash.update(number.to_le_bytes());
    }
    let half = hash.finalize().iter().take(16).fold(0, |half, byte| half << 8 | u128::from(*byte));
    format!("{half:032x}")
}
