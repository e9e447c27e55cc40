//! Text as it may be shown: escaped as [`escape`] does it, and bounded.

use std::borrow::Cow;

use crate::event::{Bytes, escape::escape};

/// What a process may have put into a name, for showing: as much as fits `limit` bytes, and how many bytes are
/// missing.
#[must_use]
pub fn shown(bytes: &Bytes, limit: usize) -> (String, usize) {
    let (looked_at, left) = looked_at(bytes, limit);
    let (shown, missing) = clean(&looked_at, limit);
    (shown, missing + left)
}

/// As [`shown`], but lines and tabs stay: for the text of scripts.
#[must_use]
pub fn shown_lines(bytes: &Bytes, limit: usize) -> (String, usize) {
    let (looked_at, left) = looked_at(bytes, limit);
    let escaped = escape(looked_at, &['\n', '\t']);
    let (shown, missing) = cut(&escaped, limit);
    (shown.to_owned(), missing + left)
}

/// Hostile characters are written out as [`escape`] does it; as much as fits `limit` bytes, and how
/// many bytes are missing.
#[must_use]
pub fn clean(text: &str, limit: usize) -> (String, usize) {
    let (looked_at, left) = cut(text, limit);
    let escaped = escape(looked_at.into(), &[]);
    let (clean, missing) = cut(&escaped, limit);
    (clean.to_owned(), missing + left)
}

/// The first characters that fit `limit` bytes, and how many bytes were left out.
#[must_use]
pub fn cut(text: &str, limit: usize) -> (&str, usize) {
    let end = text.floor_char_boundary(limit.min(text.len()));
    (text.get(..end).unwrap_or_default(), text.len() - end)
}

/// Bytes for reading: decimal units, three digits.
#[must_use]
pub fn bytes(count: u64) -> String {
    if count < 1000 {
        return format!("{count} B");
    }
    let tenths_of = |divisor: u128| (u128::from(count) * 10 + divisor / 2) / divisor;
    let mut divisor = 1000;
    let mut tenths = tenths_of(divisor);
    let mut unit = "kB";
    for larger in ["MB", "GB", "TB", "PB", "EB"] {
        if tenths < 10_000 {
            break;
        }
        divisor *= 1000;
        tenths = tenths_of(divisor);
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// As much of `bytes` as can matter, and how many are left: showing a byte never takes less than a byte. Four more
/// keep a character at the border whole.
fn looked_at(bytes: &Bytes, limit: usize) -> (Cow<'_, str>, usize) {
    let all = bytes.as_slice();
    let head = all.get(..limit.saturating_add(4)).unwrap_or(all);
    (String::from_utf8_lossy(head), all.len() - head.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_written_out() {
        let bytes = Bytes::from("a\n\tb\x1b\u{202e}");
        assert_eq!(shown(&bytes, 100), ("a\\n\\tb\\u{1b}\\u{202e}".to_owned(), 0));
        assert_eq!(shown_lines(&bytes, 100), ("a\n\tb\\u{1b}\\u{202e}".to_owned(), 0));
    }

    #[test]
    fn no_more_is_shown_than_fits() {
        let rows = [
            ("abcdefgh", 3, ("abc", 5)),
            ("\n\n\n", 3, ("\\n\\", 4)),
            ("éééé", 3, ("é", 6)),
            ("ab", 0, ("", 2)),
        ];
        for (text, limit, (kept, missing)) in rows {
            let (found, found_missing) = shown(&Bytes::from(text), limit);
            assert_eq!((found.as_str(), found_missing > 0), (kept, missing > 0), "{text:?}");
            assert_eq!(clean(text, limit).0, kept, "{text:?}");
        }
    }

    #[test]
    fn cuts_at_characters() {
        let rows = [("abc", 5, ("abc", 0)), ("abc", 2, ("ab", 1)), ("aé", 2, ("a", 2)), ("é", 0, ("", 2))];
        for (text, limit, expected) in rows {
            assert_eq!(cut(text, limit), expected);
        }
    }

    #[test]
    fn bytes_read_well() {
        let rows = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_999, "1.0 MB"),
            (5_000_000, "5.0 MB"),
            (12_345_678, "12.3 MB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (count, expected) in rows {
            assert_eq!(bytes(count), expected);
        }
    }
}
