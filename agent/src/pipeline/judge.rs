//! Gathering the evidence for one process and judging it.

use std::collections::BTreeSet;

use super::{
    Pipeline,
    alerts::{Again, Judged},
    flows::Sums,
};
use crate::{
    alert::Record,
    detect::{Observation, Settled, Signal, Stage, weights::TRUSTED},
    event::{ProcessKey, Remote, nanoseconds},
    provenance::{Bearers, Carried},
    score::{
        Verdict, Via, Weighted,
        formula::{decay, judge},
    },
};

/// Signals listed with a verdict, beyond the strongest of each kind.
const SIGNALS_MAX: usize = 32;

impl Pipeline {
    /// Judges a process and takes the verdict to the open alerts.
    pub(super) fn judge(&mut self, process: ProcessKey, out: &mut Vec<Record>) -> Verdict {
        let story = self.table.story(process);
        let bearers = self.provenance.bearers(process);
        let origins = in_order(bearers.handlers().iter().map(|&handler| self.table.story(handler)));
        let signals = self.gather(process, story, &bearers, &origins);
        let process_bytes = self.flows.process(process).map_or(0, |sums| sums.bytes_out);
        let again = self.again(story, bearers.carry);
        let story_bytes = self.story_bytes(story, again);
        let verdict = judge(signals);
        let sends = process_bytes > 0 || (process == story && story_bytes > 0);
        if sends {
            let related: Vec<ProcessKey> = origins.into_iter().filter(|&other| other != story).collect();
            let judged = Judged {
                now: self.now,
                process,
                story,
                again,
                related: &related,
                verdict: verdict.clone(),
                process_bytes,
                story_bytes,
            };
            let change = self.book.judge(judged, &self.host.boot_id, &self.config.score, &self.config.alerts);
            self.say(change, out);
        }
        verdict
    }

    /// Senders that have paused or ended are judged with what they sent in all: only then do sizes prove anything.
    pub(super) fn settle(&mut self, idle_ns: Option<u64>, out: &mut Vec<Record>) {
        for (process, burst) in self.pauses.processes(self.now, idle_ns) {
            let Some(sums) = self.flows.process(process) else { continue };
            let total = sums.bytes_out;
            let ended = self.table.get(process).is_some_and(|known| known.ended.is_some());
            let sent = if ended { vec![burst.bytes, total] } else { vec![burst.bytes] };
            let carried = self.provenance.carried(process);
            self.compare(process, (&sent, burst.messages), &carried, out);
            self.judge(process, out);
            let story = self.table.story(process);
            let story_bytes = self.story_bytes(story, self.again(story, !carried.is_empty()));
            let change = self.book.settle(self.now, story, story_bytes);
            self.say(change, out);
        }
        for (_, burst) in self.pauses.stories(self.now, idle_ns) {
            // What a single process sent was its own burst.
            if let Some(sender) = burst.main_of_several() {
                let carried = self.provenance.carried(sender);
                self.compare(sender, (&[burst.bytes], burst.messages), &carried, out);
            }
        }
    }

    /// Looks for what `process` carries in what was sent.
    fn compare(
        &mut self,
        process: ProcessKey,
        (sent, messages): (&[u64], u64),
        carried: &Carried,
        out: &mut Vec<Record>,
    ) {
        if carried.is_empty() {
            return;
        }
        let Some(remote) = self.flows.process(process).and_then(Sums::main_destination) else { return };
        let load = self.provenance.load(process, carried);
        self.observe(process, &Observation::Settled(Settled { remote, sent, messages, load: &load }), out);
    }

    /// The job that `story` is a run of, where its sender carries collected data.
    fn again(&self, story: ProcessKey, carries: bool) -> Option<Again> {
        let cause = self.table.cause(story).filter(|_| carries)?;
        Some(Again { cause, gap_ns: self.causes.get(cause)?.gap_ns })
    }

    /// What a story sent, or all runs of the job if that is more.
    fn story_bytes(&self, story: ProcessKey, again: Option<Again>) -> u64 {
        let runs = again.and_then(|again| self.causes.get(again.cause)).map_or(0, |runs| runs.sums.bytes_out);
        self.flows.story(story).map_or(0, |sums| sums.bytes_out).max(runs)
    }

    /// Evidence that counts against `process`: its own, that of its story, and that of whoever handled the data
    /// that it carries. Bytes out count only against those who sent them: another process's egress does not. What the
    /// processes of a story did between them (`origins`: the stories of who handled the data) counts alike whoever of
    /// them is told of it, since that is who came last.
    /// The strongest signal of each analytic and stage is always there, since the score rests on it; of the rest
    /// the strongest, up to [`SIGNALS_MAX`].
    fn gather(
        &self,
        process: ProcessKey,
        story: ProcessKey,
        bearers: &Bearers,
        origins: &[ProcessKey],
    ) -> Vec<Weighted> {
        let of_story = self.evidence.subjects(story).iter();
        let subjects = in_order(of_story.chain(bearers.handlers()).copied().chain([process]));
        let gatherers = in_order(origins.iter().flat_map(|&origin| self.evidence.subjects(origin)).copied());
        let is_subject = |subject: ProcessKey| subjects.binary_search(&subject).is_ok();
        let has_handled = |subject: ProcessKey| bearers.handlers().binary_search(&subject).is_ok();
        let mut found: Vec<(f64, Weight, &Signal)> = Vec::new();
        for subject in in_order(subjects.iter().chain(&gatherers).copied()) {
            let signals = self.evidence.of(subject);
            if signals.is_empty() {
                continue;
            }
            let handled = has_handled(subject);
            let of_origin = gatherers.binary_search(&subject).is_ok() && bearers.carry;
            for signal in signals {
                let counts = match signal.stage {
                    Stage::Egress => subject == process || subject == story,
                    Stage::Collection | Stage::Staging | Stage::Transfer => {
                        is_subject(subject) || (signal.object.is_shared() && of_origin)
                    }
                };
                if counts {
                    let mut weight = self.weight(signal);
                    let of_data = if signal.object.is_shared() { of_origin } else { handled };
                    if travels(signal.stage) && of_data {
                        let age = self.now.saturating_sub(signal.time);
                        weight.decay = decay(age, nanoseconds(self.config.score.data_half_life));
                    }
                    found.push((signal.risk * weight.decay * weight.trust, weight, signal));
                }
            }
        }
        // Stable, and the subjects are in order: a replay sorts alike.
        found.sort_by(|(one, ..), (other, ..)| other.total_cmp(one));
        let mut strongest = BTreeSet::new();
        let mut kept = Vec::new();
        for (_, weight, signal) in found {
            if strongest.insert((signal.stage, signal.analytic)) || kept.len() < SIGNALS_MAX {
                let via = if signal.subject == process {
                    Via::Own
                } else if has_handled(signal.subject) || !is_subject(signal.subject) {
                    Via::Data
                } else {
                    Via::Lineage
                };
                kept.push(Weighted { signal: signal.clone(), decay: weight.decay, trust: weight.trust, via });
            }
        }
        kept
    }

    /// A signal as it counts for its own subject now.
    pub(super) fn weigh(&self, signal: &Signal) -> Weighted {
        let Weight { decay, trust } = self.weight(signal);
        Weighted { signal: signal.clone(), decay, trust, via: Via::Own }
    }

    /// The trust rule that covers what a process sends to `remote`, if one does.
    pub(super) fn covering(&self, process: ProcessKey, remote: Remote) -> Option<usize> {
        let to = (remote, self.mounts.trusted_place(remote));
        self.table.get(process).and_then(|process| self.rules.covering(process, to, &self.names, self.now))
    }

    fn weight(&self, signal: &Signal) -> Weight {
        let age = self.now.saturating_sub(signal.time);
        let covering = signal.object.remote().and_then(|remote| self.covering(signal.subject, remote));
        let trust = covering.map_or(1.0, |_| TRUSTED);
        Weight { decay: decay(age, nanoseconds(self.config.score.half_life)), trust }
    }
}

/// Each once.
fn in_order(processes: impl Iterator<Item = ProcessKey>) -> Vec<ProcessKey> {
    let mut all: Vec<ProcessKey> = processes.collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether evidence is about the data, and so as old as the data it came with, not as what its process did: how it was
/// collected and made ready. That a tool was started or that bytes left says something about the minutes around it.
const fn travels(stage: Stage) -> bool {
    match stage {
        Stage::Collection | Stage::Staging => true,
        Stage::Transfer | Stage::Egress => false,
    }
}

#[derive(Clone, Copy)]
struct Weight {
    decay: f64,
    trust: f64,
}
