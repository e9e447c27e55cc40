//! Scenarios on a real kernel: a program that misbehaves or behaves, and what weir must say about it.
//!
//! A scenario is data (`scenarios/*.toml`). The runner gives it a world of its own (a network namespace with
//! receivers that count what their sockets read), starts the real `weir`, runs the program, and compares alert
//! and receipt. Nothing here waits for luck: every wait has a condition and a limit.

pub mod scenario;
pub mod wait;
pub mod process;
pub mod world;
pub mod fixture;
pub mod receiver;
pub mod ring;
pub mod server;
pub mod shell;
pub mod generator;
pub mod mount;
pub mod veil;
pub mod weir;
pub mod agent;
pub mod coverage;
pub mod log;
pub mod ledger;
pub mod replay;
pub mod expect;
pub mod story;
pub mod world_check;
pub mod load;
pub mod kernel_objects;
pub mod refused;
pub mod robustness;
pub mod refusal;
pub mod cycles;
pub mod own_mounts;
pub mod lifecycle;
pub mod service;
pub mod interrupt;
pub mod harness;
pub mod browser;
pub mod explain;
pub mod egress;
pub mod suite;
pub mod quality;
pub mod guest;
