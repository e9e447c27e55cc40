//! `scenarios`: runs the scenarios where there is no cargo, and is the helper program inside them.

use std::{
    io::Write as _,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tests::{
    generator,
    harness::{self, Context, Options},
    quality,
    receiver::{dns, sink},
    ring, suite,
    weir::Weir,
};

/// Scenarios for weir on a real kernel.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run scenarios.
    Run {
        /// The agent's binary.
        #[arg(long, env = "WEIR_BIN", default_value = "/usr/bin/weir")]
        weir: PathBuf,
        /// Where artifacts of failed scenarios stay.
        #[arg(long, default_value = "/var/log/weir-tests")]
        artifacts: PathBuf,
        /// Keep the artifacts of passed scenarios too.
        #[arg(long)]
        keep: bool,
        /// Hooks that every agent is started with, as `weir --hooks` takes them.
        #[arg(long, env = "WEIR_HOOKS")]
        hooks: Option<String>,
        /// Only list the names.
        #[arg(long)]
        list: bool,
        /// Leave out scenarios with this in their name; may be repeated.
        #[arg(long, value_name = "PART")]
        skip: Vec<String>,
        /// Parts of scenario names.
        filters: Vec<String>,
    },
    /// Play every scenario, and report how well weir tells them apart.
    Quality {
        /// The agent's binary.
        #[arg(long, env = "WEIR_BIN", default_value = "/usr/bin/weir")]
        weir: PathBuf,
        /// Folder of the report, and of the artifacts of scenarios that were not told.
        #[arg(long)]
        out: PathBuf,
        /// Scenarios at a time.
        #[arg(long, default_value_t = 4)]
        jobs: usize,
        /// Rewrite the golden recordings in this folder.
        #[arg(long, value_name = "FOLDER")]
        bless: Option<PathBuf>,
        /// Parts of scenario names.
        filters: Vec<String>,
    },
    /// Play the honest scenarios round and round before one agent, and report what it said.
    Honest {
        /// The agent's binary.
        #[arg(long, env = "WEIR_BIN", default_value = "/usr/bin/weir")]
        weir: PathBuf,
        /// Folder of the report.
        #[arg(long)]
        out: PathBuf,
        /// For so many minutes.
        #[arg(long, default_value_t = 60)]
        minutes: u64,
        /// Scenarios at a time.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
        /// A cargo workspace that is built again and again beside them.
        #[arg(long, value_name = "FOLDER")]
        build: Option<PathBuf>,
    },
    /// Play one of the honest scenarios before an agent that somebody else watches.
    #[command(hide = true)]
    HonestOne {
        /// Its name.
        name: String,
        /// The helper program of its scripts.
        helper: PathBuf,
    },
    /// Serve a plan of receivers.
    #[command(hide = true)]
    Sink {
        /// The plan.
        spec: PathBuf,
        /// Where to report.
        report: PathBuf,
    },
    /// Send from many processes at once.
    #[command(hide = true)]
    SendAll {
        /// Where to.
        to: SocketAddr,
        /// Bytes of each.
        bytes: u64,
        /// Processes.
        count: u32,
        /// Where to report.
        report: PathBuf,
    },
    /// Send from this process.
    #[command(hide = true)]
    SendOne {
        /// Where to.
        to: SocketAddr,
        /// How many bytes.
        bytes: u64,
    },
    /// Send the files of a folder by `io_uring` alone.
    #[command(hide = true)]
    RingCarry {
        /// The folder.
        dir: PathBuf,
        /// Where to.
        to: SocketAddr,
    },
    /// Ask a name server for an address.
    #[command(hide = true)]
    Ask {
        /// The name.
        name: String,
        /// The server.
        server: IpAddr,
    },
    /// Make the files of a flood.
    #[command(hide = true)]
    FloodFiles {
        /// Below this directory.
        dir: PathBuf,
    },
    /// Open and close files.
    #[command(hide = true)]
    Flood {
        /// Below this directory.
        dir: PathBuf,
        /// For so many seconds.
        seconds: u64,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Run { weir, artifacts, keep, hooks, list, skip, filters } => {
            let helper = std::env::current_exe().context("own path")?;
            let context =
                Context { weir: Weir::new(weir, hooks.filter(|hooks| !hooks.is_empty())), helper, artifacts };
            let options = Options { filters, skip, list, keep, ..Options::default() };
            return harness::run(&suite::all()?, &context, &options);
        }
        Command::Quality { weir, out, jobs, bless, filters } => {
            let helper = std::env::current_exe().context("own path")?;
            let context = Context { weir: Weir::new(weir, None), helper, artifacts: out.clone() };
            return quality::run(&context, &quality::Options { filters, jobs, out, bless });
        }
        Command::Honest { weir, out, minutes, jobs, build } => {
            let helper = std::env::current_exe().context("own path")?;
            let context = Context { weir: Weir::new(weir, None), helper, artifacts: out.clone() };
            return quality::honest::run(&context, &quality::honest::Options { minutes, jobs, out, build });
        }
        Command::HonestOne { name, helper } => quality::honest::one(&name, &helper)?,
        Command::Sink { spec, report } => sink::serve(&spec, &report)?,
        Command::SendAll { to, bytes, count, report } => generator::send_all(to, bytes, count, &report)?,
        Command::SendOne { to, bytes } => generator::send_one(to, bytes)?,
        Command::RingCarry { dir, to } => ring::carry(&dir, to)?,
        Command::Ask { name, server } => {
            writeln!(std::io::stdout(), "{}", dns::ask(&name, server)?)?;
        }
        Command::FloodFiles { dir } => generator::flood_files(&dir)?,
        Command::Flood { dir, seconds } => {
            let (reads, writes) = generator::flood(&dir, Duration::from_secs(seconds))?;
            writeln!(std::io::stdout(), "{} {reads} {writes}", std::process::id())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
