//! Scenarios and the runner that executes them.
