//! The machine's own apt sources: where its Debian archive is, and who signs it.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// One archive and suite that apt fetches binary packages from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) uri: String,
    pub(super) suite: String,
    /// Path of a keyring, when the source names one.
    pub(super) signed_by: Option<String>,
}

/// The sources of this machine in apt's order.
pub(super) fn machine() -> Vec<Source> {
    let mut files = vec![PathBuf::from("/etc/apt/sources.list")];
    if let Ok(folder) = fs::read_dir("/etc/apt/sources.list.d") {
        let mut parts: Vec<PathBuf> = folder.filter_map(|entry| Some(entry.ok()?.path())).collect();
        parts.sort();
        files.extend(parts);
    }
    files.iter().flat_map(|file| read(file)).collect()
}

/// The addresses that this machine's apt fetches from.
pub(crate) fn uris() -> Vec<String> {
    machine().into_iter().map(|source| source.uri).collect()
}

fn read(file: &Path) -> Vec<Source> {
    let Ok(text) = fs::read_to_string(file) else {
        return Vec::new();
    };
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("list") => parse_list(&text),
        Some("sources") => parse_sources(&text),
        // apt reads no other name.
        _ => Vec::new(),
    }
}

/// One-line format: `deb [options] uri suite component...`.
fn parse_list(text: &str) -> Vec<Source> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Source> {
    let line = line.split('#').next()?;
    let rest = line.trim_start().strip_prefix("deb")?;
    let rest = rest.strip_prefix(char::is_whitespace)?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let signed_by =
        options.split_whitespace().find_map(|option| option.strip_prefix("signed-by=")).map(str::to_owned);
    let mut words = rest.split_whitespace();
    Some(Source { uri: words.next()?.to_owned(), suite: words.next()?.to_owned(), signed_by })
}

/// deb822 format: stanzas of `Field: values`, continued by indented lines.
fn parse_sources(text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut stanza: Vec<(String, String)> = Vec::new();
    // The empty line at the end closes the last stanza.
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(sources_of(&stanza));
            stanza.clear();
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = stanza.last_mut() {
                value.push('\n');
                value.push_str(line.trim());
            }
        } else if let Some((field, value)) = line.split_once(':') {
            stanza.push((field.trim().to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn sources_of(stanza: &[(String, String)]) -> Vec<Source> {
    let field = |name: &str| {
        stanza.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    if field("enabled") == "no" || !field("types").split_whitespace().any(|kind| kind == "deb") {
        return Vec::new();
    }
    // A key may also stand there in full; only a path can be passed on.
    let signed_by = Some(field("signed-by")).filter(|value| value.starts_with('/')).map(str::to_owned);
    let mut sources = Vec::new();
    for uri in field("uris").split_whitespace() {
        for suite in field("suites").split_whitespace() {
            sources.push(Source {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
                signed_by: signed_by.clone(),
            });
        }
    }
    sources
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(sources: &[Source]) -> Vec<(&str, &str, Option<&str>)> {
        sources.iter().map(|s| (s.uri.as_str(), s.suite.as_str(), s.signed_by.as_deref())).collect()
    }

    #[test]
    fn one_line_format() {
        let text = "\
# deb http://mirror.example/commented bookworm main
deb http://mirror.example/debian bookworm main contrib # why
deb [arch=amd64 signed-by=/usr/share/keyrings/k.gpg] https://mirror.example/debian bookworm-updates main
deb-src http://mirror.example/debian bookworm main
debris http://mirror.example/debian bookworm main
deb http://mirror.example/debian
";
        assert_eq!(
            rows(&parse_list(text)),
            [
                ("http://mirror.example/debian", "bookworm", None),
                ("https://mirror.example/debian", "bookworm-updates", Some("/usr/share/keyrings/k.gpg")),
            ]
        );
    }

    #[test]
    fn stanza_format() {
        let text = "\
Types: deb deb-src
# a remark inside a stanza
URIs: http://mirror.example/debian
 http://second.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/k.gpg

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm

types: deb
uris: http://last.example/debian
suites: trixie
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
";
        let key = Some("/usr/share/keyrings/k.gpg");
        assert_eq!(
            rows(&parse_sources(text)),
            [
                ("http://mirror.example/debian", "bookworm", key),
                ("http://mirror.example/debian", "bookworm-updates", key),
                ("http://second.example/debian", "bookworm", key),
                ("http://second.example/debian", "bookworm-updates", key),
                ("http://last.example/debian", "trixie", None),
            ]
        );
    }

    #[test]
    fn nothing_readable_gives_nothing() {
        for text in ["", "\n\n", "deb", "deb [", ": :\n  x\n", "  continued\nTypes deb\n"] {
            assert_eq!(parse_list(text), [], "{text:?}");
            assert_eq!(parse_sources(text), [], "{text:?}");
        }
    }
}
