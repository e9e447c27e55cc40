//! What a harness outside a virtual machine reads: a JSON object a line, written as each case ends.

use std::{
    fs::File,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::harness::Outcome;

/// The report, a file or a serial port.
#[derive(Debug)]
pub struct Report {
    file: File,
    path: PathBuf,
}

/// How a case ended.
#[derive(Debug, Serialize)]
struct Ended<'a> {
    case: &'a str,
    /// `passed`, `failed` or `skipped`.
    outcome: &'static str,
    seconds: f64,
    /// Figures of a case that passed, the lines of an error, the reason of a skip.
    notes: Vec<String>,
}

impl Report {
    /// Appends to `path`, which is made when it is not there.
    ///
    /// # Errors
    /// Fails when it cannot be opened.
    pub fn append_to(path: &Path) -> Result<Self> {
        // A terminal line must not become this process's own, or a hang-up there would end the run.
        let file = File::options().append(true).create(true).custom_flags(libc::O_NOCTTY).open(path);
        let file = file.with_context(|| format!("cannot open the report {}", path.display()))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Writes how a case ended. Nothing is kept back: the file is not buffered.
    ///
    /// # Errors
    /// Fails when the line cannot be written whole.
    pub fn write(&mut self, case: &str, seconds: f64, result: &Result<Outcome>) -> Result<()> {
        let mut line = line(case, seconds, result)?;
        line.push(b'\n');
        self.file.write_all(&line).with_context(|| format!("cannot write {}", self.path.display()))
    }
}

fn line(case: &str, seconds: f64, result: &Result<Outcome>) -> Result<Vec<u8>> {
    let (outcome, notes) = match result {
        Ok(Outcome::Passed(notes)) => ("passed", notes.clone()),
        Ok(Outcome::Skipped(reason)) => ("skipped", vec![reason.clone()]),
        Err(error) => ("failed", format!("{error:#}").lines().map(str::to_owned).collect()),
    };
    // Milliseconds are as fine as anybody reads.
    let seconds = (seconds * 1000.0).round() / 1000.0;
    Ok(serde_json::to_vec(&Ended { case, outcome, seconds, notes })?)
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::{Outcome, Result, line};

    #[test]
    fn one_object_a_line() {
        let rows: [(Result<Outcome>, &str); 3] = [
            (
                Ok(Outcome::Passed(vec!["read 5".to_owned()])),
                r#"{"case":"a::b","outcome":"passed","seconds":1.235,"notes":["read 5"]}"#,
            ),
            (
                Ok(Outcome::Skipped("needs root".to_owned())),
                r#"{"case":"a::b","outcome":"skipped","seconds":1.235,"notes":["needs root"]}"#,
            ),
            (
                Err(anyhow!("one\n\"two\"")),
                r#"{"case":"a::b","outcome":"failed","seconds":1.235,"notes":["one","\"two\""]}"#,
            ),
        ];
        for (result, expected) in rows {
            assert_eq!(String::from_utf8(line("a::b", 1.2346, &result).unwrap()).unwrap(), expected);
        }
    }
}
