//! What an interpreter was told to run: a file, text, a module, its standard input.

use crate::event::Bytes;

/// A kind of interpreter and the options that matter.
#[derive(Debug)]
pub(crate) struct Interpreter {
    names: &'static [&'static str],
    /// Short options whose value (or, in a shell, first operand) is program text.
    text: &'static [u8],
    /// Long options whose value is program text.
    long_text: &'static [&'static str],
    /// Short options whose value names a module.
    module: &'static [u8],
    /// Short options with a value.
    values: &'static [u8],
    /// Long options with a value, separated by blanks.
    long_values: &'static str,
    /// The text is the first operand, wherever `-c` stood among the flags.
    shell: bool,
}

/// What it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Program<'a> {
    /// A file; then its arguments.
    File(&'a Bytes, &'a [Bytes]),
    /// Text from the command line.
    Text(&'a [u8]),
    /// A module of the interpreter; then its arguments.
    Module(&'a [u8], &'a [Bytes]),
    /// Standard input, or a session with a person.
    Stdin,
}

const fn shell(names: &'static [&'static str]) -> Interpreter {
    Interpreter {
        names,
        text: b"c",
        long_text: &[],
        module: b"",
        values: b"oO",
        long_values: "rcfile init-file init-command",
        shell: true,
    }
}

const fn evaluator(
    names: &'static [&'static str],
    text: &'static [u8],
    long_text: &'static [&'static str],
    values: &'static [u8],
) -> Interpreter {
    Interpreter { names, text, long_text, module: b"", values, long_values: "", shell: false }
}

const INTERPRETERS: &[Interpreter] = &[
    shell(&["sh", "bash", "dash", "ash", "zsh", "ksh", "ksh93", "mksh", "lksh", "rbash", "yash"]),
    Interpreter { text: b"cC", long_text: &["command"], values: b"C", ..shell(&["fish"]) },
    Interpreter {
        module: b"m",
        long_values: "check-hash-based-pycs",
        ..evaluator(&["python", "pypy", "ipython"], b"c", &[], b"WXQ")
    },
    evaluator(&["perl"], b"eE", &[], b"MmI"),
    evaluator(&["ruby", "jruby"], b"e", &[], b"ICEr"),
    evaluator(&["node", "nodejs", "bun", "deno"], b"ep", &["eval", "print"], b"rC"),
    evaluator(&["php", "php-cgi", "php-cli"], b"r", &["run"], b"dczBRES"),
    evaluator(&["lua", "luajit", "texlua"], b"e", &[], b"l"),
    evaluator(&["tclsh", "wish", "expect"], b"c", &[], b""),
    evaluator(&["Rscript"], b"e", &[], b""),
];

/// The interpreter of that name; a version at its end (`python3.11`, `lua5.4`) is left out.
pub(crate) fn interpreter(name: &[u8]) -> Option<&'static Interpreter> {
    let version = |byte: &u8| byte.is_ascii_digit() || b".-".contains(byte);
    let plain =
        name.iter().rposition(|byte| !version(byte)).and_then(|last| name.get(..=last)).unwrap_or(name);
    INTERPRETERS
        .iter()
        .find(|one| one.names.iter().any(|known| known.as_bytes() == name || known.as_bytes() == plain))
}

impl Interpreter {
    /// What `arguments` (without the interpreter's name) tell it to run.
    pub(crate) fn program<'a>(&self, arguments: &'a [Bytes]) -> Program<'a> {
        let mut rest = arguments;
        let mut text_follows = false;
        while let [argument, after @ ..] = rest {
            let bytes = argument.as_slice();
            match bytes {
                _ if text_follows && !bytes.starts_with(b"-") => return Program::Text(bytes),
                b"--" | b"-" => {
                    return match after {
                        [text, ..] if text_follows => Program::Text(text.as_slice()),
                        [file, arguments @ ..] if bytes == b"--" => Program::File(file, arguments),
                        _ => Program::Stdin,
                    };
                }
                [b'-', b'-', name @ ..] => {
                    if let Some(text) = self.long_text(name, after) {
                        return Program::Text(text);
                    }
                    let takes = self.long_values.split_ascii_whitespace().any(|long| long.as_bytes() == name);
                    rest = if takes { after.get(1..).unwrap_or_default() } else { after };
                }
                [b'-' | b'+', cluster @ ..] => match self.cluster(cluster, after) {
                    Cluster::Done(program) => return program,
                    Cluster::Text(count) => {
                        text_follows = true;
                        rest = after.get(count..).unwrap_or_default();
                    }
                    Cluster::Stdin => return Program::Stdin,
                    Cluster::Skip(count) => rest = after.get(count..).unwrap_or_default(),
                },
                _ => return Program::File(argument, after),
            }
        }
        Program::Stdin
    }

    fn long_text<'a>(&self, name: &'a [u8], after: &'a [Bytes]) -> Option<&'a [u8]> {
        self.long_text.iter().find_map(|long| match name.strip_prefix(long.as_bytes()) {
            Some([]) => Some(after.first().map(Bytes::as_slice).unwrap_or_default()),
            Some([b'=', text @ ..]) => Some(text),
            _ => None,
        })
    }

    fn cluster<'a>(&self, cluster: &'a [u8], after: &'a [Bytes]) -> Cluster<'a> {
        let mut letters = cluster;
        let mut text = false;
        while let [letter, attached @ ..] = letters {
            let next = after.first().map(Bytes::as_slice).unwrap_or_default();
            if self.text.contains(letter) {
                if !self.shell {
                    return Cluster::Done(Program::Text(if attached.is_empty() { next } else { attached }));
                }
                text = true;
            } else if self.module.contains(letter) {
                return Cluster::Done(if attached.is_empty() {
                    Program::Module(next, after.get(1..).unwrap_or_default())
                } else {
                    Program::Module(attached, after)
                });
            } else if self.values.contains(letter) {
                // In a shell the value of -o is the next argument even inside a cluster such as `-euo pipefail`.
                let separate = usize::from(attached.is_empty() || self.shell);
                return if text { Cluster::Text(separate) } else { Cluster::Skip(separate) };
            } else if self.shell && *letter == b's' {
                return Cluster::Stdin;
            }
            letters = attached;
        }
        if text { Cluster::Text(0) } else { Cluster::Skip(0) }
    }
}

enum Cluster<'a> {
    Done(Program<'a>),
    /// Program text is the first operand after so many arguments.
    Text(usize),
    Stdin,
    /// Go on after so many arguments.
    Skip(usize),
}
