//! Which machines to boot, and what to run in each.

mod hooks;
mod cases;

pub(super) use self::{
    cases::{Cases, Program, Step},
    hooks::Hooks,
};

use std::fmt::Write as _;

use self::{cases::KERNEL_TESTS, hooks::HOOKS};
use super::{breakage::Breakage, kernel::Kernel, limits::ALIVE};

/// One run of the suite within a machine.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) hooks: Hooks,
    /// Names of its cases, as the table prints them.
    pub(super) cases: Vec<String>,
}

/// What a person asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice<'c> {
    /// None is all.
    pub(super) hooks: &'c [Hooks],
    /// Parts of names of cases; none is all.
    pub(super) filters: &'c [String],
    /// Those that there are.
    pub(super) cases: &'c Cases,
}

/// One machine.
#[derive(Clone, Debug)]
pub(super) struct Boot {
    /// Unique among the boots of a plan; also a folder's name.
    pub(super) title: String,
    pub(super) kernel: Kernel,
    /// Words for the kernel's command line.
    pub(super) command_line: &'static str,
    /// systemd is its first process, with the agent installed as a service.
    pub(super) services: bool,
    pub(super) runs: Vec<Run>,
    /// What is wrong on purpose.
    pub(super) broken: Option<Breakage>,
}

/// The kernel that runs every rung also when time is short: the oldest that has all of them.
pub(super) const ALL_RUNGS: &str = "6.12";
/// The case that needs a kernel that is locked down.
const LOCKDOWN: &str = "refusal::lockdown";
/// Cases for when time is short: each family of hooks, one alert over each kind of path, and silence.
const QUICK: [&str; 5] = [
    KERNEL_TESTS,
    "malicious::tar-curl",
    "malicious::tar-openssl-pipe",
    "honest::backup-and-ping",
    "honest::git-clone",
];
/// Those that one kernel runs for all: the one that runs every rung.
const QUICK_ONCE: [&str; 2] = ["load::small-ring", "refusal::"];
/// Of these, the ones that tell rungs apart.
const QUICK_RUNGS: [&str; 2] = [KERNEL_TESTS, "malicious::tar-curl"];

/// Prefix of the names of the cases that need systemd, which machines without it leave out.
const SERVICE: &str = "service::";

/// Everything everywhere, each rung that differs.
pub(super) fn full(kernels: &[Kernel], choice: Choice<'_>) -> Vec<Boot> {
    let (services, others) = parted(choice.cases.matching(choice.filters));
    let mut boots = Vec::new();
    for kernel in kernels {
        let runs = rungs(kernel).into_iter().filter_map(|rung| run(rung, &others, choice.hooks));
        // A machine for each, so that what passed need not run again beside what did not; mixed kinds take no time.
        let (mixed, pure): (Vec<_>, Vec<_>) = runs.partition(|run| run.hooks.is_mixed());
        for runs in pure.into_iter().map(|run| vec![run]).chain([mixed]) {
            if let Some(first) = runs.first() {
                boots.push(Boot { title: title(kernel, first.hooks), ..boot(kernel, runs) });
            }
        }
    }
    boots.extend(kernels.iter().filter_map(|kernel| with_systemd(kernel, choice.hooks, &services)));
    boots.extend(kernels.iter().filter_map(|kernel| locked_down(kernel, choice.hooks, &others)));
    // Every kernel has its first word before any has its second.
    boots.sort_by_key(|boot| boot.title != boot.kernel.title());
    boots
}

/// A choice of cases on each kernel, all rungs on one.
pub(super) fn quick(kernels: &[Kernel], choice: Choice<'_>) -> Vec<Boot> {
    let (services, others) = parted(choice.cases.matching(choice.filters));
    let few = |parts: &[&str]| match choice.filters {
        [] => parted(choice.cases.matching(parts)).1,
        [..] => others.clone(),
    };
    let mut boots: Vec<Boot> = kernels
        .iter()
        .map(|kernel| {
            let once: &[&str] = if kernel.series == ALL_RUNGS { &QUICK_ONCE } else { &[] };
            let cases = few(&[QUICK.as_slice(), once].concat());
            let mut runs = vec![run(Hooks::Auto, &cases, choice.hooks)];
            if kernel.series == ALL_RUNGS {
                let lower = rungs(kernel).into_iter().filter(|rung| *rung != Hooks::Auto);
                runs.extend(lower.map(|rung| run(rung, &few(&QUICK_RUNGS), choice.hooks)));
            }
            let runs = runs.into_iter().flatten().collect();
            boot(kernel, runs)
        })
        .filter(|boot| !boot.runs.is_empty())
        .collect();
    for kernel in kernels.iter().filter(|kernel| kernel.series == ALL_RUNGS) {
        boots.extend(with_systemd(kernel, choice.hooks, &services));
        boots.extend(locked_down(kernel, choice.hooks, &others));
    }
    // The longest first, so that no machine runs alone at the end.
    boots.sort_by_key(|boot| std::cmp::Reverse(boot.runs.len()));
    boots
}

/// A machine of each kernel with something wrong in it, and the cases that must find out.
pub(super) fn broken(kernels: &[Kernel], choice: Choice<'_>, breakage: Breakage) -> Vec<Boot> {
    let (_, cases) = parted(match choice.filters {
        [] => choice.cases.matching(&[breakage.finder()]),
        filters @ [..] => choice.cases.matching(filters),
    });
    let hooks = if choice.hooks.is_empty() { &[Hooks::Auto] } else { choice.hooks };
    let runs =
        |kernel: &Kernel| rungs(kernel).into_iter().filter_map(|rung| run(rung, &cases, hooks)).collect();
    let boots = kernels.iter().map(|kernel| Boot {
        title: format!("{}-broken-{}", kernel.title(), breakage.name()),
        broken: Some(breakage),
        ..boot(kernel, runs(kernel))
    });
    boots.filter(|boot| !boot.runs.is_empty()).collect()
}

/// Cases that were asked for by name and that no machine of the plan runs: with other kernels or hooks one would.
pub(super) fn left_out(boots: &[Boot], choice: Choice<'_>) -> Vec<String> {
    if choice.filters.is_empty() {
        return Vec::new();
    }
    let runs = |case: &String| boots.iter().flat_map(|boot| &boot.runs).any(|run| run.cases.contains(case));
    choice.cases.matching(choice.filters).into_iter().filter(|case| !runs(case)).collect()
}

/// Whether a case may say in this machine that it cannot run: everything that it needs is there, but for these.
pub(super) fn may_skip(boot: &Boot, case: &str) -> bool {
    match case {
        // Other machines are locked down.
        LOCKDOWN => boot.command_line.is_empty(),
        // The tracepoint names the request only from then on.
        "kernel::opens_through_io_uring" => boot.kernel.number() < (5, 18),
        // The guest's disk has no browser, and no kernel changes what one shows.
        "explain::page-in-a-browser" => true,
        _ => false,
    }
}

/// The rungs of a kernel that give a different set of hooks. Before 6.3 there is no tracepoint for bytes sent, so
/// that fentry is what the agent chooses by itself.
fn rungs(kernel: &Kernel) -> Vec<Hooks> {
    let before_6_3 = kernel.number() < (6, 3);
    HOOKS.into_iter().filter(|hooks| !(before_6_3 && *hooks == Hooks::Fentry)).collect()
}

/// A run of these cases, when the hooks are wanted and there is one. With hooks that are not asked for by name, only of
/// those that they can change.
fn run(hooks: Hooks, cases: &[String], wanted: &[Hooks]) -> Option<Run> {
    let belongs = |case: &&String| !wanted.is_empty() || hooks.can_change(case);
    let cases: Vec<String> = cases.iter().filter(belongs).cloned().collect();
    (chosen(hooks, wanted) && !cases.is_empty()).then_some(Run { hooks, cases })
}

fn title(kernel: &Kernel, hooks: Hooks) -> String {
    match hooks {
        Hooks::Auto => kernel.title(),
        Hooks::Tracepoint | Hooks::Fentry | Hooks::Kprobe => format!("{}-{}", kernel.title(), hooks.name()),
        Hooks::KprobeConnect | Hooks::KprobeReceive => format!("{}-mixed", kernel.title()),
    }
}

fn chosen(hooks: Hooks, wanted: &[Hooks]) -> bool {
    wanted.is_empty() || wanted.contains(&hooks)
}

/// A machine with nothing special about it.
fn boot(kernel: &Kernel, runs: Vec<Run>) -> Boot {
    Boot {
        title: kernel.title(),
        kernel: kernel.clone(),
        command_line: "",
        services: false,
        runs,
        broken: None,
    }
}

/// A machine that runs the agent as a service, with the hooks that it chooses.
fn with_systemd(kernel: &Kernel, hooks: &[Hooks], services: &[String]) -> Option<Boot> {
    run(Hooks::Auto, services, hooks).map(|run| Boot {
        title: format!("{}-systemd", kernel.title()),
        services: true,
        ..boot(kernel, vec![run])
    })
}

/// The cases that need systemd, and the others.
fn parted(cases: Vec<String>) -> (Vec<String>, Vec<String>) {
    cases.into_iter().partition(|case| case.starts_with(SERVICE))
}

/// A machine that shows how the agent meets a kernel that lets nobody read kernel memory.
fn locked_down(kernel: &Kernel, hooks: &[Hooks], cases: &[String]) -> Option<Boot> {
    let own: Vec<String> = cases.iter().filter(|case| *case == LOCKDOWN).cloned().collect();
    run(Hooks::Auto, &own, hooks).map(|run| Boot {
        title: format!("{}-lockdown", kernel.title()),
        command_line: "lockdown=confidentiality",
        ..boot(kernel, vec![run])
    })
}

impl Boot {
    /// Its kernel, and what is special about it but its hooks.
    pub(super) fn heading(&self) -> String {
        let is_plain = !self.services && self.command_line.is_empty() && self.broken.is_none();
        if is_plain { self.kernel.title() } else { self.title.clone() }
    }

    /// The plan as the guest reads it (`tests::guest::plan`): words parted by tabs.
    pub(super) fn text(&self, cases: &Cases) -> String {
        // Writing to a string cannot fail.
        let mut text = String::new();
        let _ = writeln!(text, "alive\t{}", ALIVE.as_secs());
        text.push_str(self.broken.map_or("", Breakage::plan));
        let weir = if self.services {
            text.push_str("init\t/lib/systemd/systemd\n");
            "/usr/bin/weir"
        } else {
            "/opt/weir/weir"
        };
        for run in &self.runs {
            let hooks = run.hooks.name();
            for step in cases.steps(run) {
                let _ = writeln!(text, "step\t{}\nenv\tWEIR_HOOKS={hooks}", step.name(run.hooks));
                let _ = match step.program {
                    Program::Kernel => {
                        write!(text, "run\t/opt/weir/kernel\t--test-threads=1\t--show-output\t--color=never")
                    }
                    Program::Suite => write!(
                        text,
                        "env\tWEIR_EMULATED=1\nrun\t/opt/weir/scenarios\trun\t--weir\t{weir}\t--artifacts\t/var/log/weir-tests/{hooks}"
                    ),
                };
                step.words.iter().for_each(|word| text.extend(["\t", word]));
                text.push('\n');
            }
        }
        text
    }
}

#[cfg(test)]
mod tests;
