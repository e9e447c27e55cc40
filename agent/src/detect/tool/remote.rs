//! Where a command line points: hosts, URLs, `host:path`.

use std::net::IpAddr;

/// Host (with the user, if any) of an scp or rsync operand: `host:path`, `user@[v6]:path`, `scheme://host/path`.
/// As those tools do, a slash before the colon, or a leading colon, makes it a local name.
pub(super) fn host_of_operand(operand: &[u8]) -> Option<&[u8]> {
    if let Some(host) = host_of_url(operand) {
        return Some(host);
    }
    let bracket = operand.iter().position(|&byte| byte == b'[');
    if let Some(start) = bracket.filter(|&start| start == 0 || operand.get(start - 1) == Some(&b'@')) {
        let after = operand.get(start..)?;
        let end = after.windows(2).position(|pair| pair == b"]:")?;
        return operand.get(..start + end + 1);
    }
    let stop = operand.iter().position(|&byte| byte == b':' || byte == b'/')?;
    let (host, rest) = operand.split_at_checked(stop)?;
    (rest.first() == Some(&b':') && !host.is_empty()).then_some(host)
}

/// Host and port of a URL, without user and password. `file:` has none.
pub(super) fn host_of_url(url: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = split_scheme(url)?;
    if scheme.eq_ignore_ascii_case(b"file") {
        return None;
    }
    Some(authority(rest))
}

/// Host and port of what curl and wget take for a URL: the scheme may be missing.
pub(super) fn host_of_loose_url(url: &[u8]) -> Option<&[u8]> {
    match split_scheme(url) {
        Some(_) => host_of_url(url),
        None => Some(authority(url)).filter(|host| !host.is_empty()),
    }
}

/// Scheme of a URL and what follows `://`.
pub(super) fn split_scheme(url: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = url.windows(3).position(|three| three == b"://")?;
    let (scheme, rest) = url.split_at_checked(at)?;
    let valid =
        !scheme.is_empty() && scheme.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte));
    valid.then_some((scheme, rest.get(3..).unwrap_or_default()))
}

fn authority(rest: &[u8]) -> &[u8] {
    let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let authority = rest.get(..end).unwrap_or_default();
    authority.rsplit(|&byte| byte == b'@').next().unwrap_or_default()
}

/// Whether a remote as typed is this host itself, so that the command moves data on a hop, not away.
pub(super) fn is_loopback(remote: &[u8]) -> bool {
    let host = remote.rsplit(|&byte| byte == b'@').next().unwrap_or_default();
    let host = match host {
        [b'[', rest @ ..] => rest.split(|&byte| byte == b']').next().unwrap_or_default(),
        // More than one colon without brackets: a bare IPv6 address.
        _ => match host.split(|&byte| byte == b':').collect::<Vec<_>>().as_slice() {
            [name] | [name, _] => name,
            _ => host,
        },
    };
    if host.eq_ignore_ascii_case(b"localhost") {
        return true;
    }
    std::str::from_utf8(host)
        .ok()
        .and_then(|text| text.parse::<IpAddr>().ok())
        .is_some_and(|ip| ip.is_loopback())
}
