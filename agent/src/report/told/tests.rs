//! Lines as weir writes them, as somebody edited them, and as older versions wrote them.

use serde_json::{Value, json};

use super::*;
use crate::{
    alert::{Body, ecs, sample},
    event::escape::is_hostile,
};

#[test]
fn only_alerts_are_read() {
    for (name, record) in sample::all() {
        let told = Told::parse(&ecs::line(&record, true)).unwrap();
        assert_eq!(told.is_some(), matches!(record.body, Body::Alert(_)), "{name}");
    }
    for line in ["", "{", "7", "null", "{\"event\":7}", "{\"event\":{\"kind\":[]}}"] {
        assert!(Told::parse(line).is_err(), "{line}");
    }
    for line in ["{}", "{\"event\":{\"kind\":\"alert\"}}"] {
        assert!(Told::parse(line).unwrap().is_none(), "{line}");
    }
}

#[test]
fn a_line_of_the_first_version_has_no_graph() {
    let line = json!({"event": {"kind": "alert", "id": "a"}, "weir": {"chain": [{"pid": 7, "name": "x"}]}});
    let told = Told::parse(&line.to_string()).unwrap().unwrap();
    assert_eq!((told.weir.chain.len(), told.weir.graph.nodes.len(), told.weir.formula.strong), (1, 0, 0.4));
}

/// Every text of a line becomes hostile; nothing of it may stay so.
#[test]
fn edited_text_is_escaped_wherever_it_stands() {
    const EVIL: &str = "\u{1b}]0;x\u{7}\u{202e}\n";
    fn poison(value: &mut Value) {
        match value {
            Value::String(text) => text.push_str(EVIL),
            Value::Array(list) => list.iter_mut().for_each(poison),
            Value::Object(fields) => {
                fields.iter_mut().filter(|(name, _)| *name != "ip").for_each(|(_, v)| poison(v));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let (_, record) = &sample::all()[0];
    let mut value: Value = serde_json::from_str(&ecs::line(record, true)).unwrap();
    poison(&mut value);
    value["event"]["kind"] = "alert".into();
    let told = Told::parse(&value.to_string()).unwrap().unwrap();
    let shown =
        crate::report::explain::draw(&told, crate::report::explain::Style { colour: false, width: 100 });
    assert!(!shown.chars().any(|character| character != '\n' && is_hostile(character)), "{shown}");
    let page = crate::report::page::html(&told);
    assert!(!page.chars().any(|character| character != '\n' && is_hostile(character)));
}
