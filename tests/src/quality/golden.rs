//! Golden recordings: of each scenario the events of its story and the alert lines that they lead to, small enough for
//! git, and replayed without root.
//!
//! `NAME.weirrec.gz` is a recording cut to the story, `NAME.jsonl` what it must say, a line for each line of an alert.

mod cut;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use serde_json::{Value, json};
use weir::{
    alert::{Body, Record, ecs},
    event::{
        Event,
        recording::{Reader, Writer},
    },
};

use super::{probe, recorded::Recorded};

const RECORDING: &str = ".weirrec.gz";
const LINES: &str = ".jsonl";
/// Set to anything, what a recording leads to is written down as what it must.
const BLESS: &str = "WEIR_BLESS";
/// Files and signals of an alert that are compared one by one.
const SHOWN: usize = 12;

/// The folder that the tests were built in.
fn folder_of_sources() -> &'static str {
    env!("CARGO_MANIFEST_DIR").trim_end_matches("/tests")
}

/// Writes the golden pair of the scenario `name` into `folder`, and tells how many alerts the recording leads to.
///
/// # Errors
/// Fails when it cannot be written, or when it would name a folder of this machine.
pub fn bless(folder: &Path, name: &str, recorded: &Recorded) -> Result<Option<usize>> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let stem = name.replace("::", "-");
    let events = cut::cut(recorded);
    let path = folder.join(format!("{stem}{RECORDING}"));
    let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    let mut packer = GzEncoder::new(file, Compression::best());
    let mut plain = Vec::new();
    let mut writer = Writer::new(&path, &mut plain)?;
    events.iter().try_for_each(|event| writer.write(event))?;
    writer.flush()?;
    drop(writer);
    let here = folder_of_sources().as_bytes();
    ensure!(
        !plain.windows(here.len()).any(|bytes| bytes == here),
        "the recording of {name} names a folder of this machine"
    );
    std::io::Write::write_all(&mut packer, &plain)?;
    packer.finish()?.sync_all()?;
    let lines = lines(&events)?;
    let alerts: BTreeSet<_> = lines.iter().map(|line| line.get("id").map(ToString::to_string)).collect();
    write(folder, &stem, lines.iter().map(ToString::to_string))?;
    Ok(Some(alerts.len()))
}

fn write(folder: &Path, stem: &str, lines: impl Iterator<Item = String>) -> Result<()> {
    let text: String = lines.flat_map(|line| [line, "\n".to_owned()]).collect();
    let path = folder.join(format!("{stem}{LINES}"));
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Replays every recording in `folder`; how many there are, and what differs.
///
/// # Errors
/// Fails when the folder cannot be read.
pub fn check(folder: &Path) -> Result<(usize, Vec<String>)> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok((0, Vec::new())) };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names: BTreeSet<String> = names.collect::<std::io::Result<_>>()?;
    let stems =
        |suffix| names.iter().filter_map(move |name| name.strip_suffix(suffix)).collect::<BTreeSet<_>>();
    let (recordings, expected) = (stems(RECORDING), stems(LINES));
    let mut differences: Vec<String> =
        recordings.symmetric_difference(&expected).map(|stem| format!("{stem}: half of a pair")).collect();
    for stem in recordings.intersection(&expected) {
        if let Err(error) = compare(folder, stem) {
            differences.push(format!("{stem}: {error:#}"));
        }
    }
    Ok((recordings.len(), differences))
}

fn compare(folder: &Path, stem: &str) -> Result<()> {
    let path = folder.join(format!("{stem}{RECORDING}"));
    let reader = Reader::new(&path, GzDecoder::new(File::open(&path)?))?;
    let events: Vec<Event> = reader.collect::<Result<_, _>>()?;
    let lines: Vec<String> = lines(&events)?.iter().map(ToString::to_string).collect();
    if std::env::var_os(BLESS).is_some() {
        write(folder, stem, lines.iter().cloned())?;
    }
    let expected = fs::read_to_string(folder.join(format!("{stem}{LINES}")))?;
    let expected: Vec<&str> = expected.lines().collect();
    let first = lines.iter().zip(&expected).position(|(line, expected)| line != expected);
    if let Some(at) = first {
        let side = |lines: &[String]| lines.get(at).cloned().unwrap_or_default();
        let expected: Vec<String> = expected.into_iter().map(str::to_owned).collect();
        anyhow::bail!("line {}:\n  expected {}\n  got      {}", at + 1, side(&expected), side(&lines));
    }
    ensure!(lines.len() == expected.len(), "{} lines, expected {}", lines.len(), expected.len());
    Ok(())
}

/// The lines of all alerts, reduced to what a detection decides: how a record is shown has tests of its own.
fn lines(events: &[Event]) -> Result<Vec<Value>> {
    let records = probe::replay(events, probe::configuration(events)?);
    records.iter().filter(|record| matches!(record.body, Body::Alert(_))).map(line).collect()
}

fn line(record: &Record) -> Result<Value> {
    let full: Value = serde_json::from_str(&ecs::line(record, false))?;
    let get = |pointer: &str| full.pointer(pointer).cloned().unwrap_or_default();
    let list = |pointer: &str, fields: &[&str]| -> Vec<Value> {
        let all = full.pointer(pointer).and_then(Value::as_array);
        let pick = |item: &Value| {
            fields.iter().map(|field| item.pointer(field).cloned().unwrap_or_default()).collect()
        };
        all.into_iter().flatten().take(SHOWN).map(pick).collect()
    };
    Ok(json!({
        "id": get("/event/id"),
        "action": get("/event/action"),
        "revision": get("/weir/revision"),
        "score": get("/weir/score"),
        "cap": get("/weir/cap"),
        "stages": get("/weir/stages"),
        "proof": get("/weir/proof"),
        "sender": get("/process/name"),
        "to": [get("/destination/ip"), get("/destination/port")],
        "bytes": [get("/weir/bytes_collected"), get("/weir/bytes_out")],
        "chain": list("/weir/chain", &["/pid", "/name", "/bytes_out"]),
        "files": list("/weir/files", &["/path"]),
        "signals": list("/weir/signals", &["/analytic", "/risk"]),
    }))
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use crate::scenario::{self, Set};

    #[test]
    fn recordings_lead_to_the_same_alerts() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let (count, differences) = super::check(&folder).expect("the golden folder");
        assert!(differences.is_empty(), "of {count} recordings:\n{}", differences.join("\n"));
    }

    #[test]
    fn every_scenario_has_a_recording_and_every_recording_a_scenario() {
        let scenarios = scenario::of(&[Set::Core, Set::Quality]).expect("scenario files");
        // One that needs more than every kernel has can be recorded on few machines.
        let anywhere = scenarios.iter().filter(|scenario| scenario.sensors.is_empty());
        let names: BTreeSet<String> =
            anywhere.map(|scenario| scenario.name.replace("::", "-") + super::RECORDING).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
        let found = fs::read_dir(folder).into_iter().flatten().flatten();
        let found = found.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let found: BTreeSet<String> = found.filter(|name| name.ends_with(super::RECORDING)).collect();
        let differences: Vec<_> = names.symmetric_difference(&found).collect();
        assert!(differences.is_empty(), "{differences:?}: `cargo xtask quality --bless` writes them");
    }
}
