//! `weir replay`: judges a recording.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use weir::{
    config::Config,
    event::{Fact, recording::Reader},
    pipeline::Pipeline,
};

use super::{ConfigFile, output::Output};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir replay day.weirrec                         show the alerts
  weir replay day.weirrec --alerts -              print the records as JSON lines
  weir replay day.weirrec --config stricter.toml  what another configuration would have said")]
pub(crate) struct Arguments {
    /// The recording.
    file: PathBuf,
    /// Write the records as JSON lines to FILE; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Judge by this configuration instead of the one that the recording was made with.
    #[command(flatten)]
    config: ConfigFile,
}

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let other = match &arguments.config.config {
        Some(_) => Some(arguments.config.load()?),
        None => None,
    };
    let mut records = Vec::new();
    let mut judge: Option<(Pipeline, Output)> = None;
    for event in Reader::open(&arguments.file)? {
        let event = event?;
        let (pipeline, output) = if let Some(judge) = &mut judge {
            judge
        } else {
            let config = configuration(&event.fact, other.as_ref(), arguments)?;
            let output = output(arguments, &config)?;
            judge.insert((Pipeline::new(config), output))
        };
        pipeline.step(&event, &mut records);
        for record in records.drain(..) {
            output.write(record)?;
        }
    }
    let Some((pipeline, output)) = judge else {
        anyhow::bail!("{}: the recording holds no event", arguments.file.display());
    };
    output.finish()?;
    let totals = pipeline.totals();
    tracing::info!(
        events = totals.events,
        signals = totals.signals,
        alerts = totals.alerts,
        lost = totals.lost,
        "replayed {}",
        arguments.file.display()
    );
    Ok(ExitCode::SUCCESS)
}

fn output(arguments: &Arguments, config: &Config) -> anyhow::Result<Output> {
    match arguments.alerts.as_deref() {
        None => Ok(Output::to_terminal()),
        Some(path) if path.as_os_str() == "-" => Ok(Output::to_stdout(&config.alerts)),
        Some(path) => Output::to_file(&config.alerts, path),
    }
}

/// The configuration to judge by: the given one, or the one that the recording begins with.
fn configuration(first: &Fact, other: Option<&Config>, arguments: &Arguments) -> anyhow::Result<Config> {
    if let Some(config) = other {
        return Ok(config.clone());
    }
    let Fact::Started(started) = first else {
        anyhow::bail!(
            "{}: the recording does not begin with the start of a run, so that its configuration is unknown; \
             name one with --config",
            arguments.file.display()
        );
    };
    let name = format!("{} (configuration of the recorded run)", arguments.file.display());
    Config::parse(&started.config, &name).context("the recorded configuration is not good for this version")
}
