//! `weir replay`: judges a recording.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::Args;
use weir::{
    alert::Totals,
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
    let mut output = Output::for_replay(arguments.alerts.as_deref())?;
    let mut events = Reader::open(&arguments.file)?;
    let mut records = Vec::new();
    let mut pipeline: Option<Pipeline> = None;
    for event in &mut events {
        let event = event?;
        let pipeline = match &mut pipeline {
            Some(pipeline) => pipeline,
            None => pipeline.insert(Pipeline::new(configuration(&event.fact, other.as_ref(), arguments)?)),
        };
        pipeline.step(&event, &mut records);
        for record in records.drain(..) {
            output.write(&record)?;
        }
    }
    let totals = pipeline.as_ref().map_or(Totals::default(), Pipeline::totals);
    output.finish()?;
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
