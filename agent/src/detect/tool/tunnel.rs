//! Encrypted channels on the command line: ssh, openssl.

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Shape, Syntax},
    transform,
};
use crate::event::bytes::base_name;

#[derive(Clone, Copy, PartialEq)]
enum Ssh {
    NoStdin,
    NoCommand,
    Forward,
    Subsystem,
    Control,
    Query,
}

const SSH: Syntax<Ssh> = Syntax {
    options: &[
        Opt::flag(b'n', "", Ssh::NoStdin),
        Opt::flag(b'N', "", Ssh::NoCommand),
        Opt::value(b'W', "", Ssh::Forward),
        Opt::flag(b's', "", Ssh::Subsystem),
        Opt::value(b'O', "", Ssh::Control),
        Opt::value(b'Q', "", Ssh::Query),
        Opt::flag(b'V', "", Ssh::Query),
        Opt::flag(b'G', "", Ssh::Query),
    ],
    short_values: b"BbcDEeFIiJLlmopPRSw",
    long_values: "",
    shape: Shape::Leading,
};

/// A remote command that is fed on standard input carries it there. Where another program drives ssh (a
/// subsystem, the far end of scp, rsync or git), that program's own direction holds.
pub(super) fn ssh<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = SSH.parse(invocation.arguments());
    let Some((host, after)) = parsed.operands.split_first() else { return Meaning::new(Action::Local) };
    // ssh looks for options once more behind the host.
    let more = SSH.parse(after.iter().copied());
    let has = |option| parsed.has(option) || more.has(option);
    let fed = fed && !has(Ssh::NoStdin);
    let action = if has(Ssh::Control) || has(Ssh::Query) {
        Action::Local
    } else if has(Ssh::Subsystem) || has(Ssh::NoCommand) {
        Action::Session
    } else if has(Ssh::Forward) && fed {
        Action::Relay
    } else {
        match more.operands.as_slice() {
            [] if fed => Action::Batch,
            [] => Action::Session,
            command => remote_command(command, fed),
        }
    };
    Meaning::new(action).remote(Some(host))
}

fn remote_command(command: &[&[u8]], fed: bool) -> Action {
    let words: Vec<&[u8]> = command
        .iter()
        .flat_map(|argument| argument.split(u8::is_ascii_whitespace))
        .filter(|word| !word.is_empty())
        .collect();
    let has = |option: &[u8]| words.contains(&option);
    match words.first().map(|program| base_name(program)) {
        Some(b"git-upload-pack" | b"git-upload-archive") => Action::Download,
        Some(b"git-receive-pack") => Action::Upload,
        Some(b"rsync") if has(b"--server") => {
            if has(b"--sender") {
                Action::Download
            } else {
                Action::Upload
            }
        }
        Some(b"scp") if has(b"-f") => Action::Download,
        Some(b"scp") if has(b"-t") => Action::Upload,
        Some(_) if fed => Action::Relay,
        Some(_) | None => Action::Session,
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Openssl {
    Connect,
    In,
    Decrypt,
    Encrypt,
    Base64,
    Digest,
}

const OPENSSL: Syntax<Openssl> = Syntax {
    options: &[
        Opt::value(0, "connect", Openssl::Connect),
        Opt::value(0, "host", Openssl::Connect),
        Opt::value(0, "in", Openssl::In),
        Opt::flag(0, "d", Openssl::Decrypt),
        Opt::flag(0, "decrypt", Openssl::Decrypt),
        Opt::flag(0, "verify_recover", Openssl::Decrypt),
        Opt::flag(0, "encrypt", Openssl::Encrypt),
        Opt::flag(0, "e", Openssl::Encrypt),
        Opt::flag(0, "base64", Openssl::Base64),
        Opt::flag(0, "a", Openssl::Base64),
        Opt::flag(0, "none", Openssl::Digest),
    ],
    short_values: b"",
    long_values: "port out pass passin passout k K iv S md iter kfile bufsize cert certform key keyform CAfile \
     CApath CAstore servername starttls alpn cipher ciphersuites tls1_3_ciphers verify \
     verify_hostname proxy proxy_user proxy_pass bind inkey peerkey pubin_key pkeyopt recip \
     signer to from subject engine provider sess_in sess_out keylogfile psk psk_identity xmpphost \
     name rand",
    shape: Shape::Words,
};

/// `s_client` sends what it is fed; `enc`, `smime`, `cms`, `pkeyutl` encrypt or decrypt.
pub(super) fn openssl<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let Some((verb, rest)) = invocation.subcommand() else { return Meaning::new(Action::Local) };
    let parsed = OPENSSL.parse(rest.iter().map(crate::event::Bytes::as_slice));
    match verb {
        b"s_client" => {
            let remote = parsed.value(Openssl::Connect).or_else(|| parsed.operands.first().copied());
            Meaning::new(if fed { Action::Relay } else { Action::Session }).remote(remote)
        }
        b"s_server" => Meaning::new(if fed { Action::Serve } else { Action::Local }),
        b"smime" | b"cms" | b"pkeyutl" | b"rsautl" => {
            let action = if parsed.has(Openssl::Encrypt) { Action::Encrypt } else { Action::Local };
            Meaning::new(action).objects(parsed.operands)
        }
        b"base64" => transform::direction(parsed.has(Openssl::Decrypt), Action::Encode)
            .objects(parsed.values(Openssl::In)),
        b"enc" => {
            // Without a cipher, `enc -base64` only rewrites.
            let named = rest.iter().any(|argument| is_cipher(argument.as_slice().strip_prefix(b"-")));
            let encodes = parsed.has(Openssl::Base64) && !named;
            transform::direction(
                parsed.has(Openssl::Decrypt),
                if encodes { Action::Encode } else { Action::Encrypt },
            )
            .objects(parsed.values(Openssl::In))
        }
        cipher if is_cipher(Some(cipher)) => {
            transform::direction(parsed.has(Openssl::Decrypt), Action::Encrypt)
                .objects(parsed.values(Openssl::In))
        }
        _ => Meaning::new(Action::Local),
    }
}

fn is_cipher(name: Option<&[u8]>) -> bool {
    let families: [&[u8]; 12] = [
        b"aes",
        b"aria",
        b"camellia",
        b"chacha20",
        b"des",
        b"bf",
        b"blowfish",
        b"cast",
        b"rc2",
        b"rc4",
        b"seed",
        b"sm4",
    ];
    name.is_some_and(|name| {
        families.iter().any(|family| {
            name.strip_prefix(*family)
                .is_some_and(|mode| mode.first().is_none_or(|&byte| b"-0123456789".contains(&byte)))
        })
    })
}
