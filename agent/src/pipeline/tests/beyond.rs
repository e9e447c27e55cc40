//! Data that leaves by a file system.

use agent_common::file::{DEVICE_FUSE, FAMILY_FILES, FILES_COOKIE};

use super::{Scene, alerts, chain, read_documents};
use crate::{
    alert::Alert,
    event::{Direction, Fact, FileKey, Flow, FlowWhat, Leads, Mount, Open, Path, Remote, UnixSocket},
};

const DEV: u32 = 8 << 20 | 1;
const SERVER: &str = "198.51.100.9:2049";

fn mount(scene: &mut Scene, leads: Leads) {
    scene.push(0, Fact::Mount(Box::new(Mount { dev: DEV, place: "/mnt/x".into(), of_host: true, leads })));
}

/// A file there is opened for writing.
fn write(scene: &mut Scene, pid: u32, ino: u64) {
    let file = FileKey { dev: DEV, ino, generation: 0 };
    let path = Path { bytes: format!("/mnt/x/{ino}").as_str().into(), ..Path::default() };
    let open = Open { file, path, mode: 0o100_644, write: true, ..Open::default() };
    scene.push(pid, Fact::Open(Box::new(open)));
}

/// What a process wrote there, in all.
fn grow(scene: &mut Scene, pid: u32, bytes: u64) {
    let flow = Flow {
        what: FlowWhat::Snapshot,
        socket: FILES_COOKIE | u64::from(DEV),
        remote: None,
        local: None,
        family: FAMILY_FILES,
        protocol: 0,
        sock_type: 2,
        direction: Direction::Out,
        net_ns: 0,
        since: 1,
        tx_bytes: bytes,
        rx_bytes: 0,
        tx_calls: 1,
        rx_calls: 0,
    };
    scene.push(pid, Fact::Flow(Box::new(flow)));
}

/// A script copies documents to a mount that leads there.
fn copied(leads: Option<Leads>) -> Scene {
    let mut scene = Scene::new();
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
    scene.spawn(100, 101, "/usr/bin/cp", &["cp", "-r", "/srv/docs", "/mnt/x"]);
    read_documents(&mut scene, 101);
    if let Some(leads) = leads {
        mount(&mut scene, leads);
    }
    write(&mut scene, 101, 1);
    scene
}

fn told(mut scene: Scene) -> Option<Alert> {
    scene.wait(2);
    scene.exit(101);
    scene.tick();
    scene.stop();
    alerts(&scene).pop()
}

#[test]
fn what_is_written_there_goes_where_the_file_system_leads() {
    let server = |address: &str| Some(Leads::Server(address.parse().unwrap()));
    let process = |kind: &str| Leads::Process { kind: kind.into(), uid: 0 };
    let rows = [
        (None, None),
        (Some(Leads::Medium), Some(Remote::Medium(DEV))),
        (server(SERVER), Some(Remote::Share { dev: DEV, server: SERVER.parse().unwrap() })),
        (server("10.0.0.9:2049"), None),
        (Some(process("sshfs")), None),
        (Some(Leads::Nowhere), None),
    ];
    for (leads, expected) in rows {
        let mut scene = copied(leads.clone());
        grow(&mut scene, 101, 5_000_000);
        grow(&mut scene, 101, 12_000_000);
        let alert = told(scene);
        assert_eq!(alert.is_some(), expected.is_some(), "{leads:?}");
        let (Some(alert), Some(remote)) = (alert, expected) else { continue };
        let [to] = &alert.destinations[..] else { panic!("{leads:?}: {:?}", alert.destinations) };
        assert_eq!((to.remote, to.bytes_out), (remote, 12_000_000), "{leads:?}");
        assert_eq!(to.place, Some("/mnt/x".into()), "{leads:?}");
        assert!(chain(&alert).iter().any(|link| link == "cp"), "{leads:?}");
        let techniques = alert.verdict.signals.iter().map(|weighted| weighted.signal.technique);
        assert_eq!(
            techniques.into_iter().any(|it| it == "T1052"),
            remote == Remote::Medium(DEV),
            "{leads:?}"
        );
    }
}

#[test]
fn of_several_mounts_of_one_server_each_is_a_destination() {
    let leads = || Leads::Server(SERVER.parse().unwrap());
    let mut scene = copied(Some(leads()));
    let other = Mount { dev: DEV + 1, place: "/mnt/backup".into(), of_host: true, leads: leads() };
    scene.push(0, Fact::Mount(Box::new(other)));
    grow(&mut scene, 101, 12_000_000);
    // What is sent to the server besides may be meant for either.
    scene.sent(101, 7, SERVER, 12_100_000);
    let alert = told(scene).expect("an alert");
    let places = alert.destinations.iter().map(|to| (to.remote.is_files(), to.place.clone(), to.bytes_out));
    let places: Vec<_> = places.collect();
    assert_eq!(places, [(true, Some("/mnt/x".into()), 12_000_000), (false, None, 100_000)]);
}

#[test]
fn bytes_that_are_told_as_files_and_as_a_connection_count_once() {
    let mut scene = copied(Some(Leads::Server(SERVER.parse().unwrap())));
    grow(&mut scene, 101, 6_000_000);
    scene.sent(101, 7, SERVER, 4_000_000);
    grow(&mut scene, 101, 12_000_000);
    scene.sent(101, 7, SERVER, 12_100_000);
    let alert = told(scene).expect("an alert");
    assert_eq!(alert.bytes_out, 12_100_000);
}

/// tar writes to what a process serves, which has its ssh carry that away.
fn served(server: &str, kind: &str, place: &str) -> Option<Alert> {
    let mut scene = Scene::new();
    scene.spawn(10, 11, "/usr/bin/sshfs", &["sshfs", "me@near:/", "/mnt/y"]);
    scene.spawn(10, 100, "/bin/dash", &["sh", "/root/exfil.sh"]);
    scene.spawn(10, 102, server, &[server, "me@far:/", place]);
    for holder in [11, 102] {
        let size = DEVICE_FUSE.into();
        let open = Open { size, mode: 0o020_600, read: true, write: true, ..Open::default() };
        scene.push(holder, Fact::Open(Box::new(open)));
    }
    scene.spawn(102, 103, "/usr/bin/ssh", &["ssh", "far", "-s", "sftp"]);
    // It goes on without the process that was started.
    scene.fork(102, 104);
    scene.exit(102);
    scene.wait(3_000);
    scene.tick();
    scene.spawn(100, 101, "/usr/bin/tar", &["tar", "-cf", "/mnt/x/all.tar", "/srv/docs"]);
    mount(&mut scene, Leads::Process { kind: kind.into(), uid: 0 });
    write(&mut scene, 101, 1);
    read_documents(&mut scene, 101);
    scene.exit(101);
    scene.unix(104, UnixSocket { sent: true, inode: 70, name: 1, peer_inode: 71, peer_name: 0 });
    scene.unix(103, UnixSocket { sent: false, inode: 71, name: 2, ..UnixSocket::default() });
    scene.connect(103, 7, "198.51.100.9:22");
    scene.send(103, 7, "198.51.100.9:22", 12_050_000, 500_000);
    scene.wait(2);
    scene.tick();
    scene.stop();
    alerts(&scene).pop()
}

#[test]
fn who_serves_a_file_system_carries_what_others_write_there() {
    let rows = [
        // By the place that it was told, by its name, and for want of a better one.
        ("/usr/bin/rclone", "", "/mnt/x", true),
        ("/usr/bin/sshfs", "sshfs", "-", true),
        ("/usr/bin/rclone", "", "-", true),
        // Another one has the name.
        ("/usr/bin/rclone", "sshfs", "-", false),
    ];
    for (server, kind, place, expected) in rows {
        let alert = served(server, kind, place);
        assert_eq!(alert.is_some(), expected, "{server} {kind:?} {place}");
        let Some(alert) = alert else { continue };
        assert_eq!(alert.process.name(), b"ssh", "{server} {kind:?} {place}");
        assert!(chain(&alert).iter().any(|link| link == "tar"), "{server}: {:?}", chain(&alert));
    }
}
