//! Evidence over a restart: who collected or made ready what others may still carry off, and the files that hold it.

use std::{cmp::Reverse, collections::BTreeSet, sync::Arc};

use super::{Clocks, Keys};
use crate::{
    alert::attack,
    detect::{
        Analytic, Object, Signal, Stage,
        signal::{Content, ContentKind},
    },
    event::{
        Bytes, FileKey, ProcessKey,
        state::{self, Finding, Read, State, Witness, Written},
    },
    pipeline::Pipeline,
    process::Process,
    provenance::{Carried, Origin, carried::Kinds, restore::Place},
};

/// Witnesses kept, those that began last first. With what each may hold (below) a state stays below 8 MiB.
const WITNESSES_MAX: usize = 2_048;
/// Bytes of arguments kept.
const ARGUMENTS_MAX: usize = 512;
/// Findings kept of one process, the gravest.
const FINDINGS_MAX: usize = 8;
/// Origins kept one by one, the gravest; the rest is summed.
const READ_MAX: usize = 8;
/// Files and processes of each kind kept of one process.
const EDGES_MAX: usize = 16;
/// Longest text of one path or sentence.
const TEXT_MAX: usize = 256;
/// Findings taken over of one process.
const RESTORED_MAX: usize = 64;

impl Pipeline {
    pub(super) fn evidence_to_keep(
        &self,
        clocks: Clocks,
        needed: impl Fn(ProcessKey) -> bool,
    ) -> (Vec<Witness>, Vec<Written>) {
        let all = self.table.witnesses(needed);
        let kept = all.get(all.len().saturating_sub(WITNESSES_MAX)..).unwrap_or_default();
        let witnesses: Vec<Witness> =
            kept.iter().map(|&(story, process)| self.witness(story, process, clocks)).collect();
        let files: BTreeSet<FileKey> =
            witnesses.iter().flat_map(|witness| witness.wrote.iter().copied()).collect();
        let files = files.into_iter().filter_map(|file| {
            let (path, writers) = self.provenance.written(file)?;
            Some(Written { file, path: path.clone(), writers: writers.to_vec() })
        });
        let files = files.filter(|file| file.path.as_slice().len() <= TEXT_MAX).collect();
        (witnesses, files)
    }

    fn witness(&self, story: ProcessKey, process: &Process, clocks: Clocks) -> Witness {
        let place = self.provenance.place(process.key).unwrap_or_default();
        let mut origins: Vec<(&FileKey, &Origin)> = place.own.origins().collect();
        origins.sort_by_key(|(_, origin)| {
            Reverse((origin.derived, origin.class.sensitive, origin.class.staging, origin.size))
        });
        let (mut files, mut bytes, mut derived_bytes) = place.own.summed();
        for (_, origin) in origins.get(READ_MAX.min(origins.len())..).unwrap_or_default() {
            files += 1;
            let sum = if origin.derived { &mut derived_bytes } else { &mut bytes };
            *sum = sum.saturating_add(origin.size);
        }
        let mut findings: Vec<&Signal> = self.evidence.of(process.key).iter().collect();
        findings.sort_by(|one, other| other.risk.total_cmp(&one.risk));
        let mut room = ARGUMENTS_MAX;
        let argv: Vec<Bytes> = process
            .argv
            .iter()
            .take_while(|argument| {
                let fits = argument.as_slice().len() < room;
                room = room.saturating_sub(argument.as_slice().len() + 1);
                fits
            })
            .cloned()
            .collect();
        Witness {
            key: process.key,
            parent: process.parent,
            story,
            comm: process.comm.clone(),
            exe: process.exe.clone(),
            exe_unlinked: process.exe_unlinked,
            shebang: process.shebang.clone(),
            argv_truncated: process.argv_truncated || argv.len() < process.argv.len(),
            argv,
            cwd: process.cwd.clone(),
            ids: process.ids,
            identity: process.identity.as_ref().clone(),
            preexisting: process.preexisting,
            execs: process.execs,
            ended: process.ended.map(|ended| clocks.wall(ended)),
            findings: findings.into_iter().take(FINDINGS_MAX).map(|signal| finding(signal, clocks)).collect(),
            read: origins.into_iter().take(READ_MAX).map(|(&file, origin)| read(file, origin)).collect(),
            more: (files, bytes, derived_bytes),
            wrote: place.wrote.into_iter().rev().take(EDGES_MAX).collect(),
            read_written: place.read_written.into_iter().rev().take(EDGES_MAX).collect(),
            fed_by: place.fed_by.into_iter().rev().take(EDGES_MAX).collect(),
        }
    }

    pub(super) fn restore_evidence(&mut self, state: &State, clocks: Clocks, keys: &mut Keys) {
        let saved = clocks.boot(state.saved);
        for witness in state.witnesses.iter().take(2 * WITNESSES_MAX) {
            let key = keys.here(witness.key);
            let story = keys.here(witness.story);
            let parent = witness.parent.map(|parent| keys.here(parent));
            let ended = witness.ended.map(|ended| clocks.boot(ended));
            let process = Process {
                key,
                parent,
                comm: witness.comm.clone(),
                exe: witness.exe.clone(),
                exe_unlinked: witness.exe_unlinked,
                shebang: witness.shebang.clone(),
                argv: witness.argv.clone().into(),
                argv_truncated: witness.argv_truncated,
                cwd: witness.cwd.clone(),
                ids: witness.ids,
                identity: Arc::new(witness.identity.clone()),
                preexisting: witness.preexisting,
                execs: witness.execs,
                last_seen: saved,
                ended,
                ..Process::default()
            };
            self.table.restore(process, story, saved);
            if self.table.get(key).is_none() {
                continue;
            }
            for signal in witness.findings.iter().take(RESTORED_MAX) {
                if let Some(signal) = signal_of(signal, key, clocks) {
                    self.evidence.add(story, signal);
                }
            }
            self.provenance.restore_place(key, place_of(witness, keys));
        }
        for file in &state.files {
            let writers = file.writers.iter().map(|&writer| keys.here(writer)).collect();
            self.provenance.restore_file(file.file, file.path.clone(), writers, keys.same_boot);
        }
    }
}

fn finding(signal: &Signal, clocks: Clocks) -> Finding {
    Finding {
        analytic: signal.analytic.id().to_owned(),
        technique: signal.technique.to_owned(),
        risk: signal.risk,
        stage: stage_of(signal.stage),
        object: match &signal.object {
            Object::Command(line) => state::Object::Command(cut(line)),
            Object::Script(path) => state::Object::Script(cut(path)),
            Object::File(path) => state::Object::File(cut(path)),
            Object::Files(count) => state::Object::Files(*count),
            Object::Shared(count) => state::Object::Shared(*count),
            Object::Destination(remote) => state::Object::Destination(remote.address()),
            Object::Content(content) => {
                let kind = ContentKind::ALL.iter().position(|kind| *kind == content.kind);
                let kind = kind.and_then(|place| u8::try_from(place).ok()).unwrap_or(u8::MAX);
                state::Object::Content(content.remote.address(), content.carried, content.sent, kind)
            }
        },
        time: clocks.wall(signal.time),
        reason: signal.reason.chars().take(TEXT_MAX).collect(),
    }
}

fn stage_of(stage: Stage) -> u8 {
    match stage {
        Stage::Collection => 0,
        Stage::Staging => 1,
        Stage::Transfer => 2,
        Stage::Egress => 3,
    }
}

/// None where this version knows no such analytic, technique, stage or kind.
fn signal_of(finding: &Finding, subject: ProcessKey, clocks: Clocks) -> Option<Signal> {
    Some(Signal {
        analytic: Analytic::named(&finding.analytic)?,
        technique: attack::find(&finding.technique)?.id,
        risk: finding.risk.clamp(0.0, 10.0),
        stage: *Stage::ALL.get(usize::from(finding.stage))?,
        subject,
        object: match &finding.object {
            state::Object::Command(line) => Object::Command(line.clone()),
            state::Object::Script(path) => Object::Script(path.clone()),
            state::Object::File(path) => Object::File(path.clone()),
            state::Object::Files(count) => Object::Files(*count),
            state::Object::Shared(count) => Object::Shared(*count),
            state::Object::Destination(remote) => Object::Destination((*remote).into()),
            state::Object::Content(remote, carried, sent, kind) => Object::Content(Content {
                remote: (*remote).into(),
                carried: *carried,
                sent: *sent,
                kind: *ContentKind::ALL.get(usize::from(*kind))?,
            }),
        },
        time: clocks.boot(finding.time),
        reason: finding.reason.clone().into(),
    })
}

fn read(file: FileKey, origin: &Origin) -> Read {
    Read {
        file,
        path: cut(&origin.path),
        size: origin.size,
        staging: origin.class.staging,
        sensitive: origin.class.sensitive,
        secret: origin.class.secret,
        document: origin.class.document,
        derived: origin.derived,
        own: origin.own,
    }
}

fn place_of(witness: &Witness, keys: &mut Keys) -> Place {
    let mut own = Carried::default();
    for read in &witness.read {
        let class = Kinds {
            staging: read.staging,
            sensitive: read.sensitive,
            secret: read.secret,
            document: read.document,
        };
        let Read { size, derived, own: of_reader, .. } = *read;
        let origin = Origin { path: read.path.clone(), size, class, derived, own: of_reader };
        own.add(read.file, origin);
    }
    own.add_summed(witness.more);
    Place {
        own,
        wrote: witness.wrote.clone(),
        read_written: witness.read_written.clone(),
        fed_by: witness.fed_by.iter().map(|&other| keys.here(other)).collect(),
    }
}

fn cut(text: &Bytes) -> Bytes {
    text.as_slice().get(..TEXT_MAX).map_or_else(|| text.clone(), Bytes::from)
}
