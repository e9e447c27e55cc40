//! Places where programs are attached.

use std::fmt;

/// Where a program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tracepoint by its BTF type.
    BtfTracepoint(&'static str),
    /// A tracepoint by name alone.
    RawTracepoint(&'static str),
    /// A tracepoint through tracefs: category and name.
    Tracepoint(&'static str, &'static str),
    /// The end of a kernel function.
    Fexit(&'static str),
    /// The begin of a kernel function.
    Kprobe(&'static str),
    /// The root of the cgroup v2 hierarchy, by the name of the hook there.
    CgroupRoot(&'static str),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BtfTracepoint(name) => write!(formatter, "tp_btf:{name}"),
            Self::RawTracepoint(name) => write!(formatter, "raw_tp:{name}"),
            Self::Tracepoint(category, name) => write!(formatter, "tracepoint:{category}:{name}"),
            Self::Fexit(function) => write!(formatter, "fexit:{function}"),
            Self::Kprobe(function) => write!(formatter, "kprobe:{function}"),
            Self::CgroupRoot(hook) => write!(formatter, "cgroup:{hook}"),
        }
    }
}

/// One program at one place.
#[derive(Clone, Copy, Debug)]
pub struct Attachment {
    /// Name in the object. A program may stand at several places.
    pub program: &'static str,
    /// The place.
    pub target: Target,
    /// Whether the rung fails without it.
    pub required: bool,
}
