//! An alert as one page for a browser. It loads nothing and runs nothing: its policy allows its own style by the hash of
//! it, and all that came from the log is text.

mod hypertext;
mod layout;
mod picture;
mod sections;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

use super::told::Told;
use hypertext::Hypertext;

/// The whole style.
const STYLE: &str = include_str!("page/style.css");

/// The page.
#[must_use]
pub fn html(told: &Told) -> String {
    let mut page = Hypertext::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    page.raw(&policy());
    page.raw("\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
    page.raw("<title>");
    page.text(&format!("weir: {}", told.headline()));
    page.raw("</title>\n<style>");
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n<main>\n");
    sections::write(told, &mut page);
    page.raw("</main>\n</body>\n</html>\n");
    page.finish()
}

/// Nothing from anywhere, no script, no form, and no style but ours.
fn policy() -> String {
    let hash = STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
}

#[cfg(test)]
mod tests;
