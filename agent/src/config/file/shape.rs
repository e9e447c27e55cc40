//! Unknown keys and values of the wrong type, all of them at once.
//!
//! The built-in configuration written out is the model: a key that it does not have is unknown, and a value
//! must be of the type that it has there. serde refuses the same, but stops at the first.

use std::ops::Range;

use toml::{
    Table, Value,
    de::{DeTable, DeValue},
};

use super::{error::Problem, written::Written};

/// Least likeness (Jaro-Winkler, 0 to 1) of a known key that is offered in place of an unknown one.
const LIKENESS: f64 = 0.8;

/// Problems of `table` against the model.
pub(super) fn check(table: &DeTable<'_>) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Ok(model) = Table::try_from(Written::model()) {
        check_table(table, &model, "", &mut problems);
    }
    problems
}

fn check_table(table: &DeTable<'_>, model: &Table, path: &str, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        let full = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match expected(model, path, name) {
            Some(expected) => check_value(value.get_ref(), value.span(), expected, &full, problems),
            None => problems.push(Problem::new(key.span(), full, unknown(name, model))),
        }
    }
}

/// The model of `path.name`. Tables of globs take any key: all their values are risks.
fn expected<'m>(model: &'m Table, path: &str, name: &str) -> Option<&'m Value> {
    if path == "files.staging" || path == "files.sensitive" { model.values().next() } else { model.get(name) }
}

fn unknown(name: &str, model: &Table) -> String {
    let nearest = model
        .keys()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness >= LIKENESS)
        .max_by(|(left, _), (right, _)| left.total_cmp(right));
    nearest.map_or_else(
        || {
            let known: Vec<&str> = model.keys().map(String::as_str).collect();
            format!("found an unknown key, expected one of {}", known.join(", "))
        },
        |(_, known)| format!("found an unknown key; did you mean `{known}`?"),
    )
}

fn check_value(
    value: &DeValue<'_>,
    span: Range<usize>,
    model: &Value,
    path: &str,
    problems: &mut Vec<Problem>,
) {
    match (value, model) {
        (DeValue::Table(table), Value::Table(model)) => check_table(table, model, path, problems),
        (DeValue::Array(array), Value::Array(model)) => {
            for (index, element) in array.iter().enumerate() {
                if let Some(expected) = model.first() {
                    let path = format!("{path}[{index}]");
                    check_value(element.get_ref(), element.span(), expected, &path, problems);
                }
            }
        }
        (DeValue::String(_), Value::String(_))
        | (DeValue::Integer(_), Value::Integer(_) | Value::Float(_))
        | (DeValue::Float(_), Value::Float(_))
        | (DeValue::Boolean(_), Value::Boolean(_)) => {}
        (found, expected) => {
            let message = format!("found {}, expected {}", found_name(found), expected_name(expected));
            problems.push(Problem::new(span, path, message));
        }
    }
}

fn found_name(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {:?}", text.as_ref()),
        DeValue::Integer(number) => format!("the whole number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Datetime(time) => format!("the date {time}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

fn expected_name(model: &Value) -> &'static str {
    match model {
        Value::String(_) => "a text in quotes",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "`true` or `false`",
        Value::Datetime(_) => "a date",
        Value::Array(of) => match of.first() {
            Some(Value::Integer(_)) => "a list of whole numbers",
            Some(Value::Table(_)) => "tables, each headed by its name in double brackets",
            Some(
                Value::String(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::Array(_),
            )
            | None => "a list of texts in quotes",
        },
        Value::Table(_) => "a table",
    }
}
