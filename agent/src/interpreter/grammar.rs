//! Command lines of dashes and letters, by an interpreter's grammar.

mod walk;

use super::Told;
use crate::event::Bytes;
use walk::Walk;

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
    /// Letters whose argument, attached or next, is program text that runs before the program.
    pub(super) before: &'static [u8],
    /// Letters that take the rest of their word, a module; what stands there behind its name, if not behind `=`, is
    /// program text that runs before the program.
    pub(super) uses: &'static [u8],
    /// Letters behind which, or behind `t` after which, `:` or `=` introduces what `uses` takes; else they are flags.
    pub(super) debugs: &'static [u8],
    /// Letters with which no file and no standard input is run, but text is; a `:` takes the rest of the word.
    pub(super) bare: &'static [u8],
    /// Letters that have the interpreter look for a script whose name has no slash in `PATH` first.
    pub(super) searches: &'static [u8],
    /// Letters that make the first operand program text, as `-c` does in a shell.
    pub(super) command: &'static [u8],
    /// What they make of it.
    pub(super) command_operand: Operand,
    /// Letters that make standard input the program and all operands its arguments.
    pub(super) stdin: &'static [u8],
    /// What `-o` and two dashes call `stdin`, in small letters and digits alone.
    pub(super) stdin_options: &'static str,
    /// What `-o` and two dashes call `command`, likewise.
    pub(super) command_options: &'static str,
    /// Letters whose argument, attached or next, names the script; they end the options unless `file_goes_on`.
    pub(super) file: &'static [u8],
    /// Options may follow the one that names the script.
    pub(super) file_goes_on: bool,
    /// Letters whose argument, attached or next, names a module; it ends the options.
    pub(super) module: &'static [u8],
    /// Letters with an argument, attached or next.
    pub(super) value: &'static [u8],
    /// Letters with an argument that is the next word, while the cluster goes on.
    pub(super) next: &'static [u8],
    /// Letters that take the rest of their word, be it empty.
    pub(super) rest: &'static [u8],
    /// Letters that take what stands before the first blank of their word, be it empty. Where there are such letters, a
    /// blank ends a cluster, unless a dash follows.
    pub(super) until_blank: &'static [u8],
    /// Letters that take one more letter of their word.
    pub(super) one: &'static [u8],
    /// Letters that end the options with their word, be they listed above or not.
    pub(super) ends: &'static [u8],
    /// Letters with which nothing is run.
    pub(super) nothing: &'static [u8],
    /// Letters that only look at a file; they count where no program text stands before them.
    pub(super) looks: &'static [u8],
    /// Letters whose argument, attached or next, is a setting `name=value`.
    pub(super) setting: &'static [u8],
    /// Letters whose argument, attached or next, is the address of a built-in server.
    pub(super) server: &'static [u8],
    /// Names whose value, attached by `=` or next, is program text.
    pub(super) long_text: &'static str,
    /// Names whose value is program text if a next word follows that begins with no dash.
    pub(super) long_maybe_text: &'static str,
    /// Names whose value is program text that runs before the program.
    pub(super) long_before: &'static str,
    /// Names whose value is a module that is loaded before the program; a `data:` URL is its text.
    pub(super) long_loads: &'static str,
    /// Names whose value is a setting `name=value`.
    pub(super) long_setting: &'static str,
    /// Settings whose value is loaded before a file or standard input; a `data:` URL is its text.
    pub(super) settings_load: &'static str,
    /// Names whose value is the script.
    pub(super) long_file: &'static str,
    /// Names with a value, attached by `=` or next.
    pub(super) long_value: &'static str,
    /// Names with which nothing is run.
    pub(super) long_nothing: &'static str,
    /// Names that mean what `looks` means.
    pub(super) long_looks: &'static str,
    /// Names whose value is the address of a built-in server.
    pub(super) long_server: &'static str,
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
    /// Whole behind one dash, where `single` or another list has it, or two, and only before the first cluster; behind
    /// that one dash introduces letters, and two are a mistake.
    Leading,
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
    /// Program text, and standard input is run behind it if that is asked for too.
    TextThenStdin,
    /// Ignored.
    Ignored,
    /// Of no interest: nothing is run.
    Nothing,
    /// Of no interest: nothing is run but program text, not even standard input.
    Bare,
}

/// Flags alone.
pub(super) const NONE: Grammar = Grammar {
    shell: false,
    text: b"",
    before: b"",
    uses: b"",
    debugs: b"",
    bare: b"",
    searches: b"",
    command: b"",
    command_operand: Operand::Text,
    stdin: b"",
    stdin_options: "",
    command_options: "",
    file: b"",
    file_goes_on: false,
    module: b"",
    value: b"",
    next: b"",
    rest: b"",
    until_blank: b"",
    one: b"",
    ends: b"",
    nothing: b"",
    looks: b"",
    setting: b"",
    server: b"",
    long_text: "",
    long_maybe_text: "",
    long_before: "",
    long_loads: "",
    long_setting: "",
    settings_load: "",
    long_file: "",
    long_value: "",
    long_nothing: "version help",
    long_looks: "",
    long_server: "",
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
    pub(super) fn read<'a>(&'static self, arguments: &'a [Bytes]) -> Told<'a> {
        Walk::new(self, arguments).read()
    }

    /// Whether a blank ends a cluster.
    fn has_blanks(&self) -> bool {
        !self.until_blank.is_empty()
    }

    /// Whether what stands behind one dash is a name; `clustered` says whether a cluster came before.
    fn is_single(&self, name: &[u8], clustered: bool) -> bool {
        match self.names {
            Names::OneDash | Names::OneDashOrStdin => true,
            Names::Leading => {
                let listed = [self.single, self.long_value, self.long_nothing];
                !clustered && listed.iter().any(|names| self.lists(names, name))
            }
            Names::Whole | Names::Abbreviated => false,
        }
    }

    /// The module behind a letter of `debugs`.
    fn debugged<'a>(&self, letter: u8, after: &'a [u8]) -> Option<&'a [u8]> {
        let after = after.strip_prefix(b"t").unwrap_or(after);
        let module = after.strip_prefix(b":").or_else(|| after.strip_prefix(b"="))?;
        self.debugs.contains(&letter).then_some(module)
    }

    /// The texts that settings, a line each, have loaded; a value may stand in quotes.
    fn loaded<'a>(&self, settings: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        settings.split(|&byte| byte == b'\n').filter_map(|setting| {
            let (name, value) = setting.split_at_checked(setting.iter().position(|&byte| byte == b'=')?)?;
            let value = value.get(1..)?;
            let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
            (self.lists(self.settings_load, name.trim_ascii()) && walk::is_data_url(value)).then_some(value)
        })
    }

    /// Whether `-o given`, or `+o given` where not `on`, sets an option of `names`; `no` before a name negates it.
    fn sets(&self, names: &str, given: &[u8], on: bool) -> bool {
        let folded: Vec<u8> =
            given.iter().filter(|byte| byte.is_ascii_alphanumeric()).map(u8::to_ascii_lowercase).collect();
        match folded.strip_prefix(b"no") {
            Some(name) => !on && self.lists(names, name),
            None => on && self.lists(names, &folded),
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
