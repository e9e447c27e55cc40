//! An alert drawn on a terminal: headline, paragraph, tree, timeline, score, destinations, blind spots.

mod canvas;

use std::fmt::Write as _;

use super::{
    columns::{cells, cut},
    family::{Member, members},
    sum,
    times::{self, Kind, command, moments},
    told::{File, Link, Told, Touches},
};
use crate::alert::text;

pub use canvas::Style;

use canvas::{Canvas, Ink, bar};

/// Lines of a script that are shown.
const SCRIPT_LINES: usize = 12;
/// Files of one process that are named.
const FILES: usize = 4;
/// Files of the whole story that are named.
const LISTED: usize = 12;
/// Signals of one stage that are shown beside those that count.
const SIGNALS: usize = 8;
/// Deeds of one process.
const DEEDS: usize = 6;

/// The whole explanation, with a newline at its end.
#[must_use]
pub fn draw(told: &Told, style: Style) -> String {
    let mut canvas = Canvas::new(style);
    head(told, &mut canvas);
    tree(told, &mut canvas);
    timeline(told, &mut canvas);
    score(told, &mut canvas);
    destinations(told, &mut canvas);
    files(told, &mut canvas);
    scripts(told, &mut canvas);
    unknown(told, &mut canvas);
    canvas.finish()
}

/// One line for a list of alerts: when, id, state, score, who sent what where.
#[must_use]
pub fn listed(told: &Told, style: Style) -> String {
    let mut canvas = Canvas::new(style);
    let when = told.time.0.map_or_else(|| "-".repeat(20), |at| at.strftime("%Y-%m-%d %H:%M:%SZ").to_string());
    let score = format!("{:>4.1}", told.weir.score);
    let line = format!(
        "{}  {}  {}  {:<7} {}",
        canvas.paint(Ink::Dim, &when),
        canvas.paint(Ink::Name, text::cut(told.id(), 12).0),
        canvas.paint(alarm(told), &score),
        told.event.action.as_str(),
        cut(&told.headline(), style.width.saturating_sub(50).max(20)),
    );
    canvas.line(&line);
    canvas.finish()
}

fn alarm(told: &Told) -> Ink {
    match told.severity() {
        "critical" | "high" => Ink::Alarm,
        _ => Ink::Warn,
    }
}

fn head(told: &Told, canvas: &mut Canvas) {
    let ink = alarm(told);
    let badge = format!("{} {:.1} of 10", told.severity().to_uppercase(), told.weir.score);
    let badge = canvas.paint(ink, &badge);
    canvas.wrapped(&format!("{badge}  "), 2, &told.headline());
    let techniques = told.threat.technique.id.iter().zip(told.threat.technique.name.iter());
    let techniques: Vec<String> =
        techniques.map(|(id, name)| format!("{} {}", id.as_str(), name.as_str()).trim().to_owned()).collect();
    let mut facts = vec![
        told.id().to_owned(),
        format!("{} (revision {})", told.event.action.as_str(), told.weir.revision),
        told.host.name.as_str().to_owned(),
    ];
    if let (Some(from), Some(to)) = (told.event.start.0, told.time.0) {
        facts.push(format!("{} to {}", from.strftime("%Y-%m-%d %H:%M:%S"), to.strftime("%H:%M:%S UTC")));
    }
    facts.extend(told.container.iter().map(|container| format!("container {}", container.id.as_str())));
    facts.extend(told.systemd.iter().map(|systemd| systemd.unit.as_str().to_owned()));
    canvas.dim(&facts.join("  "));
    if !techniques.is_empty() {
        canvas.dim(&format!("ATT&CK {}", techniques.join(", ")));
    }
    canvas.blank();
    canvas.wrapped("", 0, told.message.as_str());
}

fn tree(told: &Told, canvas: &mut Canvas) {
    canvas.title("Who did it");
    for member in members(told) {
        let (first, rest) = branches(&member, canvas.width() / 10);
        let link = member.link;
        let of_name = if link.sender { Ink::Alarm } else { Ink::Name };
        let name = canvas.paint(of_name, &cut(link.name.as_str(), canvas.width() / 3));
        let pid = canvas.paint(Ink::Dim, &link.pid.to_string());
        let lead = format!("{}{name} {pid}  ", canvas.paint(Ink::Dim, &first));
        let under = canvas.paint(Ink::Dim, &rest);
        canvas.hanging(&lead, &under, 4, command(&link.command_line, &link.name));
        for (ink, word, what) in deeds(told, link) {
            let word = canvas.paint(ink, &format!("{word:<6}"));
            canvas.hanging(&format!("{under}  {word} "), &under, 9, &what);
        }
    }
}

/// What stands before a process and before the lines about it, of at most so many levels.
fn branches(member: &Member<'_>, levels: usize) -> (String, String) {
    let mut first = String::new();
    let mut rest = String::new();
    for (level, &follows) in member.follows.iter().enumerate().skip(member.depth.saturating_sub(levels)) {
        let own = level + 1 == member.depth;
        first.push_str(match (own, follows) {
            (true, true) => "├─ ",
            (true, false) => "└─ ",
            (false, true) => "│  ",
            (false, false) => "   ",
        });
        rest.push_str(if follows { "│  " } else { "   " });
    }
    rest.push_str(if member.has_children { "│" } else { " " });
    (first, rest)
}

/// What a process did, by a word each.
fn deeds(told: &Told, link: &Link) -> Vec<(Ink, &'static str, String)> {
    let mut found = Vec::new();
    found.extend(link.place().map(|place| (Ink::Dim, "began", place.to_owned())));
    found.extend(link.read.as_ref().map(|read| (Ink::File, "read", touched(read))));
    found.extend(piped(told, link));
    found.extend(link.wrote.as_ref().map(|wrote| (Ink::File, "wrote", touched(wrote))));
    if link.bytes_out > 0 {
        found.push((Ink::Alarm, "sent", format!("{}{}", text::bytes(link.bytes_out), receivers(told, link))));
    }
    let deeds: Vec<&str> = link.deeds().collect();
    found.extend(deeds.iter().take(DEEDS).map(|&deed| (Ink::Warn, "signal", deed.to_owned())));
    if deeds.len() > DEEDS {
        found.push((Ink::Dim, "", format!("and {} more", deeds.len() - DEEDS)));
    }
    found
}

fn touched(touches: &Touches) -> String {
    let named: Vec<String> = touches.files.iter().take(FILES).map(one_file).collect();
    if touches.count == 1 {
        return named.join(", ");
    }
    let more = touches.count.saturating_sub(named.len() as u64);
    let bytes = if touches.bytes > 0 { format!(" ({})", text::bytes(touches.bytes)) } else { String::new() };
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} files{bytes}: {}{more}", touches.count, named.join(", "))
}

fn one_file(file: &File) -> String {
    let size = file.size.filter(|&size| size > 0).map(text::bytes);
    let facts: Vec<&str> = size.as_deref().into_iter().chain(Some(file.why.as_str())).collect();
    let facts = facts.into_iter().filter(|fact| !fact.is_empty()).collect::<Vec<_>>().join(", ");
    if facts.is_empty() { file.path.as_str().to_owned() } else { format!("{} ({facts})", file.path.as_str()) }
}

/// Pipes and sockets to and from other processes of the chain.
fn piped(told: &Told, link: &Link) -> Vec<(Ink, &'static str, String)> {
    let graph = &told.weir.graph;
    let node = |id: &super::told::Text| graph.nodes.iter().find(|node| node.id == *id);
    let Some(own) = graph.nodes.iter().find(|node| node.entity_id.as_ref() == Some(&link.entity_id)) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for pipe in graph.nodes.iter().filter(|node| node.is_passage()) {
        let ends = |from: bool| {
            let edges =
                graph.edges.iter().filter(move |edge| (if from { &edge.from } else { &edge.to }) == &pipe.id);
            edges.filter_map(move |edge| node(if from { &edge.to } else { &edge.from })).collect::<Vec<_>>()
        };
        let (writers, readers) = (ends(false), ends(true));
        let names = |of: &[&super::told::Node]| {
            let others = of.iter().filter(|other| other.id != own.id).map(|other| other.shown());
            others.collect::<Vec<_>>().join(", ")
        };
        if readers.iter().any(|reader| reader.id == own.id) {
            let from = if pipe.is_memory() {
                format!("the memory of {}, as a debugger has it", names(&writers))
            } else {
                format!("{} that {} writes into", pipe.shown(), names(&writers))
            };
            found.push((Ink::Name, "from", from));
        }
        if writers.iter().any(|writer| writer.id == own.id) && !pipe.is_memory() {
            found.push((Ink::Name, "into", format!("{} that {} reads", pipe.shown(), names(&readers))));
        }
    }
    found
}

fn receivers(told: &Told, link: &Link) -> String {
    let graph = &told.weir.graph;
    let own = graph.nodes.iter().find(|node| node.entity_id.as_ref() == Some(&link.entity_id));
    let names: Vec<String> = own
        .into_iter()
        .flat_map(|own| graph.edges.iter().filter(|edge| edge.kind.as_str() == "sent" && edge.from == own.id))
        .filter_map(|edge| graph.nodes.iter().find(|node| node.id == edge.to))
        .map(super::told::Node::shown)
        .collect();
    match names.as_slice() {
        [] => String::new(),
        [first] => format!(" to {first}"),
        [first, rest @ ..] => format!(" to {first} and {} more", rest.len()),
    }
}

fn timeline(told: &Told, canvas: &mut Canvas) {
    let (moments, left_out) = moments(told);
    let Some(first) = moments.first().map(|moment| moment.at) else { return };
    canvas.title("When");
    canvas.dim(&format!("{} UTC is +0", first.strftime("%Y-%m-%d %H:%M:%S%.3f")));
    let who_width =
        moments.iter().map(|moment| cells(&moment.who)).max().unwrap_or_default().min(canvas.width() / 5);
    for moment in &moments {
        let ink = match moment.kind {
            Kind::Began | Kind::Ended => Ink::Dim,
            Kind::Data => Ink::File,
            Kind::Sent | Kind::Alert => Ink::Alarm,
            Kind::Signal => Ink::Warn,
        };
        let since = format!("{:>13}", times::since(first, moment.at));
        let who = cut(&moment.who, who_width);
        let pad = " ".repeat(who_width.saturating_sub(cells(&who)));
        let lead = format!(
            "{}  {} {who}{pad}  ",
            canvas.paint(Ink::Dim, &since),
            canvas.paint(ink, &format!("{:<6}", moment.kind.word()))
        );
        canvas.hanging(&lead, "", 24, &moment.what);
    }
    if left_out > 0 {
        canvas.dim(&format!("and {left_out} more"));
    }
}

fn score(told: &Told, canvas: &mut Canvas) {
    canvas.title("Why this score");
    let stages = sum::stages(told);
    let formula = &told.weir.formula;
    for stage in &stages {
        let ink = if stage.strong { Ink::Alarm } else { Ink::Warn };
        let drawn = canvas.paint(ink, &bar(stage.strength, 24.min(canvas.width() - 26)));
        let word = if stage.strong { "strong" } else { "weak" };
        canvas.line(&format!("{:<10} {drawn} {:.2}  {word}", stage.name, stage.strength));
        canvas.hanging("           = ", "", 13, &stage.formula());
        let counting = stage.signals.iter().filter(|weighed| weighed.counts).count();
        for weighed in stage.signals.iter().take(counting.max(SIGNALS)) {
            let signal = weighed.signal;
            let weight = if weighed.counts { format!("{:.2}", weighed.weight) } else { " -  ".to_owned() };
            let mut what = format!("risk {:.1}", signal.risk);
            if signal.decay < 0.995 {
                let _ = write!(what, ", {:.2} of it left with time", signal.decay);
            }
            if signal.trust < 1.0 {
                let _ = write!(what, ", {:.2} of it by a trust rule", signal.trust);
            }
            let _ = write!(what, ": {} [{}]", signal.reason.as_str(), signal.process.shown());
            let ink = if weighed.counts { Ink::Name } else { Ink::Dim };
            canvas.hanging(&format!("    {}  ", canvas.paint(ink, &weight)), "", 10, &what);
        }
        if stage.signals.len() > counting.max(SIGNALS) {
            canvas.dim(&format!("          and {} more", stage.signals.len() - counting.max(SIGNALS)));
        }
    }
    canvas.blank();
    let uncapped = format!("{} = {:.2}", sum::uncapped(&stages), told.weir.uncapped);
    canvas.hanging("uncapped   ", "", 11, &uncapped);
    let because = &formula.cap_because;
    let because = if because.is_empty() { String::new() } else { format!(": {}", because.as_str()) };
    canvas.hanging("cap        ", "", 11, &format!("{:.1}{because}", told.weir.cap));
    let total = format!("{:.2}; an alert from {:.1}", told.weir.score, formula.threshold);
    canvas.hanging(&format!("{}      ", canvas.paint(Ink::Name, "score")), "", 11, &total);
    if let Some(proof) = told.weir.proof {
        let (carried, sent) = (text::bytes(proof.bytes_carried), text::bytes(proof.bytes_out));
        canvas.hanging("proof      ", "", 11, &format!("{carried} carried, {sent} sent: the sizes agree"));
    }
    let rule = format!(
        "A signal weighs {:.1} · risk/10 · 2^(-age / {}) · trust; of each analytic in a stage the strongest counts (the \
         others have a - here). A stage is strong from {:.2}.",
        formula.weight,
        half_life(formula.half_life_s),
        formula.strong
    );
    canvas.dim(&rule);
    if !told.weir.trusted_by.is_empty() {
        let rules: Vec<&str> = told.weir.trusted_by.iter().map(super::told::Text::as_str).collect();
        canvas.hanging("trusted by ", "", 11, &rules.join(", "));
    }
}

/// `30 min`, `90 s`.
pub(super) fn half_life(seconds: f64) -> String {
    if seconds >= 60.0 && (seconds % 60.0).abs() < f64::EPSILON {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{seconds} s")
    }
}

fn destinations(told: &Told, canvas: &mut Canvas) {
    canvas.title("Where to");
    let all = &told.weir.destinations;
    #[expect(clippy::cast_precision_loss, reason = "a bar needs no 64-bit precision")]
    let share = |bytes: u64| bytes as f64 / told.weir.bytes_out.max(1) as f64;
    for to in all.iter() {
        let drawn = canvas.paint(Ink::Alarm, &bar(share(to.bytes_out), 12));
        canvas.hanging(&format!("{:>9}  {drawn}  ", text::bytes(to.bytes_out)), "", 4, &to.to_string());
    }
    if all.is_empty() {
        canvas.dim("not known");
    }
}

fn files(told: &Told, canvas: &mut Canvas) {
    if told.weir.files.is_empty() {
        return;
    }
    let count = (told.weir.files.len() as u64).saturating_add(told.weir.files_more);
    canvas.title(&format!("What ({count} files, {})", text::bytes(told.weir.bytes_collected)));
    for file in told.weir.files.iter().take(LISTED) {
        let size = format!("{:>9}  ", file.size.map(text::bytes).unwrap_or_default());
        let why = if file.why.is_empty() { String::new() } else { format!("  ({})", file.why.as_str()) };
        canvas.hanging(&size, "", 11, &format!("{}{why}", file.path.as_str()));
    }
    let more = count.saturating_sub(LISTED.min(told.weir.files.len()) as u64);
    if more > 0 {
        canvas.dim(&format!("           and {more} more"));
    }
}

fn scripts(told: &Told, canvas: &mut Canvas) {
    for script in told.weir.scripts.iter() {
        let path = if script.path.is_empty() { "command line" } else { script.path.as_str() };
        canvas.title(&format!("Script of {}", script.process.shown()));
        let hash = text::cut(script.sha256.as_str(), 16).0;
        let content = if hash.is_empty() {
            String::new()
        } else {
            format!("  {}  sha256 {hash}...", text::bytes(script.size))
        };
        canvas.dim(&format!("{path}{content}"));
        let Some(lines) = &script.text else {
            let why = if script.not_captured.is_empty() {
                "its text is not in the log"
            } else {
                script.not_captured.as_str()
            };
            canvas.dim(why);
            continue;
        };
        let all = lines.as_str().lines().count();
        for line in lines.as_str().lines().take(SCRIPT_LINES) {
            let bar = canvas.paint(Ink::Dim, "│ ");
            canvas.hanging(&bar, &bar, 2, &line.replace('\t', "    "));
        }
        if all > SCRIPT_LINES {
            canvas.dim(&format!("  and {} more lines", all - SCRIPT_LINES));
        }
    }
}

fn unknown(told: &Told, canvas: &mut Canvas) {
    canvas.title("Not seen");
    for gap in told.weir.coverage.iter() {
        canvas.hanging("- ", "", 2, gap.as_str());
    }
    let graph = &told.weir.graph;
    if graph.nodes_left_out > 0 {
        let left_out = format!(
            "{} things and {} edges had no room in the graph",
            graph.nodes_left_out, graph.edges_left_out
        );
        canvas.hanging("- ", "", 2, &left_out);
    }
    for cut in told.weir.cut.iter() {
        let by = if cut.by.as_str() == "kernel" { "in the kernel" } else { "in this line" };
        let missing = cut.missing.map(|missing| format!(", {missing} missing")).unwrap_or_default();
        canvas.hanging("- ", "", 2, &format!("{} was cut {by}{missing}", cut.field.as_str()));
    }
    if told.weir.coverage.is_empty() && told.weir.cut.is_empty() && graph.nodes_left_out == 0 {
        canvas.dim("nothing is known to be missing");
    }
}

#[cfg(test)]
mod tests;
