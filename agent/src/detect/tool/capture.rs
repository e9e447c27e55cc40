//! Captures of network traffic: tcpdump, tshark, dumpcap.
//!
//! One that is shown on a terminal and gone is no evidence, nor is a capture that is read from a file and written to
//! another.

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Shape, Syntax},
};

#[derive(Clone, Copy, PartialEq)]
enum Capture {
    Write,
    Read,
    Query,
}

const TCPDUMP: Syntax<Capture> = Syntax {
    options: &[
        Opt::value(b'w', "", Capture::Write),
        Opt::value(b'r', "", Capture::Read),
        Opt::value(b'V', "", Capture::Read),
        Opt::flag(b'd', "", Capture::Query),
        Opt::flag(b'D', "list-interfaces", Capture::Query),
        Opt::flag(b'L', "list-data-link-types", Capture::Query),
        Opt::flag(b'J', "list-time-stamp-types", Capture::Query),
        Opt::flag(b'h', "help", Capture::Query),
        Opt::flag(0, "version", Capture::Query),
    ],
    short_values: b"BcCEFGijmMQsTWyzZ",
    long_values: "buffer-size interface direction snapshot-length linktype time-stamp-type \
     time-stamp-precision relinquish-privileges",
    shape: Shape::Permuting,
};

pub(super) fn tcpdump<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    capture(&TCPDUMP, invocation)
}

const TSHARK: Syntax<Capture> = Syntax {
    options: &[
        Opt::value(b'w', "", Capture::Write),
        Opt::value(b'r', "read-file", Capture::Read),
        Opt::flag(b'D', "list-interfaces", Capture::Query),
        Opt::flag(b'L', "list-data-link-types", Capture::Query),
        Opt::flag(0, "list-time-stamp-types", Capture::Query),
        Opt::flag(b'G', "", Capture::Query),
        Opt::flag(b'h', "help", Capture::Query),
        Opt::flag(b'v', "version", Capture::Query),
    ],
    short_values: b"aAbBcCdeEfFHijJKNoORsStTuUWXyYz",
    long_values: "autostop ring-buffer buffer-size interface snapshot-length linktype time-stamp-type \
     compress-type compress capture-comment export-objects export-tls-session-keys \
     elastic-mapping-filter enable-protocol disable-protocol only-protocols enable-heuristic \
     disable-heuristic display-filter read-filter hexdump temp-dir update-interval log-level log-fatal \
     log-domain log-domains log-debug log-noisy log-file",
    shape: Shape::Permuting,
};

pub(super) fn tshark<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    capture(&TSHARK, invocation)
}

const DUMPCAP: Syntax<Capture> = Syntax {
    options: &[
        Opt::value(b'w', "", Capture::Write),
        Opt::flag(b'd', "", Capture::Query),
        Opt::flag(b'D', "list-interfaces", Capture::Query),
        Opt::flag(b'L', "list-data-link-types", Capture::Query),
        Opt::flag(0, "list-time-stamp-types", Capture::Query),
        // Counts packets.
        Opt::flag(b'S', "", Capture::Query),
        Opt::flag(b'h', "help", Capture::Query),
        Opt::flag(b'v', "version", Capture::Query),
    ],
    short_values: b"aAbBcCfikmNsyZ",
    long_values: "autostop ring-buffer buffer-size interface snapshot-length linktype time-stamp-type \
     compress-type capture-comment temp-dir update-interval application-flavor signal-pipe ifname ifdescr \
     log-level log-fatal log-domain log-domains log-debug log-noisy log-file",
    shape: Shape::Permuting,
};

pub(super) fn dumpcap<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    capture(&DUMPCAP, invocation)
}

/// Written to a file, or with `-` to standard output.
fn capture<'a>(syntax: &Syntax<Capture>, invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = syntax.parse(invocation.arguments());
    let target = parsed.value(Capture::Write).unwrap_or_default();
    let keeps = !matches!(target, b"" | b"/dev/null");
    if !keeps || parsed.has(Capture::Read) || parsed.has(Capture::Query) {
        return Meaning::new(Action::Local);
    }
    Meaning::new(Action::Capture).objects(Some(target).filter(|target| *target != b"-"))
}
