//! Explanations and statistics.

pub mod terminal;
