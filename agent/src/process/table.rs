//! The table.

/// The process table.
#[derive(Debug, Default)]
pub struct Table;
