//! The sensor: everything that touches the kernel or procfs.
