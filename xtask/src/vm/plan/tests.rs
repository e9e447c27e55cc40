//! Plans in outline.

use super::{super::kernel, *};

/// Some of the suite's cases: of each family, and of each kind that a plan tells from others.
fn cases() -> Cases {
    Cases::new(
        own(&["opens_are_reported_once", "opens_through_io_uring", "sensors_that_every_kernel_carries"]),
        own(&[
            "explain::tree",
            "refusal::lockdown",
            "refusal::no-tracefs",
            "refusal::second",
            "lifecycle::start-and-stop",
            "service::kill",
            "service::stop",
            "malicious::tar-curl",
            "malicious::tar-scp",
            "honest::git-clone",
            "load::small-ring",
        ]),
    )
    .unwrap()
}

fn own(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

type Plan = fn(&[Kernel], Choice<'_>) -> Vec<Boot>;

fn planned(plan: Plan, series: &[&str], hooks: &[Hooks], filters: &[&str]) -> Vec<Boot> {
    let kernels: Vec<Kernel> = series.iter().map(|series| kernel::sample(series)).collect();
    plan(&kernels, Choice { hooks, filters: &own(filters), cases: &cases() })
}

fn outline(boots: &[Boot]) -> Vec<String> {
    let runs = |boot: &Boot| boot.runs.iter().map(|run| run.hooks.name()).collect::<Vec<_>>().join("+");
    boots.iter().map(|boot| format!("{} {}", boot.title, runs(boot))).collect()
}

#[test]
fn every_kernel_runs_every_rung_that_differs() {
    let all = ["5.10", "6.1", "6.12", "7.2"];
    assert_eq!(
        outline(&planned(full, &all, &[], &[])),
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
        outline(&planned(quick, &all, &[], &[])),
        [
            "6.12 auto+tracepoint+fentry+kprobe+connect=kprobe+receive=kprobe",
            "5.10 auto",
            "6.1 auto",
            "7.2 auto",
            "6.12-systemd auto",
            "6.12-lockdown auto",
        ]
    );
}

/// Runs with their cases, which stand for themselves when there are few of them.
fn chosen_cases(boots: &[Boot]) -> Vec<String> {
    let run =
        |boot: &Boot, run: &Run| format!("{} {}: {}", boot.title, run.hooks.name(), run.cases.join(" "));
    boots.iter().flat_map(|boot| boot.runs.iter().map(move |one| run(boot, one))).collect()
}

#[test]
fn filters_choose_by_the_names_of_the_table() {
    type Row<'a> = (Plan, &'a [&'a str], &'a [Hooks], &'a [&'a str], &'a [&'a str]);
    let rows: [Row<'_>; 11] = [
        (
            full,
            &["5.10"],
            &[],
            &["stop"],
            &[
                "5.10 auto: lifecycle::start-and-stop",
                "5.10-tracepoint tracepoint: lifecycle::start-and-stop",
                "5.10-kprobe kprobe: lifecycle::start-and-stop",
                "5.10-systemd auto: service::stop",
            ],
        ),
        (
            full,
            &["5.10"],
            &[],
            &["opens_through"],
            &[
                "5.10 auto: kernel::opens_through_io_uring",
                "5.10-tracepoint tracepoint: kernel::opens_through_io_uring",
                "5.10-kprobe kprobe: kernel::opens_through_io_uring",
                "5.10-mixed connect=kprobe: kernel::opens_through_io_uring",
                "5.10-mixed receive=kprobe: kernel::opens_through_io_uring",
            ],
        ),
        (
            full,
            &["6.12", "7.2"],
            &[],
            &["ice::kill"],
            &["6.12-systemd auto: service::kill", "7.2-systemd auto: service::kill"],
        ),
        (full, &["6.12"], &[], &["explain", "no-such"], &["6.12 auto: explain::tree"]),
        (full, &["6.12"], &[Hooks::Kprobe], &["explain"], &["6.12-kprobe kprobe: explain::tree"]),
        (full, &["5.10", "7.2"], &[Hooks::Fentry], &["scp"], &["7.2-fentry fentry: malicious::tar-scp"]),
        (
            full,
            &["5.10"],
            &[Hooks::KprobeReceive],
            &["scp"],
            &["5.10-mixed receive=kprobe: malicious::tar-scp"],
        ),
        (
            full,
            &["6.12"],
            &[],
            &["lockd"],
            &["6.12 auto: refusal::lockdown", "6.12-lockdown auto: refusal::lockdown"],
        ),
        (full, &["6.12"], &[Hooks::Kprobe], &["service::"], &[]),
        (full, &["6.12"], &[], &["no-such"], &[]),
        (
            quick,
            &["5.10", "6.12"],
            &[Hooks::Auto],
            &["kill", "git"],
            &[
                "5.10 auto: honest::git-clone",
                "6.12 auto: honest::git-clone",
                "6.12-systemd auto: service::kill",
            ],
        ),
    ];
    for (plan, series, hooks, filters, expected) in rows {
        assert_eq!(chosen_cases(&planned(plan, series, hooks, filters)), expected, "{hooks:?} {filters:?}");
    }
}

#[test]
fn without_a_filter_hooks_run_what_they_can_change() {
    let runs = |plan: Plan, hooks: Hooks| {
        let mut runs: Vec<Run> = planned(plan, &["6.12"], &[], &[])
            .into_iter()
            .filter(|boot| !boot.services && boot.command_line.is_empty())
            .flat_map(|boot| boot.runs)
            .filter(|run| run.hooks == hooks)
            .collect();
        assert_eq!(runs.len(), 1, "{hooks:?}");
        runs.remove(0).cases
    };
    let every = runs(full, Hooks::Auto);
    assert_eq!(every.len(), cases().matching(&[""; 0]).len() - 2, "all but the service's");
    assert!(!every.iter().any(|case| case.starts_with(SERVICE)));
    let lower = runs(full, Hooks::Kprobe);
    for (case, belongs) in [
        ("explain::tree", false),
        ("refusal::second", false),
        ("refusal::no-tracefs", true),
        ("lifecycle::start-and-stop", true),
        ("kernel::opens_are_reported_once", true),
        ("malicious::tar-scp", true),
    ] {
        assert_eq!(lower.iter().any(|one| one == case), belongs, "{case}");
    }
    for plan in [full as Plan, quick] {
        assert!(runs(plan, Hooks::KprobeReceive).iter().all(|case| case.starts_with(KERNEL_TESTS)));
    }
    assert!(runs(quick, Hooks::Auto).len() < every.len() && runs(quick, Hooks::Kprobe).len() < lower.len());
}

#[test]
fn a_machine_may_skip_only_what_it_cannot_have() {
    let browser = "explain::page-in-a-browser";
    let rows = [
        ("5.10", "", LOCKDOWN, true),
        ("5.10", "lockdown=confidentiality", LOCKDOWN, false),
        ("5.10", "", "kernel::opens_through_io_uring", true),
        ("6.1", "", "kernel::opens_through_io_uring", false),
        ("7.2", "", browser, true),
        ("7.2", "", "malicious::tar-scp", false),
    ];
    for (series, command_line, case, expected) in rows {
        let boot = Boot { command_line, ..boot(&kernel::sample(series), Vec::new()) };
        assert_eq!(may_skip(&boot, case), expected, "{series} {command_line:?} {case}");
    }
}

#[test]
fn what_is_broken_is_found_by_one_case() {
    let broken: Plan = |kernels, choice| broken(kernels, choice, Breakage::Offset);
    for (hooks, filters, expected) in [
        (
            &[] as &[Hooks],
            &[] as &[&str],
            &["6.12-broken-offset auto: kernel::opens_are_reported_once"] as &[&str],
        ),
        (&[Hooks::Kprobe], &["scp"], &["6.12-broken-offset kprobe: malicious::tar-scp"]),
        (&[], &["service::"], &[]),
    ] {
        assert_eq!(chosen_cases(&planned(broken, &["6.12"], hooks, filters)), expected, "{filters:?}");
    }
}

#[test]
fn what_nobody_runs_is_said() {
    for (hooks, filters, expected) in [
        (&[] as &[Hooks], &["stop"] as &[&str], &[] as &[&str]),
        (&[Hooks::Kprobe], &["stop"], &["service::stop"]),
        (&[Hooks::Kprobe], &[], &[]),
    ] {
        let (filters, cases) = (own(filters), cases());
        let choice = Choice { hooks, filters: &filters, cases: &cases };
        let boots = full(&[kernel::sample("6.12")], choice);
        assert_eq!(left_out(&boots, choice), expected, "{hooks:?} {filters:?}");
    }
}

#[test]
fn a_guest_is_told_what_to_run() {
    let text = |series: &str, filters: &[&str]| {
        planned(full, &[series], &[Hooks::Auto], filters)
            .iter()
            .map(|boot| boot.text(&cases()))
            .collect::<String>()
    };
    assert_eq!(
        text("6.12", &["opens_are", "scp", "kill"]),
        "alive\t30\nstep\tauto/kernel\nenv\tWEIR_HOOKS=auto\nrun\t/opt/weir/kernel\t--test-threads=1\t--show-output\t\
         --color=never\topens_are_reported_once\nstep\tauto/suite\nenv\tWEIR_HOOKS=auto\nenv\tWEIR_EMULATED=1\nrun\t\
         /opt/weir/scenarios\trun\t--weir\t/opt/weir/weir\t--artifacts\t/var/log/weir-tests/auto\tmalicious::tar-scp\n\
         alive\t30\ninit\t/lib/systemd/systemd\nstep\tauto/suite\nenv\tWEIR_HOOKS=auto\nenv\tWEIR_EMULATED=1\nrun\t\
         /opt/weir/scenarios\trun\t--weir\t/usr/bin/weir\t--artifacts\t/var/log/weir-tests/auto\tservice::kill\n"
    );
}
