//! systemd as the first process of a guest, with weir as the service that it is.

use std::{fs, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Error, Result};

use crate::process;

/// The unit that runs the plan's steps.
const STEPS: &str = "weir-tests.service";
const STEPS_UNIT: &str = include_str!("weir-tests.service");
/// What a guest without users and network has no use for, and an emulated processor no time.
const MASKED: [&str; 8] = [
    "emergency.service",
    "getty.target",
    "ssh.service",
    "systemd-logind.service",
    "systemd-networkd-wait-online.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "timers.target",
];
/// Installs the agent as a package would, and the unit that runs the steps.
///
/// # Errors
/// When a file cannot be made, or a unit cannot be enabled.
pub(super) fn install() -> Result<()> {
    // One file with two names: the disk of a guest is small.
    fs::hard_link("/opt/weir/weir", "/usr/bin/weir").context("cannot install weir")?;
    fs::write(Path::new("/etc/systemd/system").join(STEPS), STEPS_UNIT)?;
    process::run(Command::new("systemctl").args(["--quiet", "mask"]).args(MASKED))?;
    process::run(Command::new("systemctl").args(["--quiet", "enable", "weir.service", STEPS]))?;
    Ok(())
}

/// Becomes `init`. Returns why it could not.
pub(super) fn hand_over(init: &str) -> Error {
    let error = Command::new(init).exec();
    Error::new(error).context(format!("cannot run {init}"))
}
