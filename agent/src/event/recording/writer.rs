//! Writing a recording.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use super::{FRAME_MAX, MAGIC, Problem, RecordingError, VERSION, checksum};
use crate::event::Event;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 256 * 1024;
/// Older files of one name that are kept.
const OLDER_MAX: u32 = 1_000;

/// Appends events to a recording.
#[derive(Debug)]
pub struct Writer<W: Write> {
    file: PathBuf,
    output: BufWriter<W>,
    payload: Vec<u8>,
    offset: u64,
    frame: u64,
}

impl Writer<File> {
    /// Makes the file by [`create`]: a recording is evidence and is never overwritten, and an agent that is started
    /// again goes on.
    ///
    /// # Errors
    ///
    /// [`Problem::Exists`] when no such name is free, [`Problem::Io`] when it cannot be made or written.
    pub fn create(path: &Path) -> Result<Self, RecordingError> {
        let file = create(path).map_err(|error| {
            if error.kind() == io::ErrorKind::AlreadyExists {
                RecordingError { file: path.to_owned(), offset: 0, frame: 0, problem: Problem::Exists }
            } else {
                header_error(path, error)
            }
        })?;
        Self::new(path, file)
    }

    /// Writes what is buffered and waits until the disk has it.
    ///
    /// # Errors
    ///
    /// [`Problem::Io`] when it cannot be written.
    pub fn finish(mut self) -> Result<(), RecordingError> {
        self.flush()?;
        self.output.get_ref().sync_all().map_err(|error| self.error(Problem::Io(error)))
    }
}

/// Creates a file with mode 0600 and follows no link there. What is there already is never overwritten: it is moved to
/// the first free of `NAME.1`, `NAME.2` and so on.
///
/// # Errors
///
/// [`io::ErrorKind::AlreadyExists`] when no such name is free, others when it cannot be made.
pub fn create(path: &Path) -> io::Result<File> {
    if path.symlink_metadata().is_ok_and(|there| there.is_file() && there.len() > 0) {
        let mut names = (1..=OLDER_MAX).map(|number| older(path, number));
        let free = names.find(|name| name.symlink_metadata().is_err());
        std::fs::rename(path, free.ok_or(io::ErrorKind::AlreadyExists)?)?;
    }
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

impl<W: Write> Writer<W> {
    /// Begins a recording on `output`; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// [`Problem::Io`] when the header cannot be written.
    pub fn new(name: &Path, output: W) -> Result<Self, RecordingError> {
        let mut output = BufWriter::with_capacity(BUFFER, output);
        output
            .write_all(&MAGIC)
            .and_then(|()| output.write_all(&VERSION.to_le_bytes()))
            .map_err(|error| header_error(name, error))?;
        let offset = (MAGIC.len() + size_of_val(&VERSION)) as u64;
        Ok(Self { file: name.to_owned(), output, payload: Vec::new(), offset, frame: 1 })
    }

    /// Appends one event.
    ///
    /// # Errors
    ///
    /// [`Problem::TooLong`] for an event above [`FRAME_MAX`], [`Problem::Io`] when it cannot be written.
    pub fn write(&mut self, event: &Event) -> Result<(), RecordingError> {
        let mut payload = std::mem::take(&mut self.payload);
        payload.clear();
        self.payload =
            postcard::to_extend(event, payload).map_err(|error| self.error(Problem::Payload(error)))?;
        let len =
            u32::try_from(self.payload.len()).ok().filter(|&len| len <= FRAME_MAX).ok_or_else(|| {
                self.error(Problem::TooLong { len: self.payload.len() as u64, bound: FRAME_MAX })
            })?;
        let len_bytes = len.to_le_bytes();
        self.frame_bytes(len_bytes, checksum(len_bytes, &self.payload))
            .map_err(|error| self.error(Problem::Io(error)))?;
        self.offset += u64::from(len) + 8;
        self.frame += 1;
        Ok(())
    }

    /// Hands what is buffered to the operating system.
    ///
    /// # Errors
    ///
    /// [`Problem::Io`] when it cannot be written.
    pub fn flush(&mut self) -> Result<(), RecordingError> {
        self.output.flush().map_err(|error| self.error(Problem::Io(error)))
    }

    fn frame_bytes(&mut self, len: [u8; 4], sum: u32) -> io::Result<()> {
        self.output.write_all(&len)?;
        self.output.write_all(&sum.to_le_bytes())?;
        self.output.write_all(&self.payload)
    }

    fn error(&self, problem: Problem) -> RecordingError {
        RecordingError { file: self.file.clone(), offset: self.offset, frame: self.frame, problem }
    }
}

/// `NAME.NUMBER` beside a file.
fn older(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn header_error(path: &Path, error: io::Error) -> RecordingError {
    RecordingError { file: path.to_owned(), offset: 0, frame: 0, problem: Problem::Io(error) }
}
