//! The programs under test, built for the guest.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::{
    arch::Arch,
    build::{self, Profile},
    console::{self, Mark},
    process,
};

/// Programs that go into the guest.
#[derive(Debug)]
pub(super) struct Payload {
    arch: Arch,
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
    /// Builds all of them for `arch`.
    ///
    /// # Errors
    /// When cargo reports one.
    pub(super) fn build(arch: Arch) -> Result<Self> {
        let weir = build::agent(Profile::Release, Some(arch))?;
        // Debug builds find more, but for another architecture Rust's library would have to be built again.
        let profile = if arch.is_own() { Profile::Debug } else { Profile::Release };
        let mut cargo = build::cargo("build", profile, Some(arch))?;
        cargo.args(["--package", "tests", "--bins"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        process::run(&mut cargo)?;
        let mut cargo = build::cargo("test", profile, Some(arch))?;
        cargo.args(["--package", "agent", "--test", "kernel", "--no-run", "--quiet"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        let messages = process::read(cargo.arg("--message-format=json"))?;
        let kernel =
            executable(&messages, "kernel").context("cargo names no test program of the kernel side")?;
        let built = build::folder(profile, Some(arch))?;
        Ok(Self { arch, guest: built.join("guest"), weir, scenarios: built.join("scenarios"), kernel })
    }

    /// Copies of all without their debugging information, in `folder`: a guest has to unpack them.
    ///
    /// # Errors
    /// When one cannot be written.
    pub(super) fn stripped(&self, folder: &Path) -> Result<Self> {
        let strip = |program: &Path, name: &str| -> Result<PathBuf> {
            let to = folder.join(name);
            process::read(self.arch.strip().arg("-o").arg(&to).arg(program))?;
            Ok(to)
        };
        Ok(Self {
            arch: self.arch,
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

    /// The shared libraries that the first process needs before there is a disk: the place of each, without the
    /// first slash, and the file.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn libraries(&self) -> Result<Vec<(String, PathBuf)>> {
        self.arch.libraries(&self.guest)
    }

    /// Names of the suite's cases that `filters` choose.
    ///
    /// # Errors
    /// When the runner cannot list them.
    pub(super) fn suite(&self, filters: &[String]) -> Result<Vec<String>> {
        let list = process::read(self.arch.run(&self.scenarios).args(["run", "--list"]).args(filters))?;
        Ok(names(&list))
    }

    /// Names of the tests of the kernel programs.
    ///
    /// # Errors
    /// When the test program cannot list them.
    pub(super) fn kernel_tests(&self, filters: &[String]) -> Result<Vec<String>> {
        let list = process::read(self.arch.run(&self.kernel).arg("--list").args(filters))?;
        Ok(names(&list))
    }
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
