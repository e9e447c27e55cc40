//! The sensor: everything that touches the kernel or procfs.

pub mod clock;
pub mod counters;
pub mod ledger;
pub mod procfs;
pub mod identity;
pub mod scripts;
pub mod reader;
