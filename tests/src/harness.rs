//! Runs cases one after the other and says how it went, in the manner of Rust's own test harness: what could not
//! run here is counted as ignored, with its reason, and never as passed.

use std::{
    fs,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context as _, Result, anyhow};

use crate::{
    coverage::{self, Checked},
    fixture::{self, Reachable},
    interrupt, process, suite,
    weir::Weir,
    world,
};

/// What a case needs to know.
#[derive(Clone, Debug)]
pub struct Context {
    /// The agent.
    pub weir: Weir,
    /// This crate's own binary, for receivers and generators.
    pub helper: PathBuf,
    /// Where artifacts of failed cases stay.
    pub artifacts: PathBuf,
}

impl Context {
    /// The agent, whose binary is there.
    ///
    /// # Errors
    /// Fails when it has not been built.
    pub fn weir(&self) -> Result<&Weir> {
        let binary = &self.weir.binary;
        if binary.is_file() {
            return Ok(&self.weir);
        }
        Err(anyhow!("no {}: run `cargo xtask build`, or name the binary in WEIR_BIN", binary.display()))
    }
}

/// How a case ended when it did not fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should, with figures worth showing.
    Passed(Vec<String>),
    /// It could not run here, for this reason.
    Skipped(String),
}

/// What a case does, given a directory of its own for artifacts.
pub type Body = Box<dyn Fn(&Context, &Path) -> Result<Outcome>>;

/// A test.
pub struct Case {
    /// Name, unique.
    pub name: String,
    /// What it does.
    pub body: Body,
}

/// Which cases, and how.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Parts of names; none is all cases.
    pub filters: Vec<String>,
    /// Parts of names that are left out.
    pub skip: Vec<String>,
    /// Filters are whole names.
    pub exact: bool,
    /// Only list the names.
    pub list: bool,
    /// Artifacts of passed cases stay too.
    pub keep: bool,
}

/// Runs the cases that `options` choose.
///
/// # Errors
/// Fails when standard output cannot be written, or when the agent refuses the hooks.
pub fn run(cases: &[Case], context: &Context, options: &Options) -> Result<ExitCode> {
    let chosen: Vec<_> = cases.iter().filter(|case| options.choose(&case.name)).collect();
    let mut out = std::io::stdout();
    if options.list {
        for case in chosen {
            writeln!(out, "{}: test", case.name)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    interrupt::clean_up_on_signals()?;
    world::sweep_dead();
    fixture::sweep(false);
    let first = First::look(context, &mut out)?;
    let started = Instant::now();
    let (mut passed, mut ignored, mut failed) = (0, 0, Vec::new());
    writeln!(out, "\nrunning {} tests", chosen.len())?;
    for case in &chosen {
        write!(out, "test {} ... ", case.name)?;
        out.flush()?;
        let at = Instant::now();
        let result = one(case, context, options.keep, first.as_ref());
        let took = at.elapsed().as_secs_f64();
        match result {
            Ok(Outcome::Passed(notes)) => {
                passed += 1;
                writeln!(out, "ok ({took:.1} s)")?;
                for note in notes {
                    writeln!(out, "    {note}")?;
                }
            }
            Ok(Outcome::Skipped(reason)) => {
                ignored += 1;
                writeln!(out, "ignored\nskipped: {}: {reason}", case.name)?;
            }
            Err(error) => {
                writeln!(out, "FAILED ({took:.1} s)")?;
                for line in format!("{error:#}").lines() {
                    writeln!(out, "    {line}")?;
                }
                failed.push(case.name.as_str());
            }
        }
    }
    if !failed.is_empty() {
        writeln!(out, "\nfailures, artifacts in {}:", context.artifacts.display())?;
        for name in &failed {
            writeln!(out, "    {name}")?;
        }
    }
    let word = if failed.is_empty() { "ok" } else { "FAILED" };
    writeln!(
        out,
        "\ntest result: {word}. {passed} passed; {} failed; {ignored} ignored; 0 measured; {} filtered out; \
         finished in {:.2}s\n",
        failed.len(),
        cases.len() - chosen.len(),
        started.elapsed().as_secs_f64()
    )?;
    // 101 is what Rust's own harness ends with.
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(101) })
}

impl Options {
    fn choose(&self, name: &str) -> bool {
        let hit = |filter: &String| if self.exact { name == filter } else { name.contains(filter.as_str()) };
        !self.skip.iter().any(hit) && (self.filters.is_empty() || self.filters.iter().any(hit))
    }
}

fn one(case: &Case, context: &Context, keep: bool, first: Option<&First>) -> Result<Outcome> {
    let name = case.name.replace("::", "-");
    let kept = context.artifacts.join(&name);
    if kept.exists() {
        fs::remove_dir_all(&kept).context("cannot remove old artifacts")?;
    }
    // While the case runs they are nowhere near a place that the agent calls staging: the target folder may well
    // be below one, and what this program reads there would become part of the scenario's story.
    let dir = Reachable::new(&name)?;
    let result = catch_unwind(AssertUnwindSafe(|| (case.body)(context, dir.path())))
        .unwrap_or_else(|_| Err(anyhow!("the case panicked")));
    if result.is_err() || keep {
        fs::create_dir_all(&context.artifacts)
            .with_context(|| format!("cannot make {}", context.artifacts.display()))?;
        process::run(Command::new("cp").arg("-a").arg(dir.path()).arg(&kept))?;
        if let Some(First(place)) = first
            && result.is_err()
        {
            // What the verifier refused may be why the case failed.
            process::run(Command::new("cp").arg("-a").arg(place.path()).arg(kept.join("first-look")))?;
        }
    }
    result
}

/// What `weir check` says at the begin of a run, with the verifier's logs of the programs that it refused.
struct First(Reachable);

impl First {
    /// Asks once and says what the run stands on. Nothing without root or without the binary, which the cases say
    /// themselves.
    fn look(context: &Context, out: &mut impl Write) -> Result<Option<Self>> {
        if !suite::is_root() || context.weir().is_err() {
            return Ok(None);
        }
        let place = Reachable::new("first-look")?;
        let checked = Checked::ask(context.weir()?, place.path(), Some(&place.path().join("verifier-logs")))?;
        // How large the programs are on this kernel is worth knowing also when all goes well.
        fs::create_dir_all(&context.artifacts)
            .and_then(|()| {
                fs::copy(place.path().join(coverage::ANSWER), context.artifacts.join("check.json"))
            })
            .with_context(|| format!("cannot write to {}", context.artifacts.display()))?;
        writeln!(out, "\nhooks {}:", checked.hooks)?;
        for line in checked.lines() {
            writeln!(out, "    {line}")?;
        }
        Ok(Some(Self(place)))
    }
}
