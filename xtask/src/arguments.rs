//! The words after a subcommand's name.

use std::{error::Error, fmt};

use anyhow::Result;

/// Words not yet asked for, and the words after `--`, which belong to somebody else.
pub(crate) struct Arguments {
    own: Vec<String>,
    rest: Vec<String>,
}

/// A command line that cannot be meant; ends with status 2.
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl Arguments {
    pub(crate) fn new(words: impl Iterator<Item = String>) -> Self {
        let mut own: Vec<String> = words.collect();
        let rest = match own.iter().position(|word| word == "--") {
            Some(at) => own.split_off(at).into_iter().skip(1).collect(),
            None => Vec::new(),
        };
        Self { own, rest }
    }

    pub(crate) fn asks_for_help(&self) -> bool {
        self.own.iter().any(|word| word == "--help" || word == "-h")
    }

    /// Whether `name` is there; takes it.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.own.len();
        self.own.retain(|word| word != name);
        self.own.len() < before
    }

    /// The value of `name VALUE` or `name=VALUE`; takes both words.
    ///
    /// # Errors
    /// When nothing follows `name`.
    pub(crate) fn value(&mut self, name: &str) -> Result<Option<String>> {
        let prefix = format!("{name}=");
        let Some(at) = self.own.iter().position(|word| word == name || word.starts_with(&prefix)) else {
            return Ok(None);
        };
        let word = self.own.remove(at);
        if let Some(value) = word.strip_prefix(&prefix) {
            return Ok(Some(value.to_owned()));
        }
        if at == self.own.len() {
            return Err(UsageError(format!("{name} needs a value")).into());
        }
        Ok(Some(self.own.remove(at)))
    }

    /// The values of every `name VALUE` and `name=VALUE`; takes them all.
    ///
    /// # Errors
    /// When nothing follows `name`.
    pub(crate) fn values(&mut self, name: &str) -> Result<Vec<String>> {
        let mut values = Vec::new();
        while let Some(value) = self.value(name)? {
            values.push(value);
        }
        Ok(values)
    }

    /// The first word that is no option; takes it.
    pub(crate) fn positional(&mut self) -> Option<String> {
        let at = self.own.iter().position(|word| !word.starts_with('-'))?;
        Some(self.own.remove(at))
    }

    /// The words after `--`; takes them.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.rest)
    }

    /// # Errors
    /// Names the first word that nobody took.
    pub(crate) fn finish(self) -> Result<()> {
        match self.own.into_iter().chain(self.rest).next() {
            Some(word) => Err(UsageError(format!("'{word}' means nothing here")).into()),
            None => Ok(()),
        }
    }
}

/// The one of `choices` that is called `word`, the value of `option`.
///
/// # Errors
/// When none is; names those that there are.
pub(crate) fn choice<T: Copy>(
    option: &str,
    word: &str,
    choices: &[T],
    name: fn(T) -> &'static str,
) -> Result<T> {
    let found = choices.iter().copied().find(|&choice| name(choice) == word);
    found.ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|&choice| name(choice)).collect();
        let between = if names.len() == 2 { " or " } else { ", " };
        UsageError(format!("{option} {word}: expected {}", names.join(between))).into()
    })
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for UsageError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments::new(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn values_in_both_spellings() {
        for line in ["--seconds 5 name", "name --seconds=5"] {
            let mut arguments = arguments(line);
            assert_eq!(arguments.value("--seconds").unwrap().as_deref(), Some("5"), "{line}");
            assert_eq!(arguments.positional().as_deref(), Some("name"), "{line}");
            arguments.finish().unwrap();
        }
    }

    #[test]
    fn leftovers_are_refused() {
        for (line, named) in
            [("--chekc", "--chekc"), ("a b", "a"), ("-- --alerts x", "--alerts"), ("--seconds", "--seconds")]
        {
            let mut arguments = arguments(line);
            let error = match arguments.value("--seconds") {
                Err(error) => error,
                Ok(_) => arguments.finish().unwrap_err(),
            };
            assert!(error.is::<UsageError>() && error.to_string().contains(named), "{line}: {error}");
        }
    }

    #[test]
    fn words_after_the_dashes_belong_to_somebody_else() {
        let mut arguments = arguments("--check -- --help x");
        assert!(arguments.flag("--check") && !arguments.asks_for_help());
        assert_eq!(arguments.rest(), ["--help", "x"]);
        arguments.finish().unwrap();
    }
}
