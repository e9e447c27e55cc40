use agent_common::kernel_layout::KernelLayout;

use super::{Applies, Class, LADDER, Sensor, Tracepoints};
use crate::config::{HookKind, Hooks};

fn chosen(hooks: &str) -> Hooks {
    hooks.parse().expect("a choice of hooks")
}

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
        let named = match &later.applies {
            Applies::Always => &[],
            Applies::Unless(some) | Applies::Beside(some) => *some,
            Applies::WithFunction(_, on) => std::slice::from_ref(on),
        };
        for (name, hook) in named.iter().chain(later.rungs.iter().flat_map(|rung| rung.beside)) {
            let earlier = LADDER[..place].iter().find(|sensor| sensor.name == *name);
            let rungs = earlier.map(|sensor| sensor.rungs).unwrap_or_default();
            assert!(rungs.iter().any(|rung| rung.hook == *hook), "{}: {name} {hook}", later.name);
        }
    }
}

#[test]
fn the_configuration_chooses_the_first_rung() {
    let rows = [
        ("send", HookKind::Auto, "tp_btf:sock_send_length"),
        ("send", HookKind::Tracepoint, "tp_btf:sock_send_length"),
        ("send", HookKind::Fentry, "fexit:inet_sendmsg"),
        ("send", HookKind::Kprobe, "kprobe:tcp_sendmsg"),
        ("open", HookKind::Auto, "fexit:security_file_open"),
        ("open", HookKind::Tracepoint, "tracepoint:syscalls:sys_exit_open*"),
        // No kprobe carries opens: the agent chooses.
        ("open", HookKind::Kprobe, "fexit:security_file_open"),
        ("fork", HookKind::Kprobe, "raw_tp:sched_process_fork"),
        ("datagram.peer", HookKind::Tracepoint, "cgroup:sendmsg4,sendmsg6"),
    ];
    for (name, hooks, expected) in rows {
        let first = sensor(name).rungs(Hooks::all(hooks), Tracepoints::Held).first().map(|rung| rung.hook);
        assert_eq!(first, Some(expected), "{name} {hooks:?}");
    }
}

/// What was asked for first, then the rungs below, then those above from the best on.
#[test]
fn a_choice_that_is_refused_leaves_every_other_rung() {
    let (tracepoint, fentry, kprobe) =
        ("tp_btf:sock_send_length", "fexit:inet_sendmsg", "kprobe:tcp_sendmsg");
    let rows = [
        ("send=auto", [tracepoint, fentry, kprobe]),
        ("send=tracepoint", [tracepoint, fentry, kprobe]),
        ("send=fentry", [fentry, kprobe, tracepoint]),
        ("send=kprobe", [kprobe, tracepoint, fentry]),
        ("kprobe", [kprobe, tracepoint, fentry]),
    ];
    for (hooks, expected) in rows {
        let order: Vec<_> =
            sensor("send").rungs(chosen(hooks), Tracepoints::Held).iter().map(|rung| rung.hook).collect();
        assert_eq!(order, expected, "{hooks}");
    }
}

/// What holds the CPU comes first of its kind where the kernel's tracepoints do not, and is not there where they do.
#[test]
fn preempted_tracepoints_give_way() {
    let (held, tracepoint, fentry, kprobe) = (
        "tracepoint:sock:sock_send_length",
        "tp_btf:sock_send_length",
        "fexit:inet_sendmsg",
        "kprobe:tcp_sendmsg",
    );
    let rows: [(&str, Tracepoints, &[&str]); 5] = [
        ("auto", Tracepoints::Held, &[tracepoint, fentry, kprobe]),
        ("auto", Tracepoints::Preempted, &[held, tracepoint, fentry, kprobe]),
        ("tracepoint", Tracepoints::Preempted, &[held, tracepoint, fentry, kprobe]),
        ("fentry", Tracepoints::Preempted, &[fentry, kprobe, held, tracepoint]),
        ("kprobe", Tracepoints::Preempted, &[kprobe, held, tracepoint, fentry]),
    ];
    for (hooks, tracepoints, expected) in rows {
        let order: Vec<_> =
            sensor("send").rungs(chosen(hooks), tracepoints).iter().map(|rung| rung.hook).collect();
        assert_eq!(order, expected, "{hooks} {tracepoints:?}");
    }
}

#[test]
fn every_kind_that_a_sensor_has_can_be_chosen_for_it_and_no_other() {
    for sensor in LADDER.iter().filter(|sensor| Hooks::SENSORS.contains(&sensor.name)) {
        for kind in HookKind::ALL {
            let has = Class::asked_for(kind)
                .is_none_or(|class| sensor.rungs.iter().any(|rung| rung.class == class));
            let choice = format!("{}={}", sensor.name, kind.name());
            assert_eq!(choice.parse::<Hooks>().is_ok(), has, "{choice}");
        }
    }
}

/// Of one socket, each of these hooks speaks by a name: as long as one cannot make the cookie, somebody must.
#[test]
fn cookies_are_made_unless_every_hook_makes_them() {
    let rows = [
        ("auto", false),
        ("tracepoint", false),
        ("connect=kprobe", true),
        ("receive=kprobe", true),
        ("send=kprobe", true),
        ("connect=kprobe,receive=kprobe,send=kprobe", true),
        ("fentry", true),
        ("kprobe", true),
    ];
    for (hooks, expected) in rows {
        let first = |name| sensor(name).rungs(chosen(hooks), Tracepoints::Held).first().map(|rung| rung.hook);
        let wanted =
            sensor("socket.cookie").applies.is_met(|(name, hook)| first(name) == Some(hook), |_| true);
        assert_eq!(wanted, expected, "{hooks}");
    }
}

/// With a choice for this sensor alone, so that open and send can be forced independently, and with one for all.
#[test]
fn every_rung_can_be_the_first() {
    for sensor in LADDER {
        for rung in sensor.rungs {
            let is_first = |hooks: Hooks| {
                [Tracepoints::Held, Tracepoints::Preempted].into_iter().any(|tracepoints| {
                    sensor.rungs(hooks, tracepoints).first().map(|first| first.hook) == Some(rung.hook)
                })
            };
            assert!(
                HookKind::ALL.map(Hooks::all).into_iter().any(is_first),
                "{}: {}",
                sensor.name,
                rung.hook
            );
            let alone = HookKind::ALL.map(|kind| format!("{}={}", sensor.name, kind.name()));
            let mut alone = alone.iter().filter_map(|hooks| hooks.parse().ok());
            assert!(sensor.rungs.len() == 1 || alone.any(is_first), "{}: {}", sensor.name, rung.hook);
        }
    }
}

#[test]
fn a_sensor_can_be_chosen_for_when_it_has_a_choice() {
    let with_choice = LADDER.iter().filter(|sensor| sensor.rungs.len() > 1).map(|sensor| sensor.name);
    assert_eq!(with_choice.collect::<Vec<_>>(), Hooks::SENSORS);
}

/// A sensor that is wanted only beside certain hooks of another is wanted with some choice.
#[test]
fn dependent_sensors_are_wanted_with_some_choice() {
    for later in LADDER {
        let is_met = |kind| {
            let first =
                |name| sensor(name).rungs(Hooks::all(kind), Tracepoints::Held).first().map(|rung| rung.hook);
            later.applies.is_met(|(name, hook)| first(name) == Some(hook), |_| true)
        };
        assert!(HookKind::ALL.into_iter().any(is_met), "{}", later.name);
    }
}
