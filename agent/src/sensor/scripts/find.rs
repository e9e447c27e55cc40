//! Which script an execve runs, from its arguments alone.

use super::options::{self, Options};
use crate::event::{Bytes, Exec, FdObject, bytes::base_name};

/// Where a script comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A path as typed.
    File(Bytes),
    /// Text of an argument.
    Text(Vec<u8>),
    /// Standard input.
    Stdin,
}

/// The script that `exec` runs; none for a program that is no interpreter, an interactive shell, a module.
pub(super) fn find(exec: &Exec) -> Option<Source> {
    let name = exec.exe.bytes.file_name();
    if let Some(script) = &exec.script {
        // `env` runs nothing itself: the interpreter's own exec follows.
        return (name != b"env").then(|| Source::File(script.clone()));
    }
    let arguments: Vec<&[u8]> = exec.argv.iter().map(Bytes::as_slice).collect();
    let source = if name.starts_with(b"pwsh") || name == b"powershell" {
        powershell(arguments.get(1..)?)
    } else if name == b"busybox" {
        applet(&arguments)
    } else {
        parse(options::of(name)?, arguments.get(1..)?)
    };
    source.filter(|source| *source != Source::Stdin || is_input(&exec.fds))
}

/// A terminal or nothing at all on descriptor 0 is no script.
fn is_input(fds: &[FdObject; 3]) -> bool {
    let [stdin, ..] = fds;
    match stdin {
        FdObject::File { read, .. } | FdObject::Pipe { read, .. } => *read,
        FdObject::Socket { .. } => true,
        FdObject::None | FdObject::Device { .. } | FdObject::Other { .. } => false,
    }
}

/// `busybox sh x`, or a link named `sh` to busybox.
fn applet(arguments: &[&[u8]]) -> Option<Source> {
    let (first, rest) = arguments.split_first()?;
    let name = base_name(first);
    let name = name.strip_prefix(b"-").unwrap_or(name);
    if name == b"busybox" { applet(rest) } else { parse(options::of(name)?, rest) }
}

/// Walks over options as the interpreter does. `arguments` begin after the program's name.
fn parse(options: &Options, arguments: &[&[u8]]) -> Option<Source> {
    let mut words = arguments.iter().copied().peekable();
    let mut texts: Vec<&[u8]> = Vec::new();
    let (mut command, mut stdin) = (false, false);
    while let Some(&word) = words.peek() {
        if word == b"-" && !options.shell {
            return Some(Source::Stdin);
        }
        let is_option = word.starts_with(b"-") || (options.shell && word.starts_with(b"+"));
        if !is_option {
            break;
        }
        words.next();
        if word == b"--" || word == b"-" {
            break;
        }
        if let Some(long) = word.strip_prefix(b"--") {
            let mut parts = long.splitn(2, |&byte| byte == b'=');
            let (name, attached) = (parts.next().unwrap_or_default(), parts.next());
            if matches!(name, b"version" | b"help") {
                return None;
            }
            if options.long_text.contains(&name) {
                texts.extend(attached.or_else(|| words.next()));
            } else if options.long_value.contains(&name) && attached.is_none() {
                words.next();
            }
            continue;
        }
        let mut letters = word.get(1..).unwrap_or_default();
        while let Some((letter, rest)) = letters.split_first() {
            letters = rest;
            let mut argument = || if rest.is_empty() { words.next() } else { Some(rest) };
            if options.shell && matches!(letter, b'c' | b's') {
                command |= *letter == b'c' && word.starts_with(b"-");
                stdin |= *letter == b's';
            } else if options.text.contains(letter) {
                texts.extend(argument());
                break;
            } else if options.file.contains(letter) {
                return argument().map(|path| Source::File(path.into()));
            } else if options.none.contains(letter) {
                return None;
            } else if options.value.contains(letter) {
                argument();
                break;
            } else if options.next.contains(letter) {
                words.next();
            } else if options.rest.contains(letter) {
                break;
            }
        }
        // python stops at its text: what follows are the text's own arguments.
        if !texts.is_empty() && options.none.contains(&b'm') {
            break;
        }
    }
    match words.next() {
        operand if command => operand.map(|text| Source::Text(text.to_vec())),
        _ if !texts.is_empty() => Some(Source::Text(texts.join(&b'\n'))),
        Some(path) if !stdin => Some(Source::File(path.into())),
        Some(_) | None => Some(Source::Stdin),
    }
}

/// PowerShell's options: one dash, any case, any unambiguous beginning. The first word that is none is the script.
fn powershell(arguments: &[&[u8]]) -> Option<Source> {
    /// Options with a value, and the shortest beginning that names each.
    const VALUES: [(&str, usize); 10] = [
        ("executionpolicy", 2),
        ("workingdirectory", 2),
        ("configurationname", 6),
        ("configurationfile", 14),
        ("custompipename", 2),
        ("inputformat", 2),
        ("outputformat", 1),
        ("settingsfile", 8),
        ("windowstyle", 1),
        ("ep", 2),
    ];
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        let Some(option) = word.strip_prefix(b"-") else { return Some(Source::File(word.into())) };
        let option = String::from_utf8_lossy(option).to_ascii_lowercase();
        let option = option.strip_prefix('-').unwrap_or(&option);
        let is = |name: &str, shortest: usize| option.len() >= shortest && name.starts_with(option);
        let rest =
            |words: std::iter::Copied<std::slice::Iter<'_, &[u8]>>| words.collect::<Vec<_>>().join(&b' ');
        if is("command", 1) || is("encodedcommand", 1) || matches!(option, "ec" | "commandwithargs" | "cwa") {
            let text = rest(words);
            return Some(if text == b"-" { Source::Stdin } else { Source::Text(text) });
        }
        if is("file", 1) {
            let path = words.next()?;
            return Some(if path == b"-" { Source::Stdin } else { Source::File(path.into()) });
        }
        if is("version", 1) || is("help", 1) || option == "?" {
            return None;
        }
        if VALUES.iter().any(|&(name, shortest)| is(name, shortest)) {
            words.next();
        }
    }
    Some(Source::Stdin)
}
