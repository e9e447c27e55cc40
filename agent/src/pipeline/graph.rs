//! From the chain of an alert to its graph.

use std::collections::{BTreeMap, BTreeSet};

use agent_common::process::NS_PER_TICK;

use super::{Pipeline, moments::Mark};
use crate::{
    alert::{
        Link,
        graph::{EDGES_MAX, Edge, EdgeKind, Graph, NODES_MAX, Node},
    },
    event::{BootTime, Bytes, FileKey, PipeKey, ProcessKey, Remote, bytes::directory},
    provenance::{Carried, Origin, edges::Touch, hops::Hop},
};

/// Sensitive and staged files that one process read and that are shown one by one; the others of it are one node.
const SINGLE_MAX: usize = 4;

/// A graph in the making: each thing has one node.
#[derive(Default)]
struct Draft {
    graph: Graph,
    processes: BTreeMap<ProcessKey, usize>,
    files: BTreeMap<FileKey, usize>,
    pipes: BTreeMap<PipeKey, usize>,
    /// Sockets by the two processes between which they are.
    sockets: BTreeMap<(ProcessKey, ProcessKey), usize>,
    /// Pairs of processes with a pipe between them.
    piped: BTreeSet<(ProcessKey, ProcessKey)>,
    destinations: BTreeMap<(Remote, u8), usize>,
}

impl Pipeline {
    /// The processes of `chain` and what they touched, as far as it belongs to the story: what they collected, the files
    /// of `matters` that they wrote, what passed between them, and where they sent.
    pub(super) fn graph(&self, chain: &[Link], matters: &BTreeMap<Bytes, u64>) -> Graph {
        let mut draft = Draft::default();
        for link in chain {
            let index = draft.push(Node::Process(link.process.key));
            draft.processes.insert(link.process.key, index);
        }
        let members = || chain.iter().filter(|link| !link.launcher);
        for link in members() {
            let key = link.process.key;
            let parent = link.process.parent.and_then(|parent| draft.processes.get(&parent).copied());
            if let (Some(from), Some(&to)) = (parent, draft.processes.get(&key)) {
                let began = key.start_ticks.saturating_mul(NS_PER_TICK);
                draft.edge(from, to, EdgeKind::Forked, None, (began > 0).then_some(began));
            }
            if let Some(own) = self.provenance.own(key) {
                self.read(&mut draft, key, own);
            }
        }
        for link in members() {
            self.touched(&mut draft, link.process.key, matters);
        }
        for link in chain {
            for touch in self.provenance.touches(link.process.key) {
                if let Touch::Peer(from, hop, first) = touch {
                    draft.socket(from, link.process.key, hop, first);
                }
            }
        }
        for link in chain {
            self.sent(&mut draft, link.process.key);
        }
        draft.graph.bound(NODES_MAX, EDGES_MAX);
        draft.graph
    }

    /// What a process collected: what was made from collected data and the gravest of the others one by one.
    fn read(&self, draft: &mut Draft, process: ProcessKey, own: &Carried) {
        let mut origins: Vec<(FileKey, &Origin)> =
            own.origins().map(|(&key, origin)| (key, origin)).collect();
        origins.sort_by_key(|(key, origin)| {
            let class = origin.class;
            (std::cmp::Reverse((origin.is_made(), class.sensitive, class.staging, origin.size)), *key)
        });
        let derived = origins.iter().filter(|(_, origin)| origin.is_made()).count();
        let grave = origins.iter().filter(|(_, origin)| origin.is_grave()).count();
        let all = origins.len() + usize::from(own.files_summed() > 0);
        // Plain documents say as much together; one more node for the rest must leave out more than one.
        let single = if all <= 2 { all } else { derived.max(grave.min(SINGLE_MAX)) };
        let single = if all == single + 1 { all } else { single };
        for &(key, origin) in origins.iter().take(single) {
            let file = draft.file(key, &origin.path, origin.size);
            let first = self.moments.first(process, Mark::Read(key));
            draft.between(file, process, EdgeKind::Read, Some(origin.size), first);
        }
        let rest = origins.get(single.min(origins.len())..).unwrap_or_default();
        let count = rest.len() as u64 + own.files_summed();
        if count == 0 {
            return;
        }
        let bytes = rest.iter().fold(0_u64, |sum, (_, origin)| sum.saturating_add(origin.size));
        let place = common_place(rest.iter().map(|(_, origin)| &origin.path));
        let first = rest.iter().filter_map(|(key, _)| self.moments.first(process, Mark::Read(*key))).min();
        let files = draft.push(Node::Files { place, count, bytes });
        draft.between(files, process, EdgeKind::Read, Some(bytes), first);
    }

    /// Files and pipes between the processes of the chain, and files of `matters` that one of them wrote.
    fn touched(&self, draft: &mut Draft, process: ProcessKey, matters: &BTreeMap<Bytes, u64>) {
        for touch in self.provenance.touches(process) {
            match touch {
                Touch::Wrote(key, path) => {
                    if matters.contains_key(path) || draft.files.contains_key(&key) {
                        let file = draft.file(key, path, matters.get(path).copied().unwrap_or_default());
                        let size = draft.size(file);
                        let first = self.moments.first(process, Mark::Wrote(key));
                        draft.from(process, file, EdgeKind::Wrote, size, first);
                    }
                }
                Touch::Pipe(key, writers) => self.pipe(draft, process, key, &writers),
                // Read files that carry collected data are there already, sockets come after all pipes.
                Touch::Read(..) | Touch::Peer(..) => {}
            }
        }
    }

    fn pipe(&self, draft: &mut Draft, reader: ProcessKey, key: PipeKey, writers: &[ProcessKey]) {
        let known: Vec<ProcessKey> = writers
            .iter()
            .copied()
            .filter(|writer| *writer != reader && draft.processes.contains_key(writer))
            .collect();
        // Whoever made a pipe for its children stands for an end that nobody is known to hold; here somebody is.
        let made_it = known.iter().all(|&writer| self.is_parent(reader, writer));
        let held = draft
            .processes
            .keys()
            .any(|&other| other != reader && !known.contains(&other) && self.reads(other, key));
        if known.is_empty() || (made_it && held) {
            return;
        }
        let pipe = *draft.pipes.entry(key).or_insert_with(|| {
            draft.graph.nodes.push(Node::Pipe(key.1));
            draft.graph.nodes.len() - 1
        });
        for writer in known {
            draft.piped.insert(pair(reader, writer));
            draft.from(writer, pipe, EdgeKind::Piped, None, self.moments.first(writer, Mark::Pipe(key)));
        }
        draft.between(pipe, reader, EdgeKind::Piped, None, self.moments.first(reader, Mark::Pipe(key)));
    }

    fn is_parent(&self, parent: ProcessKey, child: ProcessKey) -> bool {
        self.table.get(child).is_some_and(|child| child.parent == Some(parent))
    }

    fn reads(&self, process: ProcessKey, key: PipeKey) -> bool {
        let touches = self.provenance.touches(process);
        touches.iter().any(|touch| matches!(touch, Touch::Pipe(pipe, _) if *pipe == key))
    }

    fn sent(&self, draft: &mut Draft, process: ProcessKey) {
        let Some(sums) = self.flows.process(process) else { return };
        for (&(remote, protocol), &bytes) in sums.destinations.iter().filter(|(_, bytes)| **bytes > 0) {
            let to = *draft.destinations.entry((remote, protocol)).or_insert_with(|| {
                draft.graph.nodes.push(Node::Destination { remote, protocol: protocol.into() });
                draft.graph.nodes.len() - 1
            });
            let first = self.moments.first(process, Mark::Sent(remote, protocol));
            draft.from(process, to, EdgeKind::Sent, Some(bytes), first);
        }
    }
}

impl Draft {
    fn push(&mut self, node: Node) -> usize {
        self.graph.nodes.push(node);
        self.graph.nodes.len() - 1
    }

    /// The node of a file; the largest size that somebody found stays.
    fn file(&mut self, key: FileKey, path: &Bytes, size: u64) -> usize {
        let index = *self.files.entry(key).or_insert_with(|| {
            self.graph.nodes.push(Node::File { path: path.clone(), size });
            self.graph.nodes.len() - 1
        });
        if let Some(Node::File { size: known, .. }) = self.graph.nodes.get_mut(index) {
            *known = (*known).max(size);
        }
        index
    }

    /// A socket has one node for both directions; none where there is a pipe, as a socket pair on standard input and
    /// output is one.
    fn socket(&mut self, from: ProcessKey, to: ProcessKey, hop: Hop, first: BootTime) {
        let known = self.processes.contains_key(&from) && self.processes.contains_key(&to);
        if !known || self.piped.contains(&pair(from, to)) {
            return;
        }
        let socket = *self.sockets.entry(pair(from, to)).or_insert_with(|| {
            self.graph.nodes.push(Node::Socket(hop));
            self.graph.nodes.len() - 1
        });
        self.from(from, socket, EdgeKind::Piped, None, Some(first));
        self.between(socket, to, EdgeKind::Piped, None, Some(first));
    }

    fn size(&self, index: usize) -> Option<u64> {
        self.graph.nodes.get(index).and_then(Node::file_bytes).filter(|&size| size > 0)
    }

    fn between(
        &mut self,
        from: usize,
        to: ProcessKey,
        kind: EdgeKind,
        bytes: Option<u64>,
        first: Option<BootTime>,
    ) {
        if let Some(&to) = self.processes.get(&to) {
            self.edge(from, to, kind, bytes, first);
        }
    }

    fn from(
        &mut self,
        from: ProcessKey,
        to: usize,
        kind: EdgeKind,
        bytes: Option<u64>,
        first: Option<BootTime>,
    ) {
        if let Some(&from) = self.processes.get(&from) {
            self.edge(from, to, kind, bytes, first);
        }
    }

    /// One edge of a kind between two nodes.
    fn edge(&mut self, from: usize, to: usize, kind: EdgeKind, bytes: Option<u64>, first: Option<BootTime>) {
        let known =
            self.graph.edges.iter_mut().find(|edge| (edge.from, edge.to, edge.kind) == (from, to, kind));
        match known {
            Some(edge) => edge.bytes = edge.bytes.max(bytes),
            None => self.graph.edges.push(Edge { from, to, kind, bytes, first }),
        }
    }
}

/// Two processes, whichever is named first.
fn pair(one: ProcessKey, other: ProcessKey) -> (ProcessKey, ProcessKey) {
    (one.min(other), one.max(other))
}

/// The deepest directory that holds all of them.
fn common_place<'p>(mut paths: impl Iterator<Item = &'p Bytes>) -> Bytes {
    let Some(first) = paths.next() else { return Bytes::default() };
    let mut common = directory(first.as_slice());
    for path in paths {
        let other = directory(path.as_slice());
        let same = common.iter().zip(other).take_while(|(one, other)| one == other).count();
        let at_border = |path: &[u8]| path.get(same).is_none_or(|next| *next == b'/');
        let shared = common.get(..same).unwrap_or_default();
        common = if at_border(common) && at_border(other) { shared } else { directory(shared) };
    }
    Bytes::from(if common.is_empty() { b"/" } else { common })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_that_files_have_in_common() {
        let rows: &[(&[&str], &str)] = &[
            (&["/srv/docs/1.pdf", "/srv/docs/2.pdf"], "/srv/docs"),
            (&["/srv/docs/1.pdf", "/srv/docs/sub/2.pdf"], "/srv/docs"),
            (&["/srv/docs/sub/2.pdf", "/srv/docs/1.pdf"], "/srv/docs"),
            (&["/srv/docs/1.pdf", "/srv/docs2/1.pdf"], "/srv"),
            (&["/srv/docs2/1.pdf", "/srv/docs/1.pdf"], "/srv"),
            (&["/a", "/b"], "/"),
            (&["/etc/x", "/home/y"], "/"),
            (&["relative", "/a/b"], "/"),
            (&[], ""),
        ];
        for (paths, expected) in rows {
            let paths: Vec<Bytes> = paths.iter().map(|&path| Bytes::from(path)).collect();
            assert_eq!(common_place(paths.iter()), Bytes::from(*expected), "{paths:?}");
        }
    }
}
