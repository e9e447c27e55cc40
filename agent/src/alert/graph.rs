//! The story of an alert as a graph: which process read, wrote, piped and sent what. Bounded; what did not fit is
//! counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    event::{BootTime, Bytes, ProcessKey, Remote},
    provenance::hops::Hop,
};

/// Nodes of one alert.
pub const NODES_MAX: usize = 64;
/// Edges of one alert: three a node, since most nodes have one way in and one or two out.
pub const EDGES_MAX: usize = 192;

/// Processes root first, then what they touched.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// At most [`NODES_MAX`].
    pub nodes: Vec<Node>,
    /// At most [`EDGES_MAX`], by time.
    pub edges: Vec<Edge>,
    /// Nodes that did not fit.
    pub nodes_left_out: u64,
    /// Edges that did not fit, or that led to such nodes.
    pub edges_left_out: u64,
}

/// A process, or something that holds or takes data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A process of the chain.
    Process(ProcessKey),
    /// A file.
    File {
        /// Its path.
        path: Bytes,
        /// Its size when it was last opened for reading, bytes; 0 when nobody was seen reading it.
        size: u64,
    },
    /// Further files that one process read.
    Files {
        /// The directory that they have in common.
        place: Bytes,
        /// How many.
        count: u64,
        /// Their sizes together, bytes.
        bytes: u64,
    },
    /// A pipe, FIFO or socket pair, by inode.
    Pipe(u64),
    /// A socket between two processes of this host, by an end that receives; or memory of one that the other reads.
    Socket(Hop),
    /// The far end of flows to the outside.
    Destination {
        /// Address and port.
        remote: Remote,
        /// `IPPROTO_*`.
        protocol: u16,
    },
}

/// Something happened between two nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Index of the node that it came from.
    pub from: usize,
    /// Index of the node that it went to.
    pub to: usize,
    /// What happened.
    pub kind: EdgeKind,
    /// Bytes, where they are known: sizes for files (a size at the open, not bytes of reads), bytes of the ledger for
    /// destinations.
    pub bytes: Option<u64>,
    /// When it first happened, where that is known.
    pub first: Option<BootTime>,
}

/// Kinds of edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EdgeKind {
    /// A process started another.
    Forked,
    /// A file was opened for reading by a process.
    Read,
    /// A process opened a file for writing.
    Wrote,
    /// Into a pipe or socket, or out of it.
    Piped,
    /// To the outside.
    Sent,
}

impl EdgeKind {
    /// Whether data moves along it.
    #[must_use]
    pub fn moves_data(self) -> bool {
        match self {
            Self::Forked => false,
            Self::Read | Self::Wrote | Self::Piped | Self::Sent => true,
        }
    }
}

impl Graph {
    /// Index of the node of a process.
    #[must_use]
    pub fn process(&self, key: ProcessKey) -> Option<usize> {
        self.nodes.iter().position(|node| *node == Node::Process(key))
    }

    /// The way of the data to a process: from the files with the most bytes that lead there, by the fewest steps. Empty
    /// when no file leads there.
    #[must_use]
    pub fn way_to(&self, process: usize) -> Vec<usize> {
        let mut next: BTreeMap<usize, usize> = BTreeMap::new();
        let mut seen = BTreeSet::from([process]);
        let mut queue = VecDeque::from([process]);
        while let Some(at) = queue.pop_front() {
            for edge in self.edges.iter().filter(|edge| edge.to == at && edge.kind.moves_data()) {
                if seen.insert(edge.from) {
                    next.insert(edge.from, at);
                    queue.push_back(edge.from);
                }
            }
        }
        let is_first = |index: usize| {
            !self.edges.iter().any(|edge| edge.to == index && edge.kind.moves_data() && edge.from != index)
        };
        let start = next
            .keys()
            .copied()
            .filter_map(|index| Some((self.nodes.get(index)?.file_bytes()?, index)))
            .max_by_key(|&(bytes, index)| (is_first(index), bytes, std::cmp::Reverse(index)));
        let mut way: Vec<usize> = Vec::new();
        let mut at = start.map(|(_, index)| index);
        while let Some(index) = at {
            way.push(index);
            at = next.get(&index).copied();
        }
        way
    }

    /// Cuts the graph to its bounds. The nodes that go first are files that lead nowhere, the smallest first.
    pub fn bound(&mut self, nodes_max: usize, edges_max: usize) {
        if self.nodes.len() > nodes_max {
            let mut ranked: Vec<usize> = (0..self.nodes.len()).collect();
            ranked.sort_by_key(|&index| (self.rank(index), index));
            let kept: BTreeSet<usize> = ranked.into_iter().take(nodes_max).collect();
            self.keep(&kept);
        }
        self.edges.sort_by_key(|edge| (edge.first.unwrap_or_default(), edge.from, edge.to, edge.kind));
        let over = self.edges.len().saturating_sub(edges_max);
        self.edges.truncate(edges_max);
        self.edges_left_out += over as u64;
    }

    fn keep(&mut self, kept: &BTreeSet<usize>) {
        let place: BTreeMap<usize, usize> = kept.iter().enumerate().map(|(new, &old)| (old, new)).collect();
        let nodes = std::mem::take(&mut self.nodes);
        let before = self.edges.len();
        self.nodes_left_out += nodes.len().saturating_sub(kept.len()) as u64;
        self.nodes = nodes
            .into_iter()
            .enumerate()
            .filter(|(old, _)| kept.contains(old))
            .map(|(_, node)| node)
            .collect();
        self.edges = std::mem::take(&mut self.edges)
            .into_iter()
            .filter_map(|edge| {
                Some(Edge { from: *place.get(&edge.from)?, to: *place.get(&edge.to)?, ..edge })
            })
            .collect();
        self.edges_left_out += before.saturating_sub(self.edges.len()) as u64;
    }

    /// Lower stays longer; larger files before smaller ones.
    fn rank(&self, index: usize) -> (u8, std::cmp::Reverse<u64>) {
        let leads_on = self.edges.iter().any(|edge| edge.to == index && edge.kind == EdgeKind::Wrote)
            && self.edges.iter().any(|edge| edge.from == index && edge.kind == EdgeKind::Read);
        let (rank, bytes) = match self.nodes.get(index) {
            Some(Node::Process(_)) => (0, 0),
            Some(Node::Destination { .. }) => (1, 0),
            Some(Node::Pipe(_) | Node::Socket(_)) => (2, 0),
            Some(Node::Files { bytes, .. }) => (3, *bytes),
            Some(Node::File { size, .. }) => (if leads_on { 2 } else { 4 }, *size),
            None => (u8::MAX, 0),
        };
        (rank, std::cmp::Reverse(bytes))
    }
}

impl Node {
    /// Bytes of a file or files; none for anything else.
    #[must_use]
    pub fn file_bytes(&self) -> Option<u64> {
        match self {
            Self::File { size, .. } => Some(*size),
            Self::Files { bytes, .. } => Some(*bytes),
            Self::Process(_) | Self::Pipe(_) | Self::Socket(_) | Self::Destination { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Node {
        Node::File { path: Bytes::from("/f"), size }
    }

    fn edge(from: usize, to: usize, kind: EdgeKind) -> Edge {
        Edge { from, to, kind, bytes: None, first: None }
    }

    fn process(pid: u32) -> Node {
        Node::Process(ProcessKey { pid, start_ticks: 1 })
    }

    /// A script, tar, gzip, curl; documents, a small file, an archive; a pipe.
    fn graph() -> Graph {
        let nodes = vec![
            process(1),
            process(2),
            process(3),
            process(4),
            Node::Files { place: Bytes::from("/d"), count: 9, bytes: 900 },
            file(7),
            file(500),
            Node::Pipe(11),
        ];
        let edges = vec![
            edge(0, 1, EdgeKind::Forked),
            edge(4, 1, EdgeKind::Read),
            edge(5, 1, EdgeKind::Read),
            edge(1, 7, EdgeKind::Piped),
            edge(7, 2, EdgeKind::Piped),
            edge(2, 6, EdgeKind::Wrote),
            edge(6, 3, EdgeKind::Read),
            // Somebody reads what he wrote: a circle must not catch the walk.
            edge(6, 2, EdgeKind::Read),
        ];
        Graph { nodes, edges, ..Graph::default() }
    }

    #[test]
    fn the_way_of_the_data_begins_at_the_most_bytes() {
        let graph = graph();
        for (to, expected) in [(3, vec![4, 1, 7, 2, 6, 3]), (1, vec![4, 1]), (0, vec![])] {
            assert_eq!(graph.way_to(to), expected, "{to}");
        }
    }

    #[test]
    fn bounds_drop_what_leads_nowhere_and_count_it() {
        for (nodes_max, edges_max, nodes, edges) in [
            (64, 192, (8, 0), (8, 0)),
            (7, 192, (7, 1), (7, 1)),
            (4, 192, (4, 4), (1, 7)),
            (8, 3, (8, 0), (3, 5)),
        ] {
            let mut graph = graph();
            graph.bound(nodes_max, edges_max);
            assert_eq!((graph.nodes.len(), graph.nodes_left_out), nodes, "{nodes_max}");
            assert_eq!((graph.edges.len(), graph.edges_left_out), edges, "{nodes_max} {edges_max}");
            assert!(graph.edges.iter().all(|edge| edge.from.max(edge.to) < graph.nodes.len()));
        }
        let mut small = graph();
        small.bound(7, 192);
        assert!(!small.nodes.contains(&file(7)), "the small file goes first");
    }
}
