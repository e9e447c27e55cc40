//! Mail on the command line: an attachment is an upload, a body from a pipe is relayed.

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Shape, Syntax},
    remote::host_of_loose_url,
};

#[derive(Clone, Copy, PartialEq)]
enum Mail {
    Attach,
    Content,
    Server,
    Reads,
}

const MAIL: Syntax<Mail> = Syntax {
    options: &[
        Opt::value(b'a', "attach", Mail::Attach),
        Opt::value(b'A', "", Mail::Attach),
        Opt::value(b'q', "", Mail::Content),
        Opt::flag(b'e', "", Mail::Reads),
        Opt::flag(b'H', "", Mail::Reads),
        Opt::value(b'f', "", Mail::Reads),
    ],
    short_values: b"sbcrSuTM",
    long_values: "subject return-address content-type append exec to cc bcc",
    shape: Shape::Permuting,
};

/// bsd-mailx uses `-a` for a header (`-a "From: x"`), the others for a file; a header has a colon and no slash.
pub(super) fn mail<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = MAIL.parse(invocation.arguments());
    let files: Vec<&[u8]> = parsed
        .options()
        .filter(|&(option, value)| {
            option == Mail::Content
                || option == Mail::Attach && (value.contains(&b'/') || !value.contains(&b':'))
        })
        .map(|(_, value)| value)
        .collect();
    let address = parsed.operands.first().copied();
    let action = if address.is_none() || parsed.has(Mail::Reads) {
        Action::Local
    } else {
        sending(!files.is_empty(), fed)
    };
    Meaning::new(action).remote(address).objects(files)
}

const fn sending(attached: bool, fed: bool) -> Action {
    if attached {
        Action::Upload
    } else if fed {
        Action::Relay
    } else {
        Action::Session
    }
}

const MUTT: Syntax<Mail> = Syntax {
    options: &[
        Opt::value(b'a', "", Mail::Attach),
        Opt::value(b'i', "", Mail::Content),
        Opt::value(b'H', "", Mail::Content),
        Opt::value(b'f', "", Mail::Reads),
    ],
    short_values: b"sbceFmQADd",
    long_values: "",
    shape: Shape::Permuting,
};

/// `-a file... -- address`: all before `--` are files.
pub(super) fn mutt<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let arguments: Vec<&[u8]> = invocation.arguments().collect();
    let end = arguments.iter().position(|argument| *argument == b"--");
    let (before, after) = arguments.split_at_checked(end.unwrap_or(arguments.len())).unwrap_or_default();
    let parsed = MUTT.parse(before.iter().copied());
    let attached = parsed.has(Mail::Attach) || parsed.has(Mail::Content);
    let address = after.get(1).or_else(|| parsed.operands.last()).copied();
    let action = match address {
        Some(_) if !parsed.has(Mail::Reads) => sending(attached, fed),
        Some(_) | None => Action::Local,
    };
    let more_files = parsed.operands.iter().copied().filter(|_| parsed.has(Mail::Attach) && end.is_some());
    Meaning::new(action)
        .remote(address)
        .objects(parsed.values(Mail::Attach))
        .objects(parsed.values(Mail::Content))
        .objects(more_files)
}

const SENDMAIL: Syntax<Mail> = Syntax {
    options: &[Opt::value(b'b', "", Mail::Reads), Opt::flag(b'q', "", Mail::Reads)],
    short_values: b"fFroOCXNRVa",
    long_values: "account file from host port user logfile",
    shape: Shape::Permuting,
};

/// `-bd`, `-bp`, `-q` and the like run or show the queue; `-bm` is the plain way to send.
pub(super) fn sendmail<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = SENDMAIL.parse(invocation.arguments());
    let other = parsed.values(Mail::Reads).any(|mode| mode != b"m" && mode != b"s");
    let action = if other || !fed { Action::Local } else { Action::Relay };
    Meaning::new(action).remote(parsed.operands.first().copied())
}

const SWAKS: Syntax<Mail> = Syntax {
    options: &[
        Opt::value(0, "attach", Mail::Attach),
        Opt::value(0, "attach-body", Mail::Content),
        Opt::value(0, "body", Mail::Content),
        Opt::value(0, "data", Mail::Content),
        Opt::value(0, "d", Mail::Content),
        Opt::value(0, "server", Mail::Server),
        Opt::value(0, "s", Mail::Server),
    ],
    short_values: b"",
    long_values: "to t from f port p header h-Subject auth a auth-user au auth-password ap ehlo helo \
     attach-name attach-type timeout pipe socket",
    shape: Shape::Words,
};

/// Text is sent as it stands, `@file` from the file.
pub(super) fn swaks<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = SWAKS.parse(invocation.arguments());
    let attached = parsed.values(Mail::Attach).map(|file| file.strip_prefix(b"@").unwrap_or(file));
    let content = parsed.values(Mail::Content).filter_map(|value| value.strip_prefix(b"@"));
    let files: Vec<&[u8]> = attached.chain(content).collect();
    let action = if files.is_empty() { Action::Relay } else { Action::Upload };
    Meaning::new(action).remote(parsed.value(Mail::Server).and_then(host_of_loose_url)).objects(files)
}
