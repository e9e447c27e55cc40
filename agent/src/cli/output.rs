//! Where records go: the log, a stream of JSON lines, the terminal.

use std::{
    fs::File,
    io::{self, Stdout, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use anyhow::Context as _;
use weir::{
    alert::{
        Record,
        log::{Encoder, LogSink, plain::PlainSink},
    },
    config::Alerts,
    report::terminal,
};

/// Sink of a command.
pub(super) struct Output {
    lines: Lines,
    terminal: Option<Terminal>,
}

/// Where JSON lines go.
enum Lines {
    /// The alert log with its thread.
    Log(LogSink, String),
    /// Standard output or a file of a replay.
    Plain(PlainSink<Box<dyn Write>>, String),
    /// Nowhere: the terminal's lines are all.
    None,
}

/// A line for each alert.
struct Terminal {
    out: Stdout,
    colour: bool,
}

impl Output {
    /// The alert log, and lines on standard output if wanted.
    pub(super) fn to_log(alerts: &Alerts, show: bool) -> anyhow::Result<Self> {
        let log = LogSink::start(alerts)?;
        Ok(Self {
            lines: Lines::Log(log, alerts.path.display().to_string()),
            terminal: show.then(Terminal::new),
        })
    }

    /// JSON lines on standard output and nothing else.
    pub(super) fn to_stdout(alerts: &Alerts) -> Self {
        let sink = PlainSink::new(Encoder::new(alerts), Box::new(io::stdout()) as Box<dyn Write>);
        Self { lines: Lines::Plain(sink, "standard output".to_owned()), terminal: None }
    }

    /// JSON lines in a new file, and lines on standard output.
    pub(super) fn to_file(alerts: &Alerts, path: &Path) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let made = File::options().write(true).create_new(true).mode(0o600).open(path);
        let file = made.with_context(|| format!("cannot create {name}; it must not be there already"))?;
        let writer = Box::new(io::BufWriter::new(file)) as Box<dyn Write>;
        let sink = PlainSink::new(Encoder::new(alerts), writer);
        Ok(Self { lines: Lines::Plain(sink, name), terminal: Some(Terminal::new()) })
    }

    /// Lines on standard output alone.
    pub(super) fn to_terminal() -> Self {
        Self { lines: Lines::None, terminal: Some(Terminal::new()) }
    }

    /// Takes one record. The log never fails: what it cannot write it counts.
    pub(super) fn write(&mut self, record: Record) -> anyhow::Result<()> {
        if let Some(terminal) = &mut self.terminal {
            terminal.show(&record);
        }
        match &mut self.lines {
            Lines::Log(log, _) => {
                log.send(record);
            }
            Lines::Plain(sink, name) => sink.send(&record).with_context(|| format!("cannot write {name}"))?,
            Lines::None => {}
        }
        Ok(())
    }

    /// Opens the log anew after a rotation by somebody else.
    pub(super) fn reopen(&self) {
        match &self.lines {
            Lines::Log(log, _) => log.reopen(),
            Lines::Plain(..) | Lines::None => {}
        }
    }

    /// Where the JSON lines go, for a message.
    pub(super) fn name(&self) -> &str {
        match &self.lines {
            Lines::Log(_, name) | Lines::Plain(_, name) => name,
            Lines::None => "the terminal",
        }
    }

    /// Writes what is still queued.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        match self.lines {
            Lines::Log(log, name) => {
                let written = log.finish();
                if written.stuck {
                    anyhow::bail!("{name}: the disk did not answer; the last records are not in the log");
                }
                if written.lost > 0 {
                    tracing::warn!("{name}: {} records could not be written", written.lost);
                }
            }
            Lines::Plain(sink, name) => {
                sink.finish().with_context(|| format!("cannot write {name}"))?;
            }
            Lines::None => {}
        }
        Ok(())
    }
}

impl Terminal {
    fn new() -> Self {
        let out = io::stdout();
        let colour = terminal::wants_colour(&out);
        Self { out, colour }
    }

    /// A terminal that went away must not stop the watch.
    fn show(&mut self, record: &Record) {
        if let Some(line) = terminal::line(record, self.colour)
            && let Err(error) = writeln!(self.out, "{line}")
        {
            tracing::debug!(%error, "standard output is gone");
        }
    }
}
