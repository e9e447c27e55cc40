//! The first bytes of a flow -> which protocol it speaks, whom it names, how random it looks. The bytes themselves go no
//! further than this: no event holds them.

#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::dns::{self, Question};

/// Letters of a host's name at most (RFC 1035).
const NAME_MAX: usize = 253;
/// Bytes of which the entropy is told: of fewer, noise itself looks like text.
const ENTROPY_LEAST: usize = 256;
/// Values of a byte.
const VALUES: usize = 256;

/// What was seen of a flow's bytes as a packet left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Cookie of the socket.
    pub socket: u64,
    /// Source.
    pub local: SocketAddr,
    /// Destination.
    pub remote: SocketAddr,
    /// Network namespace; 0 where this kernel does not tell.
    pub net_ns: u32,
    /// `IPPROTO_TCP` or `IPPROTO_UDP`.
    pub protocol: u16,
    /// Where in the flow.
    pub part: Part,
    /// Bytes of the packet behind its headers.
    pub bytes: u32,
    /// What they are.
    pub spoken: Spoken,
    /// Their entropy in hundredths of a bit per byte, up to 800; none of fewer than 256 bytes.
    pub entropy: Option<u16>,
}

/// Which bytes of a flow were seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The first that it sent.
    First,
    /// Some from further on.
    Later,
    /// A datagram to a name server.
    Question,
}

/// A protocol by what its first bytes look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spoken {
    /// TLS (RFC 8446), with the name that the client asks for (RFC 6066).
    Tls {
        /// Server name; none where there is none, it is encrypted, or stands too far behind.
        name: Option<String>,
    },
    /// SSH (RFC 4253).
    Ssh,
    /// HTTP (RFC 9112, 9113), with the host that the client asks for.
    Http {
        /// Host without its port.
        host: Option<String>,
    },
    /// FTP (RFC 959, 4217).
    Ftp,
    /// SMTP (RFC 5321).
    Smtp,
    /// A question to a name server.
    Dns(Question),
    /// None of these.
    Unknown,
}

impl Spoken {
    /// Its name as people write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Tls { .. } => "TLS",
            Self::Ssh => "SSH",
            Self::Http { .. } => "HTTP",
            Self::Ftp => "FTP",
            Self::Smtp => "SMTP",
            Self::Dns(_) => "DNS",
            Self::Unknown => "none that is known",
        }
    }
}

/// Tells a stream's protocol by the first bytes of who opened it.
#[must_use]
pub fn of_stream(bytes: &[u8]) -> Spoken {
    if let Some(name) = tls(bytes) {
        return Spoken::Tls { name };
    }
    if bytes.starts_with(b"SSH-") {
        return Spoken::Ssh;
    }
    if is_http(bytes) {
        return Spoken::Http { host: http_host(bytes) };
    }
    let word = bytes.split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next().unwrap_or_default();
    match word.to_ascii_uppercase().as_slice() {
        b"EHLO" | b"HELO" | b"LHLO" => return Spoken::Smtp,
        b"USER" | b"AUTH" | b"FEAT" | b"SYST" => return Spoken::Ftp,
        _ => {}
    }
    // Over TCP a message has its length before it (RFC 1035).
    if let Some((length, message)) = bytes.split_first_chunk()
        && usize::from(u16::from_be_bytes(*length)) >= message.len()
        && let Ok(question) = dns::question(message)
    {
        return Spoken::Dns(question);
    }
    Spoken::Unknown
}

/// Tells what a datagram to port 53 is.
#[must_use]
pub fn of_question(bytes: &[u8]) -> Spoken {
    dns::question(bytes).map_or(Spoken::Unknown, Spoken::Dns)
}

/// Entropy of the distribution of bytes, in hundredths of a bit, with the correction for few of them that Miller (1955)
/// gives: half of the number of values seen, less one, by their count.
#[must_use]
pub fn entropy(bytes: &[u8]) -> Option<u16> {
    if bytes.len() < ENTROPY_LEAST {
        return None;
    }
    let mut counts = [0_u32; VALUES];
    for &byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(byte)) {
            *count += 1;
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "a packet's bytes are few")]
    let total = bytes.len() as f64;
    let (mut bits, mut seen) = (0.0, 0.0);
    for count in counts.into_iter().filter(|&count| count > 0) {
        let share = f64::from(count) / total;
        bits -= share * share.log2();
        seen += 1.0;
    }
    let bits = (bits + (seen - 1.0) / (2.0 * total * std::f64::consts::LN_2)).min(8.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 800")]
    Some((bits * 100.0).round() as u16)
}

/// Whether bytes begin a TLS handshake: the name that the client asks for, as far as it is there.
#[expect(clippy::option_option, reason = "no TLS, no name, and a name are three answers")]
fn tls(bytes: &[u8]) -> Option<Option<String>> {
    // A record of the handshake, of a version 3.x, whose first message is a client's greeting.
    let [0x16, 3, 0..=4, _, _, 1, ..] = bytes else { return None };
    Some(server_name(bytes))
}

/// The extension `server_name` of a client's greeting.
fn server_name(bytes: &[u8]) -> Option<String> {
    // Record (5), message (4), version (2), random (32).
    let mut reader = Reader(bytes.get(43..)?);
    let session = reader.u8()?;
    reader.take(session.into())?;
    let suites = reader.u16()?;
    reader.take(suites.into())?;
    let compressions = reader.u8()?;
    reader.take(compressions.into())?;
    reader.u16()?;
    loop {
        let (kind, length) = (reader.u16()?, reader.u16()?);
        let extension = reader.take(length.into())?;
        if kind == 0 {
            let mut names = Reader(extension);
            names.u16()?;
            // A host's name is the one kind that there is.
            let (0, length) = (names.u8()?, names.u16()?) else { return None };
            return host(names.take(length.into())?);
        }
    }
}

/// Begins of requests (RFC 9110, `WebDAV`), and what HTTP/2 begins with.
fn is_http(bytes: &[u8]) -> bool {
    const METHODS: [&[u8]; 12] = [
        b"GET ",
        b"POST ",
        b"PUT ",
        b"HEAD ",
        b"PATCH ",
        b"DELETE ",
        b"OPTIONS ",
        b"CONNECT ",
        b"PROPFIND ",
        b"MKCOL ",
        b"TRACE ",
        b"PRI * HTTP/2",
    ];
    METHODS.iter().any(|method| bytes.starts_with(method))
}

/// The `Host` of a request, or the authority of what a proxy is asked for.
fn http_host(bytes: &[u8]) -> Option<String> {
    let mut lines = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii);
    let request = lines.next()?;
    let asked = lines.take_while(|line| !line.is_empty()).find_map(|line| {
        let (name, value) = line.split_at_checked(b"host:".len())?;
        name.eq_ignore_ascii_case(b"host:").then(|| value.trim_ascii())
    });
    let connect = || request.strip_prefix(b"CONNECT ")?.split(|&byte| byte == b' ').next();
    host(without_port(asked.or_else(connect)?))
}

fn without_port(authority: &[u8]) -> &[u8] {
    let end = authority.iter().rposition(|&byte| byte == b':');
    match end {
        // An IPv6 address has its colons in brackets.
        Some(end) if !authority.get(end..).unwrap_or_default().contains(&b']') => {
            authority.get(..end).unwrap_or_default()
        }
        Some(_) | None => authority,
    }
}

/// A host's name in lower case; nothing for what is none.
fn host(bytes: &[u8]) -> Option<String> {
    let is_host = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.[]:".contains(byte);
    if bytes.is_empty() || bytes.len() > NAME_MAX || !bytes.iter().all(is_host) {
        return None;
    }
    let name = String::from_utf8(bytes.to_ascii_lowercase()).ok()?;
    Some(name.trim_end_matches('.').to_owned()).filter(|name| !name.is_empty())
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }
}
