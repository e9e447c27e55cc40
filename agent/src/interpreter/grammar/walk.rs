//! A walk over arguments, word by word.

use std::{borrow::Cow, mem};

use super::{Dash, Grammar, Names, Operand};
use crate::{
    event::Bytes,
    interpreter::{Program, Told},
};

/// A walk over arguments.
pub(super) struct Walk<'a> {
    grammar: &'static Grammar,
    rest: &'a [Bytes],
    texts: Vec<&'a [u8]>,
    /// Texts that run before the program.
    before: Vec<&'a [u8]>,
    /// Texts that run before a file or standard input.
    loads: Vec<&'a [u8]>,
    /// A cluster of letters was read.
    clustered: bool,
    /// The script, as an option names it.
    file: Option<&'a [u8]>,
    stdin: bool,
    operand: Operand,
    /// Subcommands that may come.
    commands: &'static [(&'static str, Operand)],
    /// A script without a slash is looked for in `PATH`.
    searches: bool,
}

enum Step<'a> {
    /// The next word may be an option.
    On,
    /// Operands follow.
    End,
    Found(Program<'a>),
}

impl<'a> Walk<'a> {
    pub(super) fn new(grammar: &'static Grammar, arguments: &'a [Bytes]) -> Self {
        Self {
            grammar,
            rest: arguments,
            texts: Vec::new(),
            before: Vec::new(),
            loads: Vec::new(),
            clustered: false,
            file: None,
            stdin: false,
            operand: grammar.operand,
            commands: grammar.commands,
            searches: false,
        }
    }

    pub(super) fn read(mut self) -> Told<'a> {
        let program = loop {
            match self.word() {
                Step::On => {}
                Step::End => break self.operands(),
                Step::Found(program) => break program,
            }
        };
        self.told(program)
    }

    /// Text that runs before text is a part of it.
    fn told(self, program: Program<'a>) -> Told<'a> {
        let before = self.before;
        match program {
            Program::Nothing | Program::Server => Told::alone(program),
            Program::Text(text) if before.is_empty() => Told::alone(Program::Text(text)),
            Program::Text(text) => {
                let parts: Vec<&[u8]> = before.into_iter().chain([text.as_ref()]).collect();
                Told::alone(Program::Text(Cow::Owned(parts.join(&b'\n'))))
            }
            Program::File(path, _) => {
                let searched = self.searches && !path.contains(&b'/');
                Told { before: joined(&before), program, searched }
            }
            Program::Encoded(_) | Program::Module(..) | Program::Stdin => {
                Told { before: joined(&before), program, searched: false }
            }
        }
    }

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
            [b'-', b'-', blank, ..] if grammar.has_blanks() && blank.is_ascii_whitespace() => {
                self.next();
                Step::End
            }
            [b'-', b'-', ..] if self.clustered && grammar.names == Names::Leading => {
                Step::Found(Program::Nothing)
            }
            [b'-', b'-', name @ ..] => {
                self.next();
                self.name(name)
            }
            [b'-', name @ ..] if grammar.is_single(name, self.clustered) => {
                self.next();
                self.name(name)
            }
            [b'-', letters @ ..] => {
                self.next();
                self.letters(letters, None)
            }
            [b'+', letters @ ..] => match grammar.plus {
                Some(plus) => {
                    self.next();
                    self.letters(letters, Some(plus))
                }
                None => Step::End,
            },
            word => self.subcommand(word),
        }
    }

    fn subcommand(&mut self, word: &[u8]) -> Step<'a> {
        let known = self
            .commands
            .iter()
            .find(|(names, _)| names.split_ascii_whitespace().any(|name| name.as_bytes() == word));
        let Some((_, operand)) = known else { return Step::End };
        self.next();
        self.commands = &[];
        self.operand = *operand;
        Step::On
    }

    /// A cluster; behind `+` only the letters of `plus` have their meaning in it.
    fn letters(&mut self, cluster: &'a [u8], plus: Option<&[u8]>) -> Step<'a> {
        let grammar = self.grammar;
        let means = |letter: u8| plus.is_none_or(|plus| plus.contains(&letter));
        let mut letters = cluster;
        let mut ends = false;
        self.clustered = true;
        while let [letter, after @ ..] = letters {
            letters = after;
            ends |= grammar.ends.contains(letter);
            self.searches |= grammar.searches.contains(letter);
            if grammar.has_blanks() && b" -".contains(letter) {
                match (letter, after.trim_ascii_start()) {
                    (b' ', [b'-', more @ ..]) => letters = more,
                    (b'-', more) if more.len() < after.len() || after.is_empty() => return Step::End,
                    _ => break,
                }
            } else if grammar.command.contains(letter) {
                if means(*letter) {
                    self.operand = grammar.command_operand;
                }
            } else if grammar.stdin.contains(letter) {
                self.stdin |= means(*letter);
            } else if grammar.text.contains(letter) {
                let Some(text) = self.argument(after) else { return Step::Found(Program::Nothing) };
                self.texts.push(text);
                break;
            } else if grammar.before.contains(letter) {
                let Some(text) = self.argument(after) else { return Step::Found(Program::Nothing) };
                self.before.push(text);
                break;
            } else if grammar.uses.contains(letter) {
                self.before.extend(behind_module(after));
                break;
            } else if let Some(module) = grammar.debugged(*letter, after) {
                self.before.extend(behind_module(module));
                break;
            } else if grammar.bare.contains(letter) {
                self.operand = Operand::Bare;
                if after.starts_with(b":") {
                    break;
                }
            } else if grammar.file.contains(letter) {
                let Some(file) = self.argument(after) else { return Step::Found(Program::Nothing) };
                self.file = Some(file);
                if !grammar.file_goes_on {
                    return Step::End;
                }
                break;
            } else if grammar.module.contains(letter) {
                let module = self.argument(after);
                return Step::Found(module.map_or(Program::Nothing, |name| Program::Module(name, self.rest)));
            } else if grammar.nothing.contains(letter)
                || (grammar.looks.contains(letter) && self.texts.is_empty())
            {
                return Step::Found(Program::Nothing);
            } else if grammar.server.contains(letter) {
                let address = self.argument(after);
                return Step::Found(address.map_or(Program::Nothing, |_| Program::Server));
            } else if grammar.setting.contains(letter) {
                let setting = self.argument(after);
                self.loads.extend(setting.into_iter().flat_map(|setting| grammar.loaded(setting)));
                break;
            } else if grammar.value.contains(letter) {
                let value = self.argument(after);
                self.shell_option(*letter, value, plus.is_none());
                break;
            } else if grammar.next.contains(letter) {
                let value = self.next();
                self.shell_option(*letter, value, plus.is_none());
            } else if grammar.rest.contains(letter) {
                break;
            } else if grammar.until_blank.contains(letter) {
                let blank = after.iter().position(u8::is_ascii_whitespace).unwrap_or(after.len());
                letters = after.get(blank..).unwrap_or_default();
            } else if grammar.one.contains(letter) {
                letters = after.get(1..).unwrap_or_default();
            }
        }
        if ends { Step::End } else { Step::On }
    }

    fn name(&mut self, name: &'a [u8]) -> Step<'a> {
        let grammar = self.grammar;
        let (name, attached) = split(name);
        self.shell_option(b'o', Some(name), true);
        if grammar.lists(grammar.long_text, name) {
            let Some(text) = attached.or_else(|| self.next()) else { return Step::Found(Program::Nothing) };
            self.texts.push(text);
        } else if grammar.lists(grammar.long_maybe_text, name) {
            if self.rest.first().is_some_and(|next| !next.as_slice().starts_with(b"-")) {
                let text = self.next();
                self.texts.extend(text);
            }
        } else if grammar.lists(grammar.long_before, name) {
            let Some(text) = attached.or_else(|| self.next()) else { return Step::Found(Program::Nothing) };
            self.before.push(text);
        } else if grammar.lists(grammar.long_loads, name) {
            let module = attached.or_else(|| self.next());
            self.before.extend(module.filter(|module| is_data_url(module)));
        } else if grammar.lists(grammar.long_setting, name) {
            let setting = attached.or_else(|| self.next());
            self.loads.extend(setting.into_iter().flat_map(|setting| grammar.loaded(setting)));
        } else if grammar.lists(grammar.long_file, name) {
            let Some(file) = attached.or_else(|| self.next()) else { return Step::Found(Program::Nothing) };
            self.file = Some(file);
            return if grammar.file_goes_on { Step::On } else { Step::End };
        } else if grammar.lists(grammar.long_value, name) {
            if attached.is_none() {
                self.next();
            }
        } else if grammar.lists(grammar.long_nothing, name)
            || (grammar.lists(grammar.long_looks, name) && self.texts.is_empty())
        {
            return Step::Found(Program::Nothing);
        } else if grammar.lists(grammar.long_server, name) {
            let address = attached.or_else(|| self.next());
            return Step::Found(address.map_or(Program::Nothing, |_| Program::Server));
        } else if !grammar.long_ends.is_empty() && grammar.long_ends.as_bytes() == name {
            return Step::End;
        } else if grammar.names == Names::OneDashOrStdin {
            return Step::Found(Program::Stdin);
        }
        Step::On
    }

    /// What is run, once only operands are left.
    fn operands(&mut self) -> Program<'a> {
        let takes_script = match self.operand {
            Operand::Text => return self.next().map_or(Program::Nothing, |text| Program::Text(text.into())),
            Operand::TextThenStdin => {
                let Some(text) = self.next() else { return Program::Nothing };
                if !self.stdin {
                    return Program::Text(text.into());
                }
                self.before.push(text);
                return Program::Stdin;
            }
            Operand::Bare => {
                let texts = [mem::take(&mut self.before), mem::take(&mut self.texts)].concat();
                return joined(&texts).map_or(Program::Nothing, Program::Text);
            }
            Operand::AlsoScript => !self.stdin,
            Operand::Script | Operand::ScriptBeforeDashes | Operand::Needed => {
                !self.stdin && self.texts.is_empty()
            }
            Operand::Ignored | Operand::Nothing => false,
        };
        let file = self.file.or_else(|| if takes_script { self.next() } else { None });
        if let Some(file) = file {
            self.before.append(&mut self.loads);
            self.before.append(&mut self.texts);
            return Program::File(file, self.rest);
        }
        if self.operand == Operand::AlsoScript && self.stdin {
            self.before.append(&mut self.texts);
        }
        match joined(&self.texts) {
            Some(text) => Program::Text(text),
            None if !self.stdin && matches!(self.operand, Operand::Needed | Operand::Nothing) => {
                Program::Nothing
            }
            None => {
                self.before.append(&mut self.loads);
                Program::Stdin
            }
        }
    }

    /// What `-o`, as a letter with this argument, or two dashes name.
    fn shell_option(&mut self, letter: u8, name: Option<&[u8]>, on: bool) {
        let grammar = self.grammar;
        let Some(name) = name.filter(|_| letter == b'o') else { return };
        self.stdin |= grammar.sets(grammar.stdin_options, name, on);
        if grammar.sets(grammar.command_options, name, on) {
            self.operand = grammar.command_operand;
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

/// The texts as one, in lines; none of none.
fn joined<'a>(texts: &[&'a [u8]]) -> Option<Cow<'a, [u8]>> {
    match texts {
        [] => None,
        [text] => Some(Cow::Borrowed(*text)),
        texts => Some(Cow::Owned(texts.join(&b'\n'))),
    }
}

/// Perl's `-MModule code`: program text behind a module's name, unless that is `=` and a list.
fn behind_module(word: &[u8]) -> Option<&[u8]> {
    let name = word.strip_prefix(b"-").unwrap_or(word);
    let end = name.iter().position(|byte| !(byte.is_ascii_alphanumeric() || b"_:".contains(byte)))?;
    (name.get(end) != Some(&b'=')).then_some(word)
}

/// As URLs are read: control characters and blanks in front do not count, nor do tabs and line ends anywhere, and
/// schemes have no case.
pub(super) fn is_data_url(module: &[u8]) -> bool {
    let kept = module.iter().filter(|byte| !b"\t\r\n".contains(byte)).skip_while(|byte| **byte <= b' ');
    kept.take(5).map(u8::to_ascii_lowercase).eq(*b"data:")
}
