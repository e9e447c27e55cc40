//! The programs under test, built for the guest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::plan::Cases;
use crate::{
    arch::Arch,
    build::{self, Profile},
    console::{self, Mark},
    process,
    workspace::{self, Scratch},
};

/// Names of the programs in the guest's `/opt/weir`: its first process, the tests of the kernel programs alone, the
/// suite's runner, the agent.
pub(super) const PROGRAMS: [&str; 4] = [GUEST, KERNEL, SCENARIOS, AGENT];

const GUEST: &str = "guest";
/// The tests of the kernel programs.
pub(super) const KERNEL: &str = "kernel";
/// The agent.
pub(super) const AGENT: &str = "weir";
const SCENARIOS: &str = "scenarios";

/// Programs that go into the guest, without their debugging information: a guest has to unpack them.
pub(super) struct Payload {
    arch: Arch,
    folder: Scratch,
}

impl Payload {
    /// Builds all of them for `arch`.
    ///
    /// # Errors
    /// When cargo or strip reports one.
    pub(super) fn build(arch: Arch) -> Result<Self> {
        let weir = build::agent(Profile::Release, Some(arch))?;
        // Debug builds find more, but for another architecture Rust's library would have to be built again.
        let profile = if arch.is_own() { Profile::Debug } else { Profile::Release };
        let mut cargo = build::cargo("build", profile, Some(arch))?;
        cargo.args(["--package", "tests", "--bins"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        process::run(&mut cargo)?;
        let mut cargo = build::cargo("test", profile, Some(arch))?;
        cargo.args(["--package", "agent", "--test", KERNEL, "--no-run", "--quiet"]);
        console::step(Mark::Doing, "build", process::show(&cargo));
        let messages = process::read(cargo.arg("--message-format=json"))?;
        let kernel =
            executable(&messages, KERNEL).context("cargo names no test program of the kernel side")?;
        let built = build::folder(profile, Some(arch))?;
        let payload = Self { arch, folder: Scratch::make("payload")? };
        let sources = [built.join(GUEST), kernel, built.join(SCENARIOS), weir];
        for (name, source) in PROGRAMS.into_iter().zip(sources) {
            process::read(arch.strip().arg("-o").arg(payload.path(name)).arg(source))?;
        }
        Ok(payload)
    }

    /// Where one of [`PROGRAMS`] is.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The first process.
    pub(super) fn first(&self) -> PathBuf {
        self.path(GUEST)
    }

    /// The shared libraries that the first process needs before there is a disk: the place of each, without the
    /// first slash, and the file.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn libraries(&self) -> Result<Vec<(String, PathBuf)>> {
        self.arch.libraries(&self.first())
    }

    /// The cases that its programs hold.
    ///
    /// # Errors
    /// When a program cannot list them, or lists none.
    pub(super) fn cases(&self) -> Result<Cases> {
        Cases::new(self.list(KERNEL, &["--list"])?, self.list(SCENARIOS, &["run", "--list"])?)
    }

    fn list(&self, program: &str, words: &[&str]) -> Result<Vec<String>> {
        let list = process::read(self.arch.run(&self.path(program)).args(words))?;
        Ok(list.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
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

/// The test program called `name` among those that cargo's messages say they built.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let paths = messages.split("\"executable\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let is_wanted = |path: &Path| {
        let stem = path.file_name().unwrap_or_default().to_string_lossy();
        stem.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'))
    };
    paths.map(PathBuf::from).find(|path| is_wanted(path))
}
