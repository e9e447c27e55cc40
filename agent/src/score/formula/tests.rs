use std::borrow::Cow;

use proptest::prelude::*;

use super::*;
use crate::{
    detect::{Content, ContentKind, Object, Signal},
    event::ProcessKey,
    score::Via,
    seeds::seeded,
};

const ANALYTICS: [Analytic; 12] = [
    Analytic::CommandExecution,
    Analytic::ScriptExecution,
    Analytic::FileAccess,
    Analytic::SensitiveFileAccess,
    Analytic::MassFileAccess,
    Analytic::ConnectionCreation,
    Analytic::TrafficFlow,
    Analytic::TrafficContent,
    Analytic::Protocol,
    Analytic::NameTunnel,
    Analytic::Family,
    Analytic::Duplication,
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

fn score(rows: &[(Analytic, Stage, f64)]) -> f64 {
    judge(rows.iter().map(|&(analytic, stage, risk)| weighted(analytic, stage, risk)).collect()).score
}

#[test]
fn worked_examples() {
    use Analytic::{
        CommandExecution, ConnectionCreation, FileAccess, MassFileAccess, SensitiveFileAccess,
        TrafficContent, TrafficFlow,
    };
    use Stage::{Collection, Egress, Staging, Transfer};
    type Row<'a> = (&'a str, &'a [(Analytic, Stage, f64)], f64, f64);
    let rows: &[Row<'_>] = &[
        ("nothing", &[], 0.0, 0.0),
        ("one loud tool", &[(CommandExecution, Transfer, 9.0)], 5.0, 5.0),
        ("a local backup", &[(MassFileAccess, Collection, 8.0), (CommandExecution, Staging, 8.0)], 7.9, 7.9),
        (
            "all but bytes out",
            &[
                (FileAccess, Collection, 8.0),
                (CommandExecution, Staging, 8.0),
                (CommandExecution, Transfer, 9.0),
                (ConnectionCreation, Egress, 2.0),
            ],
            7.9,
            7.9,
        ),
        (
            "a page fetched by curl",
            &[(CommandExecution, Transfer, 2.0), (ConnectionCreation, Egress, 2.0)],
            2.0,
            3.5,
        ),
        (
            "archive, upload, volume",
            &[(FileAccess, Staging, 8.0), (CommandExecution, Transfer, 9.0), (TrafficFlow, Egress, 8.0)],
            9.0,
            10.0,
        ),
        (
            "few documents, all of them sent",
            &[(MassFileAccess, Collection, 6.0), (TrafficContent, Egress, 10.0)],
            8.2,
            8.3,
        ),
        (
            "the same, perhaps compressed",
            &[(MassFileAccess, Collection, 9.0), (TrafficContent, Egress, 7.0)],
            7.9,
            7.9,
        ),
        ("a transfer of a size that fits", &[(TrafficContent, Egress, 10.0)], 5.0, 5.0),
        (
            "a key that is used",
            &[(SensitiveFileAccess, Collection, 8.0), (TrafficContent, Egress, 7.0)],
            7.7,
            7.9,
        ),
        (
            "a key that is uploaded",
            &[
                (SensitiveFileAccess, Collection, 8.0),
                (CommandExecution, Transfer, 9.0),
                (TrafficContent, Egress, 7.0),
            ],
            9.0,
            9.2,
        ),
    ];
    for (name, signals, least, most) in rows {
        let score = score(signals);
        assert!((*least..=*most).contains(&score), "{name}: {score}");
    }
}

#[test]
fn proof_is_the_strongest_signal_that_proves() {
    type Row<'a> = (&'a [(ContentKind, u64, f64)], Option<u64>);
    let content =
        |kind, carried| Content { remote: "198.51.100.1:443".parse().unwrap(), carried, sent: 1, kind };
    let signal = |kind, carried, risk| {
        let mut weighted = weighted(Analytic::TrafficContent, Stage::Egress, risk);
        weighted.signal.object = Object::Content(content(kind, carried));
        weighted
    };
    let rows: &[Row<'_>] = &[
        (&[], None),
        (&[(ContentKind::Secrets, 1, 8.0), (ContentKind::Compressed, 2, 7.0)], None),
        (&[(ContentKind::Encoded, 1, 9.0), (ContentKind::Parity, 2, 10.0)], Some(2)),
        (&[(ContentKind::Secrets, 1, 8.0), (ContentKind::Encoded, 3, 9.0)], Some(3)),
    ];
    for (rows, expected) in rows {
        let signals = rows.iter().map(|&(kind, carried, risk)| signal(kind, carried, risk)).collect();
        assert_eq!(judge(signals).proof.map(|content| content.carried), *expected, "{rows:?}");
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
    #![proptest_config(seeded(256))]

    #[test]
    fn bounded(signals in prop::collection::vec(any_signal(), 0..40)) {
        let verdict = judge(signals);
        prop_assert!((0.0..=SCORE_MAX).contains(&verdict.score));
        prop_assert!(verdict.score <= verdict.cap);
    }

    #[test]
    fn more_evidence_never_lowers(signals in prop::collection::vec(any_signal(), 0..40), more in any_signal()) {
        let before = judge(signals.clone()).score;
        let mut signals = signals;
        signals.push(more);
        prop_assert!(judge(signals).score >= before - 1e-12);
    }

    #[test]
    fn order_does_not_matter((signals, shuffled) in shuffled(prop::collection::vec(any_signal(), 0..20))) {
        prop_assert_eq!(judge(signals).score.to_bits(), judge(shuffled).score.to_bits());
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
            prop_assert!(judge(signals).score <= CAP_ONE_STAGE);
        }
    }
}
