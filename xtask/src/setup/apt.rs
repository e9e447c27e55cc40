//! Debian's package manager.

use std::{path::Path, process::Stdio};

use anyhow::{Context, Result, bail};

use crate::{
    console::{self, Mark},
    process,
};

/// `apt-get` that asks no question and waits for another that is at work; through env, since sudo keeps no variable.
const APT_GET: [&str; 5] =
    ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=300"];

/// Runs a command while no package may start a service: a test wants sshd's program, not a port open to the world.
const WITHOUT_SERVICES: &str = r#"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
"$@"
"#;

/// Installs `packages`; fetches the package lists first when one of them is unknown, or after a failure, which
/// old lists cause too.
///
/// # Errors
/// When there is no apt, no root, no network or no such package.
pub(super) fn install(packages: &[&str]) -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("there is no apt-get; this set-up knows Debian only");
    }
    let fresh = !packages.iter().all(|package| is_known(package));
    if fresh {
        update()?;
    }
    let mut command = process::as_root("sh")?;
    command
        .args(["-c", WITHOUT_SERVICES, "sh"])
        .args(APT_GET)
        .args(["install", "--yes", "--quiet=2", "--no-install-recommends"])
        .args(packages)
        // Each package's own progress; what goes wrong is said on the other stream.
        .stdout(Stdio::null());
    let shown = format!("apt-get install {}", packages.join(" "));
    console::step(Mark::Doing, "apt", &shown);
    let mut succeeds = || command.status().is_ok_and(|status| status.success());
    if succeeds() {
        return Ok(());
    }
    if !fresh {
        update()?;
        if succeeds() {
            return Ok(());
        }
    }
    bail!("{shown} failed; what it says stands above")
}

/// Debian versions of `package` that apt knows under `options`, newest first.
///
/// # Errors
/// When apt cannot be run.
pub(super) fn versions(package: &str, options: &[String]) -> Result<Vec<String>> {
    let table = process::read(process::command("apt-cache").args(options).args(["madison", package]))?;
    Ok(table.lines().filter_map(|line| Some(line.split('|').nth(1)?.trim().to_owned())).collect())
}

/// Downloads `package`, or one version of it named as `package=version`, into `folder` and unpacks it to `to`.
///
/// # Errors
/// When apt or dpkg fails.
pub(super) fn download(package: &str, options: &[String], folder: &Path, to: &Path) -> Result<()> {
    // apt's own user may not write where this user can.
    let own_user = ["-o", "APT::Sandbox::User=root"];
    let mut apt_get = process::command("apt-get");
    process::read(apt_get.current_dir(folder).args(own_user).args(options).args(["download", package]))?;
    let archive = std::fs::read_dir(folder)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("apt-get download left no package")?;
    process::read(process::command("dpkg-deb").arg("--extract").arg(&archive).arg(to))?;
    Ok(())
}

fn is_known(package: &str) -> bool {
    process::read(process::command("apt-cache").args(["show", "--no-all-versions", package])).is_ok()
}

fn update() -> Result<()> {
    console::step(Mark::Doing, "apt", "apt-get update");
    let [env, apt_get @ ..] = APT_GET;
    process::run(process::as_root(env)?.args(apt_get).args(["update", "--quiet=2"]))
}
