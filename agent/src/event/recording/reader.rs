//! Reading a recording.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{FRAME_MAX, MAGIC, OLDEST, Problem, RecordingError, VERSION, checksum};
use crate::event::Event;

/// Iterates over the events of a recording. The first error is the last item.
#[derive(Debug)]
pub struct Reader<R: Read> {
    file: PathBuf,
    input: R,
    payload: Vec<u8>,
    offset: u64,
    frame: u64,
    ended: bool,
}

impl Reader<BufReader<File>> {
    /// Opens a recording and checks its header.
    ///
    /// # Errors
    ///
    /// [`RecordingError`] when the file cannot be read or is no recording of this version.
    pub fn open(path: &Path) -> Result<Self, RecordingError> {
        let file = File::open(path).map_err(|error| RecordingError {
            file: path.to_owned(),
            offset: 0,
            frame: 0,
            problem: Problem::Io(error),
        })?;
        Self::new(path, BufReader::with_capacity(256 * 1024, file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads a recording from `input`; `name` stands in errors.
    ///
    /// # Errors
    ///
    /// [`RecordingError`] when the header is not that of a recording of this version.
    pub fn new(name: &Path, input: R) -> Result<Self, RecordingError> {
        let mut reader =
            Self { file: name.to_owned(), input, payload: Vec::new(), offset: 0, frame: 0, ended: false };
        reader.header().map_err(|problem| reader.error(problem))?;
        Ok(reader)
    }

    fn header(&mut self) -> Result<(), Problem> {
        let mut magic = [0; MAGIC.len()];
        let mut version = [0; 4];
        let need = magic.len() + version.len();
        let have = fill(&mut self.input, &mut magic)?;
        if magic.get(..have) != MAGIC.get(..have) || have == 0 {
            return Err(Problem::NotARecording);
        }
        let have = have + fill(&mut self.input, &mut version)?;
        if have < need {
            return Err(Problem::TruncatedHeader { have, need });
        }
        let found = u32::from_le_bytes(version);
        match found {
            OLDEST..=VERSION => {}
            newer if newer > VERSION => return Err(Problem::Newer { found, ours: VERSION }),
            _ => return Err(Problem::Older { found, ours: OLDEST }),
        }
        self.offset = need as u64;
        self.frame = 1;
        Ok(())
    }

    /// The next event; none at an end between frames.
    fn frame(&mut self) -> Result<Option<Event>, Problem> {
        let (mut len_bytes, mut sum_bytes) = ([0; 4], [0; 4]);
        let prefix = len_bytes.len() + sum_bytes.len();
        let have = fill(&mut self.input, &mut len_bytes)?;
        if have == 0 {
            return Ok(None);
        }
        let have = have + fill(&mut self.input, &mut sum_bytes)?;
        if have < prefix {
            return Err(Problem::Truncated { have, need: prefix });
        }
        let len = u32::from_le_bytes(len_bytes);
        if len > FRAME_MAX {
            return Err(Problem::TooLong { len: len.into(), bound: FRAME_MAX });
        }
        self.payload.clear();
        // `take` grows the buffer with what is really there, not with what the length promises.
        let got = (&mut self.input).take(len.into()).read_to_end(&mut self.payload).map_err(Problem::Io)?;
        if (got as u64) < u64::from(len) {
            return Err(Problem::Truncated { have: prefix + got, need: prefix + len as usize });
        }
        let (stored, computed) = (u32::from_le_bytes(sum_bytes), checksum(len_bytes, &self.payload));
        if stored != computed {
            return Err(Problem::Checksum { stored, computed });
        }
        let (event, rest) = postcard::take_from_bytes(&self.payload).map_err(Problem::Payload)?;
        if !rest.is_empty() {
            return Err(Problem::Trailing(rest.len()));
        }
        self.offset += u64::from(len) + prefix as u64;
        self.frame += 1;
        Ok(Some(event))
    }

    fn error(&self, problem: Problem) -> RecordingError {
        RecordingError { file: self.file.clone(), offset: self.offset, frame: self.frame, problem }
    }
}

impl<R: Read> Iterator for Reader<R> {
    type Item = Result<Event, RecordingError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.frame().map_err(|problem| self.error(problem)).transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

/// Reads until `buffer` is full or the input ends; returns the bytes read.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> Result<usize, Problem> {
    let mut have = 0;
    while let Some(rest) = buffer.get_mut(have..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(got) => have += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Io(error)),
        }
    }
    Ok(have)
}
