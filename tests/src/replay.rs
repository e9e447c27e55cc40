//! A recording replayed without privileges must give the alerts of the live run.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    log::{Line, Log},
    weir::Weir,
};

/// `nobody`, whom every distribution has.
pub const NOBODY: u32 = 65_534;

/// Replays `recording` as an ordinary user who can only read it, and compares the alerts with `live`.
/// Working files go below `dir`, which that user must be able to reach.
///
/// # Errors
/// Fails when the replay fails or when the alerts differ, naming the first difference.
pub fn check(weir: &Weir, recording: &Path, dir: &Path, live: &[Line]) -> Result<()> {
    let out = dir.join("replayed");
    fs::create_dir_all(&out)?;
    std::os::unix::fs::chown(&out, Some(NOBODY), Some(NOBODY)).context("cannot give the folder away")?;
    let alerts = out.join("alerts.jsonl");
    let output = unprivileged(weir, dir, recording)?.arg("--alerts").arg(&alerts).output()?;
    if !output.status.success() {
        bail!("replay as an ordinary user: {}", summary(&output));
    }
    let mut log = Log::new(alerts);
    log.poll()?;
    same(live, log.lines())
}

/// `weir replay` of a copy of `recording`, as an ordinary user.
///
/// # Errors
/// Fails when a copy cannot be made below `dir`.
pub fn unprivileged(weir: &Weir, dir: &Path, recording: &Path) -> Result<Command> {
    let program = copied(weir, dir)?;
    let copy = dir.join(recording.file_name().context("a recording without a name")?);
    if copy != recording {
        fs::copy(recording, &copy).with_context(|| format!("cannot copy {}", recording.display()))?;
    }
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o644))?;
    let mut command = Command::new(program);
    command.arg("replay").arg(copy).stdin(Stdio::null()).uid(NOBODY).gid(NOBODY).current_dir("/");
    Ok(command)
}

/// A copy of the agent in `dir`, which every user can run when `dir` lets them.
///
/// # Errors
/// Fails when it cannot be made.
pub fn copied(weir: &Weir, dir: &Path) -> Result<PathBuf> {
    let program = dir.join("weir");
    if !program.exists() {
        fs::copy(weir, &program).context("cannot copy weir")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    Ok(program)
}

/// Status and last words of a command.
#[must_use]
pub fn summary(output: &Output) -> String {
    format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim())
}

fn same(live: &[Line], replayed: &[Line]) -> Result<()> {
    let alerts = |lines: &[Line]| -> Vec<Value> {
        lines.iter().filter(|line| line.is_alert()).map(|line| line.record.clone()).collect()
    };
    let (live, replayed) = (alerts(live), alerts(replayed));
    for (number, (one, other)) in live.iter().zip(&replayed).enumerate() {
        if let Some(difference) = difference("", one, other) {
            bail!("alert line {} differs in the replay: {difference}", number + 1);
        }
    }
    if live.len() != replayed.len() {
        bail!("{} alert lines live, {} in the replay", live.len(), replayed.len());
    }
    Ok(())
}

/// The first field in which two records differ.
fn difference(field: &str, one: &Value, other: &Value) -> Option<String> {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            let names: std::collections::BTreeSet<_> = left.keys().chain(right.keys()).collect();
            names.into_iter().find_map(|name| {
                let value = |map: &serde_json::Map<String, Value>| map.get(name).cloned().unwrap_or_default();
                difference(&format!("{field}.{name}"), &value(left), &value(right))
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => left
            .iter()
            .zip(right)
            .enumerate()
            .find_map(|(index, (left, right))| difference(&format!("{field}[{index}]"), left, right)),
        (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_), _)
        | (
            Value::Object(_),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_),
        ) => {
            (one != other).then(|| format!("{}: live {one}, replayed {other}", field.trim_start_matches('.')))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::difference;

    #[test]
    fn first_difference_is_named() {
        let rows = [
            (json!({"a": 1}), json!({"a": 1}), None),
            (json!({"a": {"b": [1, 2]}}), json!({"a": {"b": [1, 3]}}), Some("a.b[1]: live 2, replayed 3")),
            (json!({"a": 1}), json!({}), Some("a: live 1, replayed null")),
            (json!({"a": [1]}), json!({"a": []}), Some("a: live [1], replayed []")),
        ];
        for (one, other, expected) in rows {
            assert_eq!(difference("", &one, &other).as_deref(), expected, "{one} {other}");
        }
    }
}
