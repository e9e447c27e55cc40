//! What the log must say about a scenario.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use globset::GlobBuilder;
use serde_json::Value;

use crate::{
    log::{Line, Link},
    receiver::{Receipt, Receiver},
    scenario::Expected,
    world::World,
};

/// Who and where the scenario was, to tell its alerts from those of other programs on this host.
#[derive(Clone, Debug)]
pub struct Story {
    /// Pids that are part of it: the script and its descendants, as far as they were seen.
    pub pids: BTreeSet<u64>,
    /// Its addresses.
    pub addresses: [String; 2],
    /// Prefix of staged files.
    pub stage: String,
    /// The folder of documents.
    pub docs: String,
}

impl Story {
    /// The story of `pids`, a script and a service, in `world`.
    #[must_use]
    pub fn new(world: &World, places: &crate::fixture::Places, pids: impl Iterator<Item = u32>) -> Self {
        Self {
            pids: pids.map(u64::from).collect(),
            addresses: [world.host().to_string(), world.server().to_string()],
            stage: places.stage.display().to_string(),
            docs: places.docs.display().to_string(),
        }
    }

    /// Alert lines of this story by `event.id`, in order, and the ids of other programs' alerts.
    #[must_use]
    pub fn alerts<'l>(&self, lines: &'l [Line]) -> (BTreeMap<&'l str, Vec<&'l Line>>, BTreeSet<&'l str>) {
        let (mut own, mut others) = (BTreeMap::<_, Vec<_>>::new(), BTreeSet::new());
        for line in lines.iter().filter(|line| line.is_alert()) {
            if self.owns(line) {
                own.entry(line.id()).or_default().push(line);
            } else {
                others.insert(line.id());
            }
        }
        (own, others)
    }

    fn owns(&self, line: &Line) -> bool {
        let ends = [line.text("destination.ip"), line.text("source.ip")];
        let chain = line.chain();
        let sender = line.get("process.pid").and_then(Value::as_u64);
        self.addresses.iter().any(|address| ends.contains(&address.as_str()))
            || chain.iter().filter_map(|link| link.pid).chain(sender).any(|pid| self.pids.contains(&pid))
            || chain.iter().any(|link| link.command_line.contains(&self.stage))
    }
}

/// Compares the alert lines of a story with what was expected and received; gives every failure.
///
/// # Errors
/// Fails when the receivers' report cannot be read or a glob of the scenario is bad.
pub fn compare(
    expected: &Expected,
    story: &Story,
    lines: &[Line],
    receiver: &Receiver,
    receipt: &Receipt,
) -> Result<Vec<String>> {
    let (own, _) = story.alerts(lines);
    let excused = expected.opens_may_be_missed && lines.iter().any(misses_opens);
    let mut failures = Vec::new();
    if own.len() != 1 {
        failures.push(format!("{} alerts instead of one: {}", own.len(), outline(&own)));
    }
    let Some(lines) = own.into_values().next() else { return Ok(failures) };
    let (Some(first), Some(last)) = (lines.first(), lines.last()) else { return Ok(failures) };
    let mut check = |holds: bool, what: String| {
        if !holds {
            failures.push(what);
        }
    };
    check(first.action() == "opened", format!("the first line is {}", first.action()));
    check(last.action() == "closed", format!("the last line is {}, not closed", last.action()));
    let revisions: Vec<_> = lines.iter().filter_map(|line| line.get("weir.revision")?.as_u64()).collect();
    let counted: Vec<_> = (1..).take(lines.len()).collect();
    check(revisions == counted, format!("revisions are {revisions:?}"));

    for line in [first, last] {
        let at = line.action();
        let sender = line.text("process.name");
        check(
            named(sender, &expected.sender),
            format!("{at}: the sender is {sender:?}, not {:?}", expected.sender),
        );
        let port = line.get("destination.port").and_then(Value::as_u64);
        let [_, server] = &story.addresses;
        let server = expected.destination.as_ref().unwrap_or(server);
        let unseen = expected.destination_by.as_ref().is_some_and(|sensor| is_off(line, sensor));
        check(
            (unseen || line.text("destination.address") == server)
                && expected.port.is_none_or(|expected| port == Some(u64::from(expected))),
            format!("{at}: the destination is {}:{port:?}", line.text("destination.address")),
        );
        if let Some(domain) = &expected.domain {
            let said = line.text("destination.domain");
            check(said == *domain, format!("{at}: the destination's name is {said:?}, not {domain:?}"));
        }
        let chain = line.chain();
        for wanted in &expected.chain {
            let found = chain.iter().any(|link| is(link, wanted));
            check(found, format!("{at}: no {wanted:?} in the chain {}", chain_names(line)));
        }
        if let Some(root) = &expected.root {
            let found = begins_with(&chain, root);
            check(found, format!("{at}: the chain {} does not begin with {root:?}", chain_names(line)));
        }
        for glob in &expected.files {
            let glob = glob.replace("{stage}", &story.stage).replace("{docs}", &story.docs);
            let matcher = GlobBuilder::new(&glob).literal_separator(true).build()?.compile_matcher();
            let files = line.files();
            let found = files.iter().any(|file| matcher.is_match(file));
            check(found || excused, format!("{at}: no {glob} among the files {files:?}"));
        }
    }

    if let Some([least, most]) = expected.band {
        let score = last.get("weir.score").and_then(Value::as_f64).unwrap_or_default();
        check((least..=most).contains(&score), format!("the score {score} is not in {least} to {most}"));
    }
    if let Some(within) = expected.bytes_within {
        let (said, read) = (last.bytes_out().unwrap_or_default(), receipt.read);
        #[expect(clippy::cast_precision_loss, reason = "byte counts of a scenario are far below 2^52")]
        let off = (said as f64 - read as f64).abs() / read.max(1) as f64;
        check(
            off <= within,
            format!("weir.bytes_out {said}, the receiver read {read}: {:.4} % off", off * 100.0),
        );
    }

    if let Some((port, opened)) = expected.port.zip(expected.opened) {
        match receiver.reached(port, opened.after_bytes)? {
            Some(reached) => {
                let late = seconds(first.seen_ns - reached);
                check(
                    late <= opened.within(),
                    format!("opened {late:.3} s after the receiver had read {}", opened.after_bytes),
                );
            }
            None => check(false, format!("the receiver never read {}", opened.after_bytes)),
        }
    }
    Ok(failures)
}

/// Whether a record counts opens of which the agent did not hear.
fn misses_opens(line: &Line) -> bool {
    let losses = line.get("weir.losses").and_then(Value::as_array).into_iter().flatten();
    let mut names = losses.filter_map(|loss| loss.get("what")?.as_str());
    names.any(|name| ["program_runs_missed", "open_dropped"].contains(&name))
}

/// Seconds between the receiver's `after_bytes` and the first line of the story's alert; negative is before.
///
/// # Errors
/// Fails when the receivers' report cannot be read.
pub fn delay(expected: &Expected, story: &Story, lines: &[Line], receiver: &Receiver) -> Result<Option<f64>> {
    let Some((port, opened)) = expected.port.zip(expected.opened) else { return Ok(None) };
    let (own, _) = story.alerts(lines);
    let first = own.into_values().next().and_then(|lines| lines.first().map(|line| line.seen_ns));
    let reached = receiver.reached(port, opened.after_bytes)?;
    Ok(first.zip(reached).map(|(first, reached)| seconds(first - reached)))
}

/// Whether a line names sender, root and chain as expected.
#[must_use]
pub fn blames(expected: &Expected, line: &Line) -> bool {
    let chain = line.chain();
    named(line.text("process.name"), &expected.sender)
        && expected.chain.iter().all(|wanted| chain.iter().any(|link| is(link, wanted)))
        && expected.root.as_ref().is_none_or(|root| begins_with(&chain, root))
}

/// Alerts in a few words each.
#[must_use]
pub fn outline(alerts: &BTreeMap<&str, Vec<&Line>>) -> String {
    let each = alerts.iter().map(|(id, lines)| {
        let last = lines.last();
        let text = |field: &str| last.map(|line| line.text(field)).unwrap_or_default();
        let score = last.and_then(|line| line.get("weir.score")).map(ToString::to_string);
        format!(
            "{id} by {} to {} with score {}, chain {}",
            text("process.name"),
            text("destination.address"),
            score.unwrap_or_default(),
            last.map(|line| chain_names(line)).unwrap_or_default()
        )
    });
    each.collect::<Vec<_>>().join("; ")
}

/// Sensors that are off, as the start record says.
pub fn sensors_off(lines: &[Line]) -> impl Iterator<Item = String> {
    let start = lines.iter().find(|line| line.is_start());
    let sensors = start.and_then(|line| line.get("weir.sensors")).and_then(Value::as_array);
    sensors.into_iter().flatten().filter_map(|sensor| {
        let text = |field: &str| sensor.get(field).and_then(Value::as_str);
        (text("hook") == Some("")).then(|| text("sensor").unwrap_or_default().to_owned())
    })
}

/// Whether an alert says what is not seen because a sensor is off.
fn is_off(line: &Line, sensor: &str) -> bool {
    let gaps = line.get("weir.coverage").and_then(Value::as_array).into_iter().flatten();
    gaps.filter_map(Value::as_str).any(|gap| gap.starts_with(&format!("{sensor}: ")))
}

/// Whether a process is called so; a `*` at the end stands for the rest, since interpreters carry their version.
fn named(name: &str, pattern: &str) -> bool {
    pattern.strip_suffix('*').map_or(name == pattern, |start| name.starts_with(start))
}

fn is(link: &Link, wanted: &str) -> bool {
    link.name == wanted || link.command_line.contains(wanted)
}

/// Whether the first process of the story itself is the wanted one.
fn begins_with(chain: &[Link], wanted: &str) -> bool {
    chain.iter().find(|link| !link.launcher).is_some_and(|link| is(link, wanted))
}

fn chain_names(line: &Line) -> String {
    line.chain().into_iter().map(|link| link.name).collect::<Vec<_>>().join(" > ")
}

/// Nanoseconds as seconds.
#[must_use]
pub fn seconds(nanoseconds: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "durations of a scenario are far below 2^52 ns")]
    let nanoseconds = nanoseconds as f64;
    nanoseconds / 1e9
}
