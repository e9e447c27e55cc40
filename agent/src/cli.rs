//! The command line: one file a subcommand.

pub(crate) mod check;
pub(crate) mod explain;
pub(crate) mod record;
pub(crate) mod replay;
mod keeper;
mod output;
pub(crate) mod run;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use weir::{
    config::{Config, Hooks, file::ConfigError},
    sensor::load::LoadError,
};

/// Exit status after an error while working.
const FAILED: u8 = 1;
/// Exit status after an error of usage or configuration; clap uses it too.
const USAGE: u8 = 2;
/// Exit status where this host does not allow weir to run, and another start would not mend that.
const REFUSED: u8 = 3;

/// Tells the owner of a Linux host that data is leaving it.
///
/// weir follows data from file to process to socket, gives every process an exfiltration score with the evidence
/// for it, and writes alerts to a local log.
#[derive(Debug, Parser)]
#[command(name = "weir", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  weir check                         what this kernel lets weir see, and why not more
  weir run                           watch; alerts go to /var/log/weir/alerts.jsonl
  weir run --alerts ./alerts.jsonl   watch; alerts go to another file
  weir run --record day.weirrec      watch, and keep the events for a replay
  weir replay day.weirrec            the same alerts again, on any machine, without root
  weir explain --last                who took what, how, where to, and why weir thinks so

Exit status: 0 done, 1 failed while working, 2 wrong usage or configuration, 3 this host does not allow weir to run (its
kernel, or the rights that weir was given), which another start does not mend.
Diagnostics go to standard error; WEIR_LOG=debug shows more.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch this host and write alerts (needs root).
    Run(run::Arguments),
    /// Keep this host's events in a file without judging them (needs root).
    Record(record::Arguments),
    /// Judge a recording: the same alerts as the live run that made it (needs no root).
    Replay(replay::Arguments),
    /// Explain an alert of the log, on the terminal or as a page; without an id, list the last ones.
    Explain(explain::Arguments),
    /// Say whether the configuration is good, which hooks this kernel allows, and what stays invisible.
    Check(check::Arguments),
}

/// Where the configuration comes from.
#[derive(Args, Clone, Debug)]
pub(crate) struct ConfigFile {
    /// Configuration file [default: /etc/weir/weir.toml where it exists, else built-in defaults].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl ConfigFile {
    fn load(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

/// The configuration of a command that loads the kernel programs.
#[derive(Args, Clone, Debug)]
pub(crate) struct KernelSide {
    #[command(flatten)]
    config: ConfigFile,
    /// Prefer hooks of this kind: auto, tracepoint, fentry or kprobe, or SENSOR=KIND, joined by commas
    /// [default: sensor.hooks of the configuration].
    ///
    /// Begins the ladder of each sensor at its first hook of the kind; a hook that this kernel refuses gives way to
    /// the next lower one, and below the lowest to the best, so that the sensor is off only when none can be had;
    /// weir check says which hook serves. SENSOR is fork, exec, exit, open, open.received, connect, send,
    /// raw.peer, receive, unix, memory or socket.family: kprobe,open=tracepoint.
    #[arg(long, value_name = "HOOKS")]
    hooks: Option<Hooks>,
}

impl KernelSide {
    fn load(&self) -> anyhow::Result<Config> {
        let config = self.config.load()?;
        Ok(match self.hooks {
            Some(hooks) => config.with_hooks(hooks),
            None => config,
        })
    }
}

/// Runs the command that the arguments name.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Run(arguments) => run::main(&arguments),
        Command::Record(arguments) => record::main(&arguments),
        Command::Replay(arguments) => replay::main(&arguments),
        Command::Explain(arguments) => explain::main(&arguments),
        Command::Check(arguments) => check::main(&arguments),
    };
    result.unwrap_or_else(|error| {
        say(&error);
        ExitCode::from(status(&error))
    })
}

/// Says on standard error what went wrong.
fn say(error: &anyhow::Error) {
    tracing::error!("{error:#}");
}

/// Exit status after `error`.
fn status(error: &anyhow::Error) -> u8 {
    if error.is::<ConfigError>() {
        USAGE
    } else if error.downcast_ref().is_some_and(LoadError::is_lasting) {
        REFUSED
    } else {
        FAILED
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::{Config, FAILED, LoadError, REFUSED, USAGE, status};

    #[test]
    fn a_status_tells_whether_another_start_may_help() {
        let blind = LoadError::Blind { reasons: String::new(), verifier_logs: Vec::new() };
        let rows: [(anyhow::Error, u8); 7] = [
            (Config::parse("x = 1", "weir.toml").unwrap_err().into(), USAGE),
            (LoadError::TooOld { release: "5.4".to_owned(), oldest: "5.10".to_owned() }.into(), REFUSED),
            (LoadError::NotPermitted { missing: "CAP_BPF".to_owned() }.into(), REFUSED),
            (LoadError::Confidentiality { verifier_logs: Vec::new() }.into(), REFUSED),
            (blind.into(), FAILED),
            (LoadError::Random(io::Error::from_raw_os_error(11)).into(), FAILED),
            (anyhow::anyhow!("the disk is full"), FAILED),
        ];
        for (error, expected) in rows {
            assert_eq!(status(&error), expected, "{error:#}");
        }
    }
}
