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
    kernel::Kernel,
    machine::{self, Machine},
    payload::{self, PROGRAMS, Payload},
    plan::{Boot, Hooks, KERNEL_TESTS, Run},
    results::{News, Outcome, Report},
    root,
};
use crate::{
    arch::Arch,
    console::{self as terminal, Mark},
    workspace,
};

/// What all machines share.
pub(super) struct Parts {
    payload: Payload,
    disk: PathBuf,
    /// Names the content of all of these.
    key: String,
}

/// Results of one machine.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) boot: Boot,
    /// Each run with the outcome of every case that belongs to it.
    pub(super) runs: Vec<(Hooks, BTreeMap<String, Outcome>)>,
}

impl Parts {
    /// Builds and fetches them.
    ///
    /// # Errors
    /// When one cannot be made.
    pub(super) fn make(arch: Arch) -> Result<Self> {
        let payload = Payload::build(arch)?;
        let disk = root::image(arch)?;
        let mut keys = vec![disk.display().to_string()];
        for name in PROGRAMS {
            keys.push(cache::file_key(&payload.path(name))?);
        }
        for (_, file) in payload::installed() {
            keys.push(cache::file_key(&file)?);
        }
        let keys: Vec<&[u8]> = keys.iter().map(String::as_bytes).collect();
        Ok(Self { payload, disk, key: cache::key(&keys) })
    }
}

/// Runs a machine, or takes its results from when it passed with the same parts.
///
/// # Errors
/// When it cannot be started.
pub(super) fn run(boot: Boot, parts: &Parts, fresh: bool) -> Result<Finished> {
    let plan = boot.text();
    let kernel = boot.kernel.image.display().to_string();
    let words = format!("{} {}", machine::COMMAND_LINE, boot.command_line);
    let key = cache::key(&[parts.key.as_bytes(), kernel.as_bytes(), words.as_bytes(), plan.as_bytes()]);
    let passed = workspace::target()?.join("vm/passed").join(key);
    if !fresh && let Ok(text) = fs::read_to_string(&passed) {
        terminal::step(Mark::Ok, &boot.title, "passed before with the same parts");
        let mut report = Report::default();
        text.lines().for_each(|line| drop(report.read(line)));
        return finish(boot, parts, &report);
    }
    // Whatever comes of this run counts from now on.
    drop(fs::remove_file(&passed));
    let folder = workspace::target()?.join("vm").join(&boot.title);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder)?;
    let initramfs = folder.join("initramfs");
    pack(&initramfs, &boot.kernel, parts, &plan)?;
    let started = Instant::now();
    terminal::step(Mark::Doing, &boot.title, format!("booting {}", boot.kernel.version));
    let machine = Machine {
        arch: boot.kernel.arch,
        kernel: &boot.kernel.image,
        initramfs: &initramfs,
        disk: &parts.disk,
        command_line: boot.command_line,
        folder: &folder,
    };
    let report = machine.run(|news| tell(&boot.title, news))?;
    fs::remove_file(&initramfs)?;
    for note in &report.notes {
        terminal::step(Mark::Skipped, &boot.title, note);
    }
    let took = started.elapsed().as_secs();
    let finished = finish(boot, parts, &report)?;
    let log = folder.join("report.log");
    if finished.holds() {
        terminal::step(Mark::Ok, &finished.boot.title, format!("all held, {took} s"));
        fs::create_dir_all(passed.parent().context("no folder")?)?;
        let partial = passed.with_extension("partial");
        fs::copy(&log, &partial)?;
        fs::rename(&partial, &passed)?;
    } else {
        let why = report.error.as_deref().unwrap_or("a case failed");
        terminal::step(Mark::Failed, &finished.boot.title, format!("{why}; see {}", shown(&folder)));
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
    };
    machine.attach()
}

impl Finished {
    /// Nothing failed.
    pub(super) fn holds(&self) -> bool {
        self.runs
            .iter()
            .flat_map(|(_, cases)| cases.values())
            .all(|outcome| !matches!(outcome, Outcome::Failed(_)))
    }
}

/// Sets what was reported against what should have been: a case that did not run has failed.
fn finish(boot: Boot, parts: &Parts, report: &Report) -> Result<Finished> {
    let mut runs = Vec::new();
    for run in &boot.runs {
        let mut cases = BTreeMap::new();
        for (program, prefix, names) in expected(run, &parts.payload)? {
            let step = report.steps.get(&format!("{}/{program}", run.hooks.name()));
            let end = step.and_then(|step| step.end.as_deref());
            for name in names {
                let outcome = step.and_then(|step| step.cases.get(&name)).cloned().unwrap_or_else(|| {
                    let why = report.error.as_deref().or(end).unwrap_or("its program was not run");
                    Outcome::Failed(format!("did not run: {why}"))
                });
                // A machine that was made for a case is no reason to leave it out.
                let outcome = match outcome {
                    Outcome::Skipped(reason) if boot.services || !boot.command_line.is_empty() => {
                        Outcome::Failed(reason)
                    }
                    outcome @ (Outcome::Passed | Outcome::Skipped(_) | Outcome::Failed(_)) => outcome,
                };
                cases.insert(format!("{prefix}{name}"), outcome);
            }
            if end != Some("0") && !cases.values().any(|outcome| matches!(outcome, Outcome::Failed(_))) {
                let why = report.error.as_deref().or(end).unwrap_or("it did not end");
                cases.insert(format!("{prefix}end"), Outcome::Failed(why.to_owned()));
            }
        }
        runs.push((run.hooks, cases));
    }
    // A guest that said nothing wrong and yet did not end in order proves nothing.
    if (report.error.is_some() || !report.done)
        && let Some((_, cases)) = runs.last_mut()
    {
        let why = report.error.as_deref().unwrap_or("it did not end in order");
        cases.insert("machine".to_owned(), Outcome::Failed(why.to_owned()));
    }
    Ok(Finished { boot, runs })
}

/// Each program of a run, the prefix of its cases' names in the table, and the names themselves.
fn expected(run: &Run, payload: &Payload) -> Result<Vec<(&'static str, &'static str, Vec<String>)>> {
    let mut expected = Vec::new();
    if let Some(filters) = run.kernel_filters() {
        expected.push(("kernel", KERNEL_TESTS, payload.kernel_tests(&filters)?));
    }
    if let Some(words) = run.suite_words() {
        expected.push(("suite", "", payload.suite(&words)?));
    }
    Ok(expected)
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
