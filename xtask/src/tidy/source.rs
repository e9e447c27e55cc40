//! Rust source as the compiler reads it: what stands in comments and literals is no code.

/// `text` with comments and the insides of string and character literals replaced by spaces; lines and quotes stay
/// where they are.
pub(super) fn code(text: &str) -> String {
    let mut scanner = Scanner { rest: text, code: String::with_capacity(text.len()) };
    while scanner.step() {}
    scanner.code
}

/// 1-based number of the line that holds the byte at `offset`.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// Whether `character` can stand in a name.
pub(super) fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Offsets of `word` in `text` where it is no part of a longer name.
pub(super) fn words<'text>(text: &'text str, word: &'text str) -> impl Iterator<Item = usize> + 'text {
    whole(text, word, is_name)
}

/// Offsets of `part` in `text` where neither neighbour is a character that would make it something longer.
pub(super) fn whole<'text>(
    text: &'text str,
    part: &'text str,
    longer: fn(char) -> bool,
) -> impl Iterator<Item = usize> + 'text {
    text.match_indices(part).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|text| text.chars().next_back());
        let after = text.get(at + part.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(longer) && !after.is_some_and(longer)
    })
}

struct Scanner<'text> {
    rest: &'text str,
    code: String,
}

impl Scanner<'_> {
    /// Moves past one comment, literal, name or other character.
    fn step(&mut self) -> bool {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(end);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment(self.rest));
        } else if let Some((open, close)) = raw_string(self.rest) {
            self.literal(open, close);
        } else if self.rest.starts_with('"') {
            self.literal(1, escaped_until(self.rest, '"'));
        } else if let Some(close) = character(self.rest) {
            self.literal(1, close);
        } else {
            // A whole name at once, so that the r of `for"` opens no raw string.
            let name = self.rest.find(|character| !is_name(character)).unwrap_or(self.rest.len());
            let length = if name > 0 { name } else { self.rest.chars().next().map_or(0, char::len_utf8) };
            if length == 0 {
                return false;
            }
            self.keep(length);
        }
        true
    }

    /// Keeps `open` bytes, blanks up to the byte `close`, and keeps the quote that stands there.
    fn literal(&mut self, open: usize, close: usize) {
        self.keep(open);
        self.blank(close.saturating_sub(open));
        if self.rest.starts_with(['"', '\'']) {
            self.keep(1);
        }
    }

    fn keep(&mut self, bytes: usize) {
        let (kept, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.code.push_str(kept);
        self.rest = rest;
    }

    fn blank(&mut self, bytes: usize) {
        let (blanked, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.code.extend(blanked.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// Length of the block comment, nested ones included, that `text` starts with.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where the raw string that `text` starts with opens and closes.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let rest = text.get(prefix.len()..)?;
    let hashes = rest.find('"')?;
    let open = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    let close = text.get(open..)?.find(&end).map_or(text.len(), |at| open + at);
    Some((open, close))
}

/// Where the literal that `text` starts with closes; its first quote is one byte.
fn escaped_until(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if character == '\\' {
            escaped = true;
        } else if character == quote {
            return at;
        }
    }
    text.len()
}

/// Where the character literal that `text` starts with closes; a lifetime is none.
fn character(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    if first == '\\' {
        return Some(escaped_until(text, '\''));
    }
    let close = 1 + first.len_utf8();
    text.get(close..)?.starts_with('\'').then_some(close)
}
