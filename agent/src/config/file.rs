//! Configuration as written.
