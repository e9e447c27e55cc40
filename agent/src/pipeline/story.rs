//! From an open alert to its description: the chain, the files, the destinations.

use std::{cmp::Reverse, collections::BTreeMap, net::SocketAddr, sync::Arc};

use super::{Pipeline, alerts::Open, flows::Sums};
use crate::{
    alert::{Action, Alert, Destination, FileSeen, Link, Scale, Touched, text},
    detect::Object,
    event::{Bytes, ProcessKey, Remote, bytes::directory},
    process::{Cause, Process},
    provenance::{Carried, Origin},
};

/// Processes in a chain.
const CHAIN_MAX: usize = 32;
/// Lines about one process of a chain.
const DID_MAX: usize = 8;
/// Files and destinations in an alert.
const LIST_MAX: usize = 32;
/// Files that one process of a chain read, and that it wrote.
const TOUCHED_MAX: usize = 16;

impl Pipeline {
    /// All that an operator needs to know about an alert, as of now.
    pub(super) fn describe(&self, open: &Open, action: Action) -> Alert {
        let mut carried = self.provenance.carried(open.sender);
        let matters = matters(open, &carried);
        for &sender in open.senders.iter().filter(|&&sender| sender != open.sender) {
            carried.merge(&self.provenance.carried(sender));
        }
        let process = self.table.get(open.sender).cloned().unwrap_or_default();
        let parent = process.parent.and_then(|parent| self.table.get(parent)).cloned();
        let (files, files_more) = files(&carried);
        let (destinations, source, bytes_out) = self.destinations(open);
        let collected = carried.bytes_collected();
        let chain = self.chain(open, &carried, &matters);
        Alert {
            id: open.id.clone(),
            action,
            revision: open.revision,
            opened_wall_ns: crate::alert::Record::wall(self.boot_to_wall_ns, open.opened),
            verdict: open.verdict.clone(),
            trusted_by: self.trusted_by(open),
            graph: self.graph(&chain, &matters),
            chain,
            scale: Scale { threshold: self.config.score.threshold, half_life: self.config.score.half_life },
            process,
            parent,
            destinations,
            source,
            files,
            files_more,
            bytes_collected: collected.max(carried.bytes_derived()),
            bytes_out,
            process_bytes_out: self.flows.process(open.sender).map_or(0, |sums| sums.bytes_out),
            coverage: self.blind_spots(),
            boot_to_wall_ns: self.boot_to_wall_ns,
        }
    }

    /// Processes of the story, root first: who handled the data, who is blamed by a signal, their ancestors, and what
    /// launched the first of them.
    fn chain(&self, open: &Open, carried: &Carried, matters: &BTreeMap<Bytes, u64>) -> Vec<Link> {
        let subjects = open.verdict.signals.iter().map(|weighted| weighted.signal.subject);
        let ranked = [open.sender]
            .into_iter()
            .chain(subjects)
            .chain(open.senders.iter().copied())
            .chain(open.stories.iter().copied())
            .chain(carried.handlers());
        // Each comes with its ancestors, so that the tree has no gaps, as long as there is room.
        let mut members: BTreeMap<ProcessKey, Arc<Process>> = BTreeMap::new();
        for key in ranked {
            let Some(process) = self.table.get(key) else { continue };
            for member in [process].into_iter().chain(self.table.lineage(key)) {
                if members.len() < CHAIN_MAX {
                    members.insert(member.key, Arc::clone(member));
                }
            }
        }
        // Who is a member as well stands as that.
        let launchers: BTreeMap<ProcessKey, Arc<Process>> = members
            .keys()
            .filter_map(|&key| self.launcher(key))
            .filter(|launcher| !members.contains_key(&launcher.key))
            .map(|launcher| (launcher.key, launcher))
            .collect();
        let members = members.into_values().map(|process| self.link(open, process, matters));
        let mut chain: Vec<Link> = launchers.into_values().map(launched).chain(members).collect();
        // A parent starts before its child, so the order of starts puts the root first.
        chain.sort_by_cached_key(|link| {
            let key = link.process.key;
            (key.start_ticks, !link.launcher, self.table.lineage(key).len(), key.pid)
        });
        chain
    }

    /// What started the story that begins with this process; none where the story begins with another one, or the
    /// launcher is the first process, of which nothing can be learnt.
    fn launcher(&self, root: ProcessKey) -> Option<Arc<Process>> {
        let parent = self.table.get(root).filter(|_| self.table.story(root) == root)?.parent?;
        self.table.get(parent).filter(|known| known.key.pid > 2 && !known.unknown).cloned()
    }

    fn link(&self, open: &Open, process: Arc<Process>, matters: &BTreeMap<Bytes, u64>) -> Link {
        let key = process.key;
        let mut did = Vec::new();
        if let Some(own) = self.provenance.own(key)
            && own.files() > 0
        {
            did.push(read(own));
        }
        let wrote = self.provenance.wrote(key).filter(|path| matters.contains_key(*path)).take(2);
        did.extend(wrote.map(|path| format!("wrote {path}")));
        for weighted in &open.verdict.signals {
            if weighted.signal.subject == key && did.len() < DID_MAX {
                let reason = weighted.signal.reason.to_string();
                if !did.contains(&reason) {
                    did.push(reason);
                }
            }
        }
        did.extend((key == open.sender).then(|| self.together(open, &process)).flatten());
        let bytes_out = self.flows.process(key).map_or(0, |sums| sums.bytes_out);
        let read = self.provenance.own(key).map(read_files).unwrap_or_default();
        Link { process, did, bytes_out, read, wrote: self.wrote_files(key, matters), launcher: false }
    }

    /// What the sender and others that run its program sent in all: none of five hundred short ones is the one.
    fn together(&self, open: &Open, sender: &Process) -> Option<String> {
        let sums = self.sums(open);
        let programs = sums.iter().filter_map(|sums| sums.programs.get(&sender.exe.bytes));
        let (processes, bytes) = programs.fold((0_u32, 0_u64), |(processes, bytes), program| {
            (processes.saturating_add(program.processes), bytes.saturating_add(program.bytes_out))
        });
        let sent = text::bytes(bytes);
        (processes > 1).then(|| format!("{processes} processes of this program sent {sent} in all"))
    }

    /// Files of the story that a process wrote; their sizes are what a later reader found.
    fn wrote_files(&self, key: ProcessKey, matters: &BTreeMap<Bytes, u64>) -> Touched {
        let wrote: Vec<FileSeen> = self
            .provenance
            .wrote(key)
            .filter_map(|path| {
                Some(FileSeen { path: path.clone(), size: *matters.get(path)?, why: String::new() })
            })
            .collect();
        touched(wrote, 0, 0)
    }

    /// Where the story's bytes went, largest first; the local end of the sender's last flow; their sum.
    fn destinations(&self, open: &Open) -> (Vec<Destination>, Option<SocketAddr>, u64) {
        let mut sums: BTreeMap<(Remote, u8), u64> = BTreeMap::new();
        let mut bytes_out = 0_u64;
        for story in self.sums(open) {
            bytes_out = bytes_out.saturating_add(story.bytes_out);
            for (&key, bytes) in &story.destinations {
                let sum = sums.entry(key).or_default();
                *sum = sum.saturating_add(*bytes);
            }
        }
        let mut destinations: Vec<Destination> = sums
            .into_iter()
            .map(|((remote, protocol), bytes_out)| Destination {
                remote,
                protocol: protocol.into(),
                bytes_out,
                domains: Vec::new(),
                place: None,
            })
            .collect();
        destinations.sort_by_key(|destination| Reverse(destination.bytes_out));
        destinations.truncate(LIST_MAX);
        for destination in &mut destinations {
            destination.domains =
                destination.remote.ip().map(|ip| self.names.of(ip, self.now)).unwrap_or_default();
            destination.place = self.mounts.place(destination.remote);
        }
        let source = self.flows.process(open.sender).and_then(|sums| sums.source);
        (destinations, source, bytes_out)
    }

    /// Sums of the stories of an alert. Of a job, those of all its runs stand for those that are stories of the alert,
    /// whose processes may be forgotten.
    fn sums(&self, open: &Open) -> Vec<&Sums> {
        let mut all = Vec::new();
        let mut of_jobs: BTreeMap<Cause, Vec<&Sums>> = BTreeMap::new();
        for &story in &open.stories {
            let Some(sums) = self.flows.story(story) else { continue };
            match self.table.cause(story).filter(|cause| open.causes.contains(cause)) {
                Some(cause) => of_jobs.entry(cause).or_default().push(sums),
                None => all.push(sums),
            }
        }
        for cause in &open.causes {
            let stories = of_jobs.remove(cause).unwrap_or_default();
            let listed = stories.iter().fold(0_u64, |sum, story| sum.saturating_add(story.bytes_out));
            match self.causes.get(*cause) {
                Some(runs) if runs.sums.bytes_out >= listed => all.push(&runs.sums),
                Some(_) | None => all.extend(stories),
            }
        }
        all
    }

    fn trusted_by(&self, open: &Open) -> Vec<String> {
        let mut names = Vec::new();
        for weighted in open.verdict.signals.iter().filter(|weighted| weighted.trust < 1.0) {
            let Some(remote) = weighted.signal.object.remote() else { continue };
            let rule = self.covering(weighted.signal.subject, remote);
            if let Some(name) = rule.and_then(|rule| self.rules.name(rule))
                && !names.iter().any(|known| known == name)
            {
                names.push(name.to_owned());
            }
        }
        names
    }

    fn blind_spots(&self) -> Vec<String> {
        let gaps = self
            .coverage
            .iter()
            .filter(|sensor| !sensor.gap.is_empty())
            .map(|sensor| format!("{}: {}", sensor.sensor, sensor.gap));
        let lost = (self.totals.lost > 0).then(|| format!("{} events lost since start", self.totals.lost));
        gaps.chain(lost).collect()
    }
}

/// A launcher in a chain: what else it did is no part of the story.
fn launched(process: Arc<Process>) -> Link {
    Link {
        process,
        did: Vec::new(),
        bytes_out: 0,
        read: Touched::default(),
        wrote: Touched::default(),
        launcher: true,
    }
}

/// Files whose writing belongs in the story: those that the sender's data came from, and those that a signal names.
/// With the size that a reader found, where one was seen.
fn matters(open: &Open, carried: &Carried) -> BTreeMap<Bytes, u64> {
    let named = open.verdict.signals.iter().filter_map(|weighted| match &weighted.signal.object {
        Object::File(path) => Some(path.clone()),
        Object::Command(_)
        | Object::Script(_)
        | Object::Files(_)
        | Object::Shared(_)
        | Object::Destination(_)
        | Object::Content(_) => None,
    });
    let mut sizes: BTreeMap<Bytes, u64> = named.map(|path| (path, 0)).collect();
    for (_, origin) in carried.origins() {
        let size = sizes.entry(origin.path.clone()).or_default();
        *size = (*size).max(origin.size);
    }
    sizes
}

/// `read 61 documents (12.0 MB), 1 staged file (12.1 MB)`.
fn read(own: &Carried) -> String {
    type Is = fn(&Origin) -> bool;
    let kinds: [(&str, &str, Is); 4] = [
        ("sensitive file", "sensitive files", |origin| origin.class.sensitive),
        ("file made from collected data", "files made from collected data", |origin| {
            origin.is_made() && !origin.class.sensitive
        }),
        ("staged file", "staged files", |origin| {
            origin.class.staging && !origin.is_made() && !origin.class.sensitive
        }),
        ("document", "documents", |origin| {
            !origin.is_made() && !origin.class.sensitive && !origin.class.staging
        }),
    ];
    let mut parts = Vec::new();
    for (one, many, is) in kinds {
        let (count, bytes) = own
            .origins()
            .filter(|(_, origin)| is(origin))
            .fold((0_u64, 0_u64), |(count, bytes), (_, origin)| {
                (count + 1, bytes.saturating_add(origin.size))
            });
        if count > 0 {
            let name = if count == 1 { one } else { many };
            parts.push(format!("{count} {name} ({})", text::bytes(bytes)));
        }
    }
    if own.files_summed() > 0 {
        parts.push(format!("{} more files", own.files_summed()));
    }
    format!("read {}", parts.join(", "))
}

/// What a process itself read.
fn read_files(own: &Carried) -> Touched {
    let summed = own.bytes_collected().saturating_add(own.bytes_derived());
    let listed = own.origins().fold(0_u64, |sum, (_, origin)| sum.saturating_add(origin.size));
    touched(gravest_first(own), own.files_summed(), summed.saturating_sub(listed))
}

/// As many as are listed, and the sums of all; `more` of them with `more_bytes` are not in `files`.
fn touched(mut files: Vec<FileSeen>, more: u64, more_bytes: u64) -> Touched {
    let count = (files.len() as u64).saturating_add(more);
    let bytes = files.iter().fold(more_bytes, |sum, file| sum.saturating_add(file.size));
    files.truncate(TOUCHED_MAX);
    Touched { files, count, bytes }
}

/// Derived and sensitive files first, then by size. Among alike ones each directory has its turn: a copy of many files
/// crowds out neither what they were copied from nor what was made of them.
fn gravest_first(carried: &Carried) -> Vec<FileSeen> {
    let grave = |origin: &Origin| (origin.is_made(), origin.class.sensitive, origin.class.staging);
    let mut origins: Vec<&Origin> = carried.origins().map(|(_, origin)| origin).collect();
    origins.sort_by_key(|origin| Reverse((grave(origin), origin.size)));
    let mut turns: BTreeMap<_, u32> = BTreeMap::new();
    let mut ranked = Vec::new();
    for origin in origins {
        let turn = turns.entry((grave(origin), directory(origin.path.as_slice()))).or_default();
        *turn += 1;
        ranked.push(((Reverse(grave(origin)), *turn), origin));
    }
    ranked.sort_by_key(|(rank, _)| *rank);
    let seen = |origin: &Origin| FileSeen { path: origin.path.clone(), size: origin.size, why: why(origin) };
    ranked.into_iter().map(|(_, origin)| seen(origin)).collect()
}

/// The files that data came from.
fn files(carried: &Carried) -> (Vec<FileSeen>, u64) {
    let mut files = gravest_first(carried);
    files.truncate(LIST_MAX);
    let more = carried.files().saturating_sub(files.len() as u64);
    (files, more)
}

fn why(origin: &Origin) -> String {
    let mut words = Vec::new();
    let parts = [
        (origin.is_made(), "made from collected data"),
        (origin.class.sensitive, "sensitive"),
        (origin.class.staging, "staging place"),
        (origin.class.document, "document"),
    ];
    for (holds, word) in parts {
        if holds {
            words.push(word);
        }
    }
    words.join(", ")
}
