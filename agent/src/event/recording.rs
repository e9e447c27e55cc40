//! The record and replay file format.
