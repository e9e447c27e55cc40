//! One machine from its parts to its results.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, Result};

use super::{
    cache,
    initramfs::Archive,
    jobs::Progress,
    kept::{self, Kept},
    kernel::Kernel,
    limits::Limits,
    machine::Machine,
    payload::{self, PROGRAMS, Payload},
    plan::{self, Boot, Cases, Hooks, Step},
    programs::{self, Program},
    results::{News, Outcome, Report},
    root,
    ways::{self, Ways},
};
use crate::{
    arch::Arch,
    console::{self as terminal, Mark},
    process, workspace,
};

/// What all machines share.
pub(super) struct Parts {
    payload: Payload,
    cases: Cases,
    disk: PathBuf,
    /// Names the disk's content and the emulator.
    key: String,
}

/// Results of one machine.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) boot: Boot,
    /// Each run with the outcome of every case that belongs to it.
    pub(super) runs: Vec<(Hooks, BTreeMap<String, Outcome>)>,
    /// What each run had in the kernel, when it asked.
    pub(super) programs: Vec<(Hooks, Vec<Program>)>,
    /// How far each run saw each way out, when it looked.
    pub(super) ways: Vec<(Hooks, Ways)>,
}

impl Parts {
    /// Adds to the programs what they need.
    ///
    /// # Errors
    /// When one cannot be made.
    pub(super) fn make(arch: Arch, payload: Payload, cases: Cases) -> Result<Self> {
        let disk = root::image(arch)?;
        let emulator = process::read(process::command(&arch.emulator()).arg("--version"))?;
        let key = cache::key(&[cache::file_key(&disk)?.as_bytes(), emulator.as_bytes()]);
        Ok(Self { payload, cases, disk, key })
    }
}

/// Runs a machine, or takes its results from when it passed with the same parts.
///
/// # Errors
/// When it cannot be started, or its results not be kept.
pub(super) fn run(boot: &Boot, parts: &Parts, fresh: bool, progress: &Progress) -> Result<Finished> {
    let number = progress.begin();
    let expected: Vec<(Hooks, Vec<Step>)> =
        boot.runs.iter().map(|run| (run.hooks, parts.cases.steps(run))).collect();
    let cases = boot.runs.iter().map(|run| run.cases.len()).sum();
    let folder = workspace::target()?.join("vm").join(&boot.title);
    let initramfs = folder.with_added_extension("initramfs");
    pack(&initramfs, &boot.kernel, parts, &boot.text(&parts.cases))?;
    let machine = Machine {
        arch: boot.kernel.arch,
        kernel: &boot.kernel.image,
        initramfs: &initramfs,
        disk: &parts.disk,
        command_line: boot.command_line,
        folder: &folder,
        limits: Limits::of(cases),
    };
    let kept = Kept::of(&cache::key(&[parts.key.as_bytes(), machine.key()?.as_bytes()]))?;
    if !fresh && let Some(folder) = kept.find() {
        let finished = Finished::of(boot, &expected, &kept::report(&folder)?, programs::read(&folder, boot));
        // What does not hold by today's rules is run again.
        if finished.holds() {
            fs::remove_file(&initramfs)?;
            let done = progress.end();
            terminal::step(Mark::Ok, &boot.title, format!("passed before with the same parts; {done}"));
            return Ok(finished);
        }
    }
    // Whatever comes of this run counts from now on.
    kept.forget()?;
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let started = Instant::now();
    terminal::step(Mark::Doing, &boot.title, format!("booting {}, {number}", boot.kernel.version));
    let report = machine.run(|news| tell(&boot.title, news));
    fs::remove_file(&initramfs)?;
    let report = report?;
    for note in &report.notes {
        terminal::step(Mark::Failed, &boot.title, note);
    }
    let took = started.elapsed().as_secs();
    let artifacts = folder.join("artifacts");
    let finished = Finished::of(boot, &expected, &report, programs::read(&artifacts, boot));
    // Also where a case failed: what does not hold by the rules of the day is run again, and rules may be mended.
    if report.done && report.error.is_none() {
        kept.keep(&folder, &programs::files(&artifacts, boot))?;
    }
    if finished.holds() {
        terminal::step(Mark::Ok, &boot.title, format!("all held, {took} s; {}", progress.end()));
    } else {
        let why = first_line(&report).unwrap_or("a case failed");
        let (shown, done) = (shown(&folder), progress.end());
        terminal::step(Mark::Failed, &boot.title, format!("{why}; see {shown}, {took} s; {done}"));
    }
    Ok(finished)
}

/// A shell on this terminal, in a machine with this kernel.
///
/// # Errors
/// When it cannot be started.
pub(super) fn shell(kernel: &Kernel, parts: &Parts) -> Result<ExitCode> {
    let folder = workspace::target()?.join("vm/shell");
    fs::create_dir_all(&folder)?;
    let initramfs = folder.join("initramfs");
    let plan = format!(
        "step\tshell\nrun\tsetsid\t--ctty\t--wait\tsh\t-c\texec bash -i <{0} >{0} 2>&1\n",
        kernel.arch.report()
    );
    pack(&initramfs, kernel, parts, &plan)?;
    terminal::line("weir and scenarios are in /opt/weir; 'exit' turns the machine off");
    let machine = Machine {
        arch: kernel.arch,
        kernel: &kernel.image,
        initramfs: &initramfs,
        disk: &parts.disk,
        command_line: "",
        folder: &folder,
        limits: Limits::of(0),
    };
    machine.attach()
}

impl Finished {
    /// A machine that could not be run.
    pub(super) fn not_run(boot: &Boot, why: &str) -> Self {
        let failed = BTreeMap::from([(MACHINE.to_owned(), Outcome::Failed(why.to_owned()))]);
        let runs = boot.runs.iter().map(|run| (run.hooks, failed.clone())).collect();
        Self { boot: boot.clone(), runs, programs: Vec::new(), ways: Vec::new() }
    }

    /// What a machine's report and its programs come to.
    fn of(
        boot: &Boot,
        expected: &[(Hooks, Vec<Step>)],
        report: &Report,
        programs: Vec<(Hooks, Vec<Program>)>,
    ) -> Self {
        let (runs, ways) = (judge(boot, expected, report), ways::read(report, expected));
        Self { boot: boot.clone(), runs, programs, ways }
    }

    /// Nothing failed.
    pub(super) fn holds(&self) -> bool {
        self.runs
            .iter()
            .flat_map(|(_, cases)| cases.values())
            .all(|outcome| !matches!(outcome, Outcome::Failed(_)))
    }
}

/// The row of what belongs to no case.
pub(super) const MACHINE: &str = "machine";

/// Sets what was reported against what should have been: a case that did not run has failed.
fn judge(
    boot: &Boot,
    expected: &[(Hooks, Vec<Step>)],
    report: &Report,
) -> Vec<(Hooks, BTreeMap<String, Outcome>)> {
    // What a kernel said further is told once.
    let error = first_line(report);
    let mut runs = Vec::new();
    for (hooks, steps) in expected {
        let mut cases = BTreeMap::new();
        for asked in steps {
            let prefix = asked.program.prefix();
            let step = report.steps.get(&asked.name(*hooks));
            let end = step.and_then(|step| step.end.as_deref());
            for name in &asked.cases {
                let outcome = step.and_then(|step| step.cases.get(name)).cloned().unwrap_or_else(|| {
                    let why = error.or(end).unwrap_or("its program was not run");
                    Outcome::Failed(format!("did not run: {why}"))
                });
                let name = format!("{prefix}{name}");
                let outcome = match outcome {
                    Outcome::Skipped(reason) if !plan::may_skip(boot, &name) => {
                        Outcome::Failed(format!("skipped: {reason}"))
                    }
                    outcome @ (Outcome::Passed | Outcome::Skipped(_) | Outcome::Failed(_)) => outcome,
                };
                cases.insert(name, outcome);
            }
            if end != Some("0") && !cases.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) {
                let why = error.or(end).unwrap_or("it did not end");
                cases.insert(format!("{prefix}end"), Outcome::Failed(why.to_owned()));
            }
        }
        runs.push((*hooks, cases));
    }
    // Modules that are missing take cases with them that nobody would miss.
    if let (Some(note), Some((_, cases))) = (report.notes.first(), runs.last_mut()) {
        cases.insert(MACHINE.to_owned(), Outcome::Failed(note.clone()));
    }
    // A guest that said nothing wrong and yet did not end in order proves nothing.
    if (report.error.is_some() || !report.done)
        && let Some((_, cases)) = runs.last_mut()
    {
        let why = report.error.as_deref().unwrap_or("it did not end in order");
        cases.insert(MACHINE.to_owned(), Outcome::Failed(why.to_owned()));
    }
    runs
}

/// What went wrong with the machine itself, in a line.
fn first_line(report: &Report) -> Option<&str> {
    report.error.as_deref().and_then(|error| error.lines().next())
}

fn tell(title: &str, news: &News) {
    match news {
        News::Step(name) => terminal::step(Mark::Doing, title, name),
        News::Case(name, Outcome::Passed) => terminal::step(Mark::Ok, title, name),
        News::Case(name, Outcome::Skipped(reason)) => {
            terminal::step(Mark::Skipped, title, format!("{name}: {reason}"));
        }
        News::Case(name, Outcome::Failed(_)) => terminal::step(Mark::Failed, title, name),
    }
}

fn pack(to: &Path, kernel: &Kernel, parts: &Parts, plan: &str) -> Result<()> {
    let file = File::create(to).with_context(|| format!("cannot write {}", to.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    archive.file("init", &parts.payload.first())?;
    for (place, library) in parts.payload.libraries()? {
        archive.file(&place, &library)?;
    }
    archive.bytes("plan", plan.as_bytes())?;
    for module in &kernel.modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        archive.file(&format!("modules/{name}"), module)?;
    }
    for name in PROGRAMS {
        archive.file(&format!("payload/{name}"), &parts.payload.path(name))?;
    }
    for (place, file) in payload::installed() {
        archive.data(&format!("files{place}"), &file)?;
    }
    archive.device("dev/console", 5, 1)?;
    archive.finish()?.flush()?;
    Ok(())
}

fn shown(folder: &Path) -> String {
    let root = workspace::root();
    folder.strip_prefix(&root).unwrap_or(folder).display().to_string()
}
