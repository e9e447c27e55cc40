//! Lines of a width, with colours or without.

use std::io::IsTerminal;

use unicode_width::UnicodeWidthChar as _;

use crate::report::{
    columns::{cells, cut},
    terminal::wants_colour,
};

/// Width of output that goes to no terminal.
const PLAIN_WIDTH: usize = 100;
/// No narrower, whatever the terminal says: below it nothing is readable.
const WIDTH_MIN: usize = 40;
/// No wider: longer lines of prose are hard to follow.
const WIDTH_MAX: usize = 140;
/// Columns that a text needs beside what leads it.
const ROOM: usize = 12;

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub colour: bool,
    /// Columns of a line.
    pub width: usize,
}

impl Style {
    /// For `stream`: colours as [`wants_colour`] says, the terminal's width.
    #[must_use]
    pub fn of<S: IsTerminal + std::os::fd::AsFd>(stream: &S) -> Self {
        let size = rustix::termios::tcgetwinsize(stream).ok().map(|size| usize::from(size.ws_col));
        let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let width = size.filter(|width| *width > 0).or(asked).unwrap_or(PLAIN_WIDTH);
        Self { colour: wants_colour(stream), width: width.clamp(WIDTH_MIN, WIDTH_MAX) }
    }
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    Title,
    Name,
    Dim,
    File,
    Warn,
    Alarm,
}

impl Ink {
    fn code(self) -> &'static str {
        match self {
            Self::Title => "1;4",
            Self::Name => "1",
            Self::Dim => "2",
            Self::File => "36",
            Self::Warn => "33",
            Self::Alarm => "1;31",
        }
    }
}

/// Text so far.
pub(super) struct Canvas {
    style: Style,
    out: String,
}

impl Canvas {
    pub(super) fn new(style: Style) -> Self {
        Self { style, out: String::new() }
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    pub(super) fn paint(&self, ink: Ink, text: &str) -> String {
        if self.style.colour && !text.trim().is_empty() {
            format!("\u{1b}[{}m{text}\u{1b}[0m", ink.code())
        } else {
            text.to_owned()
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    pub(super) fn blank(&mut self) {
        self.out.push('\n');
    }

    pub(super) fn title(&mut self, title: &str) {
        self.blank();
        let title = self.paint(Ink::Title, &cut(title, self.style.width));
        self.line(&title);
    }

    /// A line in small, wrapped.
    pub(super) fn dim(&mut self, text: &str) {
        for line in wrap(text, self.style.width, self.style.width) {
            let line = self.paint(Ink::Dim, &line);
            self.line(&line);
        }
    }

    /// `lead`, then `text`; further lines begin after `indent` blanks.
    pub(super) fn wrapped(&mut self, lead: &str, indent: usize, text: &str) {
        self.hanging(lead, "", indent, text);
    }

    /// As [`Self::wrapped`], further lines with `under` before their blanks. `lead` and `under` may be painted. Where
    /// the lead leaves no room beside it, the text begins on the next line.
    pub(super) fn hanging(&mut self, lead: &str, under: &str, indent: usize, text: &str) {
        let width = self.style.width;
        let indent = indent.min(width / 3);
        let rest = width.saturating_sub(cells(&plain(under)) + indent).max(ROOM);
        let first = width.saturating_sub(cells(&plain(lead)));
        let beside = first >= ROOM || first >= cells(text);
        if !beside {
            self.line(lead);
        }
        let lines = wrap(text, if beside { first } else { rest }, rest);
        for (index, line) in lines.into_iter().enumerate() {
            if index == 0 && beside {
                self.line(&format!("{lead}{line}"));
            } else {
                self.line(&format!("{under}{}{line}", " ".repeat(indent)));
            }
        }
    }

    /// Columns of a line.
    pub(super) fn width(&self) -> usize {
        self.style.width
    }
}

/// A share of 0 to 1 as a bar of `width` columns, in eighths.
pub(super) fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "between 0 and eight times a small width"
    )]
    let eighths = (share * (width * 8) as f64).round() as usize;
    let whole = eighths / 8;
    let part = EIGHTHS.get(eighths % 8).copied().unwrap_or_default();
    let used = whole + usize::from(!part.is_empty());
    format!("{}{part}{}", "█".repeat(whole), "·".repeat(width.saturating_sub(used)))
}

/// Lines of at most `first` and then `rest` columns, broken at blanks, and within words that are longer.
fn wrap(text: &str, first: usize, rest: usize) -> Vec<String> {
    let words = text.trim_start_matches(' ');
    let mut lines = Vec::new();
    let mut used = (text.len() - words.len()).min(first / 2);
    let mut line = " ".repeat(used);
    for (index, word) in words.split(' ').enumerate() {
        let limit = if lines.is_empty() { first } else { rest };
        if index > 0 && used + 1 + cells(word) > limit {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if index > 0 {
            line.push(' ');
            used += 1;
        }
        for character in word.chars() {
            let limit = if lines.is_empty() { first } else { rest };
            let wide = character.width().unwrap_or(0);
            if used + wide > limit {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(character);
            used += wide;
        }
    }
    lines.push(line);
    lines
}

/// Without what paints it.
fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            characters.by_ref().find(|end| *end == 'm');
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapping_keeps_every_word_within_the_width() {
        let rows: &[(&str, usize, usize, &[&str])] = &[
            ("one two three", 7, 7, &["one two", "three"]),
            ("one two three", 3, 9, &["one", "two three"]),
            ("abcdefghij", 4, 4, &["abcd", "efgh", "ij"]),
            ("a abcdefghij", 4, 4, &["a", "abcd", "efgh", "ij"]),
            ("日本語 text", 6, 6, &["日本語", "text"]),
            ("", 4, 4, &[""]),
            ("    indented", 20, 20, &["    indented"]),
        ];
        for (text, first, rest, expected) in rows {
            assert_eq!(wrap(text, *first, *rest), *expected, "{text}");
        }
    }

    #[test]
    fn bars_are_as_long_as_their_share() {
        for (share, expected) in [
            (0.0, "····"),
            (1.0, "████"),
            (0.5, "██··"),
            (0.53, "██▏·"),
            (7.0, "████"),
            (-1.0, "····"),
            (f64::NAN, "····"),
        ] {
            assert_eq!(bar(share, 4), expected, "{share}");
        }
    }
}
