//! `cargo xtask run`.

use std::{
    os::unix::process::CommandExt,
    path::Path,
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    arguments::Arguments,
    build::{self, Profile},
    console::{self, Mark},
    process,
    setup::{self, Part},
    workspace,
};

pub(crate) const HELP: &str = "\
Set up what building needs, build the agent, and watch this host until Ctrl-C.
Alerts show on the terminal and go to /var/log/weir/alerts.jsonl, or to
target/weir/alerts.jsonl where that cannot be written.

Usage: cargo xtask run [-- WEIR_OPTIONS]

The agent needs root; another user gets it through sudo.

Examples:
  cargo xtask run
  cargo xtask run -- --config my.toml
  cargo xtask run -- --alerts /tmp/alerts.jsonl
";

/// Where the agent keeps its alerts by itself.
const LOG_FOLDER: &str = "/var/log/weir";

pub(crate) fn main(mut arguments: Arguments) -> Result<ExitCode> {
    let rest = arguments.rest();
    arguments.finish()?;
    setup::ensure(&[Part::Build])?;
    let binary = build::agent(Profile::Release, None)?;
    let shown = binary.display().to_string();

    let mut weir =
        process::as_root(&shown).with_context(|| format!("run it as root yourself: {shown} run"))?;
    weir.arg("run").args(&rest);
    if !names_alerts(&rest) && !can_log() {
        let folder = workspace::target()?.join("weir");
        std::fs::create_dir_all(&folder)?;
        let file = folder.join("alerts.jsonl");
        console::step(
            Mark::Skipped,
            "log",
            format!("{LOG_FOLDER} cannot be written; alerts go to {}", file.display()),
        );
        weir.arg("--alerts").arg(file);
    }
    console::step(Mark::Doing, "run", process::show(&weir));
    // What cargo set for this program is not for one that runs as root.
    weir.env_remove("LD_LIBRARY_PATH");
    // Replaces this process, so that Ctrl-C reaches the agent and its status reaches the shell.
    let error = weir.exec();
    Err(error).with_context(|| format!("cannot run {shown}"))
}

fn names_alerts(rest: &[String]) -> bool {
    rest.iter().any(|word| word == "--alerts" || word.starts_with("--alerts="))
}

/// Whether root can write the log's folder, or make it.
fn can_log() -> bool {
    let place = if Path::new(LOG_FOLDER).exists() { LOG_FOLDER } else { "/var/log" };
    process::as_root("test").is_ok_and(|mut test| {
        test.args(["-w", place]).stdin(Stdio::inherit()).status().is_ok_and(|status| status.success())
    })
}

#[cfg(test)]
mod tests {
    use super::names_alerts;

    #[test]
    fn a_named_log_is_kept() {
        for (line, named) in [("", false), ("--config x", false), ("--alerts x", true), ("--alerts=x", true)]
        {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(names_alerts(&words), named, "{line}");
        }
    }
}
