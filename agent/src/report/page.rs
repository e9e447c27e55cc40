//! An alert as a page.

use super::told::Told;

/// The page.
#[must_use]
pub fn html(_told: &Told) -> String {
    String::new()
}
