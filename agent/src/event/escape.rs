//! Hostile text as it may be shown: nothing in it moves a cursor, turns the reading direction, hides or forges a line.
//!
//! Written out as an escape (`\n`, `\u{202e}`) are
//!
//! - control characters (C0, DEL, C1): they move cursors, and a terminal takes ESC and U+009B for commands;
//! - the separators of lines and paragraphs: they forge a line where they are taken for a newline;
//! - marks, embeddings, overrides and isolates of the reading direction: `exe.pdf` may be `fdp.exe`;
//! - all else that Unicode has shown as nothing (`Default_Ignorable_Code_Point`: zero-width characters, fillers,
//!   variation selectors, tags, the byte order mark) and the marks of annotations: two names that look alike differ,
//!   and text hides in them.
//!
//! Letters, other blanks, combining marks and private use stay: they are seen, be it as a box. A backslash stays as
//! well: what is shown is for reading, not for taking apart. Bytes that are no UTF-8 are U+FFFD by then.

use std::borrow::Cow;

/// Whether a reader would not see this character for what it is.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{2028}' | '\u{2029}'
            | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// `text` with every hostile character written out, except those of `kept`.
#[must_use]
pub fn escape<'a>(text: Cow<'a, str>, kept: &[char]) -> Cow<'a, str> {
    let escapes = |character: char| is_hostile(character) && !kept.contains(&character);
    if !text.chars().any(escapes) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if escapes(character) {
            out.extend(character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Bytes;

    #[test]
    fn bytes_are_shown_without_what_misleads() {
        let rows: &[(&[u8], &str)] = &[
            (b"plain \\n", "plain \\n"),
            (b"a\nb\tc\r", "a\\nb\\tc\\r"),
            (b"\x1b[2J\0\x7f", "\\u{1b}[2J\\u{0}\\u{7f}"),
            ("\u{9b}2J\u{85}".as_bytes(), "\\u{9b}2J\\u{85}"),
            (b"\xff\xfe\xc3", "\u{fffd}\u{fffd}\u{fffd}"),
            ("pdf\u{202e}fdp".as_bytes(), "pdf\\u{202e}fdp"),
            ("a\u{2028}b\u{2029}".as_bytes(), "a\\u{2028}b\\u{2029}"),
            ("x\u{200b}y\u{feff}".as_bytes(), "x\\u{200b}y\\u{feff}"),
            ("s\u{e0041}\u{e0100}".as_bytes(), "s\\u{e0041}\\u{e0100}"),
            (
                "naïve 日本 \u{e000}\u{f0000} e\u{301}\u{a0}".as_bytes(),
                "naïve 日本 \u{e000}\u{f0000} e\u{301}\u{a0}",
            ),
        ];
        for (bytes, expected) in rows {
            assert_eq!(Bytes::from(*bytes).show(), *expected);
        }
    }

    #[test]
    fn classes_are_whole() {
        // First, last, and whether everything between them is hostile; the neighbours outside are not.
        let rows = [
            ('\0', '\u{1f}'),
            ('\u{7f}', '\u{9f}'),
            ('\u{ad}', '\u{ad}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{180b}', '\u{180f}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{fe00}', '\u{fe0f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{fff0}', '\u{fffb}'),
            ('\u{e0000}', '\u{e0fff}'),
        ];
        for (first, last) in rows {
            assert!((first..=last).all(is_hostile), "{first:?} to {last:?}");
            let outside = [u32::from(first).checked_sub(1), u32::from(last).checked_add(1)];
            let outside = outside.into_iter().flatten().filter_map(char::from_u32);
            assert!(!outside.into_iter().any(is_hostile), "beside {first:?} to {last:?}");
        }
    }

    #[test]
    fn what_is_kept_stays() {
        assert_eq!(escape("a\n\tb\x1b".into(), &['\n', '\t']), "a\n\tb\\u{1b}");
    }
}
