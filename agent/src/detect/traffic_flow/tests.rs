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
    let volume = Volume { scope, remote, protocol: 17, bytes_out, bytes_in, bytes_out_ports };
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
