//! `weir explain`: an alert of the log for a person.

mod search;
mod save;

use std::{
    io::{self, BufReader, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use weir::{
    alert::ecs::SCHEMA,
    report::{
        explain::{self, Style},
        page,
    },
};

use super::ConfigFile;
use search::{Found, Wanted};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir explain                              the last alerts
  weir explain --last                       the last alert, explained
  weir explain c1d5394615c4                 the alert whose event.id begins so
  weir explain c1d5 --html alert.html       the same as a page for a browser
  weir explain --log alerts.jsonl --last    from another log, its rotated files (alerts.jsonl.1, ...) too
  weir replay day.weirrec --alerts - | weir explain --log - --last

The page loads nothing, runs nothing, and holds what the alert holds: paths, command lines, the text of scripts. It is
made with mode 0600.")]
pub(crate) struct Arguments {
    /// Begin of the alert's event.id.
    #[arg(conflicts_with = "last")]
    id: Option<String>,
    /// Explain the last alert.
    #[arg(long)]
    last: bool,
    /// The alert log; `-` is standard input [default: alerts.path of the configuration].
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Write a page to FILE instead.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Replace FILE when it is there already.
    #[arg(long, requires = "html")]
    force: bool,
    #[command(flatten)]
    config: ConfigFile,
}

/// Alerts that are listed.
const LISTED: usize = 20;

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let wanted = match &arguments.id {
        Some(id) => Wanted::Id(id.to_ascii_lowercase()),
        None if arguments.last || arguments.html.is_some() => Wanted::Last,
        None => Wanted::List(LISTED),
    };
    let (found, log) = search(arguments, wanted)?;
    if found.unread > 0 {
        tracing::warn!("{log}: {} lines are no records of weir and were left out", found.unread);
    }
    let style = Style::of(&io::stdout());
    if let Wanted::List(_) = found.wanted {
        if found.alerts.is_empty() {
            tracing::info!("{log} holds no alert");
        }
        let lines: String = found.alerts.iter().map(|told| explain::listed(told, style)).collect();
        return show(&lines);
    }
    let told = found.only(&log)?;
    if told.schema() > SCHEMA {
        tracing::warn!("a newer weir wrote this alert: what this one does not know is left out");
    }
    let Some(path) = &arguments.html else { return show(&explain::draw(&told, style)) };
    save::save(path, &page::html(&told), arguments.force)?;
    tracing::info!("wrote {}", path.display());
    Ok(ExitCode::SUCCESS)
}

/// What the log holds of what is wanted, and the log's name.
fn search(arguments: &Arguments, wanted: Wanted) -> anyhow::Result<(Found, String)> {
    let mut found = Found::new(wanted);
    if arguments.log.as_deref().is_some_and(|path| path.as_os_str() == "-") {
        found.read(BufReader::new(io::stdin().lock())).context("cannot read standard input")?;
        return Ok((found, "standard input".to_owned()));
    }
    let path = match &arguments.log {
        Some(path) => path.clone(),
        None => arguments.config.load()?.alerts.path,
    };
    found.read_log(&path)?;
    Ok((found, path.display().to_string()))
}

/// A reader that has seen enough is no error.
fn show(text: &str) -> anyhow::Result<ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("cannot write"),
        Ok(()) | Err(_) => Ok(ExitCode::SUCCESS),
    }
}
