//! A command that must refuse: with a message that names what is wrong, a status that is not 0, and never a panic.

use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{harness::Outcome, wait};

/// How long a refusal may take.
const LIMIT: Duration = Duration::from_secs(20);

/// Runs `command`, called `what` in messages, and checks that it refuses and says all of `says`. Gives its status.
///
/// # Errors
/// Fails when it does not, or when it panics, or when it writes colours into a pipe.
pub fn check<S: AsRef<str>>(command: &mut Command, says: &[S], what: &str) -> Result<i32> {
    let output = run(command)?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!said.contains("panicked at"), "{what}: it panicked: {}", said.trim());
    ensure!(!said.contains('\u{1b}'), "{what}: colours in a pipe: {said:?}");
    ensure!(!output.status.success(), "{what}: accepted");
    let Some(status) = output.status.code() else { bail!("{what}: ended by {}", output.status) };
    let missing: Vec<_> = says.iter().map(AsRef::as_ref).filter(|part| !said.contains(*part)).collect();
    ensure!(missing.is_empty(), "{what}: the message lacks {missing:?}: {}", said.trim());
    Ok(status)
}

/// Passed when there is no failure; else all of them.
///
/// # Errors
/// The failures, a line each.
pub fn verdict(failures: &[anyhow::Error], count: usize) -> Result<Outcome> {
    if failures.is_empty() {
        return Ok(Outcome::Passed(vec![format!("{count} rows")]));
    }
    let each: Vec<_> = failures.iter().map(|failure| format!("{failure:#}")).collect();
    bail!("{}", each.join("\n"))
}

/// Runs a command that should refuse its input, and ends it when it does not.
fn run(command: &mut Command) -> Result<Output> {
    let name = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let ended = wait::until(LIMIT, &name, || Ok(child.try_wait()?));
    if ended.is_err() {
        child.kill()?;
        child.wait()?;
    }
    ended?;
    child.wait_with_output().with_context(|| format!("cannot wait for {name}"))
}
