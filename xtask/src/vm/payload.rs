//! The programs under test, built for the guest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    build::{self, Profile},
    console::{self, Mark},
    process, workspace,
};

/// Programs that go into the guest.
#[derive(Debug)]
pub(super) struct Payload {
    /// The first process.
    pub(super) guest: PathBuf,
    /// The agent.
    pub(super) weir: PathBuf,
    /// The suite's runner.
    pub(super) scenarios: PathBuf,
    /// The tests of the kernel programs alone.
    pub(super) kernel: PathBuf,
}

impl Payload {
    /// Builds all of them.
    ///
    /// # Errors
    /// When cargo reports one.
    pub(super) fn build() -> Result<Self> {
        let weir = build::agent(Profile::Release)?;
        let mut cargo = process::cargo();
        cargo.args(["build", "--package", "tests", "--bins"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        process::run(&mut cargo)?;
        let mut cargo = process::cargo();
        cargo.args(["test", "--package", "agent", "--test", "kernel", "--no-run", "--quiet"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        let messages = process::read(cargo.arg("--message-format=json"))?;
        let kernel =
            executable(&messages, "kernel").context("cargo names no test program of the kernel side")?;
        let built = workspace::target()?.join("debug");
        Ok(Self { guest: built.join("guest"), weir, scenarios: built.join("scenarios"), kernel })
    }

    /// Copies of all without their debugging information, in `folder`: a guest has to unpack them.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn stripped(&self, folder: &Path) -> Result<Self> {
        let strip = |program: &Path, name: &str| -> Result<PathBuf> {
            let to = folder.join(name);
            process::read(process::command("strip").arg("-o").arg(&to).arg(program))?;
            Ok(to)
        };
        Ok(Self {
            guest: strip(&self.guest, "guest")?,
            weir: strip(&self.weir, "weir")?,
            scenarios: strip(&self.scenarios, "scenarios")?,
            kernel: strip(&self.kernel, "kernel")?,
        })
    }

    /// Each program with the name that it has in the guest's `/opt/weir`, in the order of names.
    pub(super) fn programs(&self) -> BTreeMap<&'static str, &Path> {
        BTreeMap::from([
            ("guest", self.guest.as_path()),
            ("weir", &self.weir),
            ("scenarios", &self.scenarios),
            ("kernel", &self.kernel),
        ])
    }

    /// The shared libraries that the first process needs before there is a disk.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn libraries(&self) -> Result<Vec<PathBuf>> {
        let list = process::read(process::command("ldd").arg(&self.guest))?;
        let paths = list.split_whitespace().filter(|word| word.starts_with('/'));
        Ok(paths.map(PathBuf::from).collect())
    }

    /// Names of the suite's cases that these words of its command line choose.
    ///
    /// # Errors
    /// When the runner cannot list them.
    pub(super) fn suite(&self, words: &[String]) -> Result<Vec<String>> {
        let list = process::read(
            process::command(&self.scenarios.display().to_string()).args(["run", "--list"]).args(words),
        )?;
        Ok(names(&list))
    }

    /// Names of the tests of the kernel programs.
    ///
    /// # Errors
    /// When the test program cannot list them.
    pub(super) fn kernel_tests(&self, filters: &[String]) -> Result<Vec<String>> {
        let list =
            process::read(process::command(&self.kernel.display().to_string()).arg("--list").args(filters))?;
        Ok(names(&list))
    }
}

/// What a package installs beside the agent: the place in the guest and the file.
pub(super) fn installed() -> [(&'static str, PathBuf); 2] {
    let packaging = workspace::root().join("packaging");
    [
        ("/usr/lib/systemd/system/weir.service", packaging.join("weir.service")),
        ("/etc/weir/weir.toml", packaging.join("weir.toml")),
    ]
}

/// `NAME: test` on each line.
fn names(list: &str) -> Vec<String> {
    list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect()
}

/// The test program called `name` among those that cargo's messages say they built.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let paths = messages.split("\"executable\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let is_wanted = |path: &Path| {
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        stem.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
    };
    paths.map(PathBuf::from).find(|path| is_wanted(path))
}
