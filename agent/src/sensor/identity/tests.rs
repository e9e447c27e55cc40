use std::fs;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const SHORT: &str = "0123456789abcdef0123456789abcdef";

/// Container and unit of a `cgroup` file in which `ID` and `SHORT` stand for ids.
fn check(text: &str, container: Option<&str>, unit: Option<&str>) {
    let fill = |text: &str| text.replace("ID", ID).replace("SHORT", SHORT);
    let expected = Membership { container: container.map(fill), unit: unit.map(fill) };
    assert_eq!(cgroup::membership(fill(text).as_bytes()), expected, "{text}");
}

#[test]
fn containers_and_units_are_read_from_paths() {
    let pod = "kubepods-besteffort-pod1234.slice";
    let scope = |name: &str| format!("{name}-ID.scope");
    let rows: Vec<(String, Option<&str>, Option<String>)> = vec![
        ("0::/".into(), None, None),
        (String::new(), None, None),
        ("nonsense".into(), None, None),
        ("0::/system.slice/docker-ID.scope".into(), Some("ID"), Some(scope("docker"))),
        ("0::/docker/ID".into(), Some("ID"), None),
        ("0::/docker/ID/docker/IDx".into(), Some("ID"), None),
        (
            format!("0::/kubepods.slice/{pod}/cri-containerd-ID.scope"),
            Some("ID"),
            Some(scope("cri-containerd")),
        ),
        (format!("0::/kubepods.slice/{pod}/crio-ID.scope"), Some("ID"), Some(scope("crio"))),
        (format!("0::/kubepods.slice/{pod}/crio-conmon-ID.scope"), None, Some(scope("crio-conmon"))),
        ("0::/kubepods/burstable/pod1-2/ID".into(), Some("ID"), None),
        (
            format!("0::/system.slice/containerd.service/{pod}:cri-containerd:ID"),
            Some("ID"),
            Some("containerd.service".into()),
        ),
        ("0::/machine.slice/libpod-ID.scope/container".into(), Some("ID"), Some(scope("libpod"))),
        ("0::/machine.slice/libpod-conmon-ID.scope".into(), None, Some(scope("libpod-conmon"))),
        ("0::/libpod_parent/libpod-ID".into(), Some("ID"), None),
        ("0::/lxc.payload.web/system.slice/nginx.service".into(), Some("web"), None),
        ("0::/lxc.monitor.web".into(), None, None),
        ("0::/docker/ID/system.slice/ssh.service".into(), Some("ID"), None),
        ("4:memory:/lxc/web\n0::/".into(), Some("web"), None),
        ("0::/machine.slice/machine-db.scope/payload".into(), Some("db"), Some("machine-db.scope".into())),
        (
            "0::/machine.slice/machine-qemu\\x2d1\\x2dvm.scope".into(),
            None,
            Some("machine-qemu\\x2d1\\x2dvm.scope".into()),
        ),
        ("0::/ecs/SHORT/SHORT-4026531840".into(), Some("SHORT-4026531840"), None),
        ("0::/garden/SHORT".into(), Some("SHORT"), None),
        ("4:memory:/session/SHORT\n0::/".into(), None, None),
        ("0::/system.slice/ssh.service".into(), None, Some("ssh.service".into())),
        (
            "0::/system.slice/system-getty.slice/getty@tty1.service".into(),
            None,
            Some("getty@tty1.service".into()),
        ),
        ("0::/user.slice/user-1000.slice/session-3.scope".into(), None, Some("session-3.scope".into())),
        (
            "0::/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service".into(),
            None,
            Some("user@1000.service/backup.service".into()),
        ),
        ("0::/system.slice/cron.service/backup.service".into(), None, Some("cron.service".into())),
        (
            "9:name=systemd:/system.slice/a.service\n4:memory:/docker/ID\n0::/".into(),
            Some("ID"),
            Some("a.service".into()),
        ),
        ("4:memory:/b.service\n0::/".into(), None, None),
        // As a reader in a control group namespace sees those outside of it.
        ("0::/../../system.slice/ssh.service".into(), None, Some("ssh.service".into())),
        ("0::/../cri-containerd-ID.scope".into(), Some("ID"), Some(scope("cri-containerd"))),
    ];
    for (text, container, unit) in rows {
        check(&text, container, unit.as_deref());
    }
}

#[test]
fn a_lone_v2_hierarchy_is_told_from_a_hybrid() {
    for (text, expected) in [("0::/a\n", true), ("1:cpu:/\n0::/a\n", false), ("", false)] {
        assert_eq!(cgroup::is_unified(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn users_are_read_again_when_the_file_changes() {
    let path = std::env::temp_dir().join(format!("weir-passwd-{}", std::process::id()));
    fs::write(&path, "root:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\nbroken\n:x:5:5\na:x:1000:1000::/:/b\n")
        .unwrap();
    let mut users = Users::new(&path);
    let names: Vec<_> = [0, 5, 1000, 7].map(|uid| users.name(uid)).to_vec();
    fs::write(&path, "b:x:1000:1000::/:/bin/sh\n").unwrap();
    let changed = users.name(1000);
    fs::remove_file(&path).unwrap();
    assert_eq!(names, [Some("root".to_owned()), None, Some("a".to_owned()), None]);
    assert_eq!((changed, users.name(1000)), (Some("b".to_owned()), None));
}

#[test]
fn a_process_that_is_gone_has_its_parent_s_surroundings() {
    let root = std::env::temp_dir().join(format!("weir-identity-{}", std::process::id()));
    let dir = root.join("30");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("stat"), format!("30 (a) S 1 1 1 0 -1 0 {}55 0\n", "0 ".repeat(12))).unwrap();
    fs::write(dir.join("cgroup"), "4:memory:/docker/".to_owned() + ID + "\n0::/\n").unwrap();
    let mut identities = Identities::new(Procfs::at(&root), "/nonexistent");
    let parent = ProcessKey { pid: 30, start_ticks: 55 };
    let child = ProcessKey { pid: 31, start_ticks: 60 };
    let exec = |parent| Exec { parent, ..Exec::default() };
    let container = |identity: Identity| identity.container;
    assert_eq!(container(identities.of_exec(child, &exec(parent))), None);
    let reused = ProcessKey { pid: 30, start_ticks: 54 };
    assert_eq!(container(identities.of_seen(reused, &Seen::default())), None);
    assert_eq!(container(identities.of_seen(parent, &Seen::default())), Some(ID.to_owned()));
    let other = ProcessKey { pid: 32, start_ticks: 61 };
    assert_eq!(container(identities.of_exec(other, &exec(parent))), Some(ID.to_owned()));
    fs::remove_dir_all(&root).unwrap();
}
