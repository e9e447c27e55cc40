//! Script: Script Execution (DS0012), analytic 1: a script that runs a mover, itself or through a descendant.
//!
//! The signal is the script's process's, once for each tool. State: for each process that runs or ran a script its
//! name and the tools reported; for interpreters without a known script the movers that wait for one. At most
//! `PROCESSES` of them; a process that makes room may be reported once more.

mod source;
#[cfg(test)]
mod tests;

use super::{
    Analytic, Object, Observation, Signal, Stage, Subject,
    recent::Recent,
    tool::{self, Tool},
    weights::SCRIPT_ABOVE_MOVER,
};
use crate::{
    event::{BootTime, ProcessKey, Script},
    process::Process,
};
use source::Source;

/// Processes remembered.
const PROCESSES: usize = 16_384;
/// Movers that wait for one interpreter's script.
const WAITING: usize = 8;
/// Scripts of one lineage that one mover is reported for, nearest first.
const SCRIPTS: usize = 4;

/// The analytic.
#[derive(Debug)]
pub struct ScriptExecution {
    processes: Recent<ProcessKey, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    script: Option<Source>,
    /// Set of [`Tool::bit`].
    reported: u64,
    waiting: Vec<Mover>,
}

#[derive(Clone, Copy, Debug)]
struct Mover {
    tool: Tool,
    risk: f64,
}

impl Default for ScriptExecution {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptExecution {
    /// Without scripts.
    #[must_use]
    pub fn new() -> Self {
        Self { processes: Recent::new(PROCESSES) }
    }

    /// Looks at one observation: a program that was started, or a script that became known.
    pub fn observe(
        &mut self,
        now: BootTime,
        subject: &Subject<'_>,
        observation: &Observation<'_>,
        out: &mut Vec<Signal>,
    ) {
        match observation {
            Observation::Exec => self.exec(now, subject, out),
            Observation::Script(script) => self.script(now, subject.process, script, out),
            Observation::Open { .. }
            | Observation::Connect { .. }
            | Observation::Volume(_)
            | Observation::Settled(_)
            | Observation::Spoken { .. }
            | Observation::Asked(_)
            | Observation::Socket(_) => {}
        }
    }

    /// Drops state about a process.
    pub fn forget(&mut self, process: ProcessKey) {
        self.processes.remove(&process);
    }

    /// Entries that had to make room.
    pub(crate) const fn evicted(&self) -> u64 {
        self.processes.evicted()
    }

    fn exec(&mut self, now: BootTime, subject: &Subject<'_>, out: &mut Vec<Signal>) {
        if let Some(script) = script_of(subject.process) {
            *self.processes.entry(subject.process.key) = Entry { script: Some(script), ..Entry::default() };
            return;
        }
        let Some(command) = tool::command(subject.process) else { return };
        let Some(rating) = command.rating.filter(|_| command.action.sends()) else { return };
        // scp, sftp and rsync run ssh: that is their doing.
        if subject.lineage.first().is_some_and(|parent| is_mover(parent)) {
            return;
        }
        let mover = Mover { tool: command.tool, risk: rating.risk };
        self.report(now, subject, mover, out);
    }

    fn report(&mut self, now: BootTime, subject: &Subject<'_>, mover: Mover, out: &mut Vec<Signal>) {
        let mut scripts: Vec<(ProcessKey, Source)> = Vec::new();
        // A process that was a script and became the mover by exec is known from before.
        let own = self.processes.get(&subject.process.key).and_then(|entry| entry.script.clone());
        scripts.extend(own.map(|script| (subject.process.key, script)));
        for (index, ancestor) in subject.lineage.iter().enumerate() {
            // A subshell is a copy of the script's process, which follows.
            let copy = ancestor.execs == 0 && !ancestor.preexisting;
            if copy && index + 1 < subject.lineage.len() {
                continue;
            }
            let known = self.processes.get(&ancestor.key).and_then(|entry| entry.script.clone());
            let derived = known.or_else(|| script_of(ancestor));
            match derived {
                Some(script) => scripts.push((ancestor.key, script)),
                None if source::interprets(ancestor) => {
                    let waiting = &mut self.processes.entry(ancestor.key).waiting;
                    if waiting.len() < WAITING && waiting.iter().all(|one| one.tool != mover.tool) {
                        waiting.push(mover);
                    }
                }
                None => {}
            }
        }
        // `sh -c` around a script file says nothing more.
        let files = scripts.iter().any(|(_, script)| script.file);
        let told = scripts.into_iter().filter(|(_, script)| script.file || !files).take(SCRIPTS);
        for (process, script) in told {
            self.signal(now, process, script, mover, out);
        }
    }

    fn script(&mut self, now: BootTime, process: &Process, script: &Script, out: &mut Vec<Signal>) {
        if is_tool(process) {
            return;
        }
        let Some(source) = Source::of_script(script, process) else { return };
        let entry = self.processes.entry(process.key);
        entry.script = Some(source.clone());
        for mover in std::mem::take(&mut entry.waiting) {
            self.signal(now, process.key, source.clone(), mover, out);
        }
    }

    fn signal(
        &mut self,
        now: BootTime,
        process: ProcessKey,
        script: Source,
        mover: Mover,
        out: &mut Vec<Signal>,
    ) {
        let entry = self.processes.entry(process);
        if entry.reported & mover.tool.bit() != 0 {
            return;
        }
        entry.reported |= mover.tool.bit();
        let reason = match (script.file, script.name.as_slice()) {
            (true, _) => {
                format!("script {} runs {}, which can send data away", script.name, mover.tool.name())
            }
            (false, b"stdin") => {
                format!("a script from standard input runs {}, which can send data away", mover.tool.name())
            }
            (false, _) => {
                format!("command-line script text runs {}, which can send data away", mover.tool.name())
            }
        };
        let risk = script.risk.min(mover.risk + SCRIPT_ABOVE_MOVER);
        entry.script.get_or_insert_with(|| script.clone());
        out.push(Signal {
            analytic: Analytic::ScriptExecution,
            technique: "T1020",
            risk,
            stage: Stage::Transfer,
            subject: process,
            object: Object::Script(script.name),
            time: now,
            reason: reason.into(),
        });
    }
}

/// The script that `process` runs; a tool that is written as a script (aws, gsutil, swaks) is a tool.
fn script_of(process: &Process) -> Option<Source> {
    if is_tool(process) { None } else { Source::of(process) }
}

fn is_tool(process: &Process) -> bool {
    tool::command(process).is_some_and(|command| command.tool != Tool::Powershell)
}

fn is_mover(process: &Process) -> bool {
    tool::command(process).is_some_and(|command| command.action.sends() && command.rating.is_some())
}
