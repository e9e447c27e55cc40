use super::*;

const HOUR: u64 = 3_600 * SECOND;
const HOST_NS: u32 = 7;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn answer(server: &str, net_ns: u32, name: &str, addresses: &[&str]) -> event::Names {
    event::Names {
        server: address(server),
        net_ns,
        name: name.into(),
        addresses: addresses.iter().map(|text| address(text)).collect(),
        ttl: 60,
        cut: false,
    }
}

/// A host that asks 10.0.0.1, watched from the first second on.
fn host() -> Names {
    let mut names = Names::default();
    names.start(true, SECOND);
    names.ask(&Resolvers { net_ns: HOST_NS, servers: vec![address("10.0.0.1")] });
    names
}

fn shown(names: &Names, of: &str, now: BootTime) -> String {
    let domains = names.of(address(of), now).into_iter();
    let domains: Vec<String> =
        domains.map(|domain| format!("{}{}", domain.name, if domain.vouched { "!" } else { "" })).collect();
    domains.join(" ")
}

#[test]
fn names_are_shown_until_they_are_old() {
    let mut names = host();
    names.hear(&answer("10.0.0.1", HOST_NS, "a.example", &["198.51.100.1", "2001:db8::1"]), HOUR);
    names.hear(&answer("10.0.0.1", HOST_NS, "b.example", &["198.51.100.1"]), 2 * HOUR);
    // Whoever answers later does not stand before whom the host asked.
    names.hear(&answer("10.6.6.6", HOST_NS, "c.example", &["198.51.100.1"]), 3 * HOUR);
    let long = event::Names { ttl: u32::MAX, ..answer("10.0.0.1", HOST_NS, "d.example", &["198.51.100.2"]) };
    names.hear(&long, HOUR);
    let rows = [
        ("198.51.100.1", 4, "b.example! a.example! c.example"),
        ("::ffff:198.51.100.1", 4, "b.example! a.example! c.example"),
        ("198.51.100.1", 13, "b.example! c.example"),
        ("198.51.100.1", 16, ""),
        ("2001:db8::1", 4, "a.example!"),
        ("2001:db8::2", 4, ""),
        ("198.51.100.2", 24, "d.example!"),
        ("198.51.100.2", 8 * 24, ""),
    ];
    for (of, hours, expected) in rows {
        assert_eq!(shown(&names, of, hours * HOUR), expected, "{of} {hours}");
    }
}

/// Server, network namespace and name of answers.
type Answers<'a> = &'a [(&'a str, u32, &'a str)];

#[test]
fn only_the_host_and_its_servers_vouch() {
    let own = ("10.0.0.1", HOST_NS, "backup.example");
    let rows: &[(Answers<'_>, bool)] = &[
        (&[], false),
        (&[own], true),
        (&[own, own], true),
        (&[("10.0.0.1", HOST_NS, "other.example")], false),
        // A server of somebody's own, and the host's address in a network of somebody's own.
        (&[("10.6.6.6", HOST_NS, "backup.example")], false),
        (&[("10.0.0.1", 8, "backup.example")], false),
        (&[("10.0.0.1", 0, "backup.example")], false),
        // An address that has another name as well is not the trusted one alone, whoever said so ...
        (&[own, ("10.0.0.1", HOST_NS, "other.example")], false),
        (&[own, ("10.6.6.6", HOST_NS, "other.example")], false),
        // ... but nobody's own network can take trust away, and what was vouched for stays so.
        (&[own, ("10.0.0.1", 8, "other.example")], true),
        (&[own, ("10.6.6.6", 8, "backup.example")], true),
    ];
    for (heard, expected) in rows {
        let mut names = host();
        for (server, net_ns, name) in *heard {
            names.hear(&answer(server, *net_ns, name, &["198.51.100.1"]), HOUR);
        }
        let trusted = |name: &str| name == "backup.example";
        assert_eq!(names.is_only(address("198.51.100.1"), trusted, 2 * HOUR), *expected, "{heard:?}");
        assert!(!names.is_only(address("198.51.100.1"), trusted, 14 * HOUR), "{heard:?}");
    }
}

#[test]
fn a_crowd_of_names_hides_none() {
    let mut names = host();
    names.hear(&answer("10.0.0.1", HOST_NS, "other.example", &["198.51.100.1"]), HOUR);
    for number in 0..NAMES_MAX {
        names
            .hear(&answer("10.0.0.1", HOST_NS, &format!("{number}.backup.example"), &["198.51.100.1"]), HOUR);
    }
    assert_eq!(names.of(address("198.51.100.1"), HOUR).len(), NAMES_MAX);
    assert!(!names.is_only(address("198.51.100.1"), |name| name.ends_with(".backup.example"), HOUR));
}

/// A host on which enough names were heard in the first hour.
fn busy_host() -> Names {
    let mut names = host();
    for number in 0..NAMES_LEAST {
        let answer = answer("10.0.0.1", HOST_NS, &format!("{number}.example"), &["198.51.100.1"]);
        names.hear(&answer, HOUR);
    }
    names
}

#[test]
fn a_missing_name_means_something_only_where_names_are_seen() {
    type Change = fn(&mut Names);
    let rows: &[(&str, Change, &str, u64, u64, bool)] = &[
        ("plain", |_| (), "198.51.100.9", 2 * HOUR, 2 * HOUR, true),
        ("named", |_| (), "198.51.100.1", 2 * HOUR, 2 * HOUR, false),
        ("mapped", |_| (), "::ffff:198.51.100.1", 2 * HOUR, 2 * HOUR, false),
        ("configured server", |_| (), "10.0.0.1", 2 * HOUR, 2 * HOUR, false),
        ("process older than the agent", |_| (), "198.51.100.9", SECOND / 2, 2 * HOUR, false),
        ("process that may have heard it long ago", |_| (), "198.51.100.9", 2 * HOUR, 15 * HOUR, false),
        ("too early", |_| (), "198.51.100.9", 20 * 60 * SECOND, 20 * 60 * SECOND, false),
        ("a loss before", |names| names.miss(HOUR), "198.51.100.9", 2 * HOUR, 2 * HOUR, true),
        ("a loss just now", |names| names.miss(2 * HOUR), "198.51.100.9", 2 * HOUR, 2 * HOUR + 1, false),
        ("no sensor", |names| names.start(false, 0), "198.51.100.9", 2 * HOUR, 2 * HOUR, false),
        (
            "a server that answered",
            |names| names.hear(&answer("198.51.100.9", 8, "z.example", &[]), HOUR),
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR,
            false,
        ),
    ];
    for (row, change, to, began, now, expected) in rows {
        let mut names = busy_host();
        change(&mut names);
        assert_eq!(names.is_unnamed(address(to), *began, *now), *expected, "{row}");
    }
    assert!(!host().is_unnamed(address("198.51.100.9"), 2 * HOUR, 2 * HOUR), "a host that asks for no names");
}

#[test]
fn what_makes_room_is_counted_and_makes_silence_meaningless() {
    let mut names = busy_host();
    for number in 0..=u16::try_from(ADDRESSES_MAX).unwrap() {
        let [high, low] = number.to_be_bytes();
        let address = IpAddr::from([203, 0, high, low]);
        let answer =
            event::Names { addresses: vec![address], ..answer("10.0.0.1", HOST_NS, "a.example", &[]) };
        names.hear(&answer, 2 * HOUR);
    }
    assert_eq!(names.take_evicted(), 2);
    assert_eq!(names.take_evicted(), 0);
    assert!(!names.is_unnamed(address("198.51.100.9"), 2 * HOUR + 1, 2 * HOUR + 1));
    assert!(names.is_unnamed(address("198.51.100.9"), 3 * HOUR, 3 * HOUR));
}
