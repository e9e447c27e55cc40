//! Shell text and scripts, with the names of their world in the environment.

use std::{path::Path, process::Command};

use anyhow::{Context, Result};

use crate::{fixture::Places, process, world::World};

/// Where scripts run.
#[derive(Clone, Copy, Debug)]
pub struct Shell<'s> {
    /// `SERVER`, and `HOST` for the other end.
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
        self.named(Command::new(program))
    }

    /// Shell text that stops at its first failing command, not started; `inside` the network namespace or on the host.
    #[must_use]
    pub fn text(&self, text: &str, inside: bool) -> Command {
        let shell = "/bin/sh";
        let mut command = if inside { self.world.command(shell) } else { Command::new(shell) };
        command.args(["-e", "-c", text]);
        self.named(command)
    }

    fn named(&self, mut command: Command) -> Command {
        command
            .current_dir(&self.places.work)
            .env("SERVER", self.world.server().to_string())
            .env("HOST", self.world.host().to_string())
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
        let output = process::run(&mut self.text(text, false)).context("shell text")?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
