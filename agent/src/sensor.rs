//! The sensor: everything that touches the kernel or procfs.

pub mod layout;
pub mod hooks;
pub mod load;
