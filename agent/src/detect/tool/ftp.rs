//! Clients with a session and commands of their own: what drives the session decides.

use super::{
    Action, Invocation, Meaning,
    options::{Nothing, Opt, Shape, Syntax},
    remote::{host_of_url, split_scheme},
};

#[derive(Clone, Copy, PartialEq)]
enum Ftp {
    Upload,
}

const FTP: Syntax<Ftp> = Syntax {
    options: &[Opt::value(b'u', "", Ftp::Upload)],
    short_values: b"NoPqrsT",
    long_values: "netrc prompt",
    shape: Shape::Permuting,
};

/// A session, driven by a script where standard input is fed; a URL as operand fetches; `-u URL file` uploads.
pub(super) fn ftp<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = FTP.parse(invocation.arguments());
    if let Some(url) = parsed.value(Ftp::Upload) {
        return Meaning::new(Action::Upload).remote(host_of_url(url)).objects(parsed.operands);
    }
    let host = parsed.operands.first().copied();
    match host.filter(|host| split_scheme(host).is_some()) {
        Some(url) => Meaning::new(Action::Download).remote(host_of_url(url)),
        None => session(host, fed),
    }
}

fn session(host: Option<&[u8]>, fed: bool) -> Meaning<'_> {
    Meaning::new(if fed { Action::Batch } else { Action::Session }).remote(host)
}

const FTP_PUT: Syntax<Nothing> =
    Syntax { options: &[], short_values: b"upPfdetUwjJTSrWXYBO", long_values: "", shape: Shape::Leading };

/// `host directory file...`; busybox: `host remote-file local-file`.
pub(super) fn ftp_put<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = FTP_PUT.parse(invocation.arguments());
    let host = parsed.operands.first().copied();
    Meaning::new(Action::Upload).remote(host).objects(parsed.operands.into_iter().skip(2))
}

#[derive(Clone, Copy, PartialEq)]
enum Lftp {
    Text,
    File,
}

const LFTP: Syntax<Lftp> = Syntax {
    options: &[
        Opt::value(b'e', "", Lftp::Text),
        Opt::value(b'c', "", Lftp::Text),
        Opt::value(b'f', "", Lftp::File),
    ],
    short_values: b"up",
    long_values: "user password env-password port rcfile",
    shape: Shape::Permuting,
};

pub(super) fn lftp<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = LFTP.parse(invocation.arguments());
    let host = parsed.operands.first().map(|site| host_of_url(site).unwrap_or(site));
    let script = parsed.values(Lftp::Text).flat_map(statements).fold(None, |strongest, words| {
        let found = lftp_statement(&words);
        if strongest == Some(Action::Upload) { strongest } else { found.or(strongest) }
    });
    match script {
        Some(action) => Meaning::new(action).remote(host),
        None => session(host, fed || parsed.has(Lftp::File)).objects(parsed.values(Lftp::File)),
    }
}

/// Words of each statement of a session's command text.
fn statements(text: &[u8]) -> impl Iterator<Item = Vec<&[u8]>> {
    text.split(|byte| b";\n&|".contains(byte)).map(|statement| {
        statement.split(u8::is_ascii_whitespace).map(unquoted).filter(|word| !word.is_empty()).collect()
    })
}

fn unquoted(word: &[u8]) -> &[u8] {
    let word = word.strip_prefix(b"\"").or_else(|| word.strip_prefix(b"'")).unwrap_or(word);
    word.strip_suffix(b"\"").or_else(|| word.strip_suffix(b"'")).unwrap_or(word)
}

fn lftp_statement(words: &[&[u8]]) -> Option<Action> {
    let (verb, arguments) = words.split_first()?;
    match *verb {
        b"put" | b"mput" | b"put1" => Some(Action::Upload),
        b"mirror" => {
            let reversed = arguments.iter().any(|argument| match argument {
                [b'-', b'-', long @ ..] => long == b"reverse",
                [b'-', cluster @ ..] => cluster.contains(&b'R'),
                _ => false,
            });
            Some(if reversed { Action::Upload } else { Action::Download })
        }
        b"get" | b"mget" | b"pget" | b"get1" | b"cat" | b"zcat" => Some(Action::Download),
        _ => None,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Tftp {
    Command,
    Put,
    Get,
    Local,
}

const TFTP: Syntax<Tftp> = Syntax {
    options: &[
        Opt::flag(b'c', "", Tftp::Command),
        Opt::flag(b'p', "put", Tftp::Put),
        Opt::flag(b'g', "get", Tftp::Get),
        Opt::value(b'l', "local-file", Tftp::Local),
    ],
    short_values: b"rbmR",
    long_values: "remote-file option mode",
    shape: Shape::Permuting,
};

/// tftp-hpa: `host -c put file`; busybox and atftp: `-p`, `--put` with `-l file host`.
pub(super) fn tftp<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = TFTP.parse(invocation.arguments());
    let host = parsed.operands.first().copied();
    if parsed.has(Tftp::Command) {
        let action = match parsed.operands.get(1) {
            Some(&b"put") => Action::Upload,
            Some(_) => Action::Download,
            None => Action::Session,
        };
        return Meaning::new(action).remote(host).objects(parsed.operands.into_iter().skip(2));
    }
    if parsed.has(Tftp::Put) {
        return Meaning::new(Action::Upload).remote(host).objects(parsed.values(Tftp::Local));
    }
    if parsed.has(Tftp::Get) {
        return Meaning::new(Action::Download).remote(host);
    }
    session(host, fed)
}

#[derive(Clone, Copy, PartialEq)]
enum Smb {
    Text,
    List,
    Tar,
}

const SMBCLIENT: Syntax<Smb> = Syntax {
    options: &[
        Opt::value(b'c', "command", Smb::Text),
        Opt::value(b'L', "list", Smb::List),
        Opt::value(b'T', "tar", Smb::Tar),
    ],
    short_values: b"UWRIpMmtDnsdbO",
    long_values: "user workgroup name-resolve ip-address port authentication-file directory",
    shape: Shape::Permuting,
};

pub(super) fn smbclient<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = SMBCLIENT.parse(invocation.arguments());
    let share = parsed.operands.first().copied();
    if parsed.has(Smb::List) {
        return Meaning::new(Action::Local).remote(share);
    }
    if let Some(mode) = parsed.value(Smb::Tar) {
        // `-Tx` restores onto the share, `-Tc` fetches from it.
        let action = if mode.contains(&b'x') { Action::Upload } else { Action::Download };
        return Meaning::new(action).remote(share);
    }
    let verbs: Vec<&[u8]> =
        parsed.values(Smb::Text).flat_map(statements).filter_map(|words| words.first().copied()).collect();
    let action = if verbs.iter().any(|verb| [&b"put"[..], b"mput", b"reput"].contains(verb)) {
        Action::Upload
    } else if verbs.iter().any(|verb| [&b"get"[..], b"mget", b"reget", b"more"].contains(verb)) {
        Action::Download
    } else if !verbs.is_empty() {
        Action::Local
    } else {
        return session(share, fed);
    };
    Meaning::new(action).remote(share)
}
