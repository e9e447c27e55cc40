use weir::event::{Bytes, FlowWhat, Fork, Open, Path};

use super::*;

/// Events, and the findings that they must lead to.
type Row<'r> = (Vec<Event>, &'r [(&'r str, u8)]);

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: 0 }
}

fn event(pid: u32, fact: Fact) -> Event {
    Event { time: 0, process: key(pid), fact }
}

fn exec(pid: u32, line: &str, script: Option<&str>) -> Event {
    let argv = line.split(' ').map(Bytes::from).collect();
    event(pid, Fact::Exec(Box::new(Exec { argv, script: script.map(Bytes::from), ..Exec::default() })))
}

fn open(path: &str) -> Event {
    let path = Path { bytes: path.into(), ..Path::default() };
    event(1, Fact::Open(Box::new(Open { path, ..Open::default() })))
}

fn flow(direction: Direction, remote: &str, since: u64, tx_bytes: u64) -> Event {
    let flow = Flow {
        what: FlowWhat::Snapshot,
        socket: 7,
        remote: remote.parse().ok(),
        local: None,
        family: 2,
        protocol: 6,
        sock_type: 1,
        direction,
        net_ns: 0,
        since,
        tx_bytes,
        rx_bytes: 0,
        tx_calls: 0,
        rx_calls: 0,
    };
    event(1, Fact::Flow(Box::new(flow)))
}

#[test]
fn findings_are_those_of_the_words() {
    let fork = event(1, Fact::Fork(Fork { child: key(2), ..Fork::default() }));
    let rows: Vec<Row<'_>> = vec![
        (vec![exec(1, "/usr/bin/curl http://x", None)], &[("DS0017", 9)]),
        (vec![exec(1, "tar -cf x y", None)], &[("DS0017", 8)]),
        (vec![exec(1, "tar -czf x y", None)], &[]),
        (vec![exec(1, "tar cf x y", None)], &[]),
        (vec![exec(1, "wget x", None)], &[]),
        (vec![exec(1, "x -T y", None)], &[]),
        (vec![exec(1, "sh a.sh", Some("./a.sh")), fork.clone(), exec(2, "wget x", None)], &[("DS0012", 8)]),
        (vec![exec(1, "python3 a.py", Some("./a.py")), fork.clone(), exec(2, "wget x", None)], &[]),
        (
            vec![exec(1, "sh a.sh", Some("./a.sh")), fork, exec(2, "env wget", None), exec(2, "wget", None)],
            &[],
        ),
        (vec![open("/var/tmp/a/b")], &[("DS0022", 8)]),
        (vec![open("/media/exfil/a")], &[("DS0022", 9)]),
        (vec![open("/home/u/Downloads/a"), open("/tmp/a")], &[]),
        (vec![flow(Direction::Out, "198.51.100.2:443", 1, 5_000_001)], &[("DS0029", 8)]),
        (vec![flow(Direction::Out, "198.51.100.2:80", 1, 5_000_001)], &[]),
        (vec![flow(Direction::In, "198.51.100.2:443", 1, 5_000_001)], &[]),
        (vec![flow(Direction::In, "198.51.100.2:4000", 1, 10_000_001)], &[("DS0029", 9)]),
        (vec![flow(Direction::Out, "10.0.0.2:443", 1, 50_000_000)], &[]),
        // Sums are cumulative within an entry and begin anew with the next.
        (
            vec![
                flow(Direction::Out, "198.51.100.2:22", 1, 2_000_000),
                flow(Direction::Out, "198.51.100.2:22", 1, 4_000_000),
                flow(Direction::Out, "198.51.100.2:22", 9, 2_000_000),
            ],
            &[("DS0029", 8)],
        ),
    ];
    let members = BTreeSet::from([key(1), key(2)]);
    for (events, expected) in rows {
        let found = findings(&events, &members);
        let found: Vec<_> = found.iter().map(|finding| (finding.analytic, finding.risk)).collect();
        assert_eq!(found, expected, "{events:?}");
        assert!(findings(&events, &BTreeSet::new()).is_empty());
    }
}
