//! The processor architectures that weir is built and tested for.

use std::env;

use anyhow::{Result, bail};

use crate::{arguments, setup::Part};

/// A processor architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arch {
    X86_64,
    Aarch64,
}

const ARCHES: [Arch; 2] = [Arch::X86_64, Arch::Aarch64];

impl Arch {
    /// The value of `option`, as [`Self::name`] gives it; without a value, this machine's own.
    ///
    /// # Errors
    /// When there is no such architecture; names those that there are.
    pub(crate) fn parse(option: &str, value: Option<&str>) -> Result<Self> {
        arguments::choice(option, value.unwrap_or(env::consts::ARCH), &ARCHES, Self::name)
    }

    /// As Rust, the kernel and QEMU call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Aarch64 => "aarch64",
        }
    }

    /// As Debian calls it.
    pub(crate) const fn debian(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Aarch64 => "arm64",
        }
    }

    /// Rust's target.
    pub(crate) fn triple(self) -> String {
        format!("{}-unknown-linux-gnu", self.name())
    }

    /// GNU's name, which begins the names of its cross tools and ends those of its folders.
    pub(crate) fn gnu(self) -> String {
        format!("{}-linux-gnu", self.name())
    }

    /// Whether it is that of this program.
    pub(crate) fn is_own(self) -> bool {
        self.name() == env::consts::ARCH
    }

    /// What building for it needs.
    ///
    /// # Errors
    /// When it cannot be done on this machine.
    pub(crate) fn build_parts(self) -> Result<Vec<Part>> {
        match self {
            Self::X86_64 | Self::Aarch64 if self.is_own() => Ok(vec![Part::Build]),
            Self::Aarch64 => Ok(vec![Part::Build, Part::CrossAarch64]),
            Self::X86_64 => bail!("there is no set-up that builds for x86_64 on {}", env::consts::ARCH),
        }
    }

    /// What its virtual machines need.
    pub(crate) const fn vm_parts(self) -> [Part; 2] {
        match self {
            Self::X86_64 => [Part::Vm, Part::VmX86_64],
            Self::Aarch64 => [Part::Vm, Part::VmAarch64],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_or_this_machines_own() {
        for (value, expected) in
            [(Some("x86_64"), Some("amd64")), (Some("aarch64"), Some("arm64")), (Some("arm64"), None)]
        {
            assert_eq!(Arch::parse("--arch", value).ok().map(Arch::debian), expected, "{value:?}");
        }
        if let Ok(own) = Arch::parse("--arch", None) {
            assert!(own.is_own() && own.build_parts().is_ok_and(|parts| parts == [Part::Build]));
        }
    }
}
