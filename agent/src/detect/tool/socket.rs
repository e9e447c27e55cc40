//! Plain sockets on the command line: netcat, socat, telnet.

use super::{
    Action, Invocation, Meaning,
    options::{Nothing, Opt, Shape, Syntax},
};

#[derive(Clone, Copy, PartialEq)]
enum Netcat {
    Listen,
    Scan,
    Unix,
    Execute,
    ReceiveOnly,
    SendOnly,
}

/// The union of OpenBSD's, the traditional one's and nmap's netcat.
const NETCAT: Syntax<Netcat> = Syntax {
    options: &[
        Opt::flag(b'l', "listen", Netcat::Listen),
        Opt::flag(b'z', "zero", Netcat::Scan),
        Opt::flag(b'U', "unixsock", Netcat::Unix),
        Opt::value(b'e', "exec", Netcat::Execute),
        Opt::value(b'c', "sh-exec", Netcat::Execute),
        Opt::value(0, "lua-exec", Netcat::Execute),
        Opt::flag(0, "recv-only", Netcat::ReceiveOnly),
        Opt::flag(0, "send-only", Netcat::SendOnly),
    ],
    short_values: b"gGiImMoOpPqsTVwWxX",
    long_values: "source-port source idle-timeout wait delay max-conns output hex-dump proxy proxy-type \
     proxy-auth allow allowfile deny denyfile ssl-cert ssl-key ssl-trustfile ssl-ciphers \
     ssl-servername",
    shape: Shape::Permuting,
};

/// What it is fed it sends; a program behind it (`-e`) feeds it too.
pub(super) fn netcat<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = NETCAT.parse(invocation.arguments());
    let feeds = fed || parsed.has(Netcat::Execute) || parsed.has(Netcat::SendOnly);
    if parsed.has(Netcat::Unix) || parsed.has(Netcat::Scan) {
        return Meaning::new(Action::Local);
    }
    if parsed.has(Netcat::Listen) {
        let sends = feeds && !parsed.has(Netcat::ReceiveOnly);
        return Meaning::new(if sends { Action::Serve } else { Action::Download });
    }
    let host = parsed.operands.first().copied();
    let action = match host {
        None => Action::Local,
        Some(_) if parsed.has(Netcat::ReceiveOnly) => Action::Download,
        Some(_) if feeds => Action::Relay,
        Some(_) => Action::Session,
    };
    Meaning::new(action).remote(host)
}

#[derive(Clone, Copy, PartialEq)]
enum Socat {
    Forward,
    Reverse,
}

const SOCAT: Syntax<Socat> = Syntax {
    options: &[Opt::flag(b'u', "", Socat::Forward), Opt::flag(b'U', "", Socat::Reverse)],
    short_values: b"btTLW",
    long_values: "",
    shape: Shape::Leading,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address<'a> {
    Connects(&'a [u8]),
    Listens,
    Local,
}

fn address(text: &[u8]) -> Address<'_> {
    let end = text.iter().position(|byte| b":,".contains(byte)).unwrap_or(text.len());
    let (kind, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    let kind = kind.to_ascii_lowercase();
    let prefixes: [&[u8]; 9] =
        [b"tcp", b"udp", b"openssl", b"ssl", b"sctp", b"dccp", b"socks", b"proxy", b"ip"];
    if !prefixes.iter().any(|prefix| kind.starts_with(prefix)) {
        return Address::Local;
    }
    if kind.ends_with(b"listen")
        || kind.ends_with(b"-l")
        || kind.ends_with(b"recv")
        || kind.ends_with(b"recvfrom")
    {
        return Address::Listens;
    }
    let target = rest.strip_prefix(b":").unwrap_or(rest);
    Address::Connects(target.split(|&byte| byte == b',').next().unwrap_or_default())
}

/// Two addresses, joined both ways; `-u` from the first to the second, `-U` the other way.
pub(super) fn socat<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = SOCAT.parse(invocation.arguments());
    let [first, second, ..] = parsed.operands.as_slice() else { return Meaning::new(Action::Local) };
    let (first, second) = (address(first), address(second));
    let (into_first, into_second) = (!parsed.has(Socat::Forward), !parsed.has(Socat::Reverse));
    match (first, second) {
        (_, Address::Connects(remote)) if into_second => Meaning::new(Action::Relay).remote(Some(remote)),
        (Address::Connects(remote), _) if into_first => Meaning::new(Action::Relay).remote(Some(remote)),
        (Address::Connects(remote), _) | (_, Address::Connects(remote)) => {
            Meaning::new(Action::Download).remote(Some(remote))
        }
        (Address::Listens, _) if into_first => Meaning::new(Action::Serve),
        (_, Address::Listens) if into_second => Meaning::new(Action::Serve),
        (Address::Listens, _) | (_, Address::Listens) => Meaning::new(Action::Download),
        (Address::Local, Address::Local) => Meaning::new(Action::Local),
    }
}

const TELNET: Syntax<Nothing> =
    Syntax { options: &[], short_values: b"beklnSX", long_values: "", shape: Shape::Permuting };

pub(super) fn telnet<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = TELNET.parse(invocation.arguments());
    let host = parsed.operands.first().copied();
    let action = match host {
        None => Action::Local,
        Some(_) if fed => Action::Relay,
        Some(_) => Action::Session,
    };
    Meaning::new(action).remote(host)
}
