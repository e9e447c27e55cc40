//! `weir run`: watches this host.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use weir::pipeline::Pipeline;

use super::{KernelSide, output::Output, watch};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir run                             watch with the built-in configuration
  weir run --config weir.toml          watch with a configuration
  weir run --alerts alerts.jsonl       write the log to this file
  weir run --alerts -                  write the log to standard output
  weir run --record day.weirrec        keep the events too
  weir run --alerts x.jsonl --state x  keep state for the next such run
  weir run --hooks send=kprobe         count sends by kprobes

SIGHUP reopens the log, SIGTERM and Ctrl-C stop in order: the last bytes are read and open alerts are closed.")]
pub(crate) struct Arguments {
    #[command(flatten)]
    kernel_side: KernelSide,
    /// Write the alert log to FILE instead of the configured one; `-` is standard output.
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,
    /// Keep what must outlive the agent in FILE instead of the configured one; with --alerts, nothing is kept without it.
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Keep all events in FILE, for `weir replay`; an older recording of that name is moved to FILE.1.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print no line per alert.
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut config = arguments.kernel_side.load()?;
    let to_stdout = arguments.alerts.as_deref().is_some_and(|path| path.as_os_str() == "-");
    if let Some(path) = arguments.alerts.clone().filter(|_| !to_stdout) {
        config.alerts.path = path;
    }
    let output = if to_stdout {
        Output::to_stdout(&config.alerts)
    } else {
        Output::to_log(&config.alerts, !arguments.quiet)?
    };
    let pipeline = Pipeline::new(config.clone());
    // A run whose alerts go elsewhere is none of the service's, and must not take its memory or spoil it.
    let own = arguments.alerts.is_none().then(|| config.state.path.clone()).flatten();
    let state = arguments.state.clone().or(own);
    watch::main(&config, Some((pipeline, output)), state.as_deref(), arguments.record.as_deref())
}
