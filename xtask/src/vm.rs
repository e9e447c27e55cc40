//! `cargo xtask vm`: the suite on real distribution kernels, in virtual machines.

mod arch;
mod boot;
mod breakage;
mod cache;
mod console;
mod grid;
mod initramfs;
mod jobs;
mod kept;
mod kernel;
mod kernels;
mod limits;
mod lines;
mod lock;
mod machine;
mod module;
mod payload;
mod plan;
mod programs;
mod results;
mod root;
mod table;
mod ways;

use std::{
    collections::VecDeque,
    process::ExitCode,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context, Result, anyhow, bail};

use self::{
    boot::{Finished, Parts},
    breakage::Breakage,
    jobs::{Progress, Room},
    kernels::Kernels,
    lock::Lock,
    payload::Payload,
    plan::{ALL_RUNGS, Boot, Choice, Hooks},
    table::Table,
};
use crate::{
    arch::Arch,
    arguments::Arguments,
    console::{self as terminal, Mark},
    setup, workspace,
};

pub(crate) const HELP: &str = "\
Boot Debian's kernels under QEMU and run the suite inside: scenarios against the real
agent, and the tests of the kernel programs; with the hooks that the agent chooses, and
again with each lower rung of the ladder forced, as far as that can change them; and with
systemd as the first process, the agent as a service (cases service::). Prints the kernel
programs' sizes and a table of cases by kernels; status 1 unless every cell holds, and the
last line counts them. A guest that hangs, panics, oopses or takes too long is a failure;
its console and the failed cases' artifacts are kept in target/vm/KERNEL. What did not
change since it passed is not run again. Two runs take turns.

Usage: cargo xtask vm [OPTIONS]

Options:
  --arch ARCH  x86_64 or aarch64 (this machine's own)
  --kernel V   Only this series: 5.10, 6.1, 6.12 or newest; may be repeated
  --hooks H    Only this first rung: auto, tracepoint, fentry, kprobe, connect=kprobe or
               receive=kprobe; may be repeated
  --filter S   Only cases whose name, as the table prints it, contains it; may be repeated
  --quick      A choice of cases on each kernel, all rungs on one
  --fresh      Run also what did not change since it passed
  --jobs N     Machines at a time: fewer need less memory and disk (as many as there are
               processors, and no more than fit into the memory available)
  --shell      A shell in the guest of the chosen kernel instead
  --break W    Does a run notice? Break something first, which must end in status 1
               and words that lead to it: panic (of the guest's kernel), probe (one that
               the verifier refuses) or offset (of a struct's member); on 6.12 and with
               the case that must find out, unless others are chosen

Making the guest's disk needs root; fetching kernels needs Debian's archive, once a day;
a kernel that cannot be had is a failed column, and the others run. All of it takes about
140 minutes on two processors, and
  memory  2 GiB for each running machine
  disk    below target: up to 2 GB for each running machine, 240 MB for the guest's disk,
          60 MB for kernels, and 6 GB for the debug build

Examples:
  cargo xtask vm
  cargo xtask vm --quick
  cargo xtask vm --kernel 5.10 --hooks kprobe --filter malicious
  cargo xtask vm --kernel 6.1 --shell
  cargo xtask vm --arch aarch64 --filter kernel::
  cargo xtask vm --break probe
";

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let started = Instant::now();
    let arch = Arch::parse("--arch", arguments.value("--arch")?.as_deref())?;
    let mut chosen_kernels = arguments.values("--kernel")?;
    let chosen_hooks: Vec<Hooks> =
        arguments.values("--hooks")?.iter().map(|name| Hooks::parse(name)).collect::<Result<_>>()?;
    let filters = arguments.values("--filter")?;
    let quick = arguments.flag("--quick");
    let fresh = arguments.flag("--fresh");
    let shell = arguments.flag("--shell");
    let breakage = arguments.value("--break")?.as_deref().map(Breakage::parse).transpose()?;
    let jobs = arguments
        .value("--jobs")?
        .map(|jobs| jobs.parse().with_context(|| format!("--jobs {jobs}: not a whole number")))
        .transpose()?;
    arguments.finish()?;

    let mut needed = arch.build_parts()?;
    needed.extend(arch.vm_parts());
    setup::ensure(&needed)?;
    let _lock = Lock::take(&workspace::target()?.join("vm"))?;
    workspace::sweep();
    if breakage.is_some() && chosen_kernels.is_empty() {
        chosen_kernels.push(ALL_RUNGS.to_owned());
    }
    let payload = Payload::build(arch)?;
    let cases = payload.cases()?;
    cases.check(&filters)?;
    if let Some(breakage) = breakage {
        breakage.apply(&payload)?;
    }
    let Kernels { there: kernels, missing } = kernels::fetch(arch, &chosen_kernels)?;
    let parts = Parts::make(arch, payload, cases.clone())?;
    if shell {
        let kernel = kernels.first().context("no kernel could be had")?;
        return boot::shell(kernel, &parts);
    }
    let choice = Choice { hooks: &chosen_hooks, filters: &filters, cases: &cases };
    let boots = if let Some(breakage) = breakage {
        plan::broken(&kernels, choice, breakage)
    } else if quick {
        plan::quick(&kernels, choice)
    } else {
        plan::full(&kernels, choice)
    };
    if boots.is_empty() && missing.is_empty() {
        bail!("no machine with these kernels and hooks has a case to run");
    }
    for case in plan::left_out(&boots, choice) {
        terminal::step(Mark::Skipped, "plan", format!("{case}: not with these kernels and hooks"));
    }
    let finished = run(&boots, &parts, fresh, jobs)?;
    for line in [programs::lines(&finished), ways::lines(&finished)].concat() {
        terminal::line(&line);
    }
    let mut table = Table::default();
    for one in &finished {
        table.add(one);
    }
    for one in &missing {
        table.add_missing(one);
    }
    table.print();
    let totals = table.totals();
    terminal::line(&format!("\n{} min\n{totals}", started.elapsed().as_secs().div_ceil(60)));
    Ok(if totals.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs `boots`, `jobs` at a time, in the order given. One that could not be run says so at once and has failed; the
/// others go on.
fn run(boots: &[Boot], parts: &Parts, fresh: bool, jobs: Option<usize>) -> Result<Vec<Finished>> {
    let room = Room::now();
    let jobs = jobs.unwrap_or_else(|| room.machines()).clamp(1, boots.len().max(1));
    terminal::step(Mark::Doing, "machines", format!("{}, {jobs} at a time ({})", boots.len(), room.words()));
    let progress = Progress::new(boots.len());
    let queue = Mutex::new(boots.iter().enumerate().collect::<VecDeque<_>>());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut finished = Vec::new();
        while let Some((at, boot)) = next() {
            let one = boot::run(boot, parts, fresh, &progress).unwrap_or_else(|error| {
                let why = format!("{error:#}");
                terminal::step(Mark::Failed, &boot.title, format!("{why}; {}", progress.end()));
                Finished::not_run(boot, &why)
            });
            finished.push((at, one));
        }
        finished
    };
    let mut finished = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            finished.extend(worker.join().map_err(|_| anyhow!("a worker panicked"))?);
        }
        anyhow::Ok(())
    })?;
    finished.sort_by_key(|(at, _)| *at);
    Ok(finished.into_iter().map(|(_, one)| one).collect())
}
