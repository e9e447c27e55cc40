//! Secrets that others own: a private key of 2 kB is a theft of its own.
//!
//! Programs read secrets to use them: an SDK the cloud's credentials, a client its key. They read one, their own, and
//! read it themselves. What this finds is a sender that carries secrets which **another process read for it** (`cat key |
//! curl`), or **several** of them, which carries little else, and which sent at least as much as they hold, but not so
//! much more that they would drown in it.

use super::{Content, Found, Settled};
use crate::{
    detect::{
        ContentKind,
        weights::{CONTENT_SECRETS, CONTENT_SECRETS_ALL},
    },
    provenance::Secrets,
};

/// Least bytes of secrets: a token that a script reads to put it into a header has up to 100 or 200 bytes, the smallest
/// private key that OpenSSH or openssl writes some 390.
const LEAST: u64 = 256;
/// Keys and credentials are base64 mostly, which no compression brings below three quarters.
const PACKED: (u64, u64) = (3, 4);
/// Above so many times their size the load is something else; hexadecimal in names of DNS takes three times as much.
const TIMES: u64 = 4;
/// What requests and handshakes may take beside.
const BESIDE: u64 = 64 * 1024;
/// Programs use one secret, or two with its certificate's; who gathers has more.
const SEVERAL: u64 = 3;

/// Whether what was sent is the secrets.
pub(super) fn find(settled: &Settled<'_>) -> Option<Found> {
    let Secrets { files, bytes, others, passed_on } = settled.load.secrets;
    if bytes < LEAST || others > bytes || !(passed_on || files >= SEVERAL) {
        return None;
    }
    let least = bytes.saturating_mul(PACKED.0) / PACKED.1;
    let most = bytes.saturating_mul(TIMES).saturating_add(BESIDE);
    let sent = settled.sent.iter().copied().find(|sent| (least..=most).contains(sent))?;
    let risk = if files >= SEVERAL { CONTENT_SECRETS + CONTENT_SECRETS_ALL } else { CONTENT_SECRETS };
    let content = Content { remote: settled.remote, carried: bytes, sent, kind: ContentKind::Secrets };
    let what = if files == 1 { "a secret".to_owned() } else { format!("{files} secrets") };
    let reason = format!("carries {what} of others ({bytes} bytes) and little else, and sent {sent} bytes");
    Some(Found { content, risk, reason })
}
