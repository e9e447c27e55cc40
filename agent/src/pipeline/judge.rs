//! Gathering the evidence for one process and judging it.

use std::collections::BTreeSet;

use super::{
    Pipeline,
    alerts::Judged,
    nanoseconds,
};
use crate::{
    alert::Record,
    detect::{Object, Signal, Stage},
    event::ProcessKey,
    provenance::Carried,
    score::{
        Verdict, Via, Weighted,
        formula::{decay, judge, proof},
        trust::TRUSTED,
    },
};

impl Pipeline {
    /// Judges a process and takes the verdict to the open alerts.
    pub(super) fn judge(&mut self, process: ProcessKey, out: &mut Vec<Record>) -> Verdict {
        let story = self.table.story(process);
        let carried = self.provenance.carried(process);
        let signals = self.gather(process, story, &carried);
        let process_bytes = self.flows.process(process).map_or(0, |sums| sums.bytes_out);
        let story_bytes = self.flows.story(story).map_or(0, |sums| sums.bytes_out);
        // Once bytes sent matched bytes collected, sending more does not make it untrue.
        if !self.proofs.contains_key(&process)
            && let Some(found) = proof(carried.bytes_collected(), carried.bytes_derived(), process_bytes)
        {
            self.proofs.insert(process, found);
        }
        let verdict = judge(signals, self.proofs.get(&process).copied());
        let sends = process_bytes > 0 || (process == story && story_bytes > 0);
        if sends {
            let related: Vec<ProcessKey> = carried
                .handlers()
                .map(|handler| self.table.story(handler))
                .filter(|&other| other != story)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect();
            let judged = Judged {
                now: self.now,
                process,
                story,
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

    /// Evidence that counts against `process`: its own, that of its story, and that of whoever handled the data
    /// that it carries. Bytes out count only against those who sent them: another process's egress does not.
    fn gather(&self, process: ProcessKey, story: ProcessKey, carried: &Carried) -> Vec<Weighted> {
        let handlers: BTreeSet<ProcessKey> = carried.handlers().collect();
        let mut subjects: BTreeSet<ProcessKey> = self.evidence.subjects(story).iter().copied().collect();
        subjects.extend(&handlers);
        subjects.insert(process);
        let mut weighted = Vec::new();
        for &subject in &subjects {
            for signal in self.evidence.of(subject) {
                let counts = match signal.stage {
                    Stage::Egress => subject == process || subject == story,
                    Stage::Collection | Stage::Staging | Stage::Transfer => true,
                };
                if counts {
                    let mut signal = self.weigh(signal, process);
                    if subject != process {
                        signal.via = if handlers.contains(&subject) { Via::Data } else { Via::Lineage };
                    }
                    weighted.push(signal);
                }
            }
        }
        weighted
    }

    /// A signal with its weight for `process` now.
    pub(super) fn weigh(&self, signal: &Signal, process: ProcessKey) -> Weighted {
        let age = self.now.saturating_sub(signal.time);
        let trust = match signal.object {
            Object::Destination(remote) => self
                .table
                .get(signal.subject)
                .and_then(|subject| self.rules.covering(subject, remote, self.now))
                .map_or(1.0, |_| TRUSTED),
            Object::Command(_) | Object::Script(_) | Object::File(_) | Object::Files(_) => 1.0,
        };
        Weighted {
            signal: signal.clone(),
            decay: decay(age, nanoseconds(self.config.score.half_life)),
            trust,
            via: if signal.subject == process { Via::Own } else { Via::Lineage },
        }
    }
}
