//! Archivers: only creation counts, in any spelling.

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Shape, Syntax},
    remote::host_of_operand,
};

#[derive(Clone, Copy, PartialEq)]
enum Tar {
    Create,
    Extract,
    List,
    File,
    ForceLocal,
    Directory,
}

const TAR: Syntax<Tar> = Syntax {
    options: &[
        Opt::flag(b'c', "create", Tar::Create),
        Opt::flag(b'r', "append", Tar::Create),
        Opt::flag(b'u', "update", Tar::Create),
        Opt::flag(b'A', "catenate", Tar::Create),
        Opt::flag(0, "concatenate", Tar::Create),
        Opt::flag(b'x', "extract", Tar::Extract),
        Opt::flag(0, "get", Tar::Extract),
        Opt::flag(b't', "list", Tar::List),
        Opt::flag(b'd', "diff", Tar::List),
        Opt::flag(0, "compare", Tar::List),
        Opt::flag(0, "delete", Tar::List),
        Opt::value(b'f', "file", Tar::File),
        Opt::flag(0, "force-local", Tar::ForceLocal),
        Opt::value(b'C', "directory", Tar::Directory),
    ],
    short_values: b"bgHIKLNTVXF",
    long_values: "blocking-factor listed-incremental format use-compress-program starting-file tape-length \
     newer after-date newer-mtime files-from label exclude-from info-script new-volume-script \
     exclude exclude-tag exclude-tag-all exclude-tag-under exclude-ignore owner group owner-map \
     group-map mode mtime transform xform strip-components to-command checkpoint-action \
     record-size rmt-command rsh-command sort pax-option suffix backup index-file level \
     volno-file warning quoting-style options passphrase uid gid uname gname",
    shape: Shape::Permuting,
};

/// The archive's name with a colon is another host's, unless a slash precedes it or `--force-local` stands.
pub(super) fn tar<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = TAR.parse_bundle(invocation.arguments());
    let remote = parsed.value(Tar::File).filter(|_| !parsed.has(Tar::ForceLocal)).and_then(host_of_operand);
    let creates = parsed.has(Tar::Create) && !parsed.has(Tar::Extract) && !parsed.has(Tar::List);
    let action = match (creates, remote) {
        (true, Some(_)) => Action::Upload,
        (true, None) => Action::Archive,
        (false, Some(_)) => Action::Download,
        (false, None) => Action::Local,
    };
    Meaning::new(action).remote(remote).objects(parsed.values(Tar::File)).objects(parsed.operands)
}

#[derive(Clone, Copy, PartialEq)]
enum Zip {
    Recurse,
    Names,
    Other,
}

const ZIP: Syntax<Zip> = Syntax {
    options: &[
        Opt::flag(b'r', "recurse-paths", Zip::Recurse),
        Opt::flag(b'R', "recurse-patterns", Zip::Recurse),
        Opt::flag(b'@', "names-stdin", Zip::Names),
        Opt::flag(b'd', "delete", Zip::Other),
        Opt::flag(b'T', "test", Zip::Other),
        Opt::flag(0, "show-files", Zip::Other),
    ],
    short_values: b"binPtxsOZ",
    long_values: "temp-path include exclude suffixes password from-date before-date split-size output-file out \
     compression-method",
    shape: Shape::Permuting,
};

/// With `-r`, `-@` or several inputs it is an archive, with one file a compression; `-d` and `-T` alone are not.
pub(super) fn zip<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = ZIP.parse(invocation.arguments());
    let inputs = parsed.operands.len().saturating_sub(1);
    let action = if parsed.has(Zip::Recurse) || parsed.has(Zip::Names) {
        Action::Archive
    } else if parsed.has(Zip::Other) && inputs <= 1 || inputs == 0 {
        Action::Local
    } else if inputs > 1 {
        Action::Archive
    } else {
        Action::Compress
    };
    Meaning::new(action).objects(parsed.operands)
}

/// The first word is the command: `a` adds, `u` updates.
fn by_command<'a>(invocation: &Invocation<'a>, adding: &[&[u8]]) -> Meaning<'a> {
    let mut words = invocation.arguments().filter(|argument| !argument.starts_with(b"-"));
    let adds =
        words.next().is_some_and(|command| adding.iter().any(|known| command.eq_ignore_ascii_case(known)));
    Meaning::new(if adds { Action::Archive } else { Action::Local }).objects(words)
}

pub(super) fn seven_zip<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    by_command(invocation, &[b"a", b"u"])
}

pub(super) fn rar<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    by_command(invocation, &[b"a", b"u", b"f", b"m"])
}

#[derive(Clone, Copy, PartialEq)]
enum Copying {
    Out,
    In,
    File,
}

const CPIO: Syntax<Copying> = Syntax {
    options: &[
        Opt::flag(b'o', "create", Copying::Out),
        Opt::flag(b'i', "extract", Copying::In),
        Opt::flag(b'p', "pass-through", Copying::In),
        Opt::flag(b't', "list", Copying::In),
        Opt::value(b'O', "", Copying::File),
        Opt::value(b'F', "file", Copying::File),
    ],
    short_values: b"CDEHIMR",
    long_values: "format directory io-size owner message pattern-file rsh-command block-size",
    shape: Shape::Permuting,
};

pub(super) fn cpio<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = CPIO.parse(invocation.arguments());
    let creates = parsed.has(Copying::Out) && !parsed.has(Copying::In);
    Meaning::new(if creates { Action::Archive } else { Action::Local }).objects(parsed.values(Copying::File))
}

const PAX: Syntax<Copying> = Syntax {
    options: &[
        Opt::flag(b'w', "", Copying::Out),
        Opt::flag(b'r', "", Copying::In),
        Opt::value(b'f', "", Copying::File),
    ],
    short_values: b"bBEosxpTUGV",
    long_values: "",
    shape: Shape::Permuting,
};

/// `-rw` copies locally.
pub(super) fn pax<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = PAX.parse(invocation.arguments());
    let creates = parsed.has(Copying::Out) && !parsed.has(Copying::In);
    Meaning::new(if creates { Action::Archive } else { Action::Local })
        .objects(parsed.values(Copying::File))
        .objects(parsed.operands)
}
