use std::net::SocketAddr;

use super::*;
use crate::{
    config::classify::FileClass,
    event::{Bytes, Direction, Exec, FdObject, FdSeen, FileKey, FlowWhat, Open, Path, Seen},
};

const STREAM: u16 = 1;
const DATAGRAM: u16 = 2;

/// The first process of a host is a launcher: numbers begin above it.
fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid: 100 + pid, start_ticks: u64::from(pid) }
}

fn process(pid: u32) -> Process {
    let exe = Path { bytes: Bytes::from("/usr/bin/socat"), ..Path::default() };
    Process { key: key(pid), exe, ..Process::default() }
}

/// Reads a document of its own number.
fn collect(graph: &mut Provenance, pid: u32) {
    let open = Open {
        file: FileKey { dev: 1, ino: pid.into(), generation: 0 },
        path: Path { bytes: format!("/srv/{pid}.pdf").as_str().into(), ..Path::default() },
        size: 100,
        read: true,
        ..Open::default()
    };
    graph.open(key(pid), &open, &FileClass { document: true, ..FileClass::default() });
}

/// Numbers of the documents that a process carries.
fn carried(graph: &Provenance, pid: u32) -> Vec<u64> {
    graph.carried(key(pid)).origins().map(|(file, _)| file.ino).collect()
}

fn address(text: &str) -> Option<SocketAddr> {
    (!text.is_empty()).then(|| text.parse().unwrap())
}

/// Bytes that moved on a socket: sent to `remote`, then received.
fn flow((sock_type, net_ns): (u16, u32), [local, remote]: [&str; 2], [tx_bytes, rx_bytes]: [u64; 2]) -> Flow {
    Flow {
        what: FlowWhat::Active,
        socket: 1,
        remote: address(remote),
        local: address(local),
        family: 2,
        protocol: if sock_type == STREAM { 6 } else { 17 },
        sock_type,
        direction: Direction::Out,
        net_ns,
        since: 1,
        tx_bytes,
        rx_bytes,
        tx_calls: 0,
        rx_calls: 0,
    }
}

#[test]
fn what_meets_on_this_host_is_linked_and_nothing_else() {
    const TCP: (u16, u32) = (STREAM, 1);
    const UDP: (u16, u32) = (DATAGRAM, 1);
    let [client, relay] = ["127.0.0.1:40000", "127.0.0.1:1080"];
    let rows = [
        // A client of a relay on loopback; by its own address; by IPv6.
        ("loopback", TCP, [client, relay], TCP, [relay, client], true),
        ("own", TCP, ["198.51.100.1:1", "198.51.100.1:2"], TCP, ["198.51.100.1:2", "198.51.100.1:1"], true),
        ("IPv6", TCP, ["[::1]:1", "[::1]:2"], TCP, ["[::1]:2", "[::1]:1"], true),
        // Other sockets, another namespace's loopback, another host, a name server.
        ("port", TCP, [client, relay], TCP, [relay, "127.0.0.1:40001"], false),
        ("namespace", TCP, [client, relay], (STREAM, 2), [relay, client], false),
        ("host", TCP, ["198.51.100.1:1", "198.51.100.2:2"], TCP, ["198.51.100.2:2", "198.51.100.1:1"], false),
        ("names", TCP, [client, "127.0.0.53:53"], TCP, ["127.0.0.53:53", client], false),
        // Datagrams: to an unconnected receiver, on any address; between connected ones.
        ("any", UDP, ["0.0.0.0:9", "127.0.0.1:514"], UDP, ["0.0.0.0:514", ""], true),
        ("bound", UDP, [client, "127.0.0.1:514"], UDP, ["127.0.0.1:514", ""], true),
        ("connected", UDP, [client, relay], UDP, [relay, client], true),
        ("outside", UDP, ["198.51.100.1:9", "198.51.100.2:514"], UDP, ["0.0.0.0:514", ""], false),
        ("unbound", UDP, [client, "127.0.0.1:514"], UDP, ["0.0.0.0:515", ""], false),
    ];
    for (name, from_type, from, to_type, to, linked) in rows {
        for receiver_first in [false, true] {
            let mut graph = Provenance::default();
            let mut ends = [(1, flow(from_type, from, [9, 0])), (2, flow(to_type, to, [0, 9]))];
            if receiver_first {
                ends.reverse();
            }
            for (pid, flow) in &ends {
                graph.flow(&process(*pid), key(*pid), (flow, *pid == 1), 5);
            }
            collect(&mut graph, 1);
            collect(&mut graph, 2);
            let expected: &[u64] = if linked { &[1, 2] } else { &[2] };
            assert_eq!(carried(&graph, 2), expected, "{name}");
            assert_eq!(carried(&graph, 1), [1], "{name}: nothing was answered");
        }
    }
}

fn sent(inode: u64, peer_inode: u64, peer_name: u64) -> UnixSocket {
    UnixSocket { sent: true, inode, name: 100 + inode, peer_inode, peer_name }
}

fn received(inode: u64) -> UnixSocket {
    UnixSocket { sent: false, inode, name: 100 + inode, ..UnixSocket::default() }
}

#[test]
fn unix_sockets_link_whoever_sends_with_whoever_receives() {
    type Row<'r> = (&'r str, &'r [(u32, UnixSocket)], bool);
    let rows: [Row<'_>; 6] = [
        ("in order", &[(1, sent(7, 8, 0)), (2, received(8))], true),
        ("receiver first", &[(2, received(8)), (1, sent(7, 8, 0))], true),
        ("before it was accepted", &[(1, sent(7, 0, 108)), (2, received(8))], true),
        ("another end", &[(1, sent(7, 8, 0)), (2, received(9))], false),
        ("only the other way", &[(2, sent(8, 7, 0)), (1, received(7))], false),
        // The name was taken by the first that received there.
        (
            "a name used again",
            &[(1, sent(7, 0, 108)), (3, received(8)), (2, UnixSocket { inode: 9, ..received(8) })],
            false,
        ),
    ];
    for (name, uses, linked) in rows {
        let mut graph = Provenance::default();
        for (pid, used) in uses {
            graph.unix(&process(*pid), key(*pid), used, 5);
        }
        collect(&mut graph, 1);
        assert_eq!(!carried(&graph, 2).is_empty(), linked, "{name}");
    }
}

#[test]
fn sinks_and_launchers_hand_nothing_on() {
    for (exe, expected) in
        [("/usr/bin/dbus-daemon", true), ("/usr/sbin/sshd", true), ("/home/a/dbus-daemon", false)]
    {
        let mut graph = Provenance::default();
        let bus = Process { exe: Path { bytes: exe.into(), ..Path::default() }, ..process(2) };
        graph.unix(&process(1), key(1), &sent(7, 8, 0), 5);
        graph.unix(&bus, key(2), &received(8), 5);
        collect(&mut graph, 1);
        assert_eq!(carried(&graph, 2).is_empty(), expected, "{exe}");
    }
}

/// Clients 10, 11, ... of a server 2, each with its own story but the first, which is of the server's.
fn served(clients: u32) -> Provenance {
    let mut graph = Provenance::default();
    for client in 10..10 + clients {
        let inode = u64::from(client);
        let story = if client == 10 { key(2) } else { key(client) };
        graph.unix(&process(client), story, &sent(1000 + inode, inode, 0), 5);
        graph.unix(&process(2), key(2), &received(inode), 5);
        collect(&mut graph, client);
    }
    graph
}

#[test]
fn who_serves_many_stories_hands_on_its_own_alone() {
    let limit = u32::try_from(STRANGERS_MAX).unwrap();
    assert_eq!(carried(&served(limit + 1), 2).len(), STRANGERS_MAX + 1);
    let mut graph = served(limit + 2);
    assert_eq!(carried(&graph, 2), [10]);
    // A stranger that is gone leaves nothing, and makes no room.
    graph.forget(key(11));
    assert_eq!(carried(&graph, 2), [10]);
    // What one left before the others came counts no more either.
    let mut graph = served(limit + 1);
    graph.forget(key(11));
    assert_eq!(carried(&graph, 2).len(), STRANGERS_MAX + 1);
    graph.unix(&process(90), key(90), &sent(1090, 90, 0), 5);
    graph.unix(&process(2), key(2), &received(90), 5);
    assert_eq!(carried(&graph, 2), [10]);
}

#[test]
fn a_crowd_of_ones_own_is_counted_and_pushes_out_no_pipe() {
    let mut graph = Provenance::default();
    let end = |fd, write: bool| FdSeen { fd, object: FdObject::Pipe { dev: 0, ino: 5, read: !write, write } };
    graph.exec(key(3), &[], &Exec { more_fds: vec![end(3, true)], ..Exec::default() });
    graph.exec(key(2), &[], &Exec { more_fds: vec![end(3, false)], ..Exec::default() });
    collect(&mut graph, 3);
    for client in 0..130 {
        let inode = 1_000 + u64::from(client);
        graph.unix(&process(200 + client), key(2), &sent(5_000 + inode, inode, 0), 5);
        graph.unix(&process(2), key(2), &received(inode), 5);
    }
    assert_eq!(carried(&graph, 2), [3]);
    assert_eq!(graph.take_forgotten_ends(), 2);
}

#[test]
fn addresses_and_names_that_are_used_again_are_others() {
    let [client, relay] = ["127.0.0.1:40000", "127.0.0.1:1080"];
    let there = flow((STREAM, 1), [client, relay], [9, 0]);
    let here = flow((STREAM, 1), [relay, client], [0, 9]);
    for (wait, linked) in [(1_000_000_000, true), (60_000_000_000, false)] {
        let mut graph = Provenance::default();
        graph.flow(&process(1), key(1), (&there, true), 5);
        graph.closed(&there, 5);
        graph.flow(&process(2), key(2), (&here, false), 5 + wait);
        collect(&mut graph, 1);
        assert_eq!(!carried(&graph, 2).is_empty(), linked, "{wait}");
    }
    for (wait, linked) in [(1_000_000_000, true), (90_000_000_000, false)] {
        let mut graph = Provenance::default();
        graph.unix(&process(1), key(1), &sent(7, 0, 108), 5);
        graph.unix(&process(2), key(2), &received(8), 5 + wait);
        collect(&mut graph, 1);
        assert_eq!(!carried(&graph, 2).is_empty(), linked, "{wait}");
    }
}

/// A web server (1) asks a backend (2) that reads a document itself, or has its child (3) read one and write into a pipe.
#[test]
fn a_backend_that_is_asked_feeds_nobody_and_what_comes_to_it_does() {
    let [server, backend] = ["127.0.0.1:40000", "127.0.0.1:8080"];
    let over_tcp = |graph: &mut Provenance| {
        graph.flow(&process(1), key(1), (&flow((STREAM, 1), [server, backend], [9, 9]), true), 5);
        graph.flow(&process(2), key(2), (&flow((STREAM, 1), [backend, server], [9, 9]), false), 5);
    };
    let over_unix = |graph: &mut Provenance| {
        for (pid, used) in [(1, sent(7, 8, 0)), (2, received(8)), (2, sent(8, 7, 0)), (1, received(7))] {
            graph.unix(&process(pid), key(pid), &used, 5);
        }
    };
    let ways: [&dyn Fn(&mut Provenance); 2] = [&over_tcp, &over_unix];
    for (way, reader) in ways.into_iter().zip([2, 3]).chain(ways.into_iter().zip([3, 2])) {
        let mut graph = Provenance::default();
        way(&mut graph);
        let end =
            |fd, write: bool| FdSeen { fd, object: FdObject::Pipe { dev: 0, ino: 5, read: !write, write } };
        graph.exec(key(3), &[key(2)], &Exec { more_fds: vec![end(3, true)], ..Exec::default() });
        graph.seen(key(2), &Seen { fds: vec![end(4, false)], ..Seen::default() });
        collect(&mut graph, reader);
        assert_eq!(carried(&graph, 1), [u64::from(reader)]);
        assert_eq!(graph.is_fed(key(1)), reader == 3, "{reader}");
        // The backend was asked, and did not ask: what it got from its client is fed to it.
        assert_eq!(graph.is_fed(key(2)), reader == 3);
        graph.forget(key(2));
        assert_eq!(graph.is_fed(key(1)), reader == 3, "{reader}, gone");
    }
}
