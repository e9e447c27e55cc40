//! Open alerts: one a story, opened once, updated as it grows, closed when it went quiet.

use std::collections::BTreeMap;

use agent_common::process::NS_PER_TICK;
use sha2::{Digest, Sha256};

use crate::{
    config::{Alerts, Score},
    detect::Stage,
    event::{BootTime, ProcessKey},
    hash::{self, Lru, Map, Set},
    process::Cause,
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

/// Stories listed in one alert; further runs of a job that it covers are only counted.
const STORIES_MAX: usize = 64;
/// Stories, and jobs, whose closed alerts are remembered; the one closed longest ago makes room and may be told again.
const TOLD_MAX: usize = 8_192;
/// A job that was told is told anew after a day, whatever it sends.
const TOLD_NS: u64 = 24 * 3_600 * 1_000_000_000;

/// Alerts that are open, and what was told.
#[derive(Debug)]
pub struct Book {
    open: BTreeMap<u64, Open>,
    by_story: Map<ProcessKey, u64>,
    by_cause: Map<Cause, u64>,
    /// When the last alert about a story was closed.
    told: Lru<ProcessKey, BootTime>,
    told_causes: Lru<Cause, Told>,
    next: u64,
}

/// A closed alert about a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// When it was closed.
    pub closed: BootTime,
    /// What the job had sent by then.
    pub bytes: u64,
}

/// A job whose run sends collected data.
#[derive(Clone, Copy, Debug)]
pub struct Again {
    /// Which.
    pub cause: Cause,
    /// Longest time between two of its runs so far.
    pub gap_ns: u64,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            open: BTreeMap::new(),
            by_story: Map::default(),
            by_cause: Map::default(),
            // Bounded where something is added.
            told: hash::lru_unbounded(),
            told_causes: hash::lru_unbounded(),
            next: 0,
        }
    }
}

/// One open alert.
#[derive(Clone, Debug)]
pub struct Open {
    /// `event.id`.
    pub id: String,
    /// Stories that it covers: the first is the one that opened it; bounded.
    pub stories: Vec<ProcessKey>,
    /// Jobs whose runs it covers.
    pub causes: Vec<Cause>,
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
    /// How long it waits for the next run of a job.
    patience_ns: u64,
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
    /// The job that the story is a run of, where it carries collected data.
    pub again: Option<Again>,
    /// Further stories that its data came through.
    pub related: &'a [ProcessKey],
    /// The verdict.
    pub verdict: Verdict,
    /// Bytes that the process itself sent outside.
    pub process_bytes: u64,
    /// Bytes that its story sent outside, or all runs of the job.
    pub story_bytes: u64,
}

impl Book {
    /// Takes a judgement in.
    pub fn judge(&mut self, judged: Judged<'_>, boot_id: &str, score: &Score, alerts: &Alerts) -> Change {
        let crossed = judged.verdict.score >= score.threshold;
        // The next run of a job goes on with what the last one did.
        let own = self.number(judged.story, judged.again);
        // Another story joins an alert when it is one itself and carries data of the same origin.
        let related = || judged.related.iter().find_map(|story| self.by_story.get(story).copied());
        let number = own.or_else(|| related().filter(|_| crossed));
        let Some((number, open)) =
            number.and_then(|number| self.open.get_mut(&number).map(|open| (number, open)))
        else {
            return if crossed && self.is_news(&judged, alerts.update_factor) {
                Change::Opened(self.open(judged, boot_id))
            } else {
                Change::Quiet
            };
        };
        let joins = own.is_none();
        if joins {
            self.by_story.insert(judged.story, number);
        }
        if open.stories.len() < STORIES_MAX && !open.stories.contains(&judged.story) {
            open.stories.push(judged.story);
        }
        if let Some(again) = judged.again {
            open.waits_for(again);
            self.by_cause.entry(again.cause).or_insert(number);
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
        let grown = has_grown(open.lined_bytes, judged.story_bytes, alerts.update_factor);
        let due = judged.now.saturating_sub(open.lined) >= LINE_INTERVAL_NS
            && (grown || open.verdict.score >= open.lined_score + SCORE_STEP);
        if joins || due {
            open.line(judged.now, judged.story_bytes);
            Change::Updated(number)
        } else {
            Change::Quiet
        }
    }

    /// A sender of `story` paused or ended: what was sent since the last line is told. Further runs of a job are told
    /// as the sum grows.
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

    /// The alert that covers a story or, where it is a run of a job, that job.
    fn number(&self, story: ProcessKey, again: Option<Again>) -> Option<u64> {
        let by_cause = || again.and_then(|again| self.by_cause.get(&again.cause).copied());
        self.by_story.get(&story).copied().or_else(by_cause)
    }

    /// Whether there is more to tell than a closed alert about the same story told: bytes out that were a signal
    /// since, or proof about a process that began since. Of a job that was told within a day: that it sent as much more
    /// as makes an open alert grow by a line. What a person types is each time anew.
    fn is_news(&self, judged: &Judged<'_>, factor: f64) -> bool {
        let Some(&told) = self.told.peek(&judged.story) else {
            let job = judged.again.map(|again| again.cause).filter(|cause| !cause.typed);
            let told = job.and_then(|cause| self.told_causes.peek(&cause));
            return told.is_none_or(|told| {
                judged.now.saturating_sub(told.closed) >= TOLD_NS
                    || has_grown(told.bytes, judged.story_bytes, factor)
            });
        };
        let began = judged.process.start_ticks.saturating_mul(NS_PER_TICK);
        let signal =
            judged.verdict.signals.iter().map(|weighted| &weighted.signal).any(|signal| {
                signal.stage == Stage::Egress && signal.risk >= EGRESS_NEWS && signal.time > told
            });
        signal || (judged.verdict.proof.is_some() && began > told)
    }

    /// Stories whose alerts were closed, the one closed longest ago first.
    pub fn told_stories(&self) -> impl Iterator<Item = (ProcessKey, BootTime)> {
        self.told.iter().rev().map(|(&story, &closed)| (story, closed))
    }

    /// The same for jobs.
    pub fn told_causes(&self) -> impl Iterator<Item = (Cause, Told)> {
        self.told_causes.iter().rev().map(|(&cause, &told)| (cause, told))
    }

    /// Takes over that an alert about a story was closed before the agent was started.
    pub fn restore_story(&mut self, story: ProcessKey, closed: BootTime) {
        bounded(&mut self.told);
        self.told.put(story, closed);
    }

    /// The same for a job.
    pub fn restore_cause(&mut self, cause: Cause, told: Told) {
        bounded(&mut self.told_causes);
        self.told_causes.put(cause, told);
    }

    /// Processes that an open alert names as senders: its next line must still know them.
    #[must_use]
    pub fn blamed(&self) -> Set<ProcessKey> {
        self.open.values().flat_map(|open| open.senders.iter().copied().chain([open.sender])).collect()
    }

    /// The open alert of that number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Open> {
        self.open.get(&number)
    }

    /// Takes out the alerts that were quiet for `idle_ns`, or for as long as the next run of their job may take, or all
    /// when no time is given.
    pub fn close(&mut self, now: BootTime, idle_ns: Option<u64>) -> Vec<Open> {
        let due: Vec<u64> = self
            .open
            .iter()
            .filter(|(_, open)| idle_ns.is_none_or(|idle| now >= open.closes(idle)))
            .map(|(&number, _)| number)
            .collect();
        if due.is_empty() {
            return Vec::new();
        }
        self.by_story.retain(|_, number| !due.contains(number));
        self.by_cause.retain(|_, number| !due.contains(number));
        due.into_iter()
            .filter_map(|number| {
                let mut open = self.open.remove(&number)?;
                for &story in &open.stories {
                    self.restore_story(story, now);
                }
                for &cause in &open.causes {
                    self.restore_cause(cause, Told { closed: now, bytes: open.seen_bytes });
                }
                open.revision += 1;
                Some(open)
            })
            .collect()
    }

    /// When the next alert goes quiet at the earliest.
    #[must_use]
    pub fn next_close(&self, idle_ns: u64) -> Option<BootTime> {
        self.open.values().map(|open| open.closes(idle_ns)).min()
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
            causes: Vec::new(),
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
            patience_ns: 0,
        };
        if let Some(again) = judged.again {
            open.waits_for(again);
            self.by_cause.insert(again.cause, number);
        }
        open.line(judged.now, judged.story_bytes);
        self.by_story.insert(judged.story, number);
        self.open.insert(number, open);
        number
    }
}

impl Open {
    /// The next run of a job belongs to it: what comes about as regularly as before is waited for.
    fn waits_for(&mut self, again: Again) {
        if self.causes.len() < STORIES_MAX && !self.causes.contains(&again.cause) {
            self.causes.push(again.cause);
        }
        if !again.cause.typed {
            self.patience_ns = self.patience_ns.max(again.gap_ns.saturating_mul(2));
        }
    }

    fn closes(&self, idle_ns: u64) -> BootTime {
        self.active.saturating_add(idle_ns.max(self.patience_ns))
    }

    fn line(&mut self, now: BootTime, bytes: u64) {
        self.revision += 1;
        self.lined = now;
        self.lined_bytes = bytes;
        self.lined_score = self.verdict.score;
    }
}

/// Whether bytes have grown so much that it is worth telling.
#[expect(clippy::cast_precision_loss, reason = "a growth factor needs no 64-bit precision")]
fn has_grown(from: u64, to: u64, factor: f64) -> bool {
    to as f64 >= from.max(1) as f64 * factor
}

fn bounded<K: std::hash::Hash + Eq, V>(told: &mut Lru<K, V>) {
    if told.len() >= TOLD_MAX {
        told.pop_lru();
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
