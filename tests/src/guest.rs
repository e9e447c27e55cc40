//! What the first process of a virtual machine does.

mod plan;
mod system;
mod manager;

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};

use self::plan::Step;
use crate::service::unit;

/// Begins a line that is the guest's own, not a step's.
pub const MARK: &str = "@guest";
/// The word of the kernel's command line that names the device for steps' results: the kernel hands it on as a
/// variable of the environment.
const REPORT: &str = "WEIR_REPORT";
/// Where cases' artifacts go.
const ARTIFACTS: &str = "/var/log/weir-tests";

/// The plan, where the disk keeps it. Nothing else makes this file: it tells a guest from a host.
pub const PLAN: &str = "/opt/weir/plan";
/// The argument of a guest's program that runs the steps below another first process.
const STEPS: &str = "steps";

/// As the first process: readies the machine, runs the plan or hands over to the plan's own first process. Below
/// that one, with the argument `steps`: runs the plan. Both turn the machine off at the end and never return.
#[must_use]
pub fn main() -> ExitCode {
    let below = std::env::args().nth(1).is_some_and(|word| word == STEPS) && Path::new(PLAN).exists();
    let result = match (std::process::id(), below) {
        (1, _) => first(),
        (_, true) => second(),
        (_, false) => {
            let _ = writeln!(
                io::stderr(),
                "guest: this is the first process of a virtual machine and nothing else"
            );
            return ExitCode::from(2);
        }
    };
    let end = match result {
        Ok(()) => format!("{MARK} done"),
        Err(error) => format!("{MARK} error {error:#}"),
    };
    // Whoever reads the console learns of it even when there is no report to write to.
    let _ = writeln!(io::stderr(), "{end}");
    if let Ok(mut report) = report() {
        let _ = writeln!(report, "{end}");
    }
    system::power_off()
}

fn first() -> Result<()> {
    system::mount_first()?;
    let mut report = report()?;
    for (module, error) in system::load_modules(Path::new("/modules"))? {
        writeln!(report, "{MARK} module {module}: {error:#}")?;
    }
    let plan = plan::read(Path::new("/plan"))?;
    system::enter_disk()?;
    system::ready()?;
    if let Some(init) = plan.init {
        manager::install()?;
        return Err(manager::hand_over(&init));
    }
    system::mount_rest()?;
    steps(&plan.steps, &mut report)?;
    keep_artifacts().context("artifacts")
}

fn second() -> Result<()> {
    let plan = plan::read(Path::new(PLAN))?;
    let result = steps(&plan.steps, &mut report()?);
    // Also, and all the more, when a step could not be run.
    unit::witness(Path::new(ARTIFACTS));
    result?;
    keep_artifacts().context("artifacts")
}

fn steps(steps: &[Step], report: &mut File) -> Result<()> {
    std::fs::create_dir_all(ARTIFACTS)?;
    for step in steps {
        writeln!(report, "{MARK} begin {}", step.name)?;
        match one(step, report) {
            Ok(status) => writeln!(report, "{MARK} end {} {status}", step.name)?,
            Err(error) => writeln!(report, "{MARK} end {} {error:#}", step.name)?,
        }
    }
    Ok(())
}

fn report() -> Result<File> {
    let device =
        std::env::var(REPORT).with_context(|| format!("the kernel's command line has no {REPORT}"))?;
    OpenOptions::new().write(true).open(&device).with_context(|| format!("cannot open {device}"))
}

/// Runs a step with its output on the report, and waits for it and for every orphan that ends meanwhile.
fn one(step: &Step, report: &File) -> Result<i32> {
    let mut command = Command::new(&step.program);
    command.args(&step.arguments).envs(step.environment.iter().cloned());
    command
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin:/opt/weir")
        .env("HOME", "/root")
        .env("LC_ALL", "C.UTF-8")
        .env("NO_COLOR", "1");
    command.current_dir("/root").stdout(report.try_clone()?).stderr(report.try_clone()?);
    let child = command.spawn().with_context(|| format!("cannot run {}", step.program))?;
    system::reap_until(child.id())
}

/// Writes the artifacts to the second disk as a tar, which needs no file system there.
fn keep_artifacts() -> Result<()> {
    let disk = OpenOptions::new().write(true).open("/dev/vdb").context("cannot open /dev/vdb")?;
    let mut tar = Command::new("tar");
    let child = tar.args(["-c", "-C", ARTIFACTS, "."]).stdout(disk).spawn().context("cannot run tar")?;
    match system::reap_until(child.id())? {
        0 => Ok(()),
        status => bail!("tar ended with {status}"),
    }
}
