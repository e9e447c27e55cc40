//! Sizes of what was sent against sizes of what was collected.

use super::{Content, Found, Settled};
use crate::{
    detect::{
        ContentKind,
        weights::{CONTENT_COMPRESSED, CONTENT_ENCODED, CONTENT_PARITY},
    },
    provenance::Cut,
};

/// Least bytes for which sizes prove anything: what handshakes, requests and answers send (up to 6 kB for each TLS or
/// SSH connection, some dozen for a page) looks like any small file.
const LEAST: u64 = 64 * 1024;
/// What protocols add to each connection's bytes: handshake and headers.
const HEADERS: u64 = 8 * 1024;
/// What they add to the bytes themselves, at most one in so many: TLS records of 1,400 bytes 2 %, parts of forms of
/// 8 KiB 4 %, datagrams with 20 bytes in front of 500 4 %.
const FRAMING: u64 = 16;
/// What a message adds to what it carries: a question's header, type and class have 16 bytes, each label one, the domain of
/// its server a dozen; an echo has 8.
const MESSAGE: u64 = 40;
/// A file may have shrunk by one byte in so many since it was opened, or one of many not have been sent.
const SHORT: u64 = 32;
/// Encodings as text, as a fraction of what they encode: base64, base32, hexadecimal; and one in so many bytes more
/// for line ends and escapes (base64 in a URL or form: `+` and `/` take three bytes, 6 %).
const ENCODINGS: [(u64, u64, u64); 3] = [(4, 3, 8), (8, 5, FRAMING), (2, 1, FRAMING)];
/// Documents are compressed already; text shrinks to a third and less. From half on it is more likely one file packed
/// than another one.
const COMPRESSED: u64 = 2;

/// The surest agreement between what was sent and a cut.
pub(super) fn find(settled: &Settled<'_>) -> Option<Found> {
    let (kind, cut, sent) = settled
        .sent
        .iter()
        .flat_map(|&sent| settled.load.cuts.iter().map(move |cut| (cut, sent)))
        .filter_map(|(cut, sent)| Some((agreement(cut, sent, settled.messages)?, cut, sent)))
        .min_by_key(|(kind, ..)| *kind)?;
    let (risk, how) = match kind {
        ContentKind::Parity => (CONTENT_PARITY, "as many as the data that it carries has"),
        ContentKind::Encoded => {
            (CONTENT_ENCODED, "as many as the data that it carries has when written as text")
        }
        ContentKind::Compressed | ContentKind::Secrets => {
            (CONTENT_COMPRESSED, "as many as the data that it carries may have when compressed")
        }
    };
    let content = Content { remote: settled.remote, carried: cut.bytes, sent, kind };
    let reason = format!("sent {sent} bytes, {how} ({})", cut.bytes);
    Some(Found { content, risk, reason })
}

/// How `sent` bytes, of which some are `messages`, agree with a cut.
fn agreement(cut: &Cut, sent: u64, messages: u64) -> Option<ContentKind> {
    let bytes = cut.bytes;
    let headers = HEADERS.saturating_add(messages.saturating_mul(MESSAGE));
    if bytes < LEAST {
        return None;
    }
    let within = |from: u64, framing: u64| {
        sent >= from - from / SHORT && sent <= from.saturating_add(from / framing).saturating_add(headers)
    };
    let encoded =
        |(times, of, framing): &(u64, u64, u64)| within(bytes.saturating_mul(*times) / of, *framing);
    if within(bytes, FRAMING) {
        Some(ContentKind::Parity)
    } else if ENCODINGS.iter().any(encoded) {
        Some(ContentKind::Encoded)
    } else if !cut.derived && sent >= bytes / COMPRESSED && sent < bytes {
        Some(ContentKind::Compressed)
    } else {
        None
    }
}
