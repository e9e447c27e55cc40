//! `weir record`: keeps events without judging them.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;

use super::{KernelSide, watch};

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir record day.weirrec     until Ctrl-C
  weir replay day.weirrec     what weir would have said

A recording holds paths, command lines, addresses and script text of this host. It is created with mode
0600; an older recording of that name is moved to FILE.1 and so on.")]
pub(crate) struct Arguments {
    /// The file to write.
    file: PathBuf,
    #[command(flatten)]
    kernel_side: KernelSide,
}

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let config = arguments.kernel_side.load()?;
    watch::main(&config, None, None, Some(&arguments.file))
}
