//! `weir check`: what this configuration and this kernel allow.

use std::{
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;
use weir::{event::Coverage, sensor::load};

use super::ConfigFile;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir check                        configuration and kernel
  weir check --config draft.toml    is this file good?
  weir check --json                 the same for a program

Exit status: 0 when weir would run, 1 when it would not, 2 when the configuration is not good.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.config.load()?;
    // Loading and attaching is the only honest way to know; everything is detached again when this ends.
    let loaded = load::load(&config.sensor)?;
    let mut out = io::stdout().lock();
    if arguments.json {
        let report = serde_json::json!({ "configuration": "good", "sensors": loaded.coverage });
        writeln!(out, "{report:#}")?;
    } else {
        print(&mut out, &loaded.coverage)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print(out: &mut impl Write, sensors: &[Coverage]) -> io::Result<()> {
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    writeln!(out, "configuration: good")?;
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
