//! Names of destinations as rules write them: a name, or `*.` and a name for all names below it.

use std::{fmt, str::FromStr};

/// Longest name in the form in which it is written.
const NAME_MAX: usize = 253;
/// Longest label.
const LABEL_MAX: usize = 63;

/// A name or all names below one. Compared label by label, in lower case, as names go over the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainPattern {
    /// Lower case, without a last dot.
    name: String,
    /// The names below `name`, which itself is not meant.
    below: bool,
}

/// Why a text is no [`DomainPattern`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DomainError {
    /// Letters that names on the wire do not have.
    #[error("a name in its ASCII form, which for other letters begins with xn-- (`idn2 NAME` tells it)")]
    NotAscii,
    /// A label that is none.
    #[error("a name with 1 to 63 letters, digits, - or _ between its dots, and of 253 bytes at most")]
    Label,
    /// A wildcard that does not stand for whole labels at the beginning.
    #[error("a name with * as its whole first label or without, like \"*.example.net\"")]
    Wildcard,
    /// A number where names have a word.
    #[error("a name whose last label is no number; an address is written a.b.c.d")]
    Number,
}

impl DomainPattern {
    /// Whether it means `name`, which is in lower case without a last dot.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        if !self.below {
            return self.name == name;
        }
        let above = name.strip_suffix(self.name.as_str()).and_then(|above| above.strip_suffix('.'));
        above.is_some_and(|labels| !labels.is_empty())
    }
}

impl fmt::Display for DomainPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}", if self.below { "*." } else { "" }, self.name)
    }
}

impl FromStr for DomainPattern {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if !text.is_ascii() {
            return Err(DomainError::NotAscii);
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |name| (true, name));
        if name.contains('*') {
            return Err(DomainError::Wildcard);
        }
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=LABEL_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() > NAME_MAX || !name.split('.').all(is_label) {
            return Err(DomainError::Label);
        }
        let last = name.rsplit('.').next().unwrap_or_default();
        if last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(DomainError::Number);
        }
        Ok(Self { name, below })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_by_labels() {
        let rows = [
            ("backup.example.net", "backup.example.net", true),
            ("Backup.Example.NET.", "backup.example.net", true),
            ("backup.example.net", "a.backup.example.net", false),
            ("backup.example.net", "backup.example.network", false),
            ("*.example.net", "a.example.net", true),
            ("*.example.net", "b.a.example.net", true),
            ("*.example.net", "example.net", false),
            ("*.example.net", ".example.net", false),
            ("*.example.net", "anexample.net", false),
            ("*.example.net", "a.example.net.evil.example", false),
            // A dot within a label is none between labels, and is written otherwise.
            ("a.b", "a\\046b", false),
            ("xn--bcher-kva.example", "xn--bcher-kva.example", true),
            ("localhost", "localhost", true),
        ];
        for (pattern, name, expected) in rows {
            let parsed: DomainPattern = pattern.parse().unwrap();
            assert_eq!(parsed.matches(name), expected, "{pattern} {name}");
            assert_eq!(parsed.to_string().parse(), Ok(parsed));
        }
    }

    #[test]
    fn what_is_no_name_is_told_apart() {
        let long = "x".repeat(64);
        let many = "abc.".repeat(64);
        let rows = [
            ("", DomainError::Label),
            (".", DomainError::Label),
            ("*", DomainError::Wildcard),
            ("*.", DomainError::Label),
            ("a.*.net", DomainError::Wildcard),
            ("*a.net", DomainError::Wildcard),
            ("*.*.net", DomainError::Wildcard),
            ("a..net", DomainError::Label),
            ("a b.net", DomainError::Label),
            ("http://a.net", DomainError::Label),
            ("bücher.example", DomainError::NotAscii),
            ("10.0.0", DomainError::Number),
            (&long, DomainError::Label),
            (&many, DomainError::Label),
        ];
        for (text, expected) in rows {
            assert_eq!(text.parse::<DomainPattern>(), Err(expected), "{text:?}");
        }
    }
}
