//! The hooks that an agent under test begins with.

use anyhow::Result;

use super::cases::KERNEL_TESTS;
use crate::arguments;

/// The rung of the hook ladder that the agent begins with: its own choice, or a class of hooks that is forced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::vm) enum Hooks {
    Auto,
    Tracepoint,
    Fentry,
    Kprobe,
    /// Connections by a hook that cannot make a socket's cookie, bytes by hooks that can.
    KprobeConnect,
    /// Bytes received by such a hook, and all else by the others.
    KprobeReceive,
}

/// Every choice, those that mix kinds last.
pub(super) const HOOKS: [Hooks; 6] = [
    Hooks::Auto,
    Hooks::Tracepoint,
    Hooks::Fentry,
    Hooks::Kprobe,
    Hooks::KprobeConnect,
    Hooks::KprobeReceive,
];

impl Hooks {
    /// # Errors
    /// When there are no such hooks; names those that there are.
    pub(in crate::vm) fn parse(name: &str) -> Result<Self> {
        arguments::choice("--hooks", name, &HOOKS, Self::name)
    }

    pub(in crate::vm) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Tracepoint => "tracepoint",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::KprobeConnect => "connect=kprobe",
            Self::KprobeReceive => "receive=kprobe",
        }
    }

    /// Whether these hooks can change how a case ends. How the agent starts, stops, refuses and reads its files does
    /// not depend on the hooks.
    pub(super) fn can_change(self, case: &str) -> bool {
        self.cases().is_empty() || self.cases().iter().any(|part| case.contains(part))
    }

    /// Cases that these hooks can change, as parts of their names; none is all of them.
    const fn cases(self) -> &'static [&'static str] {
        match self {
            Self::Auto => &[],
            Self::Tracepoint | Self::Fentry | Self::Kprobe => &[
                KERNEL_TESTS,
                "malicious::",
                "honest::",
                "load::",
                "lifecycle::start-and-stop",
                "refusal::no-tracefs",
                "refusal::covered-tracefs",
            ],
            Self::KprobeConnect | Self::KprobeReceive => &[KERNEL_TESTS],
        }
    }

    /// Whether it mixes kinds: what that changes, the tests of the kernel programs show.
    pub(super) const fn is_mixed(self) -> bool {
        match self {
            Self::Auto | Self::Tracepoint | Self::Fentry | Self::Kprobe => false,
            Self::KprobeConnect | Self::KprobeReceive => true,
        }
    }
}
