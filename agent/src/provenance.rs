//! Which data a process, pipe or file carries, and how it got it.

pub mod classify;
