//! The pure step: events in, records out. No I/O, no clock, no failure; time is the events' time.

pub mod alerts;
pub mod flows;
pub mod horizon;
pub mod causes;
pub mod repeats;
mod judge;
mod volume;
mod sweep;
mod state;
mod moments;
mod pauses;
mod served;
mod contents;
mod graph;
mod story;
mod beyond;
mod egress;
mod sensitive;

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use agent_common::file::{S_IFCHR, S_IFIFO, S_IFMT};

use crate::{
    alert::{Action, Body, Host, Record, SignalLine, Totals},
    config::{
        Config,
        classify::{Classifier, FileClass},
    },
    detect::{Detectors, Observation, Signal, SocketUse, Subject},
    event::{BootTime, Bytes, Coverage, Event, Fact, Open, ProcessKey, Remote, Started, nanoseconds},
    hash::Set,
    names::Names,
    process::{
        Process, Table,
        story::{is_interactive_shell, is_launcher},
    },
    provenance::{Provenance, sinks::is_sink},
    score::{evidence::Evidence, trust::Rules},
};

use alerts::{Book, Change};
use beyond::Mounts;
use causes::Causes;
use contents::Contents;
use flows::Flows;
use moments::{Mark, Moments};
use pauses::Pauses;
use repeats::{Repeats, Who};
use sensitive::Sensitive;

/// Executables and addresses remembered as having met; beyond it nothing new is learnt.
const MET_MAX: usize = 65_536;
/// Until the agent has watched for this long, a destination seen for the first time says nothing: everything is
/// seen for the first time.
const LEARNING_NS: u64 = 3_600_000_000_000;
/// Losses among which answers of the host's name servers may be. An answer that was cut says so itself.
const ANSWERS_LOST: [&str; 3] = ["dns_dropped", "dns_unread", "record_undecodable"];
/// The same for answers in other network namespaces, which anybody can make.
const ANSWERS_LOST_ELSEWHERE: [&str; 2] = ["dns_dropped_elsewhere", "dns_unread_elsewhere"];
/// Sensor of those answers.
const NAMES_SENSOR: &str = "dns";
/// A sender that sent nothing for this long has paused.
const SETTLED_NS: u64 = 1_000_000_000;
/// Ancestors that may have made a pipe: subshells are nested a few deep.
const MAKERS_MAX: usize = 4;
/// Between two sweeps of tables for what may be dropped.
const SWEEP_NS: u64 = 1_000_000_000;

/// The state machine from events to records.
#[derive(Debug)]
pub struct Pipeline {
    config: Config,
    classifier: Classifier,
    table: Table,
    provenance: Provenance,
    detectors: Detectors,
    evidence: Evidence,
    names: Names,
    rules: Rules,
    flows: Flows,
    causes: Causes,
    moments: Moments,
    book: Book,
    repeats: Repeats,
    met: Set<(Bytes, IpAddr)>,
    pauses: Pauses,
    contents: Contents,
    mounts: Mounts,
    sensitive: Sensitive,
    /// Stories with new evidence since the last sweep.
    restless: BTreeSet<ProcessKey>,
    host: Arc<Host>,
    boot_to_wall_ns: i64,
    coverage: Vec<Coverage>,
    started: BootTime,
    /// For how long earlier runs had watched.
    watched_before_ns: u64,
    now: BootTime,
    swept: BootTime,
    evicted: sweep::Evicted,
    heartbeat_due: BootTime,
    totals: Totals,
}

impl Pipeline {
    /// A pipeline that has seen nothing.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            classifier: Classifier::new(&config.files),
            detectors: Detectors::new(&config),
            names: Names::default(),
            rules: Rules::new(&config.trust),
            config,
            table: Table::default(),
            provenance: Provenance::default(),
            evidence: Evidence::default(),
            flows: Flows::default(),
            causes: Causes::default(),
            moments: Moments::default(),
            book: Book::default(),
            repeats: Repeats::default(),
            met: Set::default(),
            pauses: Pauses::default(),
            contents: Contents::default(),
            mounts: Mounts::default(),
            sensitive: Sensitive::default(),
            restless: BTreeSet::new(),
            host: Arc::default(),
            boot_to_wall_ns: 0,
            coverage: Vec::new(),
            started: 0,
            watched_before_ns: 0,
            now: 0,
            swept: 0,
            evicted: sweep::Evicted::default(),
            heartbeat_due: BootTime::MAX,
            totals: Totals::default(),
        }
    }

    /// Takes one event in; records that it leads to are appended to `out`.
    pub fn step(&mut self, event: &Event, out: &mut Vec<Record>) {
        self.now = self.now.max(event.time);
        self.totals.events += 1;
        self.pass_time(out);
        let process = event.process;
        match &event.fact {
            Fact::Started(started) => self.start(process, started, out),
            Fact::Clock { boot_to_wall_ns } => self.boot_to_wall_ns = *boot_to_wall_ns,
            Fact::Tick => {}
            Fact::Seen(seen) => {
                self.table.seen(process, seen, self.now);
                self.provenance.seen(process, seen);
                self.mounts.seen(process, seen);
                self.provenance.launches(process, self.serves_many(process));
            }
            Fact::Fork(fork) => {
                self.table.fork(process, fork, self.now);
                if self.passes_on(process) {
                    self.provenance.fork(process, fork.child);
                }
                self.provenance.helps(process, fork.child);
                self.mounts.fork(process, fork.child);
            }
            Fact::Exec(exec) => {
                self.table.exec(process, exec, self.now);
                self.mounts.exec(process, exec);
                self.provenance.exec(process, &self.makers(process), exec);
                self.provenance.launches(process, self.serves_many(process));
                self.moments.exec(process, exec, self.now);
                self.observe(process, &Observation::Exec, out);
            }
            Fact::Exit { .. } => {
                self.table.exit(process, self.now);
                self.mounts.gone(process);
                if self.flows.process(process).is_some() {
                    self.pauses.ended(process, self.now);
                }
            }
            Fact::Open(open) => self.open(process, open, out),
            Fact::Flow(flow) => self.flow(process, flow, out),
            Fact::Identity(identity) => self.table.identify(process, identity, self.now),
            Fact::Script(script) => {
                self.table.script(process, script, self.now);
                self.observe(process, &Observation::Script(script), out);
            }
            Fact::Loss(losses) => {
                let lost = |among: &[&str]| losses.iter().any(|loss| among.contains(&loss.what.as_str()));
                if lost(&ANSWERS_LOST) {
                    self.names.miss(self.now);
                }
                if lost(&ANSWERS_LOST_ELSEWHERE) {
                    self.names.miss_elsewhere(self.now);
                }
                self.lose(losses.clone(), out);
            }
            Fact::Names(names) => self.names.hear(names, self.now),
            Fact::Resolvers(resolvers) => self.names.ask(resolvers),
            Fact::State(state) => self.restore(state),
            Fact::Unix(used) => {
                let actor = Arc::clone(self.table.ensure(process, self.now));
                self.provenance.unix(&actor, self.table.story(process), used, self.now);
            }
            &Fact::Memory { owner } => {
                let both = [process, owner].map(|key| Arc::clone(self.table.ensure(key, self.now)));
                let stories = [process, owner].map(|key| self.table.story(key));
                let [reader, owner] = &both;
                self.provenance.memory([(reader, stories[0]), (owner, stories[1])], self.now);
            }
            Fact::Content(content) => self.content(content, out),
            &Fact::Socket { family, .. } => {
                self.table.ensure(process, self.now);
                self.observe(process, &Observation::Socket(SocketUse::Made(family)), out);
            }
            Fact::Mount(mount) => self.mounts.tell(mount),
            &Fact::Host { mnt_ns } => self.sensitive.believe(mnt_ns),
            Fact::Stopping { reason } => {
                self.judge_restless(out);
                self.settle(None, out);
                self.close(None, out);
                self.tell_evicted(out);
                let totals = self.totals();
                out.push(self.record(Body::Stop { reason: reason.clone(), totals }));
            }
        }
    }

    /// When the pipeline next has something to say though nothing happens: a [`Fact::Tick`] is due then.
    #[must_use]
    pub fn next_deadline(&self) -> Option<BootTime> {
        let close = self.book.next_close(nanoseconds(self.config.alerts.close_after));
        let heartbeat = (self.heartbeat_due != BootTime::MAX).then_some(self.heartbeat_due);
        let restless = (!self.restless.is_empty() || self.pauses.is_waiting())
            .then(|| self.swept.saturating_add(SWEEP_NS));
        close.into_iter().chain(heartbeat).chain(restless).min()
    }

    /// What the run has done so far.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            open_alerts: self.book.count() as u64,
            processes: self.table.len() as u64,
            flows: self.flows.count() as u64,
            evicted: self.detectors.evicted(),
            ..self.totals
        }
    }

    fn start(&mut self, agent: ProcessKey, started: &Started, out: &mut Vec<Record>) {
        self.host = Arc::new(Host {
            name: started.host.clone(),
            kernel: started.kernel.clone(),
            boot_id: started.boot_id.clone(),
            agent_version: started.version.clone(),
        });
        self.boot_to_wall_ns = started.boot_to_wall_ns;
        self.coverage.clone_from(&started.coverage);
        self.started = self.now;
        let watched = |sensor: &Coverage| sensor.sensor == NAMES_SENSOR && !sensor.hook.is_empty();
        self.names.start(started.coverage.iter().any(watched), self.now);
        self.heartbeat_due = self.now.saturating_add(nanoseconds(self.config.alerts.heartbeat));
        self.table.ensure(agent, self.now);
        out.push(self.record(Body::Start { coverage: started.coverage.clone() }));
    }

    fn open(&mut self, process: ProcessKey, open: &Open, out: &mut Vec<Record>) {
        // A message bus passes descriptors on, and looks into none.
        if open.received && is_sink(self.table.ensure(process, self.now)) {
            return;
        }
        if open.mode & S_IFMT == S_IFIFO {
            // It keeps nothing: no file that anybody collects or stages.
            self.table.ensure(process, self.now);
            self.provenance.fifo(process, open);
            return self.moments.note(process, Mark::Pipe((open.file.dev, open.file.ino)), self.now);
        }
        if open.mode & S_IFMT == S_IFCHR {
            return self.device(process, open);
        }
        let mut class = self.classifier.classify(&open.path);
        self.sensitive.recognise(open, &mut class);
        let actor = self.table.ensure(process, self.now);
        let labelled = if class.sensitive.is_some() && Detectors::owns(actor, open.path.bytes.as_slice()) {
            // What a program reads because it is its own is no load that it carries away.
            self.provenance.open(process, open, &FileClass { sensitive: None, ..class.clone() })
        } else {
            self.provenance.open(process, open, &class)
        };
        if open.write {
            self.moments.note(process, Mark::Wrote(open.file), self.now);
            self.served_by(process, open.file.dev);
        }
        if class.is_collection() || labelled {
            self.moments.note(process, Mark::Read(open.file), self.now);
            self.observe(process, &Observation::Open { open, class: &class, labelled }, out);
        }
    }

    /// Shows an observation to the detections and takes in what they find.
    fn observe(&mut self, process: ProcessKey, observation: &Observation<'_>, out: &mut Vec<Record>) {
        let mut found: Vec<Signal> = Vec::new();
        if let Some(actor) = self.table.get(process) {
            let lineage = self.table.lineage(process);
            let lineage: Vec<&Process> = lineage.into_iter().map(Arc::as_ref).collect();
            let subject = Subject { process: actor, lineage: &lineage, story: self.table.story(process) };
            self.detectors.observe(self.now, &subject, observation, &mut found);
        }
        for signal in found {
            self.totals.signals += 1;
            let subject = signal.subject;
            let story = self.table.story(subject);
            if sweep::is_strong(&signal, self.config.alerts.signal_risk) {
                self.provenance.hold(subject);
            }
            self.evidence.add(story, signal.clone());
            self.restless.insert(story);
            let strong = self.config.alerts.signals && signal.risk >= self.config.alerts.signal_risk;
            let who = self.table.cause(story).map_or(Who::Story(story), Who::Cause);
            let line = strong && self.repeats.tell(who, &signal, self.now).is_some();
            if line || self.flows.process(subject).is_some() {
                let verdict = self.judge(subject, out);
                if !line {
                    continue;
                }
                let weighted = self.weigh(&signal);
                let known = Arc::clone(self.table.ensure(subject, self.now));
                let parent = known.parent.and_then(|parent| self.table.get(parent)).cloned();
                let remote = signal.object.remote();
                let domains =
                    remote.and_then(Remote::ip).map(|ip| self.names.of(ip, self.now)).unwrap_or_default();
                let line = SignalLine {
                    domains,
                    signal: weighted,
                    process: known,
                    parent,
                    score: verdict.score,
                    place: remote.and_then(|remote| self.mounts.place(remote)),
                    boot_to_wall_ns: self.boot_to_wall_ns,
                };
                out.push(self.record(Body::Signal(Box::new(line))));
            }
        }
    }

    /// Evidence against one process of a story counts against the one that sent last as well; those that sent
    /// before are judged again when they send again.
    fn judge_restless(&mut self, out: &mut Vec<Record>) {
        for story in std::mem::take(&mut self.restless) {
            if let Some(sender) = self.flows.story(story).and_then(|sums| sums.last_sender) {
                self.judge(sender, out);
            }
        }
    }

    /// Path of what a process runs; empty when it is not known.
    fn executable(&self, process: ProcessKey) -> Bytes {
        self.table.get(process).map(|process| process.exe.bytes.clone()).unwrap_or_default()
    }

    /// Whether a process hands what it carries to its children: a launcher's children begin anew.
    fn passes_on(&self, process: ProcessKey) -> bool {
        self.table.get(process).is_some_and(|process| !is_launcher(process))
    }

    /// Whether a process starts what several others asked for. A shell at a terminal serves one person.
    fn serves_many(&self, process: ProcessKey) -> bool {
        self.table.get(process).is_some_and(|known| is_launcher(known) && !is_interactive_shell(known))
    }

    /// Who may have made the pipes that a new program holds, nearest first: its parent and, as long as these run no
    /// program of their own (a subshell), the ancestors beyond. Not launchers.
    fn makers(&self, process: ProcessKey) -> Vec<ProcessKey> {
        let mut found = Vec::new();
        let mut at = process;
        while found.len() < MAKERS_MAX
            && let Some(parent) = self.table.get(at).and_then(|known| known.parent)
            && self.passes_on(parent)
        {
            found.push(parent);
            let is_bare = |known: &Arc<Process>| known.execs == 0 && !known.preexisting;
            if !self.table.get(parent).is_some_and(is_bare) {
                break;
            }
            at = parent;
        }
        found
    }

    fn close(&mut self, idle_ns: Option<u64>, out: &mut Vec<Record>) {
        for open in self.book.close(self.now, idle_ns) {
            out.push(self.line(&open, Action::Closed));
        }
    }

    fn say(&mut self, change: Change, out: &mut Vec<Record>) {
        let (number, action) = match change {
            Change::Opened(number) => {
                self.totals.alerts += 1;
                (number, Action::Opened)
            }
            Change::Updated(number) => (number, Action::Updated),
            Change::Quiet => return,
        };
        if let Some(open) = self.book.get(number) {
            out.push(self.line(open, action));
        }
    }

    fn line(&self, open: &alerts::Open, action: Action) -> Record {
        self.record(Body::Alert(Box::new(self.describe(open, action))))
    }

    fn record(&self, body: Body) -> Record {
        Record { wall_ns: Record::wall(self.boot_to_wall_ns, self.now), host: Arc::clone(&self.host), body }
    }
}

#[cfg(test)]
mod tests;
