//! The agent's binary, and what every start of it in a run has in common.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use crate::veil::Veil;

/// The agent's binary. As a program's name it is the binary alone, for commands that load nothing.
#[derive(Clone, Debug)]
pub struct Weir {
    /// The binary, which may be missing.
    pub binary: PathBuf,
    /// What `--hooks` is to say; none leaves it to the configuration.
    pub hooks: Option<String>,
    /// What it is not to see of this host.
    pub veil: Option<Veil>,
}

impl Weir {
    /// The binary with these hooks, in plain view of the host.
    #[must_use]
    pub fn new(binary: PathBuf, hooks: Option<String>) -> Self {
        Self { binary, hooks, veil: None }
    }

    /// The same agent behind a veil.
    #[must_use]
    pub fn behind(&self, veil: Veil) -> Self {
        Self { veil: Some(veil), ..self.clone() }
    }

    /// `weir SUBCOMMAND`, one of those that load the kernel programs: with the run's hooks, and behind the veil.
    #[must_use]
    pub fn watching(&self, subcommand: &str) -> Command {
        let mut command = Command::new(self);
        command.arg(subcommand);
        if let Some(hooks) = &self.hooks {
            command.arg("--hooks").arg(hooks);
        }
        if let Some(veil) = &self.veil {
            veil.hang_before(&mut command);
        }
        command
    }
}

impl AsRef<OsStr> for Weir {
    fn as_ref(&self) -> &OsStr {
        self.binary.as_os_str()
    }
}

impl AsRef<Path> for Weir {
    fn as_ref(&self) -> &Path {
        &self.binary
    }
}
