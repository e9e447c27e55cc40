//! Configuration as written: TOML text -> `Written` -> [`Config`].
//!
//! A problem never hides the next one: syntax errors, unknown keys and wrong types are collected over the whole
//! text, then all values that do not make sense, each with its place and what was expected.

mod defaults;
mod error;
mod shape;
mod written;
mod resolve;
#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::Path,
};

use serde::Deserialize;
use toml::{
    Table, Value,
    de::{DeTable, Deserializer},
};

use super::{Config, Hooks};
use crate::event::escape::escape;

pub use error::{ConfigError, Problem, Unreadable};

/// Where the configuration lies when no other file is named.
pub const DEFAULT_PATH: &str = "/etc/weir/weir.toml";
/// Largest configuration that is read, bytes. The annotated example has about 15,000.
pub const MAX_BYTES: usize = 1 << 20;

impl Default for Config {
    /// The built-in configuration.
    fn default() -> Self {
        resolve::resolve(written::Written::default()).0
    }
}

impl Config {
    /// The configuration that `text` means. `file_name` only serves messages.
    ///
    /// # Errors
    /// Every problem that was found, with its line, column and key.
    pub fn parse(text: &str, file_name: &str) -> Result<Self, ConfigError> {
        parse(text).map_err(|problems| ConfigError::invalid(file_name, text, problems))
    }

    /// Reads the file at `path`; without a path [`DEFAULT_PATH`] if it is there, else the built-in defaults.
    ///
    /// # Errors
    /// The file cannot be read, may be written by everybody, is no UTF-8 text, or says what makes no sense.
    pub fn load(path: Option<&Path>) -> Result<Self, ConfigError> {
        let chosen = path.unwrap_or(Path::new(DEFAULT_PATH));
        let bytes = match read(chosen) {
            Ok(bytes) => bytes,
            Err(Unreadable::Io(error)) if path.is_none() && error.kind() == ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(why) => return Err(ConfigError::Unreadable { file: shown(chosen), why }),
        };
        let name = shown(chosen);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Self::parse(text, &name),
            Err(error) => Err(ConfigError::not_utf8(&name, &bytes, error.valid_up_to())),
        }
    }

    /// The same configuration with other hooks, in its source too.
    #[must_use]
    pub fn with_hooks(mut self, hooks: Hooks) -> Self {
        let Ok(mut table) = self.source.parse::<Table>() else { return self };
        if let Some(Value::Table(sensor)) = table.get_mut("sensor") {
            sensor.insert("hooks".to_owned(), Value::String(hooks.to_string()));
        }
        self.source = table.to_string();
        self.sensor.hooks = hooks;
        self
    }
}

fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    if !syntax.is_empty() {
        return Err(syntax.iter().map(|error| Problem::syntax(error, table.get_ref())).collect());
    }
    let misshapen = shape::check(table.get_ref());
    if !misshapen.is_empty() {
        return Err(misshapen);
    }
    let written = written::Written::deserialize(Deserializer::from(table.clone()))
        .map_err(|error| vec![Problem::syntax(&error, table.get_ref())])?;
    let (config, problems) = resolve::resolve(written);
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

fn read(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let file = File::open(path).map_err(Unreadable::Io)?;
    let metadata = file.metadata().map_err(Unreadable::Io)?;
    if metadata.is_file() && metadata.mode() & 0o002 != 0 {
        return Err(Unreadable::WritableByAll { mode: metadata.mode() & 0o7777 });
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(Unreadable::Io)?;
    if bytes.len() > MAX_BYTES { Err(Unreadable::TooLarge) } else { Ok(bytes) }
}

fn shown(path: &Path) -> String {
    escape(path.to_string_lossy(), &['\t']).into_owned()
}
