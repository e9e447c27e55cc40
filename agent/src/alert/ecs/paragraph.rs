//! An alert as one paragraph: who took what, how, where to, why it is believed to be the same data, and what is not
//! known.

use std::fmt::Write;

use super::message::{bytes_part, counted, of_root, part, reasons, summary};
use crate::{
    alert::{
        Action, Alert,
        graph::{Graph, Node},
        text,
    },
    detect::ContentKind,
    process::Process,
    provenance::hops::Hop,
};

/// Reasons that a paragraph gives: the strongest ones.
const REASONS: usize = 4;
/// Files that are named.
const FILES: usize = 3;
/// Trust rules that are named.
const RULES: usize = 4;
/// Things on the way of the data that are named.
const STEPS: usize = 12;

/// Its sentences in the order in which an operator asks.
pub(super) fn of_alert(alert: &Alert) -> String {
    let way = alert.graph.process(alert.process.key).map(|sender| alert.graph.way_to(sender));
    let way = way.unwrap_or_default();
    let sentences = [
        Some(sent(alert)),
        began(alert),
        Some(took(alert)),
        went(alert, &way),
        same(alert, !way.is_empty()),
        Some(scored(alert)),
        lowered(alert),
        Some(unknown(alert)),
    ];
    let mut paragraph = String::new();
    for sentence in sentences.into_iter().flatten() {
        let _ = write!(paragraph, "{}{sentence}.", if paragraph.is_empty() { "" } else { " " });
    }
    paragraph
}

fn sent(alert: &Alert) -> String {
    let state = match alert.action {
        Action::Opened => "this alert is new",
        Action::Updated => "the story goes on",
        Action::Closed => "the alert is closed",
    };
    format!("{}; {state}", summary(alert))
}

/// The root, and whose service it is.
fn began(alert: &Alert) -> Option<String> {
    let root = alert.chain.iter().find(|link| !link.launcher);
    let root = root.filter(|root| root.process.key != alert.process.key);
    let identity = &alert.process.identity;
    let mut home = Vec::new();
    if let Some(unit) = &identity.unit {
        home.push(format!("in the unit {}", part(unit)));
    }
    if let Some(container) = &identity.container {
        home.push(format!("in the container {}", text::cut(&part(container), 12).0));
    }
    let home = home.join(" and ");
    match (root, home.is_empty()) {
        (Some(root), true) => Some(format!("It began with {}", of_root(root))),
        (Some(root), false) => Some(format!("It began with {}, {home}", of_root(root))),
        (None, true) => None,
        (None, false) => Some(format!("It runs {home}")),
    }
}

fn took(alert: &Alert) -> String {
    let count = (alert.files.len() as u64).saturating_add(alert.files_more);
    if count == 0 {
        return "It is not known which files the data came from".to_owned();
    }
    let named: Vec<String> =
        alert.files.iter().take(FILES).map(|file| bytes_part(file.path.as_slice())).collect();
    let among = if count > named.len() as u64 { ", among them" } else { ":" };
    let files = counted(count, "file");
    format!("The data came from {files} ({}){among} {}", text::bytes(alert.bytes_collected), named.join(", "))
}

/// From the files to the sender, step by step.
fn went(alert: &Alert, way: &[usize]) -> Option<String> {
    let (&first, rest) = way.split_first()?;
    let from = match alert.graph.nodes.get(first)? {
        Node::File { path, .. } => bytes_part(path.as_slice()),
        Node::Files { place, count, .. } => {
            format!("{} below {}", counted(*count, "file"), bytes_part(place.as_slice()))
        }
        Node::Process(_) | Node::Pipe(_) | Node::Socket(_) | Node::Destination { .. } => return None,
    };
    let mut sentence = format!("It went from {from}");
    let cut = rest.len().saturating_sub(STEPS);
    if cut > 0 {
        let _ = write!(sentence, " by way of {}", counted(cut as u64, "more step"));
    }
    let mut through = false;
    for &step in rest.iter().skip(cut) {
        match alert.graph.nodes.get(step)? {
            Node::Process(key) => {
                let link = alert.chain.iter().find(|link| link.process.key == *key);
                let name = link.map_or_else(|| format!("pid {}", key.pid), |link| named(&link.process));
                let _ = write!(sentence, " to {name}");
                through = false;
            }
            thing @ (Node::File { .. }
            | Node::Files { .. }
            | Node::Pipe(_)
            | Node::Socket(_)
            | Node::Destination { .. }) => {
                let word = if through { " and" } else { " through" };
                let _ = write!(sentence, "{word} {}", holder(thing));
                through = true;
            }
        }
    }
    Some(sentence)
}

fn named(process: &Process) -> String {
    format!("{} (pid {})", bytes_part(process.name()), process.key.pid)
}

fn holder(thing: &Node) -> String {
    match thing {
        Node::Pipe(_) => "a pipe".to_owned(),
        Node::Socket(Hop::Connection { to, .. }) => format!("a connection to {to} on this host"),
        Node::Socket(Hop::Files(_)) => "a file system that it serves".to_owned(),
        Node::Socket(Hop::Memory) => "its memory".to_owned(),
        Node::Socket(Hop::Unix(_) | Hop::Unaccepted(_) | Hop::Datagrams { .. }) => {
            "a local socket".to_owned()
        }
        Node::File { path, .. } => bytes_part(path.as_slice()),
        Node::Files { place, .. } => format!("files below {}", bytes_part(place.as_slice())),
        Node::Process(key) => format!("pid {}", key.pid),
        Node::Destination { remote, .. } => remote.to_string(),
    }
}

/// What ties the bytes that were sent to the data that was taken.
fn same(alert: &Alert, way: bool) -> Option<String> {
    if let Some(proof) = alert.verdict.proof {
        let (carried, sent) = (text::bytes(proof.carried), text::bytes(proof.sent));
        let written = match proof.kind {
            ContentKind::Encoded => " as text",
            ContentKind::Parity | ContentKind::Compressed | ContentKind::Secrets => "",
        };
        return Some(format!(
            "What was sent is what was collected, by its size: {carried} carried, {sent} sent{written}"
        ));
    }
    let files = !alert.files.is_empty();
    match (way, files) {
        (true, _) => Some(
            "That this is the data that was sent follows from that way alone: sizes do not prove it"
                .to_owned(),
        ),
        (false, true) => {
            Some("No way from those files to the sender was seen: they are of the same story".to_owned())
        }
        (false, false) => None,
    }
}

fn scored(alert: &Alert) -> String {
    let mut sentence =
        format!("Score {:.1} of 10 (an alert from {:.1})", alert.verdict.score, alert.scale.threshold);
    let reasons = reasons(&alert.verdict.signals, REASONS);
    if !reasons.is_empty() {
        let _ = write!(sentence, ", because {}", reasons.join("; "));
    }
    sentence
}

fn lowered(alert: &Alert) -> Option<String> {
    let names: Vec<String> = alert.trusted_by.iter().take(RULES).map(|name| part(name)).collect();
    let rules = if names.len() == 1 { "rule" } else { "rules" };
    (!names.is_empty()).then(|| format!("The score was lowered by the trust {rules} {}", names.join(", ")))
}

/// What is peculiar to this alert. A host's blind spots are the same in all of them, and are counted.
fn unknown(alert: &Alert) -> String {
    let mut gaps = Vec::new();
    if !alert.coverage.is_empty() {
        gaps.push(format!("{} that weir.coverage lists", counted(alert.coverage.len() as u64, "thing")));
    }
    if alert.chain.iter().any(|link| link.process.unknown) {
        gaps.push("of some processes nothing but the number is known".to_owned());
    } else if alert.chain.iter().any(|link| link.process.begin_missed) {
        gaps.push("how some processes began".to_owned());
    }
    let Graph { nodes_left_out, .. } = alert.graph;
    if nodes_left_out > 0 {
        gaps.push(format!("{} left out of the graph", counted(nodes_left_out, "thing")));
    }
    if gaps.is_empty() {
        "Nothing is known to be missing".to_owned()
    } else {
        format!("Not seen: {}", gaps.join("; "))
    }
}
