//! Volumes of processes and stories.

use super::{Signal, TrafficFlow};
use crate::{
    config,
    detect::{Analytic, Observation, Scope, Stage, Volume, testing},
    process::Process,
};

fn analytic() -> TrafficFlow {
    let ports = vec![21, 22, 53, 443];
    TrafficFlow::new(&config::Volume { ports, port_bytes: 5_000_000, any_bytes: 10_000_000 })
}

fn see(
    analytic: &mut TrafficFlow,
    process: &Process,
    lineage: &[&Process],
    (scope, bytes_out, bytes_in, bytes_out_ports): (Scope, u64, u64, u64),
) -> Vec<f64> {
    let remote = "198.51.100.1:443".parse().expect("an address");
    let volume = Volume { scope, remote, protocol: 17, bytes_out, bytes_in, bytes_out_ports, last: (0, 0) };
    let found: Vec<Signal> =
        testing::signals(process, lineage, &Observation::Volume(volume), |subject, observation, out| {
            analytic.observe(3, subject, observation, out);
        });
    for signal in &found {
        assert_eq!(
            (signal.analytic, signal.stage, signal.subject),
            (Analytic::TrafficFlow, Stage::Egress, process.key)
        );
    }
    found.into_iter().map(|signal| signal.risk).collect()
}

#[test]
fn thresholds_are_strict_and_repeat_at_doublings() {
    // Received as much as sent, so that the ratio says nothing.
    type Row = (&'static [(u64, u64)], &'static [f64]);
    let rows: &[Row] = &[
        (&[(5_000_000, 5_000_000)], &[]),
        (&[(5_000_001, 5_000_001)], &[8.0]),
        (&[(5_000_001, 5_000_000)], &[]),
        (&[(10_000_000, 0)], &[]),
        (&[(10_000_001, 0)], &[9.0]),
        (&[(10_000_001, 10_000_001)], &[9.0]),
        (&[(5_000_001, 5_000_001), (9_000_000, 9_000_000), (10_000_001, 10_000_001)], &[8.0, 9.0]),
        (&[(10_000_001, 0), (20_000_000, 0), (20_000_001, 0), (40_000_001, 0)], &[9.0, 9.0, 9.0]),
        (&[(100_000_000, 0), (160_000_000, 0), (160_000_001, 0)], &[9.0, 9.0]),
        (&[(10_000_001, 5_000_001), (10_000_001, 10_000_001)], &[9.0, 8.0]),
        (&[(u64::MAX, u64::MAX), (u64::MAX, u64::MAX)], &[9.0]),
    ];
    for scope in [Scope::Process, Scope::Lineage] {
        for (volumes, risks) in rows {
            let mut analytic = analytic();
            let process = testing::process(1, "x");
            let found: Vec<f64> = volumes
                .iter()
                .flat_map(|&(all, ports)| see(&mut analytic, &process, &[], (scope, all, all, ports)))
                .collect();
            assert_eq!(found, *risks, "{volumes:?}");
        }
    }
}

#[test]
fn flows_are_left_to_connection_creation() {
    assert_eq!(
        see(&mut analytic(), &testing::process(1, "x"), &[], (Scope::Flow, 99_000_000, 0, 0)),
        [0.0; 0]
    );
}

#[test]
fn lopsided_exchange_once_for_a_process() {
    let rows: &[(Scope, u64, u64, &[f64])] = &[
        (Scope::Process, 1_000_000, 0, &[]),
        (Scope::Process, 1_000_001, 0, &[3.0]),
        (Scope::Process, 1_000_001, 100_000, &[3.0]),
        (Scope::Process, 2_000_000, 200_000, &[]),
        (Scope::Process, 2_000_001, 200_000, &[3.0]),
        (Scope::Lineage, 2_000_001, 0, &[]),
    ];
    for (scope, sent, received, risks) in rows {
        let (mut analytic, process) = (analytic(), testing::process(1, "x"));
        assert_eq!(
            see(&mut analytic, &process, &[], (*scope, *sent, *received, 0)),
            *risks,
            "{sent} {received}"
        );
        assert_eq!(see(&mut analytic, &process, &[], (*scope, *sent, *received, 0)), [0.0; 0]);
    }
}

#[test]
fn a_story_is_counted_across_its_processes() {
    let mut analytic = analytic();
    let root = testing::process(1, "bash");
    let (first, second) = (testing::process(2, "x"), testing::process(3, "x"));
    assert_eq!(see(&mut analytic, &first, &[&root], (Scope::Lineage, 10_000_001, 1, 0)), [9.0]);
    assert_eq!(see(&mut analytic, &second, &[&root], (Scope::Lineage, 12_000_000, 1, 0)), [0.0; 0]);
    analytic.forget(first.key);
    assert_eq!(see(&mut analytic, &second, &[&root], (Scope::Lineage, 20_000_001, 1, 0)), [9.0]);
}

#[test]
fn questions_and_echoes_that_carry_data_are_a_means_of_transfer() {
    // Messages by several processes of one story, each of so many bytes.
    let rows = [
        ("names of a tunnel", 17, "198.51.100.1:53", 113, 88, true),
        ("names of hosts", 17, "198.51.100.1:53", 4_000, 45, false),
        ("names that clouds make up", 17, "198.51.100.1:53", 400, 79, false),
        ("few long names", 17, "198.51.100.1:53", 63, 200, false),
        ("an answer to a zone transfer", 6, "198.51.100.1:53", 200, 1_400, false),
        ("QUIC", 17, "198.51.100.1:443", 200, 1_200, false),
        ("echoes with data", 1, "198.51.100.1:0", 64, 1_008, true),
        ("ping", 1, "198.51.100.1:0", 10_000, 64, false),
        ("ping -s 1400 -c 5", 1, "198.51.100.1:0", 5, 1_408, false),
        ("echoes of IPv6", 58, "[2001:db8::1]:0", 300, 300, true),
    ];
    let shell = testing::process(1, "sh x.sh");
    for (name, protocol, remote, messages, bytes, told) in rows {
        let mut analytic = analytic();
        let mut found = Vec::new();
        for pid in 2..2 + messages {
            let process = testing::process(pid, "x");
            let volume = Volume {
                scope: Scope::Lineage,
                remote: remote.parse().unwrap(),
                protocol,
                bytes_out: 0,
                bytes_in: 0,
                bytes_out_ports: 0,
                last: (bytes, 1),
            };
            let observation = Observation::Volume(volume);
            found.extend(testing::signals(&process, &[&shell], &observation, |subject, observation, out| {
                analytic.observe(3, subject, observation, out);
            }));
        }
        let found: Vec<_> = found.iter().map(|signal| (signal.stage, signal.risk)).collect();
        let expected = if told { vec![(Stage::Transfer, 7.0)] } else { vec![] };
        assert_eq!(found, expected, "{name}");
    }
}
