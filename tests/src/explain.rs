//! `weir explain` as a person sees it: the page in a real browser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    harness::{Case, Context, Outcome},
    process,
};

/// Lines as weir wrote them; of the last two the texts become hostile and the graph large.
const LINES: [(&str, &str); 4] = [
    ("archive", include_str!("../alerts/archive.json")),
    ("pipes", include_str!("../alerts/pipes.json")),
    ("hostile", include_str!("../alerts/archive.json")),
    ("crowded", include_str!("../alerts/pipes.json")),
];
/// A phone and a desk.
const WIDTHS: [u32; 2] = [390, 1400];
/// What an attacker's arguments, paths and names would be.
const EVIL: &str = "</style></script><img src=x onerror=\"window.ran=1\"><svg onload=window.ran=1>";
/// Boxes of what must not cover each other in the picture, and of what must lie within something.
const BOXES: &str = "(selector => [...document.querySelectorAll(selector)].map(found => {
    const box = found.getBoundingClientRect();
    return [box.left, box.top, box.right, box.bottom];
}))";

/// Cases that need a browser but no root.
#[must_use]
pub fn cases() -> Vec<Case> {
    let body = |context: &Context, dir: &Path| in_a_browser(context, dir);
    vec![Case { name: "explain::page-in-a-browser".to_owned(), body: Box::new(body) }]
}

fn in_a_browser(context: &Context, dir: &Path) -> Result<Outcome> {
    let Some(program) = Browser::find() else {
        return Ok(Outcome::Skipped("no chromium here".to_owned()));
    };
    let weir = &context.weir()?.binary;
    let mut browser = Browser::start(&program, dir)?;
    let mut notes = Vec::new();
    for (name, line) in LINES {
        let mut line: Value = serde_json::from_str(line).context(name)?;
        match name {
            "hostile" => poison(&mut line),
            "crowded" => crowd(&mut line)?,
            _ => {}
        }
        let page = page(weir, dir, name, &line)?;
        for width in WIDTHS {
            for dark in [false, true] {
                browser.open(&page, width, dark)?;
                let scheme = if dark { "dark" } else { "light" };
                let at = format!("{name} {width} {scheme}");
                let picture = STANDARD.decode(browser.picture()?).ok().context("no base64")?;
                fs::write(dir.join(format!("{name}-{width}-{scheme}.png")), picture)?;
                check(&mut browser, &line, width).with_context(|| at)?;
            }
        }
        notes.push(format!("{name}: {} nodes", list(&line, "/weir/graph/nodes").len()));
    }
    Ok(Outcome::Passed(notes))
}

/// Makes the page of `line`.
fn page(weir: &Path, dir: &Path, name: &str, line: &Value) -> Result<PathBuf> {
    let log = dir.join(format!("{name}.jsonl"));
    fs::write(&log, format!("{line}\n"))?;
    let page = dir.join(format!("{name}.html"));
    process::run(Command::new(weir).args(["explain", "--last", "--log"]).arg(&log).arg("--html").arg(&page))?;
    Ok(page)
}

fn check(browser: &mut Browser, line: &Value, width: u32) -> Result<()> {
    if let [first, ..] = browser.complaints() {
        bail!("the page complains: {first}");
    }
    ensure!(browser.value("window.ran === undefined")? == true, "text of the log was run");
    let wide = browser.value("document.documentElement.scrollWidth")?.as_u64().context("no width")?;
    ensure!(wide <= u64::from(width), "the page is {wide} wide");
    // Long words may hide beyond a box that does not grow.
    let over = "[...document.querySelectorAll('h1,p,dd,li,code,pre')].filter(found =>
        !found.closest('.graph,.scroll') && found.getBoundingClientRect().right > innerWidth).length";
    ensure!(browser.value(over)? == 0, "text is cut off at the right");
    let text = browser.value("document.body.textContent")?;
    let text = text.as_str().context("no text")?;
    for link in list(line, "/weir/chain") {
        let name = link.get("name").and_then(Value::as_str).context("no name")?;
        let pid = link.get("pid").context("no pid")?;
        ensure!(text.contains(name) && text.contains(&pid.to_string()), "no {name} {pid} in the page");
    }
    let nodes = boxes(browser, ".node")?;
    let drawn = list(line, "/weir/graph/nodes").len();
    ensure!(nodes.len() == drawn, "{} of {drawn} nodes are drawn", nodes.len());
    let labels = boxes(browser, ".graph .bytes")?;
    for (index, one) in nodes.iter().enumerate() {
        let others = nodes.iter().skip(index + 1).chain(&labels);
        ensure!(others.clone().all(|other| !cover(*one, *other)), "a node is covered: {one:?}");
    }
    for (index, one) in labels.iter().enumerate() {
        ensure!(
            labels.iter().skip(index + 1).all(|other| !cover(*one, *other)),
            "a label is covered: {one:?}"
        );
    }
    let within = "[...document.querySelectorAll('.node')].every(node => {
        const shapes = [...node.querySelectorAll('rect,path')].map(shape => shape.getBoundingClientRect());
        const left = Math.min(...shapes.map(box => box.left)), right = Math.max(...shapes.map(box => box.right));
        return [...node.querySelectorAll('text')].every(text => {
            const box = text.getBoundingClientRect();
            return box.left >= left && box.right <= right;
        });
    })";
    ensure!(browser.value(within)? == true, "a label is wider than its node");
    Ok(())
}

type Area = [f64; 4];

fn boxes(browser: &mut Browser, selector: &str) -> Result<Vec<Area>> {
    let found = browser.value(&format!("{BOXES}('{selector}')"))?;
    serde_json::from_value(found).context("no boxes")
}

fn cover(one: Area, other: Area) -> bool {
    let [left, top, right, bottom] = one;
    let [other_left, other_top, other_right, other_bottom] = other;
    left < other_right - 0.5
        && other_left < right - 0.5
        && top < other_bottom - 0.5
        && other_top < bottom - 0.5
}

/// Gives each process files that it read and wrote, and places that it sent to.
fn crowd(line: &mut Value) -> Result<()> {
    let processes: Vec<Value> = list(line, "/weir/graph/nodes")
        .iter()
        .filter(|node| node.get("kind").is_some_and(|kind| kind == "process"))
        .filter_map(|node| node.get("id").cloned())
        .collect();
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    for process in &processes {
        for number in 1..=12_u32 {
            let id = json!(format!("{process} {number}"));
            let bytes = 7_u64.pow(number);
            let (node, edge) = match number % 3 {
                0 => (
                    json!({ "id": id, "kind": "file", "path": "/srv/a/long/way/down/to/a-file.pdf" }),
                    json!({ "from": id, "to": process, "kind": "read", "bytes": bytes }),
                ),
                1 => (
                    json!({ "id": id, "kind": "files", "path": "/var/tmp/x", "count": bytes }),
                    json!({ "from": process, "to": id, "kind": "wrote", "bytes": bytes }),
                ),
                _ => (
                    json!({ "id": id, "kind": "destination", "ip": "2001:db8:1:2:3:4:5:6", "port": number }),
                    json!({ "from": process, "to": id, "kind": "sent", "bytes": bytes }),
                ),
            };
            nodes.push(node);
            edges.push(edge);
        }
    }
    for (pointer, added) in [("/weir/graph/nodes", nodes), ("/weir/graph/edges", edges)] {
        line.pointer_mut(pointer).and_then(Value::as_array_mut).context("no graph")?.extend(added);
    }
    Ok(())
}

/// The list at a place of a line; empty where there is none.
fn list<'l>(line: &'l Value, pointer: &str) -> &'l [Value] {
    line.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Adds what should not run to every text but those that join the parts.
fn poison(value: &mut Value) {
    const KEPT: [&str; 8] = ["ip", "id", "kind", "from", "to", "entity_id", "parent", "stage"];
    match value {
        Value::String(text) => text.push_str(EVIL),
        Value::Array(list) => list.iter_mut().for_each(poison),
        Value::Object(fields) => {
            fields
                .iter_mut()
                .filter(|(name, _)| !KEPT.contains(&name.as_str()))
                .for_each(|(_, field)| poison(field));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
