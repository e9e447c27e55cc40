//! `PowerShell`: one dash, two or a slash, any case, any beginning from the shortest that is taken on. The first word
//! that is no parameter is the file, be it spelt with a dash.

use std::borrow::Cow;

use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{GeneralPurpose, GeneralPurposeConfig},
};

use super::{Program, Told};
use crate::event::Bytes;

/// What a parameter leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// All that follows is text.
    Command,
    /// The next argument is text; what follows are its arguments.
    CommandWithArguments,
    /// The next argument is encoded text. Parameters go on behind it, and a file among them is run in its place.
    Encoded,
    /// The next argument is the file.
    File,
    /// A value follows that does not matter here.
    Value,
    /// Nothing follows.
    Flag,
    /// Nothing is run.
    Nothing,
}

/// Name, shortest beginning that is taken for it, meaning; the first that fits counts. As in PowerShell 7.5's
/// `CommandLineParameterParser`.
const PARAMETERS: &[(&str, usize, Means)] = &[
    ("version", 1, Means::Nothing),
    ("help", 1, Means::Nothing),
    ("?", 1, Means::Nothing),
    ("login", 1, Means::Flag),
    ("noexit", 3, Means::Flag),
    ("noprofile", 3, Means::Flag),
    ("nologo", 3, Means::Flag),
    ("noninteractive", 4, Means::Flag),
    ("socketservermode", 2, Means::Flag),
    ("servermode", 1, Means::Flag),
    ("namedpipeservermode", 3, Means::Flag),
    ("sshservermode", 4, Means::Flag),
    ("noprofileloadtime", 17, Means::Flag),
    ("interactive", 1, Means::Flag),
    ("configurationfile", 17, Means::Value),
    ("configurationname", 6, Means::Value),
    ("custompipename", 3, Means::Value),
    ("commandwithargs", 15, Means::CommandWithArguments),
    ("cwa", 3, Means::CommandWithArguments),
    ("command", 1, Means::Command),
    ("windowstyle", 1, Means::Value),
    ("file", 1, Means::File),
    ("outputformat", 1, Means::Value),
    ("of", 1, Means::Value),
    ("inputformat", 3, Means::Value),
    ("if", 2, Means::Value),
    ("executionpolicy", 2, Means::Value),
    ("ep", 2, Means::Value),
    ("encodedcommand", 1, Means::Encoded),
    ("ec", 1, Means::Encoded),
    ("encodedarguments", 8, Means::Value),
    ("ea", 2, Means::Value),
    ("settingsfile", 8, Means::Value),
    ("sta", 3, Means::Flag),
    ("mta", 3, Means::Flag),
    ("workingdirectory", 2, Means::Value),
    ("wd", 2, Means::Value),
];

/// What `arguments` (without the program's name) tell it to run.
pub(super) fn read(arguments: &[Bytes]) -> Told<'_> {
    let (encoded, program) = parameters(arguments);
    let Some(typed) = encoded else { return Told::alone(program.unwrap_or(Program::Stdin)) };
    match program {
        None => Told::alone(Program::Encoded(typed)),
        Some(program @ (Program::File(..) | Program::Stdin)) => {
            let text = decoded(typed).map_or(Cow::Borrowed(typed), |text| Cow::Owned(text.into_bytes()));
            Told { before: Some(text), ..Told::alone(program) }
        }
        // Text may be given once.
        Some(
            Program::Text(_) | Program::Encoded(_) | Program::Module(..) | Program::Server | Program::Nothing,
        ) => Told::alone(Program::Nothing),
    }
}

/// The encoded text, and what else is named.
fn parameters(arguments: &[Bytes]) -> (Option<&[u8]>, Option<Program<'_>>) {
    let mut encoded = None;
    let mut rest = arguments;
    while let [argument, after @ ..] = rest {
        let next = after.first().map(Bytes::as_slice);
        let following = after.get(1..).unwrap_or_default();
        let program = match parameter(argument.as_slice()) {
            None => file(argument.as_slice(), after),
            Some(Means::Command) => command(after),
            Some(Means::CommandWithArguments) => {
                next.map_or(Program::Nothing, |text| Program::Text(text.into()))
            }
            Some(Means::Encoded) if next.is_some() && encoded.is_none() => {
                (encoded, rest) = (next, following);
                continue;
            }
            Some(Means::Encoded | Means::Nothing) => Program::Nothing,
            Some(Means::File) => next.map_or(Program::Nothing, |path| file(path, following)),
            Some(Means::Value) => {
                rest = following;
                continue;
            }
            Some(Means::Flag) => {
                rest = after;
                continue;
            }
        };
        return (encoded, Some(program));
    }
    (encoded, None)
}

/// Base64 as .NET takes it: blanks are passed over, and what the last character has too many of its bits.
const BASE64: GeneralPurpose =
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// The text of `-EncodedCommand`, which is UTF-16LE in Base64; none where it is no Base64, which `PowerShell` refuses.
/// Its length is bounded by that of `typed`.
pub(super) fn decoded(typed: &[u8]) -> Option<String> {
    let characters: Vec<u8> = typed.iter().copied().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    let bytes = BASE64.decode(characters).ok()?;
    let (pairs, odd) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair)));
    let text = text.map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER));
    Some(text.chain((!odd.is_empty()).then_some(char::REPLACEMENT_CHARACTER)).collect())
}

fn file<'a>(path: &'a [u8], arguments: &'a [Bytes]) -> Program<'a> {
    if path == b"-" { Program::Stdin } else { Program::File(path, arguments) }
}

/// The words are joined by blanks; a lone dash stands for standard input.
fn command(words: &[Bytes]) -> Program<'_> {
    match words {
        [] => Program::Nothing,
        [only] if only.as_slice() == b"-" => Program::Stdin,
        [only] => Program::Text(only.as_slice().into()),
        words => {
            let words: Vec<&[u8]> = words.iter().map(Bytes::as_slice).collect();
            Program::Text(Cow::Owned(words.join(&b' ')))
        }
    }
}

fn parameter(argument: &[u8]) -> Option<Means> {
    let argument = argument.trim_ascii();
    let name = without_dash(argument)
        .map_or_else(|| argument.strip_prefix(b"/"), |name| Some(without_dash(name).unwrap_or(name)))?;
    let begins = |full: &str| {
        full.as_bytes().get(..name.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(name))
    };
    let fits = |&&(full, shortest, _): &&(&str, usize, Means)| name.len() >= shortest && begins(full);
    PARAMETERS.iter().find(fits).map(|&(.., means)| means)
}

/// A hyphen, or one of the longer dashes that word processors make of it and `PowerShell` takes as well.
fn without_dash(text: &[u8]) -> Option<&[u8]> {
    ["-", "\u{2013}", "\u{2014}", "\u{2015}"].iter().find_map(|dash| text.strip_prefix(dash.as_bytes()))
}
