//! What a line may hold, and the account of what it had to leave out.

use std::collections::BTreeMap;

use super::schema::Cut;
use crate::{
    alert::text,
    event::{Bytes, Path},
};

/// Bounds of one line: bytes of texts, entries of lists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes of a name, path, command line or sentence.
    text: usize,
    /// Bytes of all arguments of one process.
    args: usize,
    /// Bytes of the text of one script.
    script: usize,
    /// Entries of a list.
    list: usize,
    /// Scripts, and things that one link of the chain did.
    short_list: usize,
    /// Files that one link of the chain read, and that it wrote.
    touched: usize,
    /// Nodes of the graph.
    nodes: usize,
}

/// Tried in this order until the line fits. The last one fits whatever the record holds: a text doubles at most
/// (`"` and `\`), and about 250 texts of a bounded length are left.
pub(super) const LEVELS: [Limits; 3] = [
    Limits { text: 8192, args: 65_536, script: 65_536, list: 256, short_list: 32, touched: 16, nodes: 64 },
    Limits { text: 2048, args: 4096, script: 8192, list: 48, short_list: 8, touched: 4, nodes: 48 },
    Limits { text: 384, args: 1024, script: 1024, list: 16, short_list: 4, touched: 1, nodes: 16 },
];

/// Shortens while a line is made.
#[derive(Debug)]
pub(super) struct Cutter {
    limits: Limits,
    script_text: bool,
    /// Missing bytes or entries by field; none where the kernel side cut and nobody knows how much.
    missing: BTreeMap<(&'static str, &'static str), Option<usize>>,
}

impl Cutter {
    pub(super) fn new(limits: Limits, script_text: bool) -> Self {
        Self { limits, script_text, missing: BTreeMap::new() }
    }

    /// A text from the agent or from a file of names.
    pub(super) fn text(&mut self, field: &'static str, value: &str) -> String {
        self.noted(field, text::clean(value, self.limits.text))
    }

    /// A string of the kernel.
    pub(super) fn bytes(&mut self, field: &'static str, value: &Bytes) -> String {
        self.noted(field, text::shown(value, self.limits.text))
    }

    /// A path; a walk that the kernel side gave up is noted.
    pub(super) fn path(&mut self, field: &'static str, value: &Path) -> String {
        if value.truncated {
            self.by_kernel(field);
        }
        self.bytes(field, &value.bytes)
    }

    /// Arguments, until their bytes together reach the bound.
    pub(super) fn arguments(&mut self, field: &'static str, values: &[Bytes]) -> Vec<String> {
        let mut left = self.limits.args;
        let mut shown = Vec::new();
        for value in values {
            let kept = self.noted(field, text::shown(value, left.min(self.limits.text)));
            // Empty arguments cost as well.
            left = left.saturating_sub(kept.len() + 4);
            if left == 0 {
                self.note(field, values.len() - shown.len());
                break;
            }
            shown.push(kept);
        }
        shown
    }

    /// Text of a script; none where it may not be shown.
    pub(super) fn script(&mut self, field: &'static str, value: &Bytes) -> Option<String> {
        if !self.script_text || value.is_empty() {
            return None;
        }
        Some(self.noted(field, text::shown_lines(value, self.limits.script)))
    }

    /// The first entries of a list.
    pub(super) fn list<'a, T>(&mut self, field: &'static str, values: &'a [T]) -> &'a [T] {
        self.first(field, values, self.limits.list)
    }

    /// As [`Self::list`], for lists within lists.
    pub(super) fn short_list<'a, T>(&mut self, field: &'static str, values: &'a [T]) -> &'a [T] {
        self.first(field, values, self.limits.short_list)
    }

    /// The first files that one link of the chain touched; their whole number stands beside them.
    pub(super) fn touched<'a, T>(&self, values: &'a [T]) -> &'a [T] {
        values.get(..self.limits.touched).unwrap_or(values)
    }

    /// How many of `count` nodes there is room for.
    pub(super) fn bounds(&mut self, field: &'static str, count: usize) -> usize {
        let kept = count.min(self.limits.nodes);
        self.note(field, count - kept);
        kept
    }

    /// As [`Self::list`], keeping both ends: a story's root and its sender say more than its middle.
    pub(super) fn ends<'a, T>(&mut self, field: &'static str, values: &'a [T]) -> Vec<&'a T> {
        let limit = self.limits.list;
        if values.len() <= limit {
            return values.iter().collect();
        }
        self.note(field, values.len() - limit);
        let head = limit / 2;
        let tail = values.len() - (limit - head);
        values.iter().take(head).chain(values.iter().skip(tail)).collect()
    }

    /// The kernel side had already cut this field.
    pub(super) fn by_kernel(&mut self, field: &'static str) {
        self.missing.insert((field, "kernel"), None);
    }

    /// The account.
    pub(super) fn account(&self) -> Vec<Cut> {
        let entries = self.missing.iter();
        entries.map(|(&(field, by), &missing)| Cut { field, by, missing }).collect()
    }

    fn first<'a, T>(&mut self, field: &'static str, values: &'a [T], limit: usize) -> &'a [T] {
        let kept = values.get(..limit).unwrap_or(values);
        self.note(field, values.len() - kept.len());
        kept
    }

    fn noted(&mut self, field: &'static str, (kept, missing): (String, usize)) -> String {
        self.note(field, missing);
        kept
    }

    fn note(&mut self, field: &'static str, missing: usize) {
        if missing > 0 {
            let entry = self.missing.entry((field, "record")).or_insert(Some(0));
            *entry = entry.map(|so_far| so_far + missing);
        }
    }
}
