//! The story of an alert: what each process touched, and the graph of it.

use serde::Serialize;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use super::{cutter::Cutter, parts, schema};
use crate::{
    alert::{
        Alert, Host, Link, Record, Touched, entity_id,
        graph::{EdgeKind, Node},
    },
    process::Process,
    provenance::hops::Hop,
};

/// A link of the chain.
#[derive(Debug, Default, Serialize)]
pub(super) struct Linked {
    pid: u32,
    entity_id: String,
    /// `entity_id` of its parent; the first link's parent is not in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    name: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    executable: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    command_line: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    start: Option<String>,
    /// Why its begin, and what it did by then, was not seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    begin_unseen: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    user: schema::User,
    did: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    read: Option<Touches>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrote: Option<Touches>,
    bytes_out: u64,
    sender: bool,
    /// It started what follows and is no part of the story itself.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    launcher: bool,
}

/// Files of the story that one process read or wrote.
#[derive(Debug, Serialize)]
struct Touches {
    /// All of them.
    count: u64,
    bytes: u64,
    /// The gravest.
    files: Vec<Seen>,
}

#[derive(Debug, Serialize)]
struct Seen {
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    why: String,
}

/// Nodes root first, edges by time.
#[derive(Debug, Serialize)]
pub(super) struct Graph {
    nodes: Vec<Shown>,
    edges: Vec<Edge>,
    nodes_left_out: u64,
    edges_left_out: u64,
}

#[derive(Debug, Default, Serialize)]
struct Shown {
    id: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inode: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transport: Option<String>,
}

#[derive(Debug, Serialize)]
struct Edge {
    from: String,
    to: String,
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
}

pub(super) fn chain(host: &Host, alert: &Alert, cutter: &mut Cutter) -> Vec<Linked> {
    let links = cutter.ends("weir.chain", &alert.chain);
    links.into_iter().map(|link| of_link(host, alert, link, cutter)).collect()
}

fn of_link(host: &Host, alert: &Alert, link: &Link, cutter: &mut Cutter) -> Linked {
    let process = &link.process;
    let did: Vec<String> = cutter
        .short_list("weir.chain.did", &link.did)
        .iter()
        .map(|deed| cutter.text("weir.chain.did", deed))
        .collect();
    Linked {
        pid: process.key.pid,
        entity_id: entity_id(host, process.key),
        parent: process.parent.map(|parent| entity_id(host, parent)),
        name: parts::name(process, cutter),
        executable: cutter.path("weir.chain.executable", &process.exe),
        command_line: cutter.bytes("weir.chain.command_line", &process.command_line()),
        start: parts::start(alert.boot_to_wall_ns, process.key),
        begin_unseen: begin_unseen(process),
        end: process.ended.map(|ended| parts::time(Record::wall(alert.boot_to_wall_ns, ended))),
        user: parts::user(process, cutter),
        did,
        read: of_files("weir.chain.read", &link.read, cutter),
        wrote: of_files("weir.chain.wrote", &link.wrote, cutter),
        bytes_out: link.bytes_out,
        sender: process.key == alert.process.key,
        launcher: link.launcher,
    }
}

fn begin_unseen(process: &Process) -> Option<&'static str> {
    if process.preexisting {
        Some("older than the agent")
    } else if process.begin_missed {
        Some("the record was lost")
    } else {
        None
    }
}

/// What is listed of all that was touched; that it is not all is told by the count.
fn of_files(field: &'static str, touched: &Touched, cutter: &mut Cutter) -> Option<Touches> {
    let files = cutter.touched(&touched.files).iter().map(|file| Seen {
        path: cutter.bytes(field, &file.path),
        size: (file.size > 0).then_some(file.size),
        why: cutter.text(field, &file.why),
    });
    let files: Vec<Seen> = files.collect();
    (touched.count > 0).then_some(Touches { count: touched.count, bytes: touched.bytes, files })
}

pub(super) fn graph(host: &Host, alert: &Alert, cutter: &mut Cutter) -> Graph {
    let processes: BTreeMap<_, &Process> =
        alert.chain.iter().map(|link| (link.process.key, Arc::as_ref(&link.process))).collect();
    let mut graph = alert.graph.clone();
    let listed = cutter.bounds("weir.graph", graph.nodes.len());
    graph.bound(listed, listed.saturating_mul(4));
    let mut nodes = Vec::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        let mut shown = Shown { id: id(index), ..Shown::default() };
        match node {
            Node::Process(key) => {
                shown.kind = "process";
                shown.pid = Some(key.pid);
                shown.entity_id = Some(entity_id(host, *key));
                shown.name = processes.get(key).map(|process| parts::name(process, cutter));
            }
            Node::File { path, size } => {
                shown.kind = "file";
                shown.path = Some(cutter.bytes("weir.graph.path", path));
                shown.bytes = (*size > 0).then_some(*size);
            }
            Node::Files { place, count, bytes } => {
                shown.kind = "files";
                shown.path = Some(cutter.bytes("weir.graph.path", place));
                shown.count = Some(*count);
                shown.bytes = Some(*bytes);
            }
            Node::Pipe(inode) => {
                shown.kind = "pipe";
                shown.inode = Some(*inode);
            }
            Node::Socket(hop) => {
                shown.kind = match hop {
                    Hop::Memory => "memory",
                    Hop::Files(_) => "mount",
                    Hop::Unix(_) | Hop::Unaccepted(_) | Hop::Connection { .. } | Hop::Datagrams { .. } => {
                        "socket"
                    }
                };
                (shown.inode, shown.ip, shown.port) = match hop {
                    Hop::Unix(inode) => (Some(*inode), None, None),
                    Hop::Unaccepted(_) | Hop::Memory | Hop::Files(_) => (None, None, None),
                    Hop::Connection { to, .. } => (None, Some(to.ip().to_canonical()), Some(to.port())),
                    Hop::Datagrams { port, .. } => (None, None, Some(*port)),
                };
            }
            Node::Destination { remote, protocol } => {
                shown.kind = "destination";
                shown.ip = remote.ip();
                shown.port = remote.ip().map(|_| remote.port());
                shown.transport = Some(parts::transport(*protocol)).filter(|transport| !transport.is_empty());
                let to = alert.destinations.iter().find(|to| to.remote == *remote);
                let place = to.and_then(|to| to.place.as_ref());
                shown.path = place.map(|place| cutter.bytes("weir.graph.nodes.path", place));
            }
        }
        nodes.push(shown);
    }
    let edges = graph.edges.iter().map(|edge| Edge {
        from: id(edge.from),
        to: id(edge.to),
        kind: match edge.kind {
            EdgeKind::Forked => "forked",
            EdgeKind::Read => "read",
            EdgeKind::Wrote => "wrote",
            EdgeKind::Piped => "piped",
            EdgeKind::Sent => "sent",
        },
        bytes: edge.bytes,
        time: edge.first.map(|first| parts::time(Record::wall(alert.boot_to_wall_ns, first))),
    });
    let edges = edges.collect();
    Graph { nodes, edges, nodes_left_out: graph.nodes_left_out, edges_left_out: graph.edges_left_out }
}

fn id(index: usize) -> String {
    format!("n{index}")
}
