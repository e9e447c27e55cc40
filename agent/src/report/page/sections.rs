//! The page's parts, in the order in which a reader asks.

use super::{hypertext::Hypertext, picture};
use crate::{
    alert::text,
    report::{
        explain::half_life,
        family::members,
        sum,
        times::{command, moments, since},
        told::{Link, Text, Told, Touches},
    },
};

/// Levels of the tree that are drawn; deeper ones stand at the last.
const LEVELS: usize = 8;

pub(super) fn write(told: &Told, page: &mut Hypertext) {
    head(told, page);
    graph(told, page);
    tree(told, page);
    timeline(told, page);
    score(told, page);
    destinations(told, page);
    files(told, page);
    scripts(told, page);
    unknown(told, page);
}

fn section(page: &mut Hypertext, title: &str, write: impl FnOnce(&mut Hypertext)) {
    page.raw("<section>");
    page.element("h2", "", title);
    write(page);
    page.close("section");
}

fn head(told: &Told, page: &mut Hypertext) {
    page.open("header", "");
    page.open("p", "badges");
    let badge = format!("badge {}", told.severity());
    page.element("span", &badge, &format!("{} {:.1} of 10", told.severity(), told.weir.score));
    let state = format!("{}, revision {}", told.event.action.as_str(), told.weir.revision);
    page.element("span", "badge", &state);
    page.close("p");
    page.element("h1", "", &told.headline());
    page.element("p", "story", told.message.as_str());
    page.open("dl", "facts");
    let from = told.event.start.0.map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    let to = told.time.0.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    let techniques = told.threat.technique.id.iter().zip(told.threat.technique.name.iter());
    let techniques: Vec<String> =
        techniques.map(|(id, name)| format!("{} {}", id.as_str(), name.as_str())).collect();
    let facts = [
        ("alert", told.id().to_owned()),
        ("host", told.host.name.as_str().to_owned()),
        ("time", [from, to].into_iter().flatten().collect::<Vec<_>>().join(" to ")),
        ("unit", told.systemd.as_ref().map_or_else(String::new, |systemd| systemd.unit.as_str().to_owned())),
        ("container", told.container.as_ref().map_or_else(String::new, |own| own.id.as_str().to_owned())),
        ("sender", told.process.executable.as_str().to_owned()),
        ("directory", told.process.working_directory.as_str().to_owned()),
        ("ATT&CK", techniques.join(", ")),
        ("trusted by", told.weir.trusted_by.iter().map(Text::as_str).collect::<Vec<_>>().join(", ")),
    ];
    for (name, fact) in facts.into_iter().filter(|(_, fact)| !fact.is_empty()) {
        page.element("dt", "", name);
        page.element("dd", "", &fact);
    }
    page.close("dl");
    page.close("header");
}

fn graph(told: &Told, page: &mut Hypertext) {
    let graph = &told.weir.graph;
    if graph.nodes.is_empty() {
        return;
    }
    section(page, "How the data went", |page| {
        // A region that scrolls must be reachable by keyboard.
        page.raw(
            "<div class=\"graph\" tabindex=\"0\" role=\"region\" aria-label=\"graph, scrolls sideways\">\n",
        );
        picture::draw(told, page);
        page.raw("</div>\n<p class=\"legend\">");
        for (class, word) in [
            ("forked", "started"),
            ("read", "read"),
            ("wrote", "wrote"),
            ("piped", "piped"),
            ("sent", "sent"),
        ] {
            page.open("span", class);
            page.text(word);
            page.raw("</span> ");
        }
        page.text("The thicker a line, the more bytes. Who started whom is told below.");
        page.raw("</p>\n<details><summary>The same in words</summary><ul>");
        let node = |id: &Text| graph.nodes.iter().find(|node| node.id == *id);
        for edge in graph.edges.iter() {
            if let (Some(from), Some(to)) = (node(&edge.from), node(&edge.to)) {
                page.element("li", "", &picture::sentence(edge, from, to));
            }
        }
        page.raw("</ul></details>\n");
    });
}

fn tree(told: &Told, page: &mut Hypertext) {
    section(page, "Who did it", |page| {
        page.open("ul", "tree");
        for member in members(told) {
            let link = member.link;
            let sender = if link.sender { " sender" } else { "" };
            page.open("li", &format!("level-{}{sender}", member.depth.min(LEVELS)));
            page.element("b", "", link.name.as_str());
            page.element("span", "dim", &format!(" {}", link.pid));
            if let Some(user) = link.user.name.as_ref().filter(|user| !user.is_empty()) {
                page.element("span", "dim", &format!(" {}", user.as_str()));
            }
            page.element("code", "command", command(&link.command_line, &link.name));
            deeds(link, page);
            page.close("li");
        }
        page.close("ul");
    });
}

fn deeds(link: &Link, page: &mut Hypertext) {
    page.open("ul", "deeds");
    let mut deed = |class: &str, word: &str, what: &str| {
        page.open("li", class);
        page.element("span", "word", word);
        page.raw(" ");
        page.text(what);
        page.close("li");
    };
    if let Some(place) = link.place() {
        deed("dim", "began", place);
    }
    if let Some(read) = &link.read {
        deed("read", "read", &touched(read));
    }
    if let Some(wrote) = &link.wrote {
        deed("wrote", "wrote", &touched(wrote));
    }
    if link.bytes_out > 0 {
        deed("sent", "sent", &format!("{} to the outside", text::bytes(link.bytes_out)));
    }
    for did in link.deeds() {
        deed("signal", "signal", did);
    }
    page.close("ul");
}

fn touched(touches: &Touches) -> String {
    let named: Vec<&str> = touches.files.iter().map(|file| file.path.as_str()).collect();
    let more = touches.count.saturating_sub(named.len() as u64);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let bytes = if touches.bytes > 0 { format!(" ({})", text::bytes(touches.bytes)) } else { String::new() };
    match touches.count {
        1 => format!("{}{bytes}", named.join(", ")),
        count => format!("{count} files{bytes}: {}{more}", named.join(", ")),
    }
}

fn timeline(told: &Told, page: &mut Hypertext) {
    let (moments, left_out) = moments(told);
    let Some(first) = moments.first().map(|moment| moment.at) else { return };
    section(page, "When", |page| {
        page.element("p", "dim", &format!("{} UTC is +0", first.strftime("%Y-%m-%d %H:%M:%S%.3f")));
        page.open("ol", "timeline");
        for moment in &moments {
            page.open("li", moment.kind.word());
            page.element("time", "", &since(first, moment.at));
            page.element("span", "who", &moment.who);
            page.element("span", "what", &moment.what);
            page.close("li");
        }
        page.close("ol");
        if left_out > 0 {
            page.element("p", "dim", &format!("and {left_out} more"));
        }
    });
}

fn score(told: &Told, page: &mut Hypertext) {
    let stages = sum::stages(told);
    let formula = &told.weir.formula;
    section(page, "Why this score", |page| {
        page.raw(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"score\"><table><thead><tr>",
        );
        for title in ["weight", "risk", "decay", "trust", "evidence", "process", "technique"] {
            page.raw("<th scope=\"col\">");
            page.text(title);
            page.raw("</th>");
        }
        page.raw("</tr></thead>\n");
        for stage in &stages {
            page.raw("<tbody><tr class=\"stage\"><th colspan=\"7\" scope=\"rowgroup\">");
            page.element("span", "", stage.name);
            bar(page, stage.strength, if stage.strong { "strong" } else { "weak" });
            let strong = if stage.strong { "strong" } else { "weak" };
            page.element("span", "sum", &format!("{} = {:.2}, {strong}", stage.formula(), stage.strength));
            page.raw("</th></tr>\n");
            for weighed in &stage.signals {
                let signal = weighed.signal;
                page.open("tr", if weighed.counts { "" } else { "dim" });
                let weight = if weighed.counts { format!("{:.2}", weighed.weight) } else { "-".to_owned() };
                page.element("td", "number", &weight);
                page.element("td", "number", &format!("{:.1}", signal.risk));
                page.element("td", "number", &format!("{:.2}", signal.decay));
                page.element("td", "number", &format!("{:.2}", signal.trust));
                page.element("td", "reason", signal.reason.as_str());
                page.element("td", "", &signal.process.shown());
                page.element("td", "", signal.technique.as_str());
                page.raw("</tr>\n");
            }
            page.raw("</tbody>\n");
        }
        page.raw("</table></div>\n");
        page.open("dl", "facts");
        let cap = match formula.cap_because.as_str() {
            "" => format!("{:.1}", told.weir.cap),
            because => format!("{:.1}: {because}", told.weir.cap),
        };
        let proof = told.weir.proof.map(|proof| {
            let (carried, sent) = (text::bytes(proof.bytes_carried), text::bytes(proof.bytes_out));
            format!("{carried} carried, {sent} sent: the sizes agree")
        });
        let rows = [
            ("uncapped", format!("{} = {:.2}", sum::uncapped(&stages), told.weir.uncapped)),
            ("cap", cap),
            ("score", format!("{:.2}; an alert from {:.1}", told.weir.score, formula.threshold)),
            ("proof", proof.unwrap_or_default()),
        ];
        for (name, row) in rows.iter().filter(|(_, row)| !row.is_empty()) {
            page.element("dt", "", name);
            page.element("dd", "", row);
        }
        page.close("dl");
        let rule = format!(
            "A signal weighs {:.1} · risk/10 · decay · trust, and its decay halves every {}. Of each analytic in a stage \
             the strongest signal counts; the others have a dash. A stage is strong from {:.2}.",
            formula.weight,
            half_life(formula.half_life_s),
            formula.strong
        );
        page.element("p", "dim", &rule);
    });
}

/// A share of 0 to 1.
fn bar(page: &mut Hypertext, share: f64, class: &str) {
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    page.raw("<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
    page.raw("<rect class=\"rest\" width=\"100\" height=\"10\"/>");
    page.raw(&format!("<rect class=\"{class}\" width=\"{:.1}\" height=\"10\"/></svg>", share * 100.0));
}

fn destinations(told: &Told, page: &mut Hypertext) {
    section(page, "Where to", |page| {
        page.open("ul", "bars");
        for to in told.weir.destinations.iter() {
            page.open("li", "");
            page.element("code", "", &to.to_string());
            #[expect(clippy::cast_precision_loss, reason = "a bar needs no 64-bit precision")]
            let share = to.bytes_out as f64 / told.weir.bytes_out.max(1) as f64;
            bar(page, share, "strong");
            page.element("span", "number", &text::bytes(to.bytes_out));
            page.close("li");
        }
        page.close("ul");
    });
}

fn files(told: &Told, page: &mut Hypertext) {
    if told.weir.files.is_empty() {
        return;
    }
    let count = (told.weir.files.len() as u64).saturating_add(told.weir.files_more);
    section(page, &format!("What: {count} files, {}", text::bytes(told.weir.bytes_collected)), |page| {
        page.open("ul", "files");
        for file in told.weir.files.iter() {
            page.open("li", "");
            page.element("code", "", file.path.as_str());
            page.element("span", "number", &file.size.map(text::bytes).unwrap_or_default());
            page.element("span", "dim", file.why.as_str());
            page.close("li");
        }
        page.close("ul");
        if told.weir.files_more > 0 {
            page.element("p", "dim", &format!("and {} more", told.weir.files_more));
        }
    });
}

fn scripts(told: &Told, page: &mut Hypertext) {
    for script in told.weir.scripts.iter() {
        section(page, &format!("Script of {}", script.process.shown()), |page| {
            let path = if script.path.is_empty() { "command line" } else { script.path.as_str() };
            let content = match script.sha256.as_str() {
                "" => String::new(),
                hash => format!(", {}, sha256 {hash}", text::bytes(script.size)),
            };
            page.element("p", "dim", &format!("{path}{content}"));
            match &script.text {
                Some(lines) => {
                    page.raw("<pre tabindex=\"0\">");
                    page.text(lines.as_str());
                    page.raw("</pre>\n");
                }
                None if script.not_captured.is_empty() => {
                    page.element("p", "", "Its text is not in the log.");
                }
                None => page.element("p", "", script.not_captured.as_str()),
            }
        });
    }
}

fn unknown(told: &Told, page: &mut Hypertext) {
    section(page, "Not seen", |page| {
        let graph = &told.weir.graph;
        let mut gaps: Vec<String> = told.weir.coverage.iter().map(|gap| gap.as_str().to_owned()).collect();
        if graph.nodes_left_out > 0 {
            let (nodes, edges) = (graph.nodes_left_out, graph.edges_left_out);
            gaps.push(format!("{nodes} things and {edges} edges had no room in the graph"));
        }
        for cut in told.weir.cut.iter() {
            let by = if cut.by.as_str() == "kernel" { "in the kernel" } else { "in the line" };
            let missing = cut.missing.map(|missing| format!(", {missing} missing")).unwrap_or_default();
            gaps.push(format!("{} was cut {by}{missing}", cut.field.as_str()));
        }
        if gaps.is_empty() {
            page.element("p", "", "Nothing is known to be missing.");
            return;
        }
        page.open("ul", "");
        for gap in gaps {
            page.element("li", "", &gap);
        }
        page.close("ul");
    });
}
