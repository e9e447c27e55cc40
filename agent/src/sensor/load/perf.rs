//! How strict this host is with perf events, through which programs come to kprobes and to some tracepoints.
//!
//! The kernel's own rule asks for `CAP_PERFMON`; Debian's and Ubuntu's ask, at levels that only they have, for
//! `CAP_SYS_ADMIN`, which root has and weir's unit gives up.

use std::fs;

use crate::event::Coverage;

const PARANOID: &str = "/proc/sys/kernel/perf_event_paranoid";
/// The strictest level that the kernel's own documentation knows.
const STRICTEST: i32 = 2;

/// What to do about a refusal, if it is for that strictness.
pub(super) fn remedy(reason: &str) -> Option<String> {
    remedy_at(strictness(fs::read_to_string(PARANOID).ok())?, reason)
}

fn remedy_at(level: i32, reason: &str) -> Option<String> {
    reason.contains("EACCES").then(|| {
        format!(
            "kernel.perf_event_paranoid is {level}, at which this kernel wants CAP_SYS_ADMIN for it; \
             `sysctl kernel.perf_event_paranoid=2`, or that capability, allows it"
        )
    })
}

/// What of the hooks in use a service without `CAP_SYS_ADMIN` would not get on this host; `None` when that is nothing.
#[must_use]
pub fn kept_from_the_service(coverage: &[Coverage]) -> Option<String> {
    kept_at(strictness(fs::read_to_string(PARANOID).ok())?, coverage)
}

fn kept_at(level: i32, coverage: &[Coverage]) -> Option<String> {
    let through_perf = |hook: &str| hook.starts_with("kprobe:") || hook.starts_with("tracepoint:");
    let kept = coverage.iter().filter(|sensor| through_perf(&sensor.hook));
    let kept: Vec<String> = kept.map(|sensor| format!("{} ({})", sensor.sensor, sensor.hook)).collect();
    (!kept.is_empty()).then(|| {
        format!(
            "kernel.perf_event_paranoid is {level}: a service without CAP_SYS_ADMIN, as weir's unit is, does not get {}; \
             `sysctl kernel.perf_event_paranoid=2` lets it",
            kept.join(", ")
        )
    })
}

/// The level, when it is one of those.
fn strictness(text: Option<String>) -> Option<i32> {
    text?.trim().parse().ok().filter(|level| *level > STRICTEST)
}

#[cfg(test)]
mod tests {
    use super::{kept_at, remedy_at, strictness};
    use crate::event::Coverage;

    #[test]
    fn levels_beyond_the_kernels_own_are_strict() {
        let rows = [(Some("3\n"), Some(3)), (Some("2\n"), None), (Some("-1\n"), None), (None, None)];
        for (text, expected) in rows {
            assert_eq!(strictness(text.map(str::to_owned)), expected, "{text:?}");
        }
    }

    #[test]
    fn a_refusal_names_the_remedy() {
        let rows = [
            ("`perf_event_open` failed: EACCES (Permission denied)", true),
            ("`perf_event_open` failed: ENOENT (No such file)", false),
        ];
        for (reason, expected) in rows {
            assert_eq!(remedy_at(3, reason).is_some(), expected, "{reason}");
        }
    }

    #[test]
    fn hooks_that_the_service_would_not_get_are_named() {
        let sensor = |sensor: &str, hook: &str| Coverage {
            sensor: sensor.to_owned(),
            hook: hook.to_owned(),
            ..Coverage::default()
        };
        let free = [sensor("fork", "tp_btf:sched_process_fork"), sensor("dns", "cgroup_skb:ingress")];
        assert_eq!(kept_at(3, &free), None);
        let kept = kept_at(4, &[&free[..], &[sensor("open", "tracepoint:syscalls:sys_exit_open*")]].concat());
        assert!(kept.is_some_and(|text| text.contains("is 4") && text.contains("get open (tracepoint:sys")));
    }
}
