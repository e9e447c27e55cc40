//! Options of interpreters: as much of each command line's grammar as it takes to find the script.

/// An interpreter's options.
#[derive(Debug)]
pub(super) struct Options {
    /// Letters whose argument, attached or next, is program text.
    pub(super) text: &'static [u8],
    /// Letters whose argument, attached or next, names the script.
    pub(super) file: &'static [u8],
    /// Letters whose argument is attached or next.
    pub(super) value: &'static [u8],
    /// Letters whose argument is the next word, while the cluster goes on.
    pub(super) next: &'static [u8],
    /// Letters that take the rest of their word.
    pub(super) rest: &'static [u8],
    /// Letters with which no script is run: a module, a version, a check.
    pub(super) none: &'static [u8],
    /// Long options whose argument is program text.
    pub(super) long_text: &'static [&'static [u8]],
    /// Long options whose argument is the next word where it is not attached by `=`.
    pub(super) long_value: &'static [&'static [u8]],
    /// The interpreter is a shell: `-c` makes the first operand the text, `-s` reads standard input, a lone `-`
    /// ends the options, and options may begin with `+`.
    pub(super) shell: bool,
}

const NOTHING: Options = Options {
    text: b"",
    file: b"",
    value: b"",
    next: b"",
    rest: b"",
    none: b"",
    long_text: &[],
    long_value: &[],
    shell: false,
};

const SHELL: Options =
    Options { next: b"oO", long_value: &[b"rcfile", b"init-file"], shell: true, ..NOTHING };

/// Interpreters by the name of their executable without its version.
const INTERPRETERS: &[(&[&[u8]], Options)] = &[
    (&[b"sh", b"bash", b"rbash", b"dash", b"ash", b"zsh", b"ksh", b"rksh", b"mksh", b"lksh", b"yash"], SHELL),
    (
        &[b"fish"],
        Options {
            text: b"c",
            value: b"Cdo",
            long_text: &[b"command"],
            long_value: &[b"init-command"],
            ..NOTHING
        },
    ),
    (
        &[b"python", b"pypy"],
        Options {
            text: b"c",
            value: b"WXQ",
            none: b"mVh",
            long_value: &[b"check-hash-based-pycs"],
            ..NOTHING
        },
    ),
    (&[b"perl"], Options { text: b"eE", value: b"I", rest: b"MmFixDCVd", none: b"vh", ..NOTHING }),
    (
        &[b"ruby", b"jruby"],
        Options {
            text: b"e",
            value: b"ICEr",
            rest: b"FixKWT",
            none: b"h",
            long_value: &[b"encoding", b"external-encoding", b"internal-encoding"],
            ..NOTHING
        },
    ),
    (
        &[b"node", b"nodejs"],
        Options {
            text: b"ep",
            value: b"rC",
            none: b"vh",
            long_text: &[b"eval", b"print"],
            long_value: &[
                b"require",
                b"import",
                b"loader",
                b"experimental-loader",
                b"conditions",
                b"input-type",
            ],
            ..NOTHING
        },
    ),
    (
        &[b"php", b"php-cgi"],
        Options {
            text: b"rBRE",
            file: b"fF",
            value: b"dcz",
            none: b"vimhltS",
            long_text: &[b"run"],
            ..NOTHING
        },
    ),
    (&[b"lua", b"luajit"], Options { text: b"e", value: b"lj", rest: b"bO", ..NOTHING }),
];

/// Options of the interpreter whose executable has this name, version left out (`python3.12` is `python`).
pub(super) fn of(name: &[u8]) -> Option<&'static Options> {
    let end =
        name.iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'.').map_or(0, |last| last + 1);
    let name = name.get(..end)?;
    INTERPRETERS.iter().find(|(names, _)| names.contains(&name)).map(|(_, options)| options)
}
