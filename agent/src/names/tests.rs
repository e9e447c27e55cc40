use agent_common::net::IPPROTO_TCP;

use super::{
    table::{ADDRESSES_MAX, NAMES_MAX},
    *,
};

const HOUR: u64 = 3_600 * SECOND;
const HOST_NS: u32 = 7;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn answer(server: &str, net_ns: u32, name: &str, addresses: &[&str]) -> event::Names {
    event::Names {
        server: address(server),
        net_ns,
        protocol: IPPROTO_UDP,
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

#[test]
fn what_a_client_says_stands_last_and_trusts_nothing() {
    let mut names = host();
    let of = "198.51.100.1";
    for no_name in ["198.51.100.1", "[2001:db8::1]"] {
        names.claim(address(of), no_name);
    }
    assert_eq!(shown(&names, of, SECOND), "");
    names.claim(address(of), "a.example");
    assert_eq!(shown(&names, of, 2 * SECOND), "a.example");
    assert!(!names.is_only(address(of), |name| name == "a.example", 2 * SECOND));
    names.hear(&answer("10.0.0.1", HOST_NS, "b.example", &[of]), 2 * SECOND);
    assert_eq!(shown(&names, of, 3 * SECOND), "b.example! a.example");
    // Nor does it take trust away: whoever may connect could.
    assert!(names.is_only(address(of), |name| name == "b.example", 3 * SECOND));
    names.claim(address(of), "b.example");
    assert_eq!(shown(&names, of, 3 * SECOND), "b.example!");
    for number in 0..=CLAIMS_MAX.get() {
        let number = u32::try_from(number).unwrap();
        names.claim(std::net::Ipv4Addr::from(number).into(), "c.example");
    }
    assert_eq!(shown(&names, of, 13 * HOUR), "");
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
fn an_answer_in_a_stream_takes_trust_and_gives_none() {
    type Row<'a> = (&'a [(u16, &'a str)], &'a str, bool);
    let rows: &[Row<'_>] = &[
        (&[(IPPROTO_TCP, "backup.example")], "backup.example", false),
        (&[(IPPROTO_UDP, "backup.example"), (IPPROTO_TCP, "backup.example")], "backup.example!", true),
        (&[(IPPROTO_TCP, "backup.example"), (IPPROTO_UDP, "backup.example")], "backup.example!", true),
        (
            &[(IPPROTO_UDP, "backup.example"), (IPPROTO_TCP, "other.example")],
            "backup.example! other.example",
            false,
        ),
        (&[(0, "backup.example")], "backup.example", false),
    ];
    for (heard, expected, trusted) in rows {
        let mut names = host();
        for &(protocol, name) in *heard {
            let answer = answer("10.0.0.1", HOST_NS, name, &["198.51.100.1"]);
            names.hear(&event::Names { protocol, ..answer }, HOUR);
        }
        assert_eq!(shown(&names, "198.51.100.1", HOUR), *expected, "{heard:?}");
        let found = names.is_only(address("198.51.100.1"), |name| name == "backup.example", HOUR);
        assert_eq!(found, *trusted, "{heard:?}");
    }
}

#[test]
fn what_anybody_can_say_makes_room_within_an_address() {
    // Server and network namespace of a crowd, and how many names of it find room beside the one that is vouched for.
    let rows = [
        ("10.0.0.1", 8, NAMES_MAX - 1, true),
        ("10.6.6.6", 8, NAMES_MAX - 1, true),
        // The host heard that others call it otherwise.
        ("10.6.6.6", HOST_NS, NAMES_MAX - 1, false),
    ];
    for (server, net_ns, room, trusted) in rows {
        let mut names = host();
        names.hear(&answer("10.0.0.1", HOST_NS, "backup.example", &["198.51.100.1"]), HOUR);
        for number in 0..2 * NAMES_MAX {
            names.hear(&answer(server, net_ns, &format!("{number}.example"), &["198.51.100.1"]), 2 * HOUR);
        }
        let domains = names.of(address("198.51.100.1"), 2 * HOUR);
        assert_eq!(domains.len(), room + 1, "{server} {net_ns}");
        assert_eq!(domains.first().map(|domain| &*domain.name), Some("backup.example"), "{server} {net_ns}");
        let found = names.is_only(address("198.51.100.1"), |name| name == "backup.example", 2 * HOUR);
        assert_eq!(found, trusted, "{server} {net_ns}");
    }
}

#[test]
fn what_anybody_can_say_makes_room_between_addresses() {
    type Row<'a> = (&'a str, u32, &'a str, &'a str, &'a str, [bool; 2]);
    let elsewhere = HOST_NS + 1;
    // Who floods; what is left of what was heard before; whether silence still means something to
    // a process of the host, and to one in another network namespace.
    let rows: [Row<'_>; 3] = [
        ("10.0.0.1", elsewhere, "vouched.example!", "host.example", "", [true, false]),
        ("10.6.6.6", HOST_NS, "vouched.example!", "", "", [false, false]),
        ("10.0.0.1", HOST_NS, "", "", "", [false, false]),
    ];
    for (server, net_ns, vouched, host, foreign, meant) in rows {
        let mut names = busy_host();
        names.hear(&answer("10.0.0.1", HOST_NS, "vouched.example", &["198.51.100.2"]), HOUR);
        names.hear(&answer("10.6.6.6", HOST_NS, "host.example", &["198.51.100.3"]), HOUR);
        names.hear(&answer("10.0.0.1", elsewhere, "foreign.example", &["198.51.100.4"]), HOUR);
        flood(&mut names, server, net_ns);
        assert_eq!(names.take_evicted(), 5, "{server} {net_ns}");
        let left = ["198.51.100.2", "198.51.100.3", "198.51.100.4"].map(|of| shown(&names, of, 2 * HOUR));
        assert_eq!(left, [vouched, host, foreign], "{server} {net_ns}");
        let now = 2 * HOUR + 1;
        let found = [HOST_NS, elsewhere]
            .map(|net_ns| names.is_unnamed(address("198.51.100.9"), net_ns, 2 * HOUR - 1, now));
        assert_eq!(found, meant, "{server} {net_ns}");
    }
}

#[test]
fn a_full_table_of_what_the_host_s_servers_said_takes_nothing_less() {
    let mut names = host();
    flood(&mut names, "10.0.0.1", HOST_NS);
    names.take_evicted();
    names.hear(&answer("10.0.0.1", 8, "foreign.example", &["198.51.100.4"]), 2 * HOUR);
    assert_eq!((shown(&names, "198.51.100.4", 2 * HOUR).as_str(), names.take_evicted()), ("", 1));
    // What no longer holds goes before what does, and without a word.
    names.hear(&answer("10.0.0.1", 8, "foreign.example", &["198.51.100.4"]), 20 * HOUR);
    assert_eq!(shown(&names, "198.51.100.4", 20 * HOUR), "foreign.example");
    assert_eq!(names.take_evicted(), 0);
}

#[test]
fn names_longer_than_names_are_cut_so_that_no_rule_means_them() {
    let rows = [(253, "", 253), (254, "…", 254), (1_000, "…", 254)];
    for (length, end, kept) in rows {
        // What is left of it ends as somebody chose.
        let name = format!("{}.example{}", "a".repeat(NAME_MAX - 8), "b".repeat(length - NAME_MAX));
        let mut names = host();
        names.hear(&answer("10.0.0.1", HOST_NS, &name, &["198.51.100.1"]), HOUR);
        let found = names.of(address("198.51.100.1"), HOUR);
        let found = found.first().map(|domain| &*domain.name).unwrap();
        assert_eq!(found.chars().count(), kept);
        assert!(found.ends_with(&format!(".example{end}")), "{found}");
        let trusted = names.is_only(address("198.51.100.1"), |name| name.ends_with(".example"), HOUR);
        assert_eq!(trusted, end.is_empty(), "{length}");
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

/// As many addresses as find room and one more.
fn flood(names: &mut Names, server: &str, net_ns: u32) {
    for number in 0..=u16::try_from(ADDRESSES_MAX).unwrap() {
        let [high, low] = number.to_be_bytes();
        let addresses = vec![IpAddr::from([203, 0, high, low])];
        names.hear(&event::Names { addresses, ..answer(server, net_ns, "a.example", &[]) }, 2 * HOUR);
    }
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
            |names| names.hear(&answer("198.51.100.9", HOST_NS, "z.example", &[]), HOUR),
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR,
            false,
        ),
        (
            "a server of somebody's own network",
            |names| names.hear(&answer("198.51.100.9", 8, "z.example", &[]), HOUR),
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR,
            true,
        ),
        (
            "named in somebody's own network",
            |names| names.hear(&answer("10.0.0.1", 8, "z.example", &["198.51.100.9"]), HOUR),
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR,
            true,
        ),
        (
            "named by somebody's own server",
            |names| names.hear(&answer("10.6.6.6", HOST_NS, "z.example", &["198.51.100.9"]), HOUR),
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR,
            false,
        ),
        (
            "cut by the host's server just now",
            |names| {
                let answer = answer("10.0.0.1", HOST_NS, "z.example", &[]);
                names.hear(&event::Names { cut: true, protocol: IPPROTO_TCP, ..answer }, 2 * HOUR);
            },
            "198.51.100.9",
            2 * HOUR,
            2 * HOUR + 1,
            false,
        ),
        (
            "cut in somebody's own network",
            |names| {
                let answer = answer("10.0.0.1", 8, "z.example", &[]);
                names.hear(&event::Names { cut: true, ..answer }, 2 * HOUR);
            },
            "198.51.100.9",
            HOUR + 1,
            2 * HOUR + 1,
            true,
        ),
        (
            "a loss elsewhere",
            |names| names.miss_elsewhere(2 * HOUR),
            "198.51.100.9",
            HOUR + 1,
            2 * HOUR + 1,
            true,
        ),
    ];
    for (row, change, to, began, now, expected) in rows {
        let mut names = busy_host();
        change(&mut names);
        assert_eq!(names.is_unnamed(address(to), HOST_NS, *began, *now), *expected, "{row}");
    }
    let (of, now) = (address("198.51.100.9"), 2 * HOUR);
    assert!(!host().is_unnamed(of, HOST_NS, now, now), "a host that asks for no names");
}

#[test]
fn another_network_namespace_goes_by_what_is_heard_anywhere() {
    let of = address("198.51.100.9");
    let mut names = busy_host();
    assert!(names.is_unnamed(of, 8, 2 * HOUR, 2 * HOUR));
    names.miss_elsewhere(2 * HOUR);
    assert!(!names.is_unnamed(of, 8, 2 * HOUR, 2 * HOUR + 1));
    assert!(names.is_unnamed(of, 8, 3 * HOUR, 3 * HOUR));
    names.hear(&answer("10.0.0.1", 9, "z.example", &["198.51.100.9"]), 3 * HOUR);
    assert!(!names.is_unnamed(of, 8, 3 * HOUR, 3 * HOUR));
    assert!(names.is_unnamed(of, HOST_NS, 3 * HOUR, 3 * HOUR));
}

#[test]
fn what_makes_room_is_counted_and_makes_silence_meaningless() {
    let mut names = busy_host();
    flood(&mut names, "10.0.0.1", HOST_NS);
    assert_eq!(names.take_evicted(), 2);
    assert_eq!(names.take_evicted(), 0);
    let of = address("198.51.100.9");
    assert!(!names.is_unnamed(of, HOST_NS, 2 * HOUR + 1, 2 * HOUR + 1));
    assert!(names.is_unnamed(of, HOST_NS, 3 * HOUR, 3 * HOUR));
}
