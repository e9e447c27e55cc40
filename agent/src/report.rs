//! Explanations and statistics.
