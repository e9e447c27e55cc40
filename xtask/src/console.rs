//! What a person sees: one line a step, coloured on a terminal only.

use std::{
    env,
    fmt::Display,
    io::{self, IsTerminal, Write},
};

/// How a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Ok,
    Missing,
    Doing,
    Skipped,
    Refused,
    Failed,
}

impl Mark {
    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Doing => "doing",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    const fn colour(self) -> &'static str {
        match self {
            Self::Ok => "\x1b[32m",
            Self::Missing | Self::Skipped => "\x1b[33m",
            Self::Doing => "\x1b[36m",
            Self::Refused | Self::Failed => "\x1b[31m",
        }
    }
}

/// One line for one step: how it stands, what it is, and what there is to say about it.
pub(crate) fn step(mark: Mark, name: &str, what: impl Display) {
    let (on, off) = if coloured() { (mark.colour(), "\x1b[0m") } else { ("", "") };
    line(&format!("{on}{:<8}{off} {name:<16} {what}", mark.word()));
}

/// One plain line on standard output. A closed pipe is no reason to stop half-way through an installation.
pub(crate) fn line(text: &str) {
    drop(writeln!(io::stdout().lock(), "{text}"));
}

/// One plain line on standard error.
pub(crate) fn error(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

fn coloured() -> bool {
    io::stdout().is_terminal() && env::var_os("NO_COLOR").is_none()
}
