//! What the passing of time brings: alerts close, tables shrink.

use std::collections::BTreeMap;

use super::{Pipeline, SETTLED_NS, SWEEP_NS};
use crate::{
    alert::{Body, Record},
    detect::{Signal, Stage},
    event::{BootTime, Loss, ProcessKey, nanoseconds},
    provenance::Provenance,
    score::evidence::Evidence,
};

/// Between two gap records about tables that are full.
const EVICTED_NS: u64 = 60_000_000_000;

/// What bounded tables forgot and no record has told yet.
#[derive(Debug, Default)]
pub(super) struct Evicted {
    sums: BTreeMap<&'static str, u64>,
    told: BootTime,
}

impl Pipeline {
    /// Closes what went quiet, says that the agent lives, drops what nobody needs any more.
    pub(super) fn pass_time(&mut self, out: &mut Vec<Record>) {
        if self.now.saturating_sub(self.swept) < SWEEP_NS {
            return;
        }
        self.swept = self.now;
        self.judge_restless(out);
        self.settle(Some(SETTLED_NS), out);
        self.close(Some(nanoseconds(self.config.alerts.close_after)), out);
        if self.now >= self.heartbeat_due {
            self.heartbeat_due = self.now.saturating_add(nanoseconds(self.config.alerts.heartbeat));
            let totals = self.totals();
            out.push(self.record(Body::Heartbeat { totals }));
        }
        self.flows.expire(self.now);
        self.causes.expire(self.now);
        let mut gone = Vec::new();
        let (provenance, evidence) = (&self.provenance, &self.evidence);
        let least = self.config.alerts.signal_risk;
        let blamed = self.book.blamed();
        let needed = |process| blamed.contains(&process) || is_witness(provenance, evidence, process, least);
        self.table.expire(self.now, needed, |process| gone.push(process));
        for process in gone {
            self.provenance.forget(process);
            self.detectors.forget(process);
            self.evidence.forget(process);
            self.flows.forget(process);
            self.moments.forget(process);
            self.pauses.forget(process);
        }
        let evicted = [
            ("process_evicted", self.table.take_evicted()),
            ("witness_evicted", self.table.take_witnesses_evicted()),
            ("flow_untracked", self.flows.take_untracked()),
            ("sum_evicted", self.flows.take_evicted().saturating_add(self.causes.take_evicted())),
            ("pipe_or_socket_evicted", self.provenance.take_forgotten_ends()),
            ("written_file_evicted", self.provenance.take_forgotten_files()),
            ("name_evicted", self.names.take_evicted()),
            ("burst_untracked", self.pauses.take_overflown()),
        ];
        for (what, count) in evicted.into_iter().filter(|(_, count)| *count > 0) {
            let sum = self.evicted.sums.entry(what).or_default();
            *sum = sum.saturating_add(count);
        }
        if self.now.saturating_sub(self.evicted.told) >= EVICTED_NS {
            self.tell_evicted(out);
        }
    }

    /// Says what bounded tables forgot. They are full for hours where they are full at all.
    pub(super) fn tell_evicted(&mut self, out: &mut Vec<Record>) {
        if self.evicted.sums.is_empty() {
            return;
        }
        self.evicted.told = self.now;
        let losses = std::mem::take(&mut self.evicted.sums)
            .into_iter()
            .map(|(what, count)| Loss { what: what.to_owned(), count });
        self.lose(losses.collect(), out);
    }

    pub(super) fn lose(&mut self, losses: Vec<Loss>, out: &mut Vec<Record>) {
        self.totals.lost += losses.iter().map(|loss| loss.count).sum::<u64>();
        out.push(self.record(Body::Gap { losses }));
    }
}

/// Whether an ended process must be remembered for the data that lives on: it wrote a file or fed a pipe of somebody who
/// is still there, and it or whoever it had its data from collected or made ready in a way that is worth a line (`least`
/// risk). Whoever reads that file later is judged by this evidence, and told who collected.
pub(super) fn is_witness(
    provenance: &Provenance,
    evidence: &Evidence,
    process: ProcessKey,
    least: f64,
) -> bool {
    let is_suspect = |handler| evidence.of(handler).iter().any(|signal| is_strong(signal, least));
    provenance.hands_on(process) && (is_suspect(process) || provenance.is_from(process, is_suspect))
}

/// Whether data was collected or made ready in a way that is worth a line (`least` risk).
pub(super) fn is_strong(signal: &Signal, least: f64) -> bool {
    signal.risk >= least
        && match signal.stage {
            Stage::Collection | Stage::Staging => true,
            Stage::Transfer | Stage::Egress => false,
        }
}
