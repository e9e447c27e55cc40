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
        containers: vec![],
        destinations: vec!["198.51.100.0/24".parse().unwrap()],
        places: None,
        domains: vec![],
        ports: vec![22],
        daily_bytes: Some(1_000),
    }
}

/// An address as an end.
fn to(address: &str) -> (Remote, Option<&'static Bytes>) {
    (Remote::Address(address.parse().unwrap()), None)
}

#[test]
fn a_medium_is_trusted_by_its_place() {
    let rules = Rules::new(&[Trust {
        places: Some(GlobSetBuilder::new().add(Glob::new("/media/backup").unwrap()).build().unwrap()),
        destinations: vec![],
        ports: vec![],
        ..rule()
    }]);
    let rows = [("/media/backup", Some(0)), ("/media/backup2", None), ("/media", None)];
    for (place, expected) in rows {
        let place = Bytes::from(place.as_bytes());
        let to = (Remote::Medium(7), Some(&place));
        assert_eq!(
            rules.covering(&process("/usr/bin/rsync", 0), to, &Names::default(), 0),
            expected,
            "{place:?}"
        );
    }
    assert_eq!(
        rules.covering(&process("/usr/bin/rsync", 0), (Remote::Medium(7), None), &Names::default(), 0),
        None
    );
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
            rules.covering(&process(exe, uid), to(remote), &Names::default(), 0),
            expected,
            "{exe} {uid} {remote}"
        );
    }
    let unlinked = Process { exe_unlinked: true, ..process("/usr/bin/ssh", 0) };
    assert_eq!(rules.covering(&unlinked, to("198.51.100.7:22"), &Names::default(), 0), None);
}

#[test]
fn a_daily_volume_is_used_up_and_comes_back() {
    let (mut rules, names) = (Rules::new(&[rule()]), Names::default());
    let (ssh, remote) = (process("/usr/bin/ssh", 0), to("198.51.100.7:22"));
    rules.spend(0, 999, 5);
    assert_eq!(rules.covering(&ssh, remote, &names, 6), Some(0));
    rules.spend(0, 1, 7);
    assert_eq!(rules.covering(&ssh, remote, &names, 8), None);
    assert_eq!(rules.covering(&ssh, remote, &names, 5 + DAY_NS), Some(0));
}

#[test]
fn a_name_is_trusted_for_the_addresses_that_it_alone_has() {
    use crate::event::{Names as Answer, Resolvers};

    let server = "10.0.0.1".parse().unwrap();
    let mut names = Names::default();
    names.ask(&Resolvers { net_ns: 7, servers: vec![server] });
    let heard = [
        ("backup.example.net", "203.0.113.1"),
        ("night.backup.example.net", "203.0.113.1"),
        ("backup.example.net", "203.0.113.2"),
        ("www.example.net", "203.0.113.2"),
        ("www.example.net", "203.0.113.3"),
    ];
    for (name, address) in heard {
        let (name, addresses) = (name.to_owned(), vec![address.parse().unwrap()]);
        names.hear(&Answer { server, net_ns: 7, protocol: 17, name, addresses, ttl: 60, cut: false }, 1);
    }
    let domains =
        ["backup.example.net", "*.backup.example.net"].map(|domain| domain.parse().unwrap()).to_vec();
    let by_name = Trust { destinations: vec![], domains: domains.clone(), daily_bytes: None, ..rule() };
    let by_both = Trust { domains, daily_bytes: None, ..rule() };
    let rows = [
        (&by_name, "203.0.113.1:22", true),
        (&by_name, "203.0.113.1:443", false),
        (&by_name, "203.0.113.2:22", false),
        (&by_name, "203.0.113.3:22", false),
        (&by_name, "198.51.100.7:22", false),
        (&by_both, "203.0.113.1:22", true),
        (&by_both, "198.51.100.7:22", true),
        (&by_both, "203.0.113.3:22", false),
    ];
    for (rule, remote, expected) in rows {
        let covering = Rules::new(std::slice::from_ref(rule)).covering(
            &process("/usr/bin/ssh", 0),
            to(remote),
            &names,
            2,
        );
        assert_eq!(covering.is_some(), expected, "{remote}");
    }
}

#[test]
fn a_container_is_meant_by_the_begin_of_its_id() {
    use std::sync::Arc;

    use crate::event::Identity;

    let rule = Trust { containers: vec!["0123456789ab".into()], ..rule() };
    let rules = Rules::new(&[rule]);
    let rows = [
        (Some("0123456789abcdef0123456789abcdef"), true),
        (Some("0123456789ac"), false),
        (Some("012345678"), false),
        (None, false),
    ];
    for (container, covered) in rows {
        let identity = Identity { container: container.map(Into::into), ..Identity::default() };
        let ssh = Process { identity: Arc::new(identity), ..process("/usr/bin/ssh", 0) };
        let covering = rules.covering(&ssh, to("198.51.100.7:22"), &Names::default(), 0);
        assert_eq!(covering.is_some(), covered, "{container:?}");
    }
}

#[test]
fn an_executable_that_others_may_replace_is_not_the_trusted_one() {
    use std::sync::Arc;

    use crate::event::{Guard, Identity};

    let by_user = Trust { executable: None, ..rule() };
    for (guard, by_path) in [(Guard::Root, true), (Guard::Unknown, true), (Guard::Others, false)] {
        let identity = Arc::new(Identity { guard, ..Identity::default() });
        let ssh = Process { identity, ..process("/usr/bin/ssh", 0) };
        for (rule, covered) in [(rule(), by_path), (by_user.clone(), true)] {
            let covering = Rules::new(&[rule]).covering(&ssh, to("198.51.100.7:22"), &Names::default(), 0);
            assert_eq!(covering.is_some(), covered, "{guard:?}");
        }
    }
}
