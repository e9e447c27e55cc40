//! `weir check`: what this configuration and this kernel allow.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::Args;
use weir::{event::Coverage, report::terminal, sensor::load};

use super::KernelSide;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir check                        configuration and kernel
  weir check --config draft.toml    is this file good?
  weir check --hooks tracepoint     would weir run on tracepoints alone?
  weir check --json                 the same for a program

Hooks are looked at by loading them, which needs root; the configuration is checked first.
Exit status: 0 when weir would run, 1 when it would not or would be blind, 2 when the configuration is not good.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    kernel_side: KernelSide,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Sensors without which weir does not do its work.
const VITAL: [&str; 5] = ["fork", "exec", "exit", "open", "send"];

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.kernel_side.load()?;
    let mut out = io::stdout().lock();
    if !arguments.json {
        show(writeln!(out, "configuration: good"))?;
    }
    // Loading and attaching is the only honest way to know; everything is detached again when this ends.
    let loaded = load::load(&config.sensor);
    if arguments.json {
        let (sensors, error) = match &loaded {
            Ok(loaded) => (Some(&loaded.coverage), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let report = serde_json::json!({ "configuration": "good", "sensors": sensors, "error": error });
        show(writeln!(out, "{report:#}"))?;
    }
    let loaded = loaded?;
    let on =
        |name: &str| loaded.coverage.iter().any(|sensor| sensor.sensor == name && !sensor.hook.is_empty());
    let blind: Vec<&str> = VITAL.into_iter().filter(|name| !on(name)).collect();
    if !arguments.json {
        show(print(&mut out, &loaded.coverage))?;
        let verdict = if blind.is_empty() {
            "weir would run".to_owned()
        } else {
            format!("weir would run, but blind: {} is off", blind.join(", "))
        };
        show(writeln!(out, "{verdict}"))?;
    }
    Ok(if blind.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) })
}

/// A reader that has seen enough is no error.
fn show(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn print(out: &mut impl Write, sensors: &[Coverage]) -> io::Result<()> {
    let colour = terminal::wants_colour(&io::stdout());
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let width = sensors.iter().map(|sensor| sensor.sensor.len()).max().unwrap_or_default();
    for sensor in sensors {
        let name = format!("{:width$}", sensor.sensor);
        if sensor.hook.is_empty() {
            writeln!(out, "{}  {}", paint("31", "off"), name)?;
        } else {
            writeln!(out, "{}   {}  {}", paint("32", "on"), name, sensor.hook)?;
        }
        if !sensor.gap.is_empty() {
            writeln!(out, "     {:width$}  {} {}", "", paint("33", "not seen:"), sensor.gap)?;
        }
        if !sensor.reason.is_empty() {
            writeln!(out, "     {:width$}  why not better: {}", "", sensor.reason)?;
        }
    }
    Ok(())
}
