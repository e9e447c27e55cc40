//! Shell text and scripts, with the names of their world in the environment.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{fixture::Places, process, world::World};

/// Where scripts run.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'s> {
    /// `SERVER`.
    pub world: &'s World,
    /// `DOCS`, `WORK` (also the working directory) and `STAGE`.
    pub places: &'s Places,
    /// `HELPER`.
    pub helper: &'s Path,
}

impl Shell<'_> {
    /// `program`, not started.
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.places.work)
            .env("SERVER", self.world.server().to_string())
            .env("DOCS", &self.places.docs)
            .env("WORK", &self.places.work)
            .env("STAGE", &self.places.stage)
            .env("HELPER", self.helper);
        command
    }

    /// Runs shell text, which stops at its first failing command, and gives its standard output.
    ///
    /// # Errors
    /// Fails when a command does, with what it said.
    pub fn run(&self, text: &str) -> Result<String> {
        let mut command = self.command(Path::new("/bin/sh"));
        let output = process::run(command.args(["-e", "-c", text])).context("shell text")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
