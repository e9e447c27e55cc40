use globset::{Glob, GlobSetBuilder};

use super::*;
use crate::event::{Ids, Path};

fn process(exe: &str, uid: u32) -> Process {
    Process {
        exe: Path { bytes: exe.into(), ..Path::default() },
        ids: Ids { uid, ..Ids::default() },
        ..Process::default()
    }
}

fn rule() -> Trust {
    Trust {
        name: "backup".into(),
        executable: Some(
            GlobSetBuilder::new().add(Glob::new("/usr/bin/{ssh,rsync}").unwrap()).build().unwrap(),
        ),
        users: vec!["0".into()],
        units: vec![],
        destinations: vec!["198.51.100.0/24".parse().unwrap()],
        ports: vec![22],
        daily_bytes: Some(1_000),
    }
}

#[test]
fn every_condition_must_hold() {
    let rules = Rules::new(&[rule()]);
    let rows = [
        ("/usr/bin/ssh", 0, "198.51.100.7:22", Some(0)),
        ("/usr/bin/ssh", 0, "[::ffff:198.51.100.7]:22", Some(0)),
        ("/usr/bin/rsync", 0, "198.51.100.7:22", Some(0)),
        ("/tmp/ssh", 0, "198.51.100.7:22", None),
        ("/usr/bin/ssh", 1000, "198.51.100.7:22", None),
        ("/usr/bin/ssh", 0, "203.0.113.7:22", None),
        ("/usr/bin/ssh", 0, "198.51.100.7:443", None),
    ];
    for (exe, uid, remote, expected) in rows {
        assert_eq!(
            rules.covering(&process(exe, uid), remote.parse().unwrap(), 0),
            expected,
            "{exe} {uid} {remote}"
        );
    }
    let unlinked = Process { exe_unlinked: true, ..process("/usr/bin/ssh", 0) };
    assert_eq!(rules.covering(&unlinked, "198.51.100.7:22".parse().unwrap(), 0), None);
}

#[test]
fn a_daily_volume_is_used_up_and_comes_back() {
    let mut rules = Rules::new(&[rule()]);
    let (ssh, remote) = (process("/usr/bin/ssh", 0), "198.51.100.7:22".parse().unwrap());
    rules.spend(0, 999, 5);
    assert_eq!(rules.covering(&ssh, remote, 6), Some(0));
    rules.spend(0, 1, 7);
    assert_eq!(rules.covering(&ssh, remote, 8), None);
    assert_eq!(rules.covering(&ssh, remote, 5 + DAY_NS), Some(0));
}
