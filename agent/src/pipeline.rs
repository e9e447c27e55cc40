//! The pure step.
