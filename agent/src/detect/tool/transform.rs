//! Tools that change the shape of data: compress, encrypt, encode, split, copy.

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Parsed, Shape, Syntax},
};

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// The forward way is asked for.
    Forward,
    /// The way back, a list or a test is asked for.
    Back,
}

/// The way back (decode, decrypt, unpack) is local; the way there is `forward`.
pub(super) const fn direction<'a>(back: bool, forward: Action) -> Meaning<'a> {
    Meaning::new(if back { Action::Local } else { forward })
}

fn by_way(parsed: Parsed<'_, Way>, forward: Action) -> Meaning<'_> {
    direction(parsed.has(Way::Back), forward).objects(parsed.operands)
}

const COMPRESSOR: Syntax<Way> = Syntax {
    options: &[
        Opt::flag(b'd', "decompress", Way::Back),
        Opt::flag(0, "uncompress", Way::Back),
        Opt::flag(b't', "test", Way::Back),
        Opt::flag(b'l', "list", Way::Back),
        Opt::flag(b'h', "help", Way::Back),
        Opt::flag(b'V', "version", Way::Back),
        Opt::flag(b'z', "compress", Way::Forward),
    ],
    short_values: b"SFCMTopDBbw",
    long_values: "suffix format check memlimit threads output processes memory block-size filelist quality \
     lgwin output-dir-flat train",
    shape: Shape::Permuting,
};

/// Many names of one program mean the way back.
pub(super) fn compressor<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let unpacks = |name: &[u8]| {
        name.starts_with(b"un") || name.ends_with(b"cat") || name == b"gunzip" || name == b"bunzip2"
    };
    let parsed = COMPRESSOR.parse(invocation.arguments());
    if unpacks(invocation.name) || unpacks(invocation.called) {
        return Meaning::new(Action::Local);
    }
    by_way(parsed, Action::Compress)
}

const GPG: Syntax<Way> = Syntax {
    options: &[
        Opt::flag(b'c', "symmetric", Way::Forward),
        Opt::flag(b'e', "encrypt", Way::Forward),
        Opt::flag(0, "encrypt-files", Way::Forward),
        Opt::flag(b'd', "decrypt", Way::Back),
        Opt::flag(0, "decrypt-files", Way::Back),
    ],
    short_values: b"rRuoNz",
    long_values: "recipient hidden-recipient recipient-file output passphrase passphrase-file passphrase-fd \
     pinentry-mode homedir cipher-algo digest-algo compress-algo compress-level local-user \
     keyring secret-keyring default-key default-recipient options status-fd status-file logger-fd \
     logger-file command-fd trust-model s2k-cipher-algo s2k-digest-algo s2k-mode s2k-count \
     set-filename comment keyserver charset display-charset max-output",
    shape: Shape::Permuting,
};

/// Only `-c` and `-e` encrypt; listing keys, signing and verifying do not.
pub(super) fn gpg<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = GPG.parse(invocation.arguments());
    let encrypts = parsed.has(Way::Forward) && !parsed.has(Way::Back);
    direction(!encrypts, Action::Encrypt).objects(parsed.operands)
}

const AGE: Syntax<Way> = Syntax {
    options: &[
        Opt::flag(b'd', "decrypt", Way::Back),
        Opt::flag(0, "version", Way::Back),
        Opt::flag(b'h', "help", Way::Back),
    ],
    short_values: b"rRioj",
    long_values: "recipient recipients-file identity output max-work-factor",
    shape: Shape::Permuting,
};

pub(super) fn age<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    by_way(AGE.parse(invocation.arguments()), Action::Encrypt)
}

const ENCODER: Syntax<Way> = Syntax {
    options: &[
        Opt::flag(b'd', "decode", Way::Back),
        Opt::flag(b'D', "", Way::Back),
        Opt::flag(0, "help", Way::Back),
        Opt::flag(0, "version", Way::Back),
    ],
    short_values: b"wb",
    long_values: "wrap",
    shape: Shape::Permuting,
};

const XXD: Syntax<Way> = Syntax {
    options: &[Opt::flag(b'r', "revert", Way::Back), Opt::flag(b'v', "version", Way::Back)],
    short_values: b"cglosnRjNAtwe",
    long_values: "cols groupsize len seek",
    shape: Shape::Permuting,
};

/// xxd, hexdump and od have letters of their own.
pub(super) fn encoder<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let syntax = match invocation.name {
        b"xxd" | b"hexdump" | b"od" => &XXD,
        _ => &ENCODER,
    };
    by_way(syntax.parse(invocation.arguments()), Action::Encode)
}

const SPLIT: Syntax<Way> = Syntax {
    options: &[Opt::flag(0, "help", Way::Back), Opt::flag(0, "version", Way::Back)],
    short_values: b"abClnt",
    long_values: "suffix-length bytes line-bytes lines number separator filter additional-suffix",
    shape: Shape::Permuting,
};

pub(super) fn split<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    by_way(SPLIT.parse(invocation.arguments()), Action::Split)
}

/// `if=` and `of=`; from a source of zeros or noise, or into nothing, no data is copied.
pub(super) fn dd<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let operand =
        |name: &[u8]| invocation.arguments().filter_map(|argument| argument.strip_prefix(name)).last();
    let (input, output) = (operand(b"if="), operand(b"of="));
    let empty: [&[u8]; 5] = [b"/dev/zero", b"/dev/urandom", b"/dev/random", b"/dev/null", b"/dev/full"];
    let is_empty = |place: Option<&[u8]>| place.is_some_and(|place| empty.contains(&place));
    let copies = !is_empty(input) && !is_empty(output) && (input.is_some() || output.is_some());
    Meaning::new(if copies { Action::Copy } else { Action::Local }).objects(input).objects(output)
}
