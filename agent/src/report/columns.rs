//! How many columns a text takes where every character has a cell or two.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Columns that `text` takes.
pub(super) fn cells(text: &str) -> usize {
    text.width()
}

/// As much of `text` as fits `width` columns, with an ellipsis where it does not fit.
pub(super) fn cut(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 1;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept + "…"
}

/// As [`cut`], keeping the end: of a path the last components say the most.
pub(super) fn cut_front(text: &str, width: usize) -> String {
    if cells(text) <= width {
        return text.to_owned();
    }
    let mut kept = Vec::new();
    let mut used = 1;
    for character in text.chars().rev() {
        used += character.width().unwrap_or(0);
        if used > width {
            break;
        }
        kept.push(character);
    }
    kept.push('…');
    kept.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_counts_columns() {
        for (text, width, expected) in [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 4, "日…")] {
            assert_eq!(cut(text, width), expected);
        }
        for (text, width, expected) in [("abc", 3, "abc"), ("abcd", 3, "…cd"), ("日本語", 4, "…語")] {
            assert_eq!(cut_front(text, width), expected);
        }
    }
}
