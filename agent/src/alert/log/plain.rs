//! Lines into any writer: standard output, a buffer in a test.

use std::io::{self, Write};

use super::Encoder;
use crate::alert::Record;

/// A sink without file, thread or rotation.
#[derive(Debug)]
pub struct PlainSink<W> {
    encoder: Encoder,
    writer: W,
}

impl<W: Write> PlainSink<W> {
    /// Lines of `encoder` go to `writer`.
    pub fn new(encoder: Encoder, writer: W) -> Self {
        Self { encoder, writer }
    }

    /// Writes one record.
    ///
    /// # Errors
    /// What the writer says; a closed pipe is [`io::ErrorKind::BrokenPipe`].
    pub fn send(&mut self, record: &Record) -> io::Result<()> {
        self.encoder.encode(record).map_or(Ok(()), |line| self.writer.write_all(line.as_bytes()))
    }

    /// Flushes and gives the writer back.
    ///
    /// # Errors
    /// What the writer says.
    pub fn finish(mut self) -> io::Result<W> {
        self.writer.flush()?;
        Ok(self.writer)
    }
}
