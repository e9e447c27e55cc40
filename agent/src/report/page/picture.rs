//! The graph of an alert as SVG.

use std::{collections::BTreeMap, fmt::Write as _};

use super::{
    hypertext::Hypertext,
    layout::{GAP, layout, spread},
};
use crate::{
    alert::text,
    report::{
        columns::{cut, cut_front},
        told::{Edge, Link, Node, Text, Told},
    },
};

/// Columns of a label in a node.
const LABEL: usize = 21;
/// Width of a picture that needs no scrolling on a desk.
const FITS: f64 = 1290.0;
/// No smaller: letters of 12 become 9.
const SCALE_MIN: f64 = 0.75;
/// Least distance between the labels of two edges.
const BETWEEN_LABELS: f64 = 15.0;

/// Kinds of node, each a shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Process,
    Sender,
    File,
    Files,
    Pipe,
    Destination,
}

impl Shape {
    fn of(node: &Node, link: Option<&Link>) -> Self {
        match node.kind.as_str() {
            "process" if link.is_some_and(|link| link.sender) => Self::Sender,
            "process" => Self::Process,
            "files" => Self::Files,
            _ if node.is_passage() => Self::Pipe,
            "destination" => Self::Destination,
            _ => Self::File,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Sender => "process sender",
            Self::File => "file",
            Self::Files => "file files",
            Self::Pipe => "pipe",
            Self::Destination => "destination",
        }
    }

    fn size(self) -> (f64, f64) {
        match self {
            Self::Process | Self::Sender => (172.0, 52.0),
            Self::File => (172.0, 46.0),
            Self::Files => (178.0, 52.0),
            Self::Pipe => (62.0, 28.0),
            Self::Destination => (188.0, 52.0),
        }
    }

    /// Its outline around the point (0, 0).
    fn outline(self) -> String {
        let (width, height) = self.size();
        let (w, h) = (width / 2.0, height / 2.0);
        match self {
            Self::Process | Self::Sender => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"9\"/>", -w, -h)
            }
            Self::Pipe => {
                format!("<rect x=\"{}\" y=\"{}\" width=\"{width}\" height=\"{height}\" rx=\"{h}\"/>", -w, -h)
            }
            Self::File => sheet(-w, -h, width, height),
            Self::Files => {
                let (width, height) = (width - 6.0, height - 6.0);
                [(6.0, 0.0), (3.0, 3.0), (0.0, 6.0)].map(|(x, y)| sheet(x - w, y - h, width, height)).concat()
            }
            Self::Destination => format!(
                "<path d=\"M{} 0 L{} {} L{} {} L{w} 0 L{} {h} L{} {h} Z\"/>",
                -w,
                12.0 - w,
                -h,
                w - 12.0,
                -h,
                w - 12.0,
                12.0 - w
            ),
        }
    }
}

/// A sheet of paper with a folded corner.
fn sheet(x: f64, y: f64, width: f64, height: f64) -> String {
    let fold = 10.0;
    let (right, bottom) = (x + width, y + height);
    format!(
        "<path d=\"M{x} {y} L{} {y} L{right} {} L{right} {bottom} L{x} {bottom} Z M{} {y} L{} {} L{right} {}\"/>",
        right - fold,
        y + fold,
        right - fold,
        right - fold,
        y + fold,
        y + fold
    )
}

/// The picture with its description. Nothing when the alert has no graph.
pub(super) fn draw(told: &Told, page: &mut Hypertext) {
    let graph = &told.weir.graph;
    let links: BTreeMap<&Text, &Link> = told.weir.chain.iter().map(|link| (&link.entity_id, link)).collect();
    let link_of = |node: &Node| node.entity_id.as_ref().and_then(|id| links.get(id).copied());
    let places: BTreeMap<&Text, usize> =
        graph.nodes.iter().enumerate().map(|(at, node)| (&node.id, at)).collect();
    let edges: Vec<(&Edge, usize, usize)> = graph
        .edges
        .iter()
        .filter_map(|edge| Some((edge, *places.get(&edge.from)?, *places.get(&edge.to)?)))
        .filter(|(_, from, to)| from != to)
        .collect();
    let edges = without_most_forks(&edges);
    let shapes: Vec<Shape> = graph.nodes.iter().map(|node| Shape::of(node, link_of(node))).collect();
    let sizes: Vec<(f64, f64)> = shapes.iter().map(|shape| shape.size()).collect();
    let ends: Vec<(usize, usize)> = edges.iter().map(|&(_, from, to)| (from, to)).collect();
    let plan = layout(&sizes, &ends);
    let (width, height) = (plan.width.ceil(), plan.height.ceil());
    let scale = (FITS / width).clamp(SCALE_MIN, 1.0);
    page.raw(&format!(
        "<svg role=\"img\" aria-labelledby=\"graph-title graph-text\" viewBox=\"0 0 {width} {height}\" \
         width=\"{:.0}\" height=\"{:.0}\">\n<title id=\"graph-title\">How the data went</title>\n\
         <desc id=\"graph-text\">",
        width * scale,
        height * scale
    ));
    page.text(&described(graph.nodes.len(), &edges, &graph.nodes));
    page.raw("</desc>\n<defs>");
    for kind in ["forked", "read", "wrote", "piped", "sent"] {
        page.raw(&format!(
            "<marker id=\"tip-{kind}\" class=\"tip {kind}\" viewBox=\"0 0 10 10\" refX=\"9\" refY=\"5\" \
             markerUnits=\"userSpaceOnUse\" markerWidth=\"11\" markerHeight=\"11\" orient=\"auto\">\
             <path d=\"M0 1 L10 5 L0 9 Z\"/></marker>"
        ));
    }
    page.raw("</defs>\n");
    let mut labels = Vec::new();
    for ((edge, ..), points) in edges.iter().zip(&plan.edges) {
        let kind = class(edge);
        page.raw(&format!(
            "<path class=\"edge {kind}\" d=\"{}\" stroke-width=\"{:.1}\" marker-end=\"url(#tip-{kind})\"/>\n",
            curve(points),
            thickness(edge.bytes)
        ));
        if let (Some(bytes), Some((x, y))) = (edge.bytes, gap(points)) {
            // Above the line, which may be as thick as the letters are high.
            labels.push((x, y - thickness(edge.bytes) / 2.0 - 8.0, bytes));
        }
    }
    for (node, (shape, &(x, y))) in graph.nodes.iter().zip(shapes.iter().zip(&plan.nodes)) {
        page.raw(&format!(
            "<g class=\"node {}\" transform=\"translate({x:.1} {y:.1})\"><title>",
            shape.class()
        ));
        let link = link_of(node);
        page.text(&whole(node, link));
        page.raw("</title>");
        page.raw(&shape.outline());
        let (first, second) = label(node, link);
        let words = if second.is_empty() { vec![(first, 4.0)] } else { vec![(first, -4.0), (second, 13.0)] };
        for (index, (line, y)) in words.iter().enumerate() {
            let class = if index == 0 { "name" } else { "more" };
            // The front sheet of several stands lower and to the left.
            let (dx, dy) = if *shape == Shape::Files { (-3.0, 3.0) } else { (0.0, 0.0) };
            page.raw(&format!("<text class=\"{class}\" x=\"{dx}\" y=\"{}\">", y + dy));
            page.text(line);
            page.raw("</text>");
        }
        page.raw("</g>\n");
    }
    for (x, y, bytes) in apart(labels) {
        page.raw(&format!("<text class=\"bytes\" x=\"{x:.1}\" y=\"{:.1}\">", y + 4.0));
        page.text(&text::bytes(bytes));
        page.raw("</text>\n");
    }
    page.raw("</svg>\n");
}

/// Who started whom is told by the tree: here a fork is drawn only to a process that no data leads to, and one of each
/// parent that would stand alone without.
fn without_most_forks<'t>(edges: &[(&'t Edge, usize, usize)]) -> Vec<(&'t Edge, usize, usize)> {
    let is_fork = |edge: &Edge| class(edge) == "forked";
    let leads = |to: usize| edges.iter().any(|&(edge, _, other)| other == to && !is_fork(edge));
    let joined =
        |node: usize| edges.iter().any(|&(edge, from, to)| (from == node || to == node) && !is_fork(edge));
    let mut kept: Vec<(&Edge, usize, usize)> = Vec::new();
    for &(edge, from, to) in edges {
        let alone = !joined(from) && !kept.iter().any(|&(_, other, _)| other == from);
        let loose =
            edges.iter().any(|&(other, parent, child)| parent == from && is_fork(other) && !leads(child));
        if !is_fork(edge) || !leads(to) || (alone && !loose) {
            kept.push((edge, from, to));
        }
    }
    kept
}

/// Kind of an edge as a class; an unknown one is drawn like a fork.
fn class(edge: &Edge) -> &'static str {
    ["read", "wrote", "piped", "sent"]
        .into_iter()
        .find(|kind| *kind == edge.kind.as_str())
        .unwrap_or("forked")
}

/// By the logarithm of the bytes: 1.5 without any, 3 at a kilobyte, 6 at a megabyte, 9 at a gigabyte and more.
pub(super) fn thickness(bytes: Option<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a logarithm needs no 64-bit precision")]
    let bytes = bytes.unwrap_or_default() as f64;
    (bytes + 1.0).log10().clamp(1.5, 9.0)
}

/// Curves from column to column, straight lines within them.
fn curve(points: &[(f64, f64)]) -> String {
    let Some(&(x, y)) = points.first() else { return String::new() };
    let mut path = format!("M{x:.1} {y:.1}");
    for pair in points.windows(2) {
        let [(x, y), (next_x, next_y)] = *pair else { continue };
        if (y - next_y).abs() < 0.05 {
            let _ = write!(path, " L{next_x:.1} {next_y:.1}");
        } else {
            let middle = f64::midpoint(x, next_x);
            let _ = write!(path, " C{middle:.1} {y:.1} {middle:.1} {next_y:.1} {next_x:.1} {next_y:.1}");
        }
    }
    path
}

/// Where an edge first runs from one column to the next: there is room for its label.
fn gap(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let across = points.windows(2).find(|pair| matches!(pair, [one, other] if (one.0 - other.0).abs() > GAP - 0.5 && (one.0 - other.0).abs() < GAP + 0.5));
    match across {
        Some([one, other]) => Some((f64::midpoint(one.0, other.0), f64::midpoint(one.1, other.1))),
        Some(_) | None => None,
    }
}

/// Labels in the same gap are moved apart.
fn apart(mut labels: Vec<(f64, f64, u64)>) -> Vec<(f64, f64, u64)> {
    labels.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let mut moved = Vec::new();
    for gap in labels.chunk_by(|one, other| (one.0 - other.0).abs() < GAP) {
        let mut gap = gap.to_vec();
        gap.sort_by(|one, other| one.1.total_cmp(&other.1));
        let wanted: Vec<f64> = gap.iter().map(|label| label.1).collect();
        let distances = vec![BETWEEN_LABELS; gap.len().saturating_sub(1)];
        moved.extend(gap.iter().zip(spread(&wanted, &distances)).map(|(&(x, _, bytes), y)| (x, y, bytes)));
    }
    moved
}

/// Two lines for a node.
fn label(node: &Node, link: Option<&Link>) -> (String, String) {
    let path = node.path.as_ref().map_or("", Text::as_str);
    let bytes = node.bytes.map(text::bytes).unwrap_or_default();
    match node.kind.as_str() {
        "process" => {
            let command = link.map_or("", |link| link.command_line.as_str());
            (cut(&node.shown(), LABEL), cut(command, LABEL + 2))
        }
        kind if node.is_passage() => (kind.to_owned(), String::new()),
        "files" => {
            let count = node.count.unwrap_or_default();
            let both =
                if bytes.is_empty() { format!("{count} files") } else { format!("{count} files, {bytes}") };
            (cut(&both, LABEL), cut_front(path, LABEL + 2))
        }
        "destination" => (
            cut(&node.shown(), LABEL),
            node.transport.as_ref().map_or_else(String::new, |transport| cut(transport.as_str(), LABEL)),
        ),
        _ => (cut_front(path, LABEL), bytes),
    }
}

/// All that is known of a node, for who points at it.
fn whole(node: &Node, link: Option<&Link>) -> String {
    let mut parts = vec![node.shown()];
    if let Some(link) = link {
        parts.push(link.command_line.as_str().to_owned());
        if !link.executable.is_empty() {
            parts.push(format!("executable {}", link.executable.as_str()));
        }
    }
    parts.extend(node.bytes.map(text::bytes));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// An edge in words.
pub(super) fn sentence(edge: &Edge, from: &Node, to: &Node) -> String {
    let bytes = edge.bytes.map(|bytes| format!(", {}", text::bytes(bytes))).unwrap_or_default();
    match class(edge) {
        "read" => format!("{} read {}{bytes}", to.shown(), from.shown()),
        "wrote" => format!("{} wrote {}{bytes}", from.shown(), to.shown()),
        "piped" if to.is_memory() => format!("{} shares memory with another one", from.shown()),
        "piped" if from.is_memory() => {
            format!("another one's memory is open to {}", to.shown())
        }
        "piped" if to.is_passage() => format!("{} wrote into {}", from.shown(), to.shown()),
        "piped" => format!("{} read from {}", to.shown(), from.shown()),
        "sent" => format!("{} sent to {}{bytes}", from.shown(), to.shown()),
        _ => format!("{} started {}", from.shown(), to.shown()),
    }
}

fn described(count: usize, edges: &[(&Edge, usize, usize)], nodes: &[Node]) -> String {
    let said =
        edges.iter().filter_map(|&(edge, from, to)| Some(sentence(edge, nodes.get(from)?, nodes.get(to)?)));
    format!("{count} things and what passed between them: {}.", said.collect::<Vec<_>>().join("; "))
}
