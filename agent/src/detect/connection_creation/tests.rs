//! Connections, their ports, and the bytes of one.

use super::{ConnectionCreation, Signal};
use crate::{
    config,
    detect::{Analytic, Object, Observation, Scope, Stage, Volume, testing},
    process::Process,
};

fn analytic() -> ConnectionCreation {
    let ports = vec![21, 22, 53, 443];
    ConnectionCreation::new(&config::Volume { ports, port_bytes: 5_000_000, any_bytes: 10_000_000 })
}

fn see(analytic: &mut ConnectionCreation, process: &Process, observation: &Observation<'_>) -> Vec<Signal> {
    testing::signals(process, &[], observation, |subject, observation, out| {
        analytic.observe(3, subject, observation, out);
    })
}

fn connect(remote: &str, protocol: u16, outside: bool, first_seen: bool) -> Observation<'static> {
    Observation::Connect {
        remote: remote.parse().expect("an address"),
        protocol,
        outside,
        first_seen,
        unnamed: false,
    }
}

#[test]
fn risk_by_port_and_novelty() {
    let rows = [
        ("198.51.100.1:80", 6, true, false, Some(1.0)),
        ("198.51.100.1:80", 6, true, true, Some(3.0)),
        ("198.51.100.1:443", 6, true, false, Some(2.0)),
        ("198.51.100.1:443", 17, true, true, Some(4.0)),
        ("198.51.100.1:22", 6, true, false, Some(3.0)),
        ("198.51.100.1:21", 6, true, true, Some(5.0)),
        ("198.51.100.1:53", 17, true, false, Some(1.0)),
        ("198.51.100.1:53", 6, true, false, Some(3.0)),
        ("[2001:db8::1]:443", 6, true, false, Some(2.0)),
        ("10.0.0.1:443", 6, false, true, None),
        // The resolver's look at its own address.
        ("198.51.100.1:0", 17, true, true, None),
    ];
    for (remote, protocol, outside, first_seen, risk) in rows {
        let process = testing::process(1, "x");
        let mut analytic = analytic();
        let found = see(&mut analytic, &process, &connect(remote, protocol, outside, first_seen));
        assert_eq!(found.first().map(|signal| signal.risk), risk, "{remote}");
        for signal in &found {
            assert_eq!((signal.analytic, signal.stage), (Analytic::ConnectionCreation, Stage::Egress));
            assert_eq!(signal.object, Object::Destination(remote.parse().expect("an address")));
        }
        // Again is nothing new.
        assert_eq!(see(&mut analytic, &process, &connect(remote, protocol, outside, first_seen)), []);
    }
}

#[test]
fn a_scanner_is_told_at_each_doubling() {
    let process = testing::process(1, "x");
    let mut analytic = analytic();
    let told = (1..=1_024)
        .map(|port| {
            see(&mut analytic, &process, &connect(&format!("198.51.100.1:{port}"), 6, true, true)).len()
        })
        .sum::<usize>();
    assert_eq!(told, 32 + 5);
}

fn flow(remote: &str, bytes_out: u64, bytes_out_ports: u64) -> Observation<'static> {
    let remote = remote.parse().expect("an address");
    Observation::Volume(Volume {
        scope: Scope::Flow,
        remote,
        protocol: 6,
        bytes_out,
        bytes_in: 0,
        bytes_out_ports,
        last: (bytes_out, 1),
    })
}

#[test]
fn analytic_1_of_one_connection() {
    let rows: &[(&str, &[u64], &[f64])] = &[
        ("198.51.100.1:443", &[5_000_000], &[]),
        ("198.51.100.1:443", &[5_000_001], &[8.0]),
        ("198.51.100.1:443", &[5_000_001, 6_000_000, 10_000_000], &[8.0]),
        ("198.51.100.1:443", &[5_000_001, 10_000_001, 20_000_000, 20_000_001], &[8.0, 9.0, 9.0]),
        ("198.51.100.1:443", &[12_000_000], &[9.0]),
        ("198.51.100.1:8080", &[10_000_000], &[]),
        ("198.51.100.1:8080", &[10_000_001, 15_000_000], &[9.0]),
        ("198.51.100.1:8080", &[u64::MAX], &[9.0]),
    ];
    for (remote, volumes, risks) in rows {
        let process = testing::process(1, "x");
        let mut analytic = analytic();
        let of_class = remote.ends_with(":443");
        let found: Vec<f64> = volumes
            .iter()
            .flat_map(|&bytes| {
                see(&mut analytic, &process, &flow(remote, bytes, if of_class { bytes } else { 0 }))
            })
            .map(|signal| signal.risk)
            .collect();
        assert_eq!(found, *risks, "{remote} {volumes:?}");
    }
}

#[test]
fn each_process_and_destination_has_its_own() {
    let mut analytic = analytic();
    let (first, second) = (testing::process(1, "x"), testing::process(2, "x"));
    let one = flow("198.51.100.1:80", 10_000_001, 0);
    assert_eq!(see(&mut analytic, &first, &one).len(), 1);
    assert_eq!(see(&mut analytic, &second, &one).len(), 1);
    assert_eq!(see(&mut analytic, &first, &flow("198.51.100.2:80", 10_000_001, 0)).len(), 1);
    assert_eq!(see(&mut analytic, &first, &one), []);
    analytic.forget(first.key);
    assert_eq!(see(&mut analytic, &first, &one).len(), 1);
}

#[test]
fn other_scopes_are_left_to_traffic_flow() {
    let remote = "198.51.100.1:443".parse().expect("an address");
    for scope in [Scope::Process, Scope::Lineage] {
        let volume = Volume {
            scope,
            remote,
            protocol: 6,
            bytes_out: 99_000_000,
            bytes_in: 0,
            bytes_out_ports: 99_000_000,
            last: (99_000_000, 1),
        };
        assert_eq!(see(&mut analytic(), &testing::process(1, "x"), &Observation::Volume(volume)), []);
    }
}
