//! Properties of every layout.

use proptest::prelude::*;

use super::*;
use crate::seeds::seeded;

const SIZE: (f64, f64) = (100.0, 40.0);
const SMALL: (f64, f64) = (30.0, 20.0);

/// Every third is small.
fn size(index: usize) -> (f64, f64) {
    if index % 3 == 2 { SMALL } else { SIZE }
}

fn boxes(found: &Layout) -> Vec<((f64, f64), (f64, f64))> {
    found.nodes.iter().copied().enumerate().map(|(index, node)| (node, size(index))).collect()
}

fn overlap((one, a): ((f64, f64), (f64, f64)), (other, b): ((f64, f64), (f64, f64))) -> bool {
    (one.0 - other.0).abs() < f64::midpoint(a.0, b.0) && (one.1 - other.1).abs() < f64::midpoint(a.1, b.1)
}

/// A node in whose box a point lies, other than at its side.
fn within(point: (f64, f64), found: &Layout) -> Option<usize> {
    boxes(found).into_iter().position(|(node, size)| {
        (point.0 - node.0).abs() < size.0 / 2.0 - 0.01 && (point.1 - node.1).abs() < size.1 / 2.0 - 0.01
    })
}

#[test]
fn a_chain_runs_from_left_to_right() {
    let found = layout(&[SIZE; 4], &[(0, 1), (1, 2), (0, 3), (2, 3), (3, 1)]);
    assert!(found.nodes.is_sorted_by(|one, other| one.0 < other.0), "{:?}", found.nodes);
    let back = found.edges.last().unwrap();
    assert!(back.first().unwrap().0 > back.last().unwrap().0, "an edge that leads back runs back: {back:?}");
}

#[test]
fn what_nothing_leads_to_stands_beside_its_reader() {
    // Five in a row; a file that the last one reads.
    let found = layout(&[SIZE; 6], &[(0, 1), (1, 2), (2, 3), (3, 4), (5, 4)]);
    assert_eq!(found.nodes[5].0.total_cmp(&found.nodes[3].0), std::cmp::Ordering::Equal);
}

#[test]
fn edges_that_lead_nowhere_have_no_points() {
    let found = layout(&[SIZE; 2], &[(0, 0), (0, 7), (7, 0), (0, 1)]);
    let points: Vec<usize> = found.edges.iter().map(Vec::len).collect();
    assert_eq!(points, [0, 0, 0, 2]);
    assert_eq!(layout(&[], &[]).nodes.len(), 0);
}

proptest! {
    #![proptest_config(seeded(256))]

    #[test]
    fn nothing_overlaps_and_no_edge_runs_through_a_node(
        count in 1_usize..24,
        edges in proptest::collection::vec((0_usize..24, 0_usize..24), 0..60),
    ) {
        let sizes: Vec<(f64, f64)> = (0..count).map(size).collect();
        let found = layout(&sizes, &edges);
        let boxes = boxes(&found);
        for (index, &(node, size)) in boxes.iter().enumerate() {
            prop_assert!(node.0 >= size.0 / 2.0 && node.0 <= found.width - size.0 / 2.0);
            prop_assert!(node.1 >= size.1 / 2.0 && node.1 <= found.height - size.1 / 2.0);
            for &other in boxes.iter().skip(index + 1) {
                prop_assert!(!overlap((node, size), other), "{node:?} {other:?}");
            }
        }
        for (points, &(from, to)) in found.edges.iter().zip(&edges) {
            prop_assert_eq!(points.is_empty(), from == to || from >= count || to >= count);
            for pair in points.windows(2) {
                let middle = (f64::midpoint(pair[0].0, pair[1].0), f64::midpoint(pair[0].1, pair[1].1));
                for point in [pair[0], middle, pair[1]] {
                    prop_assert_eq!(within(point, &found), None);
                }
            }
        }
    }
}
