//! Where the nodes of a directed graph stand, and how its edges run: in columns from left to right.
//!
//! Each node stands in the column after the last of those that lead to it. An edge over several columns has a place of
//! its own in each of them, so that no edge runs through a node. The order within a column is that of the mean of a
//! node's neighbours, swept to and fro; the heights are the nearest to that mean that leave the distances. All of it is
//! deterministic and bounded by the size of the graph.

use std::collections::BTreeSet;

mod spread;

pub(super) use spread::spread;

/// Between two columns: room for a label.
pub(super) const GAP: f64 = 84.0;
/// Between two nodes of a column.
const SPACE: f64 = 22.0;
/// Around everything.
const MARGIN: f64 = 16.0;
/// Height of the place that a passing edge has.
const PASSING: f64 = 8.0;
/// Sweeps over all columns.
const SWEEPS: usize = 12;
/// Between two edges at the side of one node.
const PORT: f64 = 9.0;

/// A place for each node and a way for each edge.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Centre of each node.
    pub(super) nodes: Vec<(f64, f64)>,
    /// Points of each edge: level within a column, and from one column's side to the next one's. It runs to the left where
    /// it leads back.
    pub(super) edges: Vec<Vec<(f64, f64)>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// A node or a passing edge in a column.
#[derive(Clone, Copy, Debug)]
struct Place {
    layer: usize,
    width: f64,
    height: f64,
    y: f64,
}

#[derive(Debug, Default)]
struct Columns {
    places: Vec<Place>,
    /// Places of each column in order from the top.
    order: Vec<Vec<usize>>,
    /// Between neighbouring columns.
    before: Vec<Vec<usize>>,
    after: Vec<Vec<usize>>,
}

/// Lays out nodes of these sizes. Edges to or from a node that does not exist, or to itself, have no points.
pub(super) fn layout(sizes: &[(f64, f64)], edges: &[(usize, usize)]) -> Layout {
    let (ahead, layers) = layers(sizes.len(), edges);
    let mut columns = Columns::default();
    for (&(width, height), &layer) in sizes.iter().zip(&layers) {
        columns.place(Place { layer, width, height, y: 0.0 });
    }
    let ways: Vec<Vec<usize>> =
        ahead.iter().map(|edge| edge.map_or_else(Vec::new, |(from, to)| columns.connect(from, to))).collect();
    columns.arrange();
    let widths: Vec<f64> = columns
        .order
        .iter()
        .map(|column| {
            column
                .iter()
                .filter_map(|&at| columns.places.get(at))
                .fold(0.0, |most: f64, place| most.max(place.width))
        })
        .collect();
    let mut left = Vec::new();
    let mut x = MARGIN;
    for width in &widths {
        left.push(x);
        x += width + GAP;
    }
    let tops = columns.places.iter().map(|place| place.y - place.height / 2.0);
    let top = tops.fold(f64::INFINITY, f64::min);
    let top = if top.is_finite() { top } else { 0.0 };
    for place in &mut columns.places {
        place.y += MARGIN - top;
    }
    let bottom = columns.places.iter().map(|place| place.y + place.height / 2.0).fold(0.0, f64::max);
    let middle = |layer: usize| {
        left.get(layer).copied().unwrap_or_default() + widths.get(layer).copied().unwrap_or_default() / 2.0
    };
    let nodes = columns.places.iter().take(sizes.len()).map(|place| (middle(place.layer), place.y)).collect();
    let drawn = Sides { columns: &columns, middle: &middle, widths: &widths, count: sizes.len() };
    let edges = edges
        .iter()
        .zip(&ways)
        .zip(&ahead)
        .map(|((&edge, way), ahead)| {
            let mut points = drawn.points(way, &ways);
            if ahead.is_some_and(|ahead| ahead != edge) {
                points.reverse();
            }
            points
        })
        .collect();
    Layout { nodes, edges, width: (x - GAP + MARGIN).max(2.0 * MARGIN), height: bottom + MARGIN }
}

/// The edges without circles (an edge that would close one is turned round), and the column of each node.
fn layers(count: usize, edges: &[(usize, usize)]) -> (Vec<Option<(usize, usize)>>, Vec<usize>) {
    let mut ahead: Vec<Option<(usize, usize)>> = Vec::new();
    for &(from, to) in edges {
        let edge = (from != to && from < count && to < count).then_some((from, to));
        ahead.push(edge.map(|edge| if leads(to, from, &ahead) { (to, from) } else { edge }));
    }
    let known: Vec<(usize, usize)> = ahead.iter().flatten().copied().collect();
    let mut layers = vec![0_usize; count];
    // Without circles the longest way has fewer steps than there are nodes.
    for _ in 0..count {
        for &(from, to) in &known {
            let least = layers.get(from).copied().unwrap_or_default() + 1;
            if let Some(layer) = layers.get_mut(to) {
                *layer = (*layer).max(least);
            }
        }
    }
    // What nothing leads to stands just before its first reader.
    for node in 0..count {
        if known.iter().any(|edge| edge.1 == node) {
            continue;
        }
        let next =
            known.iter().filter(|edge| edge.0 == node).filter_map(|edge| layers.get(edge.1)).min().copied();
        if let (Some(next), Some(layer)) = (next, layers.get_mut(node)) {
            *layer = next.saturating_sub(1);
        }
    }
    (ahead, layers)
}

/// Whether a way along the edges leads from one node to another.
fn leads(from: usize, to: usize, edges: &[Option<(usize, usize)>]) -> bool {
    let mut seen = BTreeSet::from([from]);
    let mut stack = vec![from];
    while let Some(at) = stack.pop() {
        if at == to {
            return true;
        }
        stack.extend(
            edges
                .iter()
                .flatten()
                .filter(|edge| edge.0 == at)
                .map(|edge| edge.1)
                .filter(|&next| seen.insert(next)),
        );
    }
    false
}

impl Columns {
    fn place(&mut self, place: Place) -> usize {
        let at = self.places.len();
        while self.order.len() <= place.layer {
            self.order.push(Vec::new());
        }
        if let Some(column) = self.order.get_mut(place.layer) {
            column.push(at);
        }
        self.places.push(place);
        self.before.push(Vec::new());
        self.after.push(Vec::new());
        at
    }

    /// Places from one node to another, both included, one in each column.
    fn connect(&mut self, from: usize, to: usize) -> Vec<usize> {
        let layer = |at: usize, columns: &Self| columns.places.get(at).map_or(0, |place| place.layer);
        let (first, last) = (layer(from, self), layer(to, self));
        let mut way = vec![from];
        for layer in first + 1..last {
            way.push(self.place(Place { layer, width: 0.0, height: PASSING, y: 0.0 }));
        }
        way.push(to);
        for pair in way.windows(2) {
            if let [one, other] = *pair {
                if let Some(after) = self.after.get_mut(one) {
                    after.push(other);
                }
                if let Some(before) = self.before.get_mut(other) {
                    before.push(one);
                }
            }
        }
        way
    }

    fn arrange(&mut self) {
        self.stack();
        let mut best = (self.crossings(), self.order.clone());
        for sweep in 0..SWEEPS {
            self.sweep(sweep % 2 == 0, true);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.order.clone());
            }
        }
        self.order = best.1;
        self.stack();
        for sweep in 0..SWEEPS {
            self.sweep(sweep % 2 == 0, false);
        }
    }

    /// One below the other, each column around the same middle.
    fn stack(&mut self) {
        for column in self.order.clone() {
            let wanted = vec![0.0; column.len()];
            self.settle(&column, &wanted);
        }
    }

    /// Moves the nodes of each column towards the mean of those before them, or after them; with `order` those with a
    /// smaller mean come first.
    fn sweep(&mut self, forwards: bool, order: bool) {
        let count = self.order.len();
        for step in 0..count {
            let layer = if forwards { step } else { count - 1 - step };
            let Some(column) = self.order.get(layer).cloned() else { continue };
            let mut wanted: Vec<(usize, f64)> =
                column.iter().map(|&at| (at, self.mean(at, forwards))).collect();
            if order {
                wanted.sort_by(|(_, one), (_, other)| one.total_cmp(other));
            }
            let (column, means): (Vec<usize>, Vec<f64>) = wanted.into_iter().unzip();
            self.settle(&column, &means);
            if let Some(known) = self.order.get_mut(layer) {
                *known = column;
            }
        }
    }

    fn mean(&self, at: usize, forwards: bool) -> f64 {
        let own = self.places.get(at).map_or(0.0, |place| place.y);
        let neighbours = if forwards { self.before.get(at) } else { self.after.get(at) };
        let heights: Vec<f64> = neighbours
            .into_iter()
            .flatten()
            .filter_map(|&neighbour| self.places.get(neighbour))
            .map(|place| place.y)
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred edges")]
        let count = heights.len() as f64;
        if heights.is_empty() { own } else { heights.iter().sum::<f64>() / count }
    }

    fn settle(&mut self, column: &[usize], wanted: &[f64]) {
        let heights: Vec<f64> =
            column.iter().filter_map(|&at| self.places.get(at)).map(|place| place.height).collect();
        let distances: Vec<f64> =
            heights.windows(2).map(|pair| pair.iter().sum::<f64>() / 2.0 + SPACE).collect();
        for (&at, y) in column.iter().zip(spread(wanted, &distances)) {
            if let Some(place) = self.places.get_mut(at) {
                place.y = y;
            }
        }
    }

    fn crossings(&self) -> usize {
        let mut found = 0;
        let y = |at: usize| self.places.get(at).map_or(0.0, |place| place.y);
        for column in &self.order {
            let edges: Vec<(f64, f64)> = column
                .iter()
                .flat_map(|&at| self.after.get(at).into_iter().flatten().map(move |&to| (y(at), y(to))))
                .collect();
            for (index, one) in edges.iter().enumerate() {
                let crosses = |other: &&(f64, f64)| (one.0 - other.0) * (one.1 - other.1) < 0.0;
                found += edges.iter().skip(index + 1).filter(crosses).count();
            }
        }
        found
    }
}

/// From places to points.
struct Sides<'a, F: Fn(usize) -> f64> {
    columns: &'a Columns,
    middle: &'a F,
    widths: &'a [f64],
    count: usize,
}

impl<F: Fn(usize) -> f64> Sides<'_, F> {
    fn points(&self, way: &[usize], all: &[Vec<usize>]) -> Vec<(f64, f64)> {
        let mut points = Vec::new();
        let last = way.len().saturating_sub(1);
        for (index, &at) in way.iter().enumerate() {
            let Some(place) = self.columns.places.get(at) else { continue };
            let middle = (self.middle)(place.layer);
            // Within a column an edge runs straight, so that it meets nothing of another width.
            let side = self.widths.get(place.layer).copied().unwrap_or_default() / 2.0;
            let half = if at < self.count { place.width / 2.0 } else { side };
            if index > 0 {
                let y = place.y + self.port(at, way, all, false);
                points.push((middle - side, y));
                points.push((middle - half, y));
            }
            if index < last {
                let y = place.y + self.port(at, way, all, true);
                points.push((middle + half, y));
                points.push((middle + side, y));
            }
        }
        points.dedup();
        points
    }

    /// How far from its middle an edge leaves or reaches a node: they stand in the order of their other ends.
    fn port(&self, at: usize, way: &[usize], all: &[Vec<usize>], leaves: bool) -> f64 {
        let other = |way: &[usize]| {
            let index = way.iter().position(|&place| place == at)?;
            way.get(if leaves { index + 1 } else { index.checked_sub(1)? }).copied()
        };
        let mut others: Vec<usize> = all.iter().filter_map(|way| other(way)).collect();
        let y = |at: &usize| self.columns.places.get(*at).map_or(0.0, |place| place.y);
        others.sort_by(|one, other| y(one).total_cmp(&y(other)).then(one.cmp(other)));
        let Some(rank) = other(way).and_then(|own| others.iter().position(|&other| other == own)) else {
            return 0.0;
        };
        let height = self.columns.places.get(at).map_or(0.0, |place| place.height);
        #[expect(clippy::cast_precision_loss, reason = "at most a few hundred edges")]
        let (rank, count) = (rank as f64, others.len() as f64);
        let step = PORT.min((height - 12.0).max(0.0) / count.max(1.0));
        (rank - (count - 1.0) / 2.0) * step
    }
}

#[cfg(test)]
mod tests;
