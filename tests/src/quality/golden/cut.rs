//! A recording cut to one story: its processes, its flows, the program that started them, and facts about the host. Names
//! of the host and of the user who recorded it are left out.

use std::collections::HashSet;

use weir::event::{Bytes, Event, Exec, Fact, ProcessKey, Seen, Started};

use crate::quality::recorded::Recorded;

/// Stands for the program that started the story.
const STARTER: &[u8] = b"/usr/libexec/starter";
/// Stands for the folder that this program was built in, whose helpers are a part of some stories.
const BUILT: &[u8] = b"/usr/libexec/weir";

pub(super) fn cut(recorded: &Recorded) -> Vec<Event> {
    let sockets: HashSet<u64> = recorded
        .events
        .iter()
        .filter(|event| recorded.members.contains(&event.process))
        .filter_map(|event| if let Fact::Flow(flow) = &event.fact { Some(flow.socket) } else { None })
        .collect();
    recorded.events.iter().filter_map(|event| part(event, recorded, &sockets)).collect()
}

/// The event as it stands in the cut recording; none when it has no place there.
fn part(event: &Event, recorded: &Recorded, sockets: &HashSet<u64>) -> Option<Event> {
    let own = recorded.members.contains(&event.process);
    let starter = recorded.starter == Some(event.process);
    let fact = if let Fact::Started(started) = &event.fact {
        Fact::Started(Box::new(anonymous(started)))
    } else if let Fact::Seen(seen) = &event.fact {
        if starter {
            let (exe, argv) = (Bytes::from(STARTER), vec![Bytes::from(STARTER)]);
            Fact::Seen(Box::new(Seen { exe, argv, ids: seen.ids, ..Seen::default() }))
        } else if own {
            Fact::Seen(Box::new(Seen { cwd: Bytes::from("/"), ..seen.as_ref().clone() }))
        } else {
            return None;
        }
    } else if let Fact::Fork(fork) = &event.fact {
        recorded.members.contains(&fork.child).then(|| event.fact.clone())?
    } else if let Fact::Flow(flow) = &event.fact {
        (own || event.process == ProcessKey::HOST && sockets.contains(&flow.socket))
            .then(|| event.fact.clone())?
    } else if let Fact::Content(content) = &event.fact {
        sockets.contains(&content.socket).then(|| event.fact.clone())?
    } else if let Fact::Exec(exec) = &event.fact {
        own.then(|| Fact::Exec(Box::new(moved(exec))))?
    } else {
        (own || event.process == ProcessKey::HOST).then(|| event.fact.clone())?
    };
    Some(Event { fact, ..event.clone() })
}

/// A program and its arguments, with no name of a folder of this machine.
fn moved(exec: &Exec) -> Exec {
    let mut exec = exec.clone();
    let mut own: Vec<&mut Bytes> = vec![&mut exec.exe.bytes, &mut exec.filename, &mut exec.cwd.bytes];
    own.extend(&mut exec.script);
    own.extend(&mut exec.argv);
    for name in own {
        let here = super::folder_of_sources().as_bytes();
        if let Some(rest) = name.as_slice().strip_prefix(here) {
            *name = Bytes::from([BUILT, rest].concat().as_slice());
        }
    }
    exec
}

fn anonymous(started: &Started) -> Started {
    Started {
        host: "golden.example".to_owned(),
        boot_id: "00000000-0000-4000-8000-000000000000".to_owned(),
        kernel: "6.0".to_owned(),
        version: "0".to_owned(),
        ..started.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        net::{Ipv4Addr, SocketAddr},
    };

    use weir::event::{
        Direction, Flow, FlowWhat, Fork,
        content::{Content, Part, Spoken},
    };

    use super::*;

    fn key(pid: u32) -> ProcessKey {
        ProcessKey { pid, start_ticks: 1 }
    }

    fn nowhere() -> SocketAddr {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    }

    fn flow(socket: u64) -> Flow {
        Flow {
            what: FlowWhat::Active,
            socket,
            remote: Some(nowhere()),
            local: None,
            family: 0,
            protocol: 0,
            sock_type: 0,
            direction: Direction::Out,
            net_ns: 0,
            since: 0,
            tx_bytes: 0,
            rx_bytes: 0,
            tx_calls: 0,
            rx_calls: 0,
        }
    }

    fn spoken(socket: u64) -> Content {
        let (part, spoken) = (Part::First, Spoken::Unknown);
        let (local, remote) = (nowhere(), nowhere());
        Content { socket, local, remote, net_ns: 0, protocol: 0, part, bytes: 0, spoken, entropy: None }
    }

    #[test]
    fn only_the_story_and_the_host_stay() {
        let event = |process, fact| Event { time: 1, process, fact };
        let fork = |child| Fact::Fork(Fork { child: key(child), ..Fork::default() });
        let seen = || Fact::Seen(Box::new(Seen { cwd: Bytes::from("/secret"), ..Seen::default() }));
        let started = Started { host: "secret".to_owned(), ..Started::default() };
        let program = format!("{}/target/debug/helper", crate::quality::golden::folder_of_sources());
        let exec = Exec { argv: vec![program.as_str().into()], ..Exec::default() };
        let content = |socket| Fact::Content(Box::new(spoken(socket)));
        let recorded = Recorded {
            events: vec![
                event(ProcessKey::HOST, Fact::Started(Box::new(started))),
                event(key(1), seen()),
                event(key(9), seen()),
                event(key(1), fork(2)),
                event(key(1), fork(3)),
                event(ProcessKey::HOST, Fact::Tick),
                event(key(2), Fact::Exec(Box::new(exec))),
                event(ProcessKey::HOST, content(7)),
                event(ProcessKey::HOST, content(8)),
                event(key(2), Fact::Flow(Box::new(flow(7)))),
                event(key(3), Fact::Flow(Box::new(flow(8)))),
                event(key(2), Fact::Exit { code: 0 }),
                event(key(3), Fact::Exit { code: 0 }),
            ],
            members: BTreeSet::from([key(2)]),
            starter: Some(key(1)),
            addresses: BTreeSet::new(),
        };
        let events = cut(&recorded);
        let kept: Vec<u32> = events.iter().map(|event| event.process.pid).collect();
        assert_eq!(kept, [0, 1, 1, 0, 2, 0, 2, 2]);
        let shown = format!("{events:?}");
        assert!(shown.contains("/usr/libexec/weir/target/debug/helper"), "{shown}");
        assert!(!format!("{events:?}").contains("secret"));
    }
}
