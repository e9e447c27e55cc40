use agent_common::kernel_layout::KernelLayout;

use super::{Applies, LADDER, Sensor};
use crate::config::Hooks;

fn sensor(name: &str) -> &'static Sensor {
    LADDER.iter().find(|sensor| sensor.name == name).expect("a sensor of the ladder")
}

#[test]
fn every_needed_member_is_in_the_layout() {
    let known: Vec<&str> = KernelLayout::MEMBERS.iter().map(|member| member.field).collect();
    for rung in LADDER.iter().flat_map(|sensor| sensor.rungs) {
        for need in rung.needs.iter().copied().flatten() {
            assert!(known.contains(need), "{}: {need}", rung.hook);
        }
    }
}

#[test]
fn conditions_name_earlier_sensors_and_their_hooks() {
    for (place, later) in LADDER.iter().enumerate() {
        let (name, hook) = match later.applies {
            Applies::Always => continue,
            Applies::Unless(name, hook) | Applies::WithFunction(_, name, hook) => (name, hook),
        };
        let earlier = LADDER[..place].iter().find(|sensor| sensor.name == name);
        let rungs = earlier.map(|sensor| sensor.rungs).unwrap_or_default();
        assert!(rungs.iter().any(|rung| rung.hook == hook), "{}: {name} {hook}", later.name);
    }
}

#[test]
fn the_configuration_chooses_the_first_rung() {
    let rows = [
        ("send", Hooks::Auto, "tp_btf:sock_send_length"),
        ("send", Hooks::Tracepoint, "tp_btf:sock_send_length"),
        ("send", Hooks::Fentry, "fexit:inet_sendmsg"),
        ("send", Hooks::Kprobe, "kprobe:tcp_sendmsg"),
        ("open", Hooks::Auto, "fexit:security_file_open"),
        ("open", Hooks::Tracepoint, "tracepoint:syscalls:sys_exit_open*"),
        // No kprobe carries opens: everything is tried.
        ("open", Hooks::Kprobe, "fexit:security_file_open"),
        ("fork", Hooks::Kprobe, "raw_tp:sched_process_fork"),
        ("datagram.peer", Hooks::Tracepoint, "cgroup:sendmsg4,sendmsg6"),
    ];
    for (name, hooks, expected) in rows {
        let first = sensor(name).rungs(hooks).first().map(|rung| rung.hook);
        assert_eq!(first, Some(expected), "{name} {hooks:?}");
    }
}
