//! `cargo xtask vm`: the suite on real distribution kernels, in virtual machines.

mod arch;
mod boot;
mod breakage;
mod cache;
mod console;
mod initramfs;
mod kernel;
mod limits;
mod lines;
mod lock;
mod machine;
mod module;
mod passed;
mod payload;
mod plan;
mod programs;
mod results;
mod root;
mod table;

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
    kernel::Kernel,
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
  --jobs N     Machines at a time (as many as processors)
  --shell      A shell in the guest of the chosen kernel instead
  --break W    Does a run notice? Break something first, which must end in status 1
               and words that lead to it: panic (of the guest's kernel), probe (one that
               the verifier refuses) or offset (of a struct's member); on 6.12 and with
               the case that must find out, unless others are chosen

Making the guest's disk needs root; fetching kernels needs Debian's archive, once a day.

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
    let jobs = match arguments.value("--jobs")? {
        Some(jobs) => jobs.parse().with_context(|| format!("--jobs {jobs}: not a whole number"))?,
        None => default_jobs(),
    };
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
    let kernels = kernels(arch, &chosen_kernels)?;
    let parts = Parts::make(arch, payload, cases.clone())?;
    if shell {
        let kernel = kernels.first().context("no kernel")?;
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
    if boots.is_empty() {
        bail!("no machine with these kernels and hooks has a case to run");
    }
    for case in plan::left_out(&boots, choice) {
        terminal::step(Mark::Skipped, "plan", format!("{case}: not with these kernels and hooks"));
    }
    let finished = run(&boots, &parts, fresh, jobs)?;
    programs::print(&finished);
    let mut table = Table::default();
    for one in &finished {
        table.add(one);
    }
    table.print();
    let totals = table.totals();
    terminal::line(&format!("\n{} min\n{totals}", started.elapsed().as_secs().div_ceil(60)));
    Ok(if totals.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// An emulated guest keeps one processor busy: alone it left two thirds of two idle, a second one used them up.
fn default_jobs() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn kernels(arch: Arch, chosen: &[String]) -> Result<Vec<Kernel>> {
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|one| one == name);
    let mut kernels = Vec::new();
    for (name, suite) in kernel::SUITES {
        // The newest one's series is known once it is there.
        let unsettled =
            name == "newest" && chosen.iter().any(|one| !kernel::SUITES.iter().any(|(name, _)| name == one));
        if !wanted(name) && !unsettled {
            continue;
        }
        let kernel = kernel::fetch(suite, arch)?;
        if wanted(name) || wanted(&kernel.series) {
            terminal::step(Mark::Ok, "kernel", format!("{} from {suite}", kernel.version));
            kernels.push(kernel);
        }
    }
    for one in chosen {
        if one != "newest" && !kernels.iter().any(|kernel| kernel.series == *one) {
            let known: Vec<&str> = kernel::SUITES.iter().map(|(name, _)| *name).collect();
            bail!("there is no kernel {one} here; known are {}", known.join(", "));
        }
    }
    Ok(kernels)
}

/// Runs `boots`, `jobs` at a time, in the order given. One that could not be run says so at once and has failed; the
/// others go on.
fn run(boots: &[Boot], parts: &Parts, fresh: bool, jobs: usize) -> Result<Vec<Finished>> {
    let queue = Mutex::new(boots.iter().enumerate().collect::<VecDeque<_>>());
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let work = || {
        let mut finished = Vec::new();
        while let Some((at, boot)) = next() {
            let one = boot::run(boot, parts, fresh).unwrap_or_else(|error| {
                let why = format!("{error:#}");
                terminal::step(Mark::Failed, &boot.title, &why);
                Finished::not_run(boot, &why)
            });
            finished.push((at, one));
        }
        finished
    };
    let mut finished = Vec::new();
    thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.max(1)).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            finished.extend(worker.join().map_err(|_| anyhow!("a worker panicked"))?);
        }
        anyhow::Ok(())
    })?;
    finished.sort_by_key(|(at, _)| *at);
    Ok(finished.into_iter().map(|(_, one)| one).collect())
}
