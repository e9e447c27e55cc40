//! weir: what leaves this host, and who carried it.
//!
//! The modules stand in the order in which data flows through them; nothing points back up. Between the sensor
//! and the alert sink there is no I/O, no clock and no failure: [`pipeline::Pipeline::step`] is a pure state
//! machine over event time, entered alike by a live run, a replay, a test and a fuzzer.

pub mod hash;
pub mod event;
pub mod config;
pub mod interpreter;
pub mod sensor;
pub mod process;
pub mod provenance;
pub mod names;
pub mod detect;
pub mod score;
pub mod alert;
pub mod store;
pub mod pipeline;
pub mod report;
pub mod probe;
#[cfg(test)]
mod seeds;
