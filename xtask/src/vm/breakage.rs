//! Things that are wrong on purpose, each of which must turn a run red with words that lead to it. None of them needs
//! another build: what is broken is a guest or a copy of the programs, never the product.

mod object;

use std::fs;

use anyhow::{Context, Result};

use super::payload::{AGENT, KERNEL, Payload};
use crate::arguments;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breakage {
    /// The guest's kernel panics.
    Panic,
    /// A kernel program reads a register that nothing was written to, so that the verifier refuses it.
    Probe,
    /// The kernel's type information has a member of a struct at a wrong place.
    Offset,
}

const ALL: [Breakage; 3] = [Breakage::Panic, Breakage::Probe, Breakage::Offset];
/// The program that the verifier is to refuse: the first rung of its sensor on every kernel.
const PROBE: &str = "weir_exec_tp_btf";

impl Breakage {
    /// # Errors
    /// When there is no such breakage; names those that there are.
    pub(super) fn parse(name: &str) -> Result<Self> {
        arguments::choice("--break", name, &ALL, Self::name)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Probe => "probe",
            Self::Offset => "offset",
        }
    }

    /// The case that must find out, when no other is chosen.
    pub(super) const fn finder(self) -> &'static str {
        match self {
            Self::Panic | Self::Probe => "kernel::sensors_that_every_kernel_carries",
            Self::Offset => "kernel::opens_are_reported_once",
        }
    }

    /// What the plan of a machine says of it (`tests::guest::plan`).
    pub(super) const fn plan(self) -> &'static str {
        match self {
            Self::Panic => "step\tpanic\nrun\t/bin/sh\t-c\techo c >/proc/sysrq-trigger\n",
            Self::Probe => "",
            Self::Offset => "shift\tinode\ti_size\n",
        }
    }

    /// Breaks the copies of the programs that the guest gets.
    ///
    /// # Errors
    /// When they do not hold the kernel program that is to be broken.
    pub(super) fn apply(self, payload: &Payload) -> Result<()> {
        match self {
            Self::Panic | Self::Offset => Ok(()),
            Self::Probe => [AGENT, KERNEL].into_iter().try_for_each(|name| {
                let path = payload.path(name);
                let mut bytes = fs::read(&path)?;
                object::spoil(&mut bytes, PROBE).with_context(|| format!("no {PROBE} in {name}"))?;
                fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, Breakage};

    #[test]
    fn breakages_have_names() {
        for breakage in ALL {
            assert_eq!(Breakage::parse(breakage.name()).unwrap(), breakage);
        }
        assert!(Breakage::parse("it").unwrap_err().to_string().contains("panic, probe, offset"));
    }
}
