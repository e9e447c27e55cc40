//! The chain as a tree: who started whom.

use super::told::{Link, Told};

/// A process in its place.
#[derive(Clone, Debug)]
pub(super) struct Member<'t> {
    pub(super) link: &'t Link,
    /// 0 for a root.
    pub(super) depth: usize,
    /// For each level from its own root's children down to itself: whether a sibling follows.
    pub(super) follows: Vec<bool>,
    /// Whether it has children in the chain.
    pub(super) has_children: bool,
}

/// Every link of the chain once, parents before their children.
pub(super) fn members(told: &Told) -> Vec<Member<'_>> {
    let links = &told.weir.chain;
    let parent_of = |at: usize| {
        let parent = links.get(at)?.parent.as_ref().filter(|parent| !parent.is_empty())?;
        // A parent stands before its child; an edited log must not make a circle.
        links.iter().take(at).position(|link| link.entity_id == *parent)
    };
    let parents: Vec<Option<usize>> = (0..links.len()).map(parent_of).collect();
    let children = |of: Option<usize>| -> Vec<usize> {
        parents.iter().enumerate().filter(|(_, parent)| **parent == of).map(|(at, _)| at).collect()
    };
    let mut found = Vec::new();
    let roots = children(None);
    let mut stack: Vec<(usize, Vec<bool>)> = roots.into_iter().rev().map(|root| (root, Vec::new())).collect();
    while let Some((at, follows)) = stack.pop() {
        let Some(link) = links.get(at) else { continue };
        let own = children(Some(at));
        for (index, &child) in own.iter().enumerate().rev() {
            let mut below = follows.clone();
            below.push(index + 1 < own.len());
            stack.push((child, below));
        }
        found.push(Member { link, depth: follows.len(), follows, has_children: !own.is_empty() });
    }
    found
}
