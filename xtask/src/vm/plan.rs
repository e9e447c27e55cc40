//! Which machines to boot, and what to run in each.

use std::fmt::Write as _;

use anyhow::Result;

use super::{breakage::Breakage, kernel::Kernel, limits::ALIVE};
use crate::arguments;

/// The rung of the hook ladder that the agent begins with: its own choice, or a class of hooks that is forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hooks {
    Auto,
    Tracepoint,
    Fentry,
    Kprobe,
    /// Connections by a hook that cannot make a socket's cookie, bytes by hooks that can.
    KprobeConnect,
    /// Bytes received by such a hook, and all else by the others.
    KprobeReceive,
}

/// Every choice, those that mix kinds last.
const HOOKS: [Hooks; 6] = [
    Hooks::Auto,
    Hooks::Tracepoint,
    Hooks::Fentry,
    Hooks::Kprobe,
    Hooks::KprobeConnect,
    Hooks::KprobeReceive,
];

impl Hooks {
    /// # Errors
    /// When there are no such hooks; names those that there are.
    pub(super) fn parse(name: &str) -> Result<Self> {
        arguments::choice("--hooks", name, &HOOKS, Self::name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::KprobeConnect => "connect=kprobe",
            Self::KprobeReceive => "receive=kprobe",
        }
    }

    /// Cases that these hooks can change, as filters; none is all of them. How the agent starts, stops, refuses and
    /// reads its files does not depend on the hooks.
    const fn cases(self) -> &'static [&'static str] {
        match self {
            Self::Auto => &[],
            Self::Tracepoint | Self::Fentry | Self::Kprobe => &[
                KERNEL_TESTS,
                "malicious::",
                "honest::",
                "load::",
                "lifecycle::start-and-stop",
                "refusal::no-tracefs",
                "refusal::covered-tracefs",
            ],
            Self::KprobeConnect | Self::KprobeReceive => &[KERNEL_TESTS],
        }
    }

    /// Whether it mixes kinds: what that changes, the tests of the kernel programs show.
    const fn is_mixed(self) -> bool {
        match self {
            Self::Auto | Self::Tracepoint | Self::Fentry | Self::Kprobe => false,
            Self::KprobeConnect | Self::KprobeReceive => true,
        }
    }
}

/// One run of the suite within a machine.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) hooks: Hooks,
    /// Parts of names of cases; none is all of them.
    pub(super) filters: Vec<String>,
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
const QUICK: [&str; 7] = [
    KERNEL_TESTS,
    "malicious::tar-curl",
    "malicious::tar-openssl-pipe",
    "honest::backup-and-ping",
    "honest::git-clone",
    "load::small-ring",
    "refusal::",
];
/// Of these, the ones that tell rungs apart.
const QUICK_RUNGS: [&str; 2] = [KERNEL_TESTS, "malicious::tar-curl"];

/// Prefix of the names of the cases that need systemd, which machines without it leave out.
const SERVICE: &str = "service::";

/// Everything everywhere, each rung that differs.
pub(super) fn full(kernels: &[Kernel], hooks: &[Hooks], filters: &[String]) -> Vec<Boot> {
    let (services, others) = parted(filters);
    let filters_of_others = others.as_deref().unwrap_or_default();
    let mut boots = Vec::new();
    for kernel in kernels.iter().filter(|_| others.is_some()) {
        let runs = rungs(kernel).into_iter().filter_map(|rung| run(rung, filters_of_others, hooks));
        // A machine for each, so that what passed need not run again beside what did not; mixed kinds take no time.
        let (mixed, pure): (Vec<_>, Vec<_>) = runs.partition(|run| run.hooks.is_mixed());
        for runs in pure.into_iter().map(|run| vec![run]).chain([mixed]) {
            if let Some(first) = runs.first() {
                boots.push(Boot { title: title(kernel, first.hooks), ..boot(kernel, runs) });
            }
        }
    }
    boots.extend(kernels.iter().filter_map(|kernel| with_systemd(kernel, hooks, services.as_ref()?)));
    boots.extend(kernels.iter().filter_map(|kernel| locked_down(kernel, hooks, filters)));
    // Every kernel has its first word before any has its second.
    boots.sort_by_key(|boot| boot.title != boot.kernel.title());
    boots
}

/// A choice of cases on each kernel, all rungs on one.
pub(super) fn quick(kernels: &[Kernel], hooks: &[Hooks], filters: &[String]) -> Vec<Boot> {
    let (services, others) = parted(filters);
    let own = |cases: &[&str]| match &others {
        Some(others) if !others.is_empty() => others.clone(),
        Some(_) | None => cases.iter().map(|&case| case.to_owned()).collect(),
    };
    let mut boots: Vec<Boot> = kernels
        .iter()
        .filter(|_| others.is_some())
        .map(|kernel| {
            let mut runs = vec![run(Hooks::Auto, &own(&QUICK), hooks)];
            if kernel.series == ALL_RUNGS {
                let lower = rungs(kernel).into_iter().filter(|rung| *rung != Hooks::Auto);
                runs.extend(lower.map(|rung| run(rung, &own(&QUICK_RUNGS), hooks)));
            }
            let runs = runs.into_iter().flatten().collect();
            boot(kernel, runs)
        })
        .filter(|boot| !boot.runs.is_empty())
        .collect();
    for kernel in kernels.iter().filter(|kernel| kernel.series == ALL_RUNGS) {
        boots.extend(services.as_ref().and_then(|services| with_systemd(kernel, hooks, services)));
        boots.extend(locked_down(kernel, hooks, filters));
    }
    // The longest first, so that no machine runs alone at the end.
    boots.sort_by_key(|boot| std::cmp::Reverse(boot.runs.len()));
    boots
}

/// A machine of each kernel with something wrong in it, and the cases that must find out.
pub(super) fn broken(
    kernels: &[Kernel],
    hooks: &[Hooks],
    filters: &[String],
    breakage: Breakage,
) -> Vec<Boot> {
    let filters = if filters.is_empty() { vec![breakage.finder().to_owned()] } else { filters.to_vec() };
    let hooks = if hooks.is_empty() { &[Hooks::Auto] } else { hooks };
    let runs = |kernel: &Kernel| {
        let own = rungs(kernel).into_iter().filter(|rung| hooks.contains(rung));
        own.map(|hooks| Run { hooks, filters: filters.clone() }).collect()
    };
    let boots = kernels.iter().map(|kernel| Boot {
        title: format!("{}-broken-{}", kernel.title(), breakage.name()),
        broken: Some(breakage),
        ..boot(kernel, runs(kernel))
    });
    boots.filter(|boot| !boot.runs.is_empty()).collect()
}

/// Whether a case may say in this machine that it cannot run: everything that it needs is there, but for these.
pub(super) fn may_skip(boot: &Boot, case: &str) -> bool {
    match case {
        // Other machines are locked down.
        LOCKDOWN => boot.command_line.is_empty(),
        // The tracepoint names the request only from then on.
        "kernel::opens_through_io_uring" => boot.kernel.number() < (5, 18),
        _ => false,
    }
}

/// The rungs of a kernel that give a different set of hooks. Before 6.3 there is no tracepoint for bytes sent, so
/// that fentry is what the agent chooses by itself.
fn rungs(kernel: &Kernel) -> Vec<Hooks> {
    let before_6_3 = kernel.number() < (6, 3);
    HOOKS.into_iter().filter(|hooks| !(before_6_3 && *hooks == Hooks::Fentry)).collect()
}

/// A run of what the filters choose, when the hooks are wanted. Of hooks that are not asked for by name, no more than
/// they can change.
fn run(hooks: Hooks, filters: &[String], wanted: &[Hooks]) -> Option<Run> {
    if !chosen(hooks, wanted) {
        return None;
    }
    let mut filters = filters.to_vec();
    if wanted.is_empty() {
        if filters.is_empty() {
            filters = hooks.cases().iter().map(|&case| case.to_owned()).collect();
        } else if hooks.is_mixed() {
            filters.retain(|filter| filter.starts_with(KERNEL_TESTS));
            if filters.is_empty() {
                return None;
            }
        }
    }
    Some(Run { hooks, filters })
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
fn with_systemd(kernel: &Kernel, hooks: &[Hooks], filters: &[String]) -> Option<Boot> {
    chosen(Hooks::Auto, hooks).then(|| Boot {
        title: format!("{}-systemd", kernel.title()),
        services: true,
        ..boot(kernel, vec![Run { hooks: Hooks::Auto, filters: filters.to_vec() }])
    })
}

/// Filters for machines with systemd and for the others; none when such machines have nothing to run.
fn parted(filters: &[String]) -> (Option<Vec<String>>, Option<Vec<String>>) {
    if filters.is_empty() {
        return (Some(vec![SERVICE.to_owned()]), Some(Vec::new()));
    }
    let (services, others): (Vec<_>, Vec<_>) =
        filters.iter().cloned().partition(|filter| filter.starts_with(SERVICE));
    let some = |filters: Vec<String>| (!filters.is_empty()).then_some(filters);
    (some(services), some(others))
}

/// A machine that shows how the agent meets a kernel that lets nobody read kernel memory.
fn locked_down(kernel: &Kernel, hooks: &[Hooks], filters: &[String]) -> Option<Boot> {
    let wanted = filters.is_empty() || filters.iter().any(|filter| LOCKDOWN.contains(filter.as_str()));
    (wanted && chosen(Hooks::Auto, hooks)).then(|| Boot {
        title: format!("{}-lockdown", kernel.title()),
        command_line: "lockdown=confidentiality",
        ..boot(kernel, vec![Run { hooks: Hooks::Auto, filters: vec![LOCKDOWN.to_owned()] }])
    })
}

/// Prefix of the names of the tests of the kernel programs alone, which are a program of their own.
pub(super) const KERNEL_TESTS: &str = "kernel::";

impl Run {
    /// Words that choose cases of the suite; none when it is left out.
    pub(super) fn suite_words(&self) -> Option<Vec<String>> {
        let mut own: Vec<String> =
            self.filters.iter().filter(|filter| !filter.starts_with(KERNEL_TESTS)).cloned().collect();
        if !self.filters.is_empty() && own.is_empty() {
            return None;
        }
        if !own.iter().any(|filter| filter.starts_with(SERVICE)) {
            own.extend(["--skip", SERVICE].map(str::to_owned));
        }
        Some(own)
    }

    /// Filters for the tests of the kernel programs; none when they are left out.
    pub(super) fn kernel_filters(&self) -> Option<Vec<String>> {
        if self.filters.is_empty() || self.filters.iter().any(|filter| filter == KERNEL_TESTS) {
            return Some(Vec::new());
        }
        let own: Vec<String> = self
            .filters
            .iter()
            .filter_map(|filter| filter.strip_prefix(KERNEL_TESTS))
            .map(str::to_owned)
            .collect();
        (!own.is_empty()).then_some(own)
    }
}

impl Boot {
    /// Its kernel, and what is special about it but its hooks.
    pub(super) fn heading(&self) -> String {
        let is_plain = !self.services && self.command_line.is_empty() && self.broken.is_none();
        if is_plain { self.kernel.title() } else { self.title.clone() }
    }

    /// The plan as the guest reads it (`tests::guest::plan`): words parted by tabs.
    pub(super) fn text(&self) -> String {
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
            if let Some(filters) = run.kernel_filters() {
                let _ = writeln!(
                    text,
                    "step\t{hooks}/kernel\nenv\tWEIR_HOOKS={hooks}\nrun\t/opt/weir/kernel\t--test-threads=1\t--show-output\t--color=never{}",
                    words(&filters)
                );
            }
            if let Some(chosen) = run.suite_words() {
                let _ = writeln!(
                    text,
                    "step\t{hooks}/suite\nenv\tWEIR_HOOKS={hooks}\nenv\tWEIR_EMULATED=1\nrun\t/opt/weir/scenarios\trun\t--weir\t{weir}\t--artifacts\t/var/log/weir-tests/{hooks}{}",
                    words(&chosen)
                );
            }
        }
        text
    }
}

fn words(filters: &[String]) -> String {
    filters.iter().flat_map(|filter| ["\t", filter]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    fn kernel(series: &str) -> Kernel {
        Kernel {
            arch: Arch::parse("own", None).unwrap(),
            series: series.to_owned(),
            version: format!("{series}.1-1"),
            image: "vmlinuz".into(),
            modules: Vec::new(),
        }
    }

    fn outline(boots: &[Boot]) -> Vec<String> {
        let runs = |boot: &Boot| boot.runs.iter().map(|run| run.hooks.name()).collect::<Vec<_>>().join("+");
        boots.iter().map(|boot| format!("{} {}", boot.title, runs(boot))).collect()
    }

    #[test]
    fn every_kernel_runs_every_rung_that_differs() {
        let kernels = ["5.10", "6.1", "6.12", "7.2"].map(kernel);
        assert_eq!(
            outline(&full(&kernels, &[], &[])),
            [
                "5.10 auto",
                "6.1 auto",
                "6.12 auto",
                "7.2 auto",
                "5.10-tracepoint tracepoint",
                "5.10-kprobe kprobe",
                "5.10-mixed connect=kprobe+receive=kprobe",
                "6.1-tracepoint tracepoint",
                "6.1-kprobe kprobe",
                "6.1-mixed connect=kprobe+receive=kprobe",
                "6.12-tracepoint tracepoint",
                "6.12-fentry fentry",
                "6.12-kprobe kprobe",
                "6.12-mixed connect=kprobe+receive=kprobe",
                "7.2-tracepoint tracepoint",
                "7.2-fentry fentry",
                "7.2-kprobe kprobe",
                "7.2-mixed connect=kprobe+receive=kprobe",
                "5.10-systemd auto",
                "6.1-systemd auto",
                "6.12-systemd auto",
                "7.2-systemd auto",
                "5.10-lockdown auto",
                "6.1-lockdown auto",
                "6.12-lockdown auto",
                "7.2-lockdown auto",
            ]
        );
        assert_eq!(
            outline(&quick(&kernels, &[], &[])),
            [
                "6.12 auto+tracepoint+fentry+kprobe+connect=kprobe+receive=kprobe",
                "5.10 auto",
                "6.1 auto",
                "7.2 auto",
                "6.12-systemd auto",
                "6.12-lockdown auto",
            ]
        );
        assert_eq!(
            outline(&full(&kernels, &[Hooks::Fentry], &["scp".to_owned()])),
            ["6.12-fentry fentry", "7.2-fentry fentry"]
        );
        let scp = ["scp".to_owned()];
        assert_eq!(
            outline(&full(&kernels[..1], &[], &scp)),
            ["5.10 auto", "5.10-tracepoint tracepoint", "5.10-kprobe kprobe"]
        );
        assert_eq!(
            outline(&full(&kernels[..1], &[Hooks::KprobeReceive], &scp)),
            ["5.10-mixed receive=kprobe"]
        );
        let mixed = |boots: Vec<Boot>| {
            let runs = boots.into_iter().flat_map(|boot| boot.runs).filter(|run| run.hooks.is_mixed());
            runs.flat_map(|run| run.filters).collect::<Vec<_>>()
        };
        assert_eq!(mixed(full(&kernels[..1], &[], &[])), ["kernel::", "kernel::"]);
        assert_eq!(mixed(quick(&kernels[2..3], &[], &[])), ["kernel::", "kernel::"]);
        let kill = ["service::kill".to_owned()];
        assert_eq!(outline(&full(&kernels[2..], &[], &kill)), ["6.12-systemd auto", "7.2-systemd auto"]);
    }

    #[test]
    fn filters_find_their_program() {
        type Filters<'a> = &'a [&'a str];
        let rows: [(Filters<'_>, Option<Filters<'_>>, Option<Filters<'_>>); 5] = [
            (&[], Some(&["--skip", "service::"]), Some(&[])),
            (&["kernel::"], None, Some(&[])),
            (&["kernel::opens", "scp"], Some(&["scp", "--skip", "service::"]), Some(&["opens"])),
            (&["scp"], Some(&["scp", "--skip", "service::"]), None),
            (&["service::"], Some(&["service::"]), None),
        ];
        for (filters, suite, kernel) in rows {
            let run =
                Run { hooks: Hooks::Auto, filters: filters.iter().map(|&word| word.to_owned()).collect() };
            assert_eq!(run.suite_words().as_deref(), suite.map(own).as_deref(), "{filters:?}");
            assert_eq!(run.kernel_filters().as_deref(), kernel.map(own).as_deref(), "{filters:?}");
        }
    }

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }
}
