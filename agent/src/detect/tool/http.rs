//! Web clients and one-line web servers: what is in the request decides, never the tool's name alone.

use super::{
    Action, Invocation, Meaning, identity,
    options::{Opt, Shape, Syntax},
    remote::{host_of_loose_url, split_scheme},
};
use crate::{event::bytes::base_name, interpreter::Program};

#[derive(Clone, Copy, PartialEq)]
enum Curl {
    File,
    Form,
    Data,
    UrlEncoded,
    Raw,
    Request,
    Get,
    Head,
    Config,
    Url,
}

const CURL: Syntax<Curl> = Syntax {
    options: &[
        Opt::value(b'T', "upload-file", Curl::File),
        Opt::value(b'F', "form", Curl::Form),
        Opt::value(0, "form-string", Curl::Raw),
        Opt::value(b'd', "data", Curl::Data),
        Opt::value(0, "data-ascii", Curl::Data),
        Opt::value(0, "data-binary", Curl::Data),
        Opt::value(0, "json", Curl::Data),
        Opt::value(0, "data-urlencode", Curl::UrlEncoded),
        Opt::value(0, "data-raw", Curl::Raw),
        Opt::value(b'X', "request", Curl::Request),
        Opt::flag(b'G', "get", Curl::Get),
        Opt::flag(b'I', "head", Curl::Head),
        Opt::value(b'K', "config", Curl::Config),
        Opt::value(0, "url", Curl::Url),
    ],
    short_values: b"AbcCDeEhHmoPQrtuUwxyYz",
    long_values: "user-agent cookie cookie-jar continue-at dump-header referer cert help header max-time \
     output output-dir ftp-port quote postquote prequote range telnet-option user proxy-user \
     write-out proxy preproxy speed-time speed-limit time-cond cacert capath cert-type ciphers \
     connect-timeout connect-to crlfile delegation dns-servers dns-interface doh-url egd-file \
     engine expect100-timeout hostpubmd5 hostpubsha256 hsts alt-svc aws-sigv4 interface \
     keepalive-time key key-type krb libcurl limit-rate local-port login-options mail-auth \
     mail-from mail-rcpt max-filesize max-redirs netrc-file noproxy oauth2-bearer parallel-max \
     pass pinnedpubkey proto proto-default proto-redir proxy-cacert proxy-cert proxy-header \
     proxy-key pubkey random-file rate request-target resolve retry retry-delay retry-max-time \
     sasl-authzid service-name socks4 socks4a socks5 socks5-hostname stderr tls-max tls13-ciphers \
     tlsuser tlspassword trace trace-ascii unix-socket abstract-unix-socket url-query variable",
    shape: Shape::Permuting,
};

/// `-T`, `-F`, `-d` and a PUT or POST send; `-G` puts literal data into the address of a download.
pub(super) fn curl<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = CURL.parse(invocation.arguments());
    let url = parsed.value(Curl::Url).or_else(|| parsed.operands.first().copied()).unwrap_or_default();
    let remote = host_of_loose_url(url);
    let mut files = Vec::new();
    let mut literal = false;
    for (option, value) in parsed.options() {
        match option {
            Curl::File => files.push(value),
            Curl::Form => literal |= !form_files(value, &mut files),
            Curl::Data => match value {
                [b'@', file @ ..] => files.push(file),
                _ => literal = true,
            },
            // `@file` or `name@file`, where no `=` comes first.
            Curl::UrlEncoded => match value.iter().position(|byte| b"@=".contains(byte)) {
                Some(at) if value.get(at) == Some(&b'@') => files.extend(value.get(at + 1..)),
                _ => literal = true,
            },
            Curl::Raw => literal = true,
            Curl::Request | Curl::Get | Curl::Head | Curl::Config | Curl::Url => {}
        }
    }
    let sending_method = parsed.value(Curl::Request).is_some_and(is_sending_method);
    let to_file = split_scheme(url).is_some_and(|(scheme, _)| scheme.eq_ignore_ascii_case(b"file"));
    let action = if to_file {
        Action::Local
    } else if !files.is_empty() || sending_method || (literal && !parsed.has(Curl::Get)) {
        Action::Upload
    } else if parsed.has(Curl::Config) {
        Action::Unknown
    } else {
        Action::Download
    };
    Meaning::new(action).remote(remote).objects(files)
}

/// Adds the files of `name=@file;type=...,file` and `name=<file`, quoted or not; false where there are none.
fn form_files<'a>(value: &'a [u8], files: &mut Vec<&'a [u8]>) -> bool {
    let content = value.iter().position(|&byte| byte == b'=').and_then(|at| value.get(at + 1..));
    match content {
        Some([b'@' | b'<', b'"', quoted @ ..]) => files.extend(quoted.split(|&byte| byte == b'"').next()),
        Some([b'@' | b'<', list @ ..]) => {
            let names = list.split(|&byte| byte == b';').next().unwrap_or_default();
            files.extend(names.split(|&byte| byte == b','));
        }
        Some(_) | None => return false,
    }
    true
}

fn is_sending_method(method: &[u8]) -> bool {
    [&b"PUT"[..], b"POST", b"PATCH", b"APPE", b"STOR"].iter().any(|known| method.eq_ignore_ascii_case(known))
}

#[derive(Clone, Copy, PartialEq)]
enum Wget {
    File,
    Data,
    Method,
}

const WGET: Syntax<Wget> = Syntax {
    options: &[
        Opt::value(0, "post-file", Wget::File),
        Opt::value(0, "body-file", Wget::File),
        Opt::value(0, "post-data", Wget::Data),
        Opt::value(0, "body-data", Wget::Data),
        Opt::value(0, "method", Wget::Method),
    ],
    short_values: b"oaeiBtOTwQPUlARDIX",
    long_values: "output-file append-output execute input-file base tries output-document timeout dns-timeout \
     connect-timeout read-timeout wait waitretry quota bind-address limit-rate directory-prefix \
     user-agent user password header referer load-cookies save-cookies level accept reject \
     domains exclude-domains include-directories exclude-directories cut-dirs certificate \
     certificate-type private-key ca-certificate ca-directory config http-user http-password \
     ftp-user ftp-password proxy-user proxy-password max-redirect secure-protocol progress \
     start-pos rejected-log warc-file restrict-file-names",
    shape: Shape::Permuting,
};

pub(super) fn wget<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = WGET.parse(invocation.arguments());
    let remote = parsed.operands.first().and_then(|url| host_of_loose_url(url));
    let sends = parsed.has(Wget::File)
        || parsed.has(Wget::Data)
        || parsed.value(Wget::Method).is_some_and(is_sending_method);
    let action = if sends { Action::Upload } else { Action::Download };
    Meaning::new(action).remote(remote).objects(parsed.values(Wget::File))
}

#[derive(Clone, Copy, PartialEq)]
enum Httpie {
    Raw,
    Offline,
}

const HTTPIE: Syntax<Httpie> = Syntax {
    options: &[Opt::value(0, "raw", Httpie::Raw), Opt::flag(0, "offline", Httpie::Offline)],
    short_values: b"oapAs",
    long_values: "output auth auth-type print pretty style session session-read-only proxy timeout verify cert \
     cert-key max-redirects boundary",
    shape: Shape::Permuting,
};

/// `[METHOD] URL item...`; items with `=` or `:=` are a body, `name@file` and `name=@file` name files.
pub(super) fn httpie<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = HTTPIE.parse(invocation.arguments());
    let operands = parsed.operands.as_slice();
    let (method, operands) = match operands {
        [method, rest @ ..] if !rest.is_empty() && method.iter().all(u8::is_ascii_alphabetic) => {
            (*method, rest)
        }
        rest => (&[][..], rest),
    };
    let Some((url, items)) = operands.split_first() else { return Meaning::new(Action::Local) };
    let separator = |item: &[u8]| item.iter().position(|byte| b"=@".contains(byte));
    let files: Vec<&[u8]> = items
        .iter()
        .filter_map(|item| {
            let tail = item.get(separator(item)?..)?;
            tail.strip_prefix(b"=@").or_else(|| tail.strip_prefix(b"@"))
        })
        .collect();
    let is_query = |item: &[u8], at: usize| item.get(at..at + 2) == Some(b"==");
    let body = items.iter().any(|item| separator(item).is_some_and(|at| !is_query(item, at)));
    let action = if parsed.has(Httpie::Offline) {
        Action::Local
    } else if body || fed || parsed.has(Httpie::Raw) || is_sending_method(method) {
        Action::Upload
    } else {
        Action::Download
    };
    Meaning::new(action).remote(host_of_loose_url(url)).objects(files)
}

/// Modules reach this by `-m`, php by `-S`, and `httpd` only as a busybox applet: Apache has that name too.
pub(super) fn web_server<'a>(invocation: &Invocation<'a>) -> Option<Meaning<'a>> {
    let serves = if let Some(program) = identity::program(invocation) {
        program == Program::Server
    } else if invocation.name == b"httpd" {
        base_name(invocation.path) != b"httpd"
    } else {
        true
    };
    serves.then(|| Meaning::new(Action::Serve))
}
