//! The wire between weir's kernel programs and its agent.
//!
//! Every type here is `#[repr(C)]`, made of integers and byte arrays with explicit padding, and its size is
//! asserted at compile time, so that the BPF object and the agent agree on each byte. Numbers are native-endian:
//! both sides run on one machine.
#![no_std]
#![expect(clippy::pub_underscore_fields, reason = "padding is part of the wire, and both sides fill it")]

pub mod limits;
pub mod record;
pub mod process;
pub mod file;
pub mod net;
pub mod unix;
pub mod memory;
pub mod socket;
pub mod content;
pub mod dns;
pub mod counters;
pub mod kernel_layout;
pub mod kfuncs;
