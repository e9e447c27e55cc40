//! Command lines by table: which options a tool knows and which of them take a value.
//!
//! An option that takes a value and is not in the table would turn its value into an operand, so each tool lists
//! all of those, also where their meaning does not matter here.

/// What an option of interest is followed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    None,
    /// A value, attached or as the next argument.
    Required,
}

/// What the options of a tool mean of which none is of interest.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Nothing {}

/// An option of interest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opt<M> {
    short: u8,
    long: &'static str,
    value: Value,
    means: M,
}

impl<M> Opt<M> {
    /// An option without a value; `short` 0 and `long` "" stand for "has none".
    pub(super) const fn flag(short: u8, long: &'static str, means: M) -> Self {
        Self { short, long, value: Value::None, means }
    }

    /// An option with a value.
    pub(super) const fn value(short: u8, long: &'static str, means: M) -> Self {
        Self { short, long, value: Value::Required, means }
    }
}

/// How options are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `-abc`, `--long`, anywhere among the operands.
    Permuting,
    /// As above; the first operand ends the options.
    Leading,
    /// `-name value`: one word an option, with one or two dashes.
    Words,
}

/// A tool's options.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syntax<M: 'static> {
    /// Options of interest.
    pub(super) options: &'static [Opt<M>],
    /// Further short options that take a value.
    pub(super) short_values: &'static [u8],
    /// Further long options that take a value, separated by blanks.
    pub(super) long_values: &'static str,
    /// How they are written.
    pub(super) shape: Shape,
}

/// A command line taken apart.
#[derive(Clone, Debug)]
pub(super) struct Parsed<'a, M> {
    options: Vec<(M, &'a [u8])>,
    /// What is no option, in order.
    pub(super) operands: Vec<&'a [u8]>,
}

impl<'a, M: Copy + PartialEq> Parsed<'a, M> {
    /// Whether the option was given.
    pub(super) fn has(&self, means: M) -> bool {
        self.options.iter().any(|&(option, _)| option == means)
    }

    /// Value of the option where it was given last.
    pub(super) fn value(&self, means: M) -> Option<&'a [u8]> {
        self.values(means).last()
    }

    /// All values of the option.
    pub(super) fn values(&self, means: M) -> impl Iterator<Item = &'a [u8]> {
        self.options.iter().filter(move |&&(option, _)| option == means).map(|&(_, value)| value)
    }

    /// The options of interest in order.
    pub(super) fn options(&self) -> impl Iterator<Item = (M, &'a [u8])> {
        self.options.iter().copied()
    }

    /// All operands but the last, and the last.
    pub(super) fn sources_and_target(&self) -> Option<(&[&'a [u8]], &'a [u8])> {
        self.operands.split_last().map(|(last, rest)| (rest, *last))
    }

    fn add(&mut self, means: Option<M>, value: &'a [u8]) {
        if let Some(means) = means {
            self.options.push((means, value));
        }
    }
}

impl<M: Copy + PartialEq> Syntax<M> {
    /// Takes `arguments` (without the program's name) apart.
    pub(super) fn parse<'a, I>(&self, arguments: I) -> Parsed<'a, M>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut parsed = Parsed { options: Vec::new(), operands: Vec::new() };
        self.parse_into(&mut arguments.into_iter(), &mut parsed);
        parsed
    }

    /// As [`Self::parse`], where the first argument may be option letters without a dash, whose values follow in
    /// the letters' order: `cvzf archive dir`.
    pub(super) fn parse_bundle<'a, I>(&self, arguments: I) -> Parsed<'a, M>
    where
        I: IntoIterator<Item = &'a [u8]>,
    {
        let mut parsed = Parsed { options: Vec::new(), operands: Vec::new() };
        let mut rest = arguments.into_iter().peekable();
        let is_bundle = |first: &&[u8]| !first.is_empty() && first.iter().all(u8::is_ascii_alphanumeric);
        for letter in rest.next_if(is_bundle).unwrap_or_default() {
            let (means, takes_value) = self.find_short(*letter);
            let value = if takes_value { rest.next() } else { None };
            parsed.add(means, value.unwrap_or_default());
        }
        self.parse_into(&mut rest, &mut parsed);
        parsed
    }

    fn parse_into<'a>(&self, rest: &mut impl Iterator<Item = &'a [u8]>, parsed: &mut Parsed<'a, M>) {
        while let Some(argument) = rest.next() {
            match argument {
                b"--" if self.shape != Shape::Words => {
                    parsed.operands.extend(rest.by_ref());
                }
                [b'-', b'-', name @ ..] => self.long(name, rest, parsed),
                [b'-', name @ ..] if self.shape == Shape::Words && !name.is_empty() => {
                    self.long(name, rest, parsed);
                }
                [b'-', cluster @ ..] if !cluster.is_empty() => self.cluster(cluster, rest, parsed),
                operand => {
                    parsed.operands.push(operand);
                    if self.shape == Shape::Leading {
                        parsed.operands.extend(rest.by_ref());
                    }
                }
            }
        }
    }

    fn long<'a>(
        &self,
        name: &'a [u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
        parsed: &mut Parsed<'a, M>,
    ) {
        let equals = name.iter().position(|&byte| byte == b'=');
        let (name, attached) = match equals.and_then(|at| name.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..)),
            None => (name, None),
        };
        let (means, takes_value) = self.find_long(name);
        let value = if takes_value { attached.or_else(|| rest.next()) } else { attached };
        parsed.add(means, value.unwrap_or_default());
    }

    /// Exact names first, then an abbreviation (`--creat`) that fits one option of interest alone.
    fn find_long(&self, name: &[u8]) -> (Option<M>, bool) {
        if let Some(option) = self.options.iter().find(|option| option.long.as_bytes() == name) {
            return (Some(option.means), option.value == Value::Required);
        }
        if self.long_values.split_ascii_whitespace().any(|long| long.as_bytes() == name) {
            return (None, true);
        }
        if self.shape == Shape::Words {
            return (None, false);
        }
        let mut fitting = self.options.iter().filter(|option| option.long.as_bytes().starts_with(name));
        match (fitting.next(), fitting.next()) {
            (Some(option), None) if name.len() >= 3 => (Some(option.means), option.value == Value::Required),
            _ => (None, false),
        }
    }

    fn find_short(&self, letter: u8) -> (Option<M>, bool) {
        match self.options.iter().find(|option| option.short == letter) {
            Some(option) => (Some(option.means), option.value == Value::Required),
            None => (None, self.short_values.contains(&letter)),
        }
    }

    fn cluster<'a>(
        &self,
        cluster: &'a [u8],
        rest: &mut impl Iterator<Item = &'a [u8]>,
        parsed: &mut Parsed<'a, M>,
    ) {
        let mut letters = cluster;
        while let [letter, after @ ..] = letters {
            let (means, takes_value) = self.find_short(*letter);
            if takes_value {
                let value = if after.is_empty() { rest.next().unwrap_or_default() } else { after };
                parsed.add(means, value);
                return;
            }
            parsed.add(means, &[]);
            letters = after;
        }
    }
}
