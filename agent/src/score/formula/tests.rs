use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::{
    detect::{Object, Signal},
    event::ProcessKey,
    score::Via,
};

const ANALYTICS: [Analytic; 7] = [
    Analytic::CommandExecution,
    Analytic::ScriptExecution,
    Analytic::FileAccess,
    Analytic::SensitiveFileAccess,
    Analytic::MassFileAccess,
    Analytic::ConnectionCreation,
    Analytic::TrafficFlow,
];

fn weighted(analytic: Analytic, stage: Stage, risk: f64) -> Weighted {
    Weighted {
        signal: Signal {
            analytic,
            technique: "T1020",
            risk,
            stage,
            subject: ProcessKey { pid: 1, start_ticks: 1 },
            object: Object::Files(1),
            time: 0,
            reason: Cow::Borrowed(""),
        },
        decay: 1.0,
        trust: 1.0,
        via: Via::Own,
    }
}

fn score(rows: &[(Analytic, Stage, f64)], proof: bool) -> f64 {
    let signals = rows.iter().map(|&(analytic, stage, risk)| weighted(analytic, stage, risk)).collect();
    judge(signals, proof.then_some(Proof { bytes_carried: 1, bytes_out: 1 })).score
}

#[test]
fn worked_examples() {
    use Analytic::{CommandExecution, ConnectionCreation, FileAccess, MassFileAccess, TrafficFlow};
    use Stage::{Collection, Egress, Staging, Transfer};
    type Row<'a> = (&'a str, &'a [(Analytic, Stage, f64)], bool, f64, f64);
    let rows: &[Row<'_>] = &[
        ("nothing", &[], false, 0.0, 0.0),
        ("one loud tool", &[(CommandExecution, Transfer, 9.0)], false, 5.0, 5.0),
        (
            "a local backup",
            &[(MassFileAccess, Collection, 8.0), (CommandExecution, Staging, 8.0)],
            false,
            7.9,
            7.9,
        ),
        (
            "all but bytes out",
            &[
                (FileAccess, Collection, 8.0),
                (CommandExecution, Staging, 8.0),
                (CommandExecution, Transfer, 9.0),
                (ConnectionCreation, Egress, 2.0),
            ],
            false,
            7.9,
            7.9,
        ),
        (
            "a page fetched by curl",
            &[(CommandExecution, Transfer, 2.0), (ConnectionCreation, Egress, 2.0)],
            false,
            2.0,
            3.5,
        ),
        (
            "archive, upload, volume",
            &[(FileAccess, Staging, 8.0), (CommandExecution, Transfer, 9.0), (TrafficFlow, Egress, 8.0)],
            false,
            9.0,
            10.0,
        ),
        (
            "two stages, proven",
            &[(MassFileAccess, Collection, 8.0), (TrafficFlow, Egress, 8.0)],
            true,
            8.0,
            8.2,
        ),
    ];
    for (name, signals, proof, least, most) in rows {
        let score = score(signals, *proof);
        assert!((*least..=*most).contains(&score), "{name}: {score}");
    }
}

#[test]
fn proof_needs_parity() {
    let rows: &[(u64, u64, u64, bool)] = &[
        (0, 0, 1_000, false),
        (0, 12_000_000, 5_000_000, false),
        (0, 12_000_000, 11_000_000, true),
        (0, 12_000_000, 12_100_000, true),
        (0, 400, 12_000_000, false),
        (0, 400, 500, false),
        (0, 65_536, 70_000, true),
        (12_000_000, 0, 7_000_000, true),
        (12_000_000, 0, 5_000_000, false),
    ];
    for &(collected, derived, out, expected) in rows {
        assert_eq!(proof(collected, derived, out).is_some(), expected, "{collected} {derived} {out}");
    }
}

fn any_signal() -> impl Strategy<Value = Weighted> {
    (0_usize..ANALYTICS.len(), 0_usize..4, 0.0..10.0_f64, 0.0..=1.0_f64, 0.0..=1.0_f64).prop_map(
        |(analytic, stage, risk, decay, trust)| Weighted {
            decay,
            trust,
            ..weighted(ANALYTICS[analytic], Stage::ALL[stage], risk)
        },
    )
}

/// A list, and the same list in another order.
fn shuffled(
    lists: impl Strategy<Value = Vec<Weighted>>,
) -> impl Strategy<Value = (Vec<Weighted>, Vec<Weighted>)> {
    lists.prop_flat_map(|list| (Just(list.clone()), Just(list).prop_shuffle()))
}

proptest! {
    #[test]
    fn bounded(signals in prop::collection::vec(any_signal(), 0..40)) {
        let verdict = judge(signals, None);
        prop_assert!((0.0..=SCORE_MAX).contains(&verdict.score));
        prop_assert!(verdict.score <= verdict.cap);
    }

    #[test]
    fn more_evidence_never_lowers(signals in prop::collection::vec(any_signal(), 0..40), more in any_signal()) {
        let before = judge(signals.clone(), None).score;
        let mut signals = signals;
        signals.push(more);
        prop_assert!(judge(signals, None).score >= before - 1e-12);
    }

    #[test]
    fn order_does_not_matter((signals, shuffled) in shuffled(prop::collection::vec(any_signal(), 0..20))) {
        prop_assert_eq!(judge(signals, None).score.to_bits(), judge(shuffled, None).score.to_bits());
    }

    #[test]
    fn time_only_lowers(age in 0_u64..1 << 40, later in 0_u64..1 << 40) {
        prop_assert!(decay(age + later, 1 << 40) <= decay(age, 1 << 40));
    }

    #[test]
    fn one_stage_alone_never_reaches_the_threshold(risks in prop::collection::vec(0.0..10.0_f64, 1..20)) {
        for stage in Stage::ALL {
            let signals = risks.iter().zip(ANALYTICS.iter().cycle())
                .map(|(&risk, &analytic)| weighted(analytic, stage, risk)).collect();
            prop_assert!(judge(signals, None).score <= CAP_ONE_STAGE);
        }
    }
}
