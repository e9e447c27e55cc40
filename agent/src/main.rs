//! The `weir` command.

mod cli;

use std::{io, process::ExitCode};

use tracing_subscriber::EnvFilter;
use weir::report::terminal;

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("WEIR_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(terminal::wants_colour(&io::stderr()))
        .with_target(false)
        .without_time()
        .with_writer(io::stderr)
        .init();
    cli::main()
}
