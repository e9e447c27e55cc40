//! Command lines of dashes and letters, by an interpreter's grammar.

use std::borrow::Cow;

use super::Program;
use crate::event::Bytes;

/// An interpreter's options: as much as it takes to find what is run. What is not listed is a flag.
///
/// A letter stands in `-x` and in a cluster `-axb`; a name in `--name`, with one dash where `names` or `single` say so.
/// Names are separated by blanks.
#[derive(Debug)]
pub(super) struct Grammar {
    /// The interpreter is a shell.
    pub(super) shell: bool,
    /// Letters whose argument, attached or next, is program text.
    pub(super) text: &'static [u8],
    /// Letters that make the first operand program text, as `-c` does in a shell.
    pub(super) command: &'static [u8],
    /// Letters that make standard input the program and all operands its arguments.
    pub(super) stdin: &'static [u8],
    /// Letters whose argument, attached or next, names the script.
    pub(super) file: &'static [u8],
    /// Letters whose argument, attached or next, names a module; it ends the options.
    pub(super) module: &'static [u8],
    /// Letters with an argument, attached or next.
    pub(super) value: &'static [u8],
    /// Letters with an argument that is the next word, while the cluster goes on.
    pub(super) next: &'static [u8],
    /// Letters that take the rest of their word, be it empty.
    pub(super) rest: &'static [u8],
    /// Letters that take one more letter of their word.
    pub(super) one: &'static [u8],
    /// Letters that end the options with their word, be they listed above or not.
    pub(super) ends: &'static [u8],
    /// Letters with which nothing is run.
    pub(super) nothing: &'static [u8],
    /// Names whose value, attached by `=` or next, is program text.
    pub(super) long_text: &'static str,
    /// Names whose value is program text if a next word follows that begins with no dash.
    pub(super) long_maybe_text: &'static str,
    /// Names whose value is the script.
    pub(super) long_file: &'static str,
    /// Names with a value, attached by `=` or next.
    pub(super) long_value: &'static str,
    /// Names with which nothing is run.
    pub(super) long_nothing: &'static str,
    /// Names without a value that one dash may introduce, as the names with a value then may.
    pub(super) single: &'static str,
    /// The name that ends the options.
    pub(super) long_ends: &'static str,
    /// How names are written.
    pub(super) names: Names,
    /// `-x=value` is `-xvalue`.
    pub(super) equals: bool,
    /// `+` introduces options; those of these letters that are listed above mean behind it what they mean behind `-`.
    pub(super) plus: Option<&'static [u8]>,
    /// What a lone dash is.
    pub(super) dash: Dash,
    /// What the first operand is.
    pub(super) operand: Operand,
    /// Words that stand for the program as the first operand, and what they make of the operand after them.
    pub(super) commands: &'static [(&'static str, Operand)],
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Whole behind two dashes; behind one dash stand letters.
    Whole,
    /// As above, and a beginning of a name stands for it.
    Abbreviated,
    /// Whole behind one dash or two; there are no clusters.
    OneDash,
    /// As above, and a name that is not listed makes standard input the program.
    OneDashOrStdin,
}

/// What a lone dash is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dash {
    /// Standard input.
    Stdin,
    /// The end of the options.
    Ends,
    /// An operand like any other.
    Operand,
}

/// What the first operand is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operand {
    /// The script, unless there is program text, whose argument it is then.
    Script,
    /// The script, also beside program text, which is run before it.
    AlsoScript,
    /// The script, unless `--` stands before it.
    ScriptBeforeDashes,
    /// The script, and without one nothing is run.
    Needed,
    /// Program text.
    Text,
    /// Ignored.
    Ignored,
    /// Of no interest: nothing is run.
    Nothing,
}

/// Flags alone.
pub(super) const NONE: Grammar = Grammar {
    shell: false,
    text: b"",
    command: b"",
    stdin: b"",
    file: b"",
    module: b"",
    value: b"",
    next: b"",
    rest: b"",
    one: b"",
    ends: b"",
    nothing: b"",
    long_text: "",
    long_maybe_text: "",
    long_file: "",
    long_value: "",
    long_nothing: "version help",
    single: "",
    long_ends: "",
    names: Names::Whole,
    equals: false,
    plus: None,
    dash: Dash::Stdin,
    operand: Operand::Script,
    commands: &[],
};

impl Grammar {
    /// What `arguments` (without the interpreter's name) tell it to run.
    pub(super) fn program<'a>(&'static self, arguments: &'a [Bytes]) -> Program<'a> {
        let mut walk = Walk {
            grammar: self,
            rest: arguments,
            texts: Vec::new(),
            command: false,
            stdin: false,
            operand: self.operand,
            in_command: false,
        };
        loop {
            match walk.word() {
                Step::On => {}
                Step::End => return walk.operands(),
                Step::Found(program) => return program,
            }
        }
    }

    /// Whether what stands behind one dash is a name.
    fn is_single(&self, name: &[u8]) -> bool {
        match self.names {
            Names::OneDash | Names::OneDashOrStdin => true,
            Names::Whole | Names::Abbreviated if self.single.is_empty() => false,
            Names::Whole | Names::Abbreviated => {
                let (name, _) = split(name);
                [self.single, self.long_value, self.long_nothing].iter().any(|names| self.lists(names, name))
            }
        }
    }

    /// Whether `name` is one of `names`, or the beginning of one where that is enough.
    fn lists(&self, names: &str, name: &[u8]) -> bool {
        // Node takes `_` for `-` in names; no other interpreter has names with it.
        let same = |(listed, given): (u8, &u8)| listed == *given || (listed == b'-' && *given == b'_');
        names.split_ascii_whitespace().any(|listed| {
            let fits =
                listed.len() == name.len() || (self.names == Names::Abbreviated && listed.len() > name.len());
            fits && !name.is_empty() && listed.bytes().zip(name).all(same)
        })
    }
}

/// A walk over arguments.
struct Walk<'a> {
    grammar: &'static Grammar,
    rest: &'a [Bytes],
    texts: Vec<&'a [u8]>,
    /// The first operand is text.
    command: bool,
    stdin: bool,
    operand: Operand,
    /// A subcommand was given.
    in_command: bool,
}

enum Step<'a> {
    /// The next word may be an option.
    On,
    /// Operands follow.
    End,
    Found(Program<'a>),
}

impl<'a> Walk<'a> {
    /// Looks at the next word; an operand stays.
    fn word(&mut self) -> Step<'a> {
        let grammar = self.grammar;
        let Some(word) = self.rest.first().map(Bytes::as_slice) else { return Step::End };
        match word {
            b"-" => {
                match grammar.dash {
                    Dash::Operand => return Step::End,
                    Dash::Stdin => self.stdin = true,
                    Dash::Ends => {}
                }
                self.next();
                Step::End
            }
            b"--" => {
                self.next();
                self.stdin |= self.operand == Operand::ScriptBeforeDashes;
                Step::End
            }
            [b'-', b'-', name @ ..] => {
                self.next();
                self.name(name)
            }
            [b'-', name @ ..] if grammar.is_single(name) => {
                self.next();
                self.name(name)
            }
            [b'-', letters @ ..] => {
                self.next();
                self.letters(letters, |_| true)
            }
            [b'+', letters @ ..] => match grammar.plus {
                Some(plus) => {
                    self.next();
                    self.letters(letters, |letter| plus.contains(&letter))
                }
                None => Step::End,
            },
            word => self.subcommand(word),
        }
    }

    fn subcommand(&mut self, word: &[u8]) -> Step<'a> {
        let known = self
            .grammar
            .commands
            .iter()
            .find(|(names, _)| names.split_ascii_whitespace().any(|name| name.as_bytes() == word));
        match known {
            Some((_, operand)) if !self.in_command => {
                self.next();
                self.in_command = true;
                self.operand = *operand;
                Step::On
            }
            Some(_) | None => Step::End,
        }
    }

    /// A cluster; `means` says which letters have their meaning in it.
    fn letters(&mut self, cluster: &'a [u8], means: impl Fn(u8) -> bool) -> Step<'a> {
        let grammar = self.grammar;
        let mut letters = cluster;
        let mut ends = false;
        while let [letter, after @ ..] = letters {
            letters = after;
            ends |= grammar.ends.contains(letter);
            if grammar.command.contains(letter) {
                self.command |= means(*letter);
            } else if grammar.stdin.contains(letter) {
                self.stdin |= means(*letter);
            } else if grammar.text.contains(letter) {
                let Some(text) = self.argument(after) else { return Step::Found(Program::Nothing) };
                self.texts.push(text);
                break;
            } else if grammar.file.contains(letter) {
                let file = self.argument(after);
                return self.found(file, Program::File);
            } else if grammar.module.contains(letter) {
                let module = self.argument(after);
                return self.found(module, Program::Module);
            } else if grammar.nothing.contains(letter) {
                return Step::Found(Program::Nothing);
            } else if grammar.value.contains(letter) {
                self.argument(after);
                break;
            } else if grammar.next.contains(letter) {
                self.next();
            } else if grammar.rest.contains(letter) {
                break;
            } else if grammar.one.contains(letter) {
                letters = after.get(1..).unwrap_or_default();
            }
        }
        if ends { Step::End } else { Step::On }
    }

    fn name(&mut self, name: &'a [u8]) -> Step<'a> {
        let grammar = self.grammar;
        let (name, attached) = split(name);
        if grammar.lists(grammar.long_text, name) {
            let Some(text) = attached.or_else(|| self.next()) else { return Step::Found(Program::Nothing) };
            self.texts.push(text);
        } else if grammar.lists(grammar.long_maybe_text, name) {
            if self.rest.first().is_some_and(|next| !next.as_slice().starts_with(b"-")) {
                let text = self.next();
                self.texts.extend(text);
            }
        } else if grammar.lists(grammar.long_file, name) {
            let file = attached.or_else(|| self.next());
            return self.found(file, Program::File);
        } else if grammar.lists(grammar.long_value, name) {
            if attached.is_none() {
                self.next();
            }
        } else if grammar.lists(grammar.long_nothing, name) {
            return Step::Found(Program::Nothing);
        } else if !grammar.long_ends.is_empty() && grammar.long_ends.as_bytes() == name {
            return Step::End;
        } else if grammar.names == Names::OneDashOrStdin {
            return Step::Found(Program::Stdin);
        }
        Step::On
    }

    /// What an option names, with all that follows; nothing where the name is missing.
    fn found(&self, name: Option<&'a [u8]>, kind: fn(&'a [u8], &'a [Bytes]) -> Program<'a>) -> Step<'a> {
        Step::Found(name.map_or(Program::Nothing, |name| kind(name, self.rest)))
    }

    /// What is run, once only operands are left.
    fn operands(mut self) -> Program<'a> {
        if self.command || self.operand == Operand::Text {
            return self.next().map_or(Program::Nothing, |text| Program::Text(text.into()));
        }
        let takes_script = match self.operand {
            Operand::AlsoScript => !self.stdin,
            Operand::Script | Operand::ScriptBeforeDashes | Operand::Needed => {
                !self.stdin && self.texts.is_empty()
            }
            Operand::Text | Operand::Ignored | Operand::Nothing => false,
        };
        if takes_script && let Some(file) = self.next() {
            return Program::File(file, self.rest);
        }
        match self.texts.as_slice() {
            [] if !self.stdin && matches!(self.operand, Operand::Needed | Operand::Nothing) => {
                Program::Nothing
            }
            [] => Program::Stdin,
            [text] => Program::Text(Cow::Borrowed(text)),
            texts => Program::Text(Cow::Owned(texts.join(&b'\n'))),
        }
    }

    /// An option's argument: the rest of its word, or the next one.
    fn argument(&mut self, attached: &'a [u8]) -> Option<&'a [u8]> {
        match attached {
            [] => self.next(),
            [b'=', value @ ..] if self.grammar.equals => Some(value),
            value => Some(value),
        }
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first.as_slice())
    }
}

/// `name=value`.
fn split(name: &[u8]) -> (&[u8], Option<&[u8]>) {
    match name.iter().position(|&byte| byte == b'=').and_then(|at| name.split_at_checked(at)) {
        Some((name, value)) => (name, value.get(1..)),
        None => (name, None),
    }
}
