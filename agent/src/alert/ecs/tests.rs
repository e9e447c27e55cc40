//! Golden lines, hostile names, bounds. `WEIR_BLESS=1 cargo test -p agent golden` rewrites the golden lines.

use std::{env, fs, path::Path};

use serde_json::Value;

use super::*;
use crate::alert::{Action, Body, sample};

fn parsed(line: &str) -> Value {
    assert!(!line.contains('\n'), "{line}");
    serde_json::from_str(line).unwrap()
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value.pointer(pointer).unwrap_or_else(|| panic!("{pointer} in {value:#}"))
}

#[test]
fn golden_lines() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/alert/golden");
    for (name, record) in sample::all() {
        let line = line(&record, true) + "\n";
        parsed(line.trim_end());
        let path = directory.join(format!("{name}.json"));
        if env::var_os("WEIR_BLESS").is_some() {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &line).unwrap();
        }
        let golden = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(line, golden, "{} differs; WEIR_BLESS=1 rewrites it", path.display());
    }
}

#[test]
fn what_an_alert_must_carry() {
    let record = sample::record(Body::Alert(Box::new(sample::alert(Action::Updated, 2, 10_000_246))));
    let value = parsed(&line(&record, true));
    let rows: &[(&str, Value)] = &[
        ("/@timestamp", "2026-11-18T11:23:25.000000001Z".into()),
        ("/event/kind", "alert".into()),
        ("/event/action", "updated".into()),
        ("/event/severity", 99.into()),
        ("/host/name", "web-1".into()),
        ("/process/pid", 4202.into()),
        ("/process/name", "curl".into()),
        ("/process/args/1", "-T".into()),
        ("/process/parent/name", "dash".into()),
        ("/process/entity_id", "8b2f6c1e-0000-4000-8000-000000000001-4202-99202".into()),
        ("/process/start", "2026-11-18T11:23:12.020000000Z".into()),
        ("/user/id", "1000".into()),
        ("/user/name", "alice".into()),
        ("/source/ip", "198.51.100.1".into()),
        ("/destination/ip", "198.51.100.7".into()),
        ("/destination/port", 443.into()),
        ("/destination/bytes", 10_000_246.into()),
        ("/network/transport", "tcp".into()),
        ("/file/path", "/var/tmp/a.tgz".into()),
        ("/threat/framework", "MITRE ATT&CK".into()),
        ("/threat/tactic/id/0", "TA0010".into()),
        ("/threat/technique/id/0", "T1020".into()),
        ("/threat/technique/subtechnique/id/0", "T1048.002".into()),
        ("/weir/schema", 1.into()),
        ("/weir/revision", 2.into()),
        ("/weir/score", 9.3123.into()),
        ("/weir/bytes_out", 10_000_246.into()),
        ("/weir/bytes_collected", 12_000_000.into()),
        ("/weir/signals/0/decay", 0.9877.into()),
        ("/weir/signals/1/process/name", "tar".into()),
        ("/weir/chain/0/name", "dash".into()),
        ("/weir/chain/2/sender", true.into()),
        ("/weir/chain/0/parent", "8b2f6c1e-0000-4000-8000-000000000001-900-95900".into()),
        ("/weir/chain/1/read/count", 42.into()),
        ("/weir/chain/1/wrote/files/0/path", "/var/tmp/a.tgz".into()),
        ("/weir/graph/nodes/0/kind", "process".into()),
        ("/weir/graph/nodes/3/count", 42.into()),
        ("/weir/graph/edges/5/kind", "sent".into()),
        ("/weir/graph/edges/5/bytes", 10_000_246.into()),
        ("/weir/formula/weight", 0.7.into()),
        ("/weir/formula/threshold", 8.0.into()),
        ("/weir/scripts/0/path", "/home/alice/collect.sh".into()),
        ("/weir/trusted_by", Value::Array(vec![])),
    ];
    for (pointer, expected) in rows {
        assert_eq!(at(&value, pointer), expected, "{pointer}");
    }
    assert_eq!(value.pointer("/weir/cut"), None);
}

#[test]
fn the_numbers_of_a_line_give_its_score_again() {
    let mut alert = sample::alert(Action::Opened, 1, 5_000_123);
    let mut weaker = alert.verdict.signals[1].clone();
    weaker.signal.risk = 5.0;
    alert.verdict.signals.push(weaker);
    alert.verdict = crate::score::formula::judge(alert.verdict.signals);
    let value = parsed(&line(&sample::record(Body::Alert(Box::new(alert))), true));
    let number = |value: &Value| value.as_f64().unwrap();
    let weight = number(at(&value, "/weir/formula/weight"));
    let signals = at(&value, "/weir/signals").as_array().unwrap();
    let mut uncapped = 1.0;
    for (stage, strength) in at(&value, "/weir/stages").as_object().unwrap() {
        let of_stage = signals.iter().filter(|signal| signal["stage"] == **stage && signal["counts"] == true);
        let rest: f64 = of_stage
            .map(|signal| {
                let factors = ["risk", "decay", "trust"].map(|name| number(&signal[name]));
                let expected = weight * factors.iter().product::<f64>() / 10.0;
                assert!((expected - number(&signal["weight"])).abs() < 1e-3, "{signal}");
                1.0 - expected
            })
            .product();
        assert!((1.0 - rest - number(strength)).abs() < 1e-3, "{stage}: {rest} {strength}");
        uncapped *= rest;
    }
    assert!((10.0 * (1.0 - uncapped) - number(at(&value, "/weir/uncapped"))).abs() < 1e-2);
    assert_eq!(signals.iter().filter(|signal| signal["counts"] == true).count(), 4);
}

#[test]
fn script_text_can_be_switched_off() {
    let record = sample::record(Body::Alert(Box::new(sample::alert(Action::Opened, 1, 1))));
    for (on, expected) in [(true, true), (false, false)] {
        let value = parsed(&line(&record, on));
        assert_eq!(value.pointer("/weir/scripts/0/text").is_some(), expected);
        assert_eq!(at(&value, "/weir/scripts/0/sha256"), &Value::from("9f".repeat(32)));
    }
}

#[test]
fn hostile_names_are_shown_and_harmless() {
    let record = sample::record(Body::Alert(Box::new(sample::hostile())));
    let text = line(&record, true);
    assert!(!text.chars().any(crate::event::escape::is_hostile), "{text}");
    let value = parsed(&text);
    let argument = "\\u{1b}[2J\"}\\n{\"event\":{\"kind\":\"state\"}}\u{fffd}\u{fffd}\\u{0}\\u{202e}gpj.\\";
    assert_eq!(at(&value, "/process/args/1"), argument);
    assert_eq!(at(&value, "/process/args/2"), "");
    assert_eq!(at(&value, "/event/kind"), "alert");
    let cut: Vec<&str> = at(&value, "/weir/cut")
        .as_array()
        .unwrap()
        .iter()
        .map(|cut| cut["field"].as_str().unwrap())
        .collect();
    assert_eq!(cut, ["process.args", "process.executable", "weir.chain.executable"]);
}

#[test]
fn a_line_has_a_bound_and_says_what_it_left_out() {
    let record = sample::record(Body::Alert(Box::new(sample::monstrous())));
    let text = line(&record, true);
    assert!(text.len() <= LINE_MAX, "{} bytes", text.len());
    let value = parsed(&text);
    assert_eq!(at(&value, "/weir/chain/0/pid"), 0);
    assert_eq!(at(&value, "/weir/chain/15/pid"), 299);
    assert_eq!(at(&value, "/weir/files_more"), 42 + 600 - 16);
    let cut = at(&value, "/weir/cut").as_array().unwrap();
    let missing =
        |field: &str| cut.iter().find(|cut| cut["field"] == field).map(|cut| cut["missing"].clone());
    assert_eq!(missing("weir.signals"), Some((600 - 16).into()));
    assert_eq!(missing("weir.chain"), Some((300 - 16).into()));
    for field in
        ["process.args", "process.command_line", "weir.scripts.text", "weir.destinations", "event.id"]
    {
        assert!(missing(field).is_some(), "{field} in {cut:?}");
    }
}

#[test]
fn ids_of_signals_are_reproduced_and_differ() {
    let id = |body: Body| at(&parsed(&line(&sample::record(body), true)), "/event/id").clone();
    let first = sample::signal();
    let mut later = first.clone();
    later.signal.signal.time += 1;
    let first_id = id(Body::Signal(Box::new(first.clone())));
    assert_eq!(first_id, id(Body::Signal(Box::new(first))));
    assert_ne!(first_id, id(Body::Signal(Box::new(later))));
}

#[test]
fn severities() {
    for (score, expected) in
        [(0.0, 21), (4.0, 47), (6.9, 47), (8.0, 73), (9.0, 99), (10.0, 99), (f64::NAN, 21)]
    {
        assert_eq!(parts::severity(score), expected, "{score}");
    }
}

#[test]
fn times_at_the_edges() {
    let rows = [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
        (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
    ];
    for (wall, expected) in rows {
        assert_eq!(parts::time(wall), expected);
    }
}
