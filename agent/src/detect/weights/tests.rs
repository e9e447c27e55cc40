//! The tables of ARCHITECTURE.md are these.

use std::fmt::Write as _;

use super::{ALL, tools::ROWS};
use crate::alert::attack;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../ARCHITECTURE.md");

/// What stands between the two marks of a table, and the text with `table` there.
fn replaced(text: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- weights: {name} -->\n"), format!("<!-- end: {name} -->"));
    let (before, rest) = text.split_once(&begin).expect("the mark of a table");
    let (_, after) = rest.split_once(&end).expect("the end of a table");
    format!("{before}{begin}{table}{end}{after}")
}

fn constants() -> String {
    let mut table = "| what | value | why |\n| --- | --- | --- |\n".to_owned();
    for weight in ALL {
        writeln!(table, "| {} | {} | {} |", weight.of, weight.value, weight.why).unwrap();
    }
    table
}

fn tools() -> String {
    let mut table =
        "| tool | action | risk | stage | technique |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for row in ROWS {
        let names: Vec<&str> = row.0.iter().map(|tool| tool.name()).collect();
        let names = if names.is_empty() { "any other".to_owned() } else { names.join(", ") };
        let stage = format!("{:?}", row.2.stage).to_lowercase();
        writeln!(table, "| {names} | {} | {} | {stage} | {} |", row.2.reason, row.2.risk, row.2.technique)
            .unwrap();
    }
    table
}

#[test]
fn the_document_shows_the_tables() {
    let text = std::fs::read_to_string(DOCUMENT).unwrap();
    let expected = replaced(&replaced(&text, "constants", &constants()), "tools", &tools());
    if std::env::var_os("WEIR_BLESS").is_some() {
        std::fs::write(DOCUMENT, &expected).unwrap();
        return;
    }
    assert!(text == expected, "ARCHITECTURE.md has other weights; WEIR_BLESS=1 writes these");
}

#[test]
fn every_weight_has_a_reason_and_lies_on_the_scale() {
    for weight in ALL {
        assert!((0.0..=10.0).contains(&weight.value), "{weight:?}");
        assert!(!weight.why.is_empty() && !weight.of.is_empty(), "{weight:?}");
    }
    for row in ROWS {
        assert!((0.0..=10.0).contains(&row.2.risk), "{:?} {:?}", row.0, row.1);
        assert!(attack::find(row.2.technique).is_some(), "{}", row.2.technique);
    }
}
