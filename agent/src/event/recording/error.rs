//! What can be wrong with a recording, and where.

use std::{io, path::PathBuf};

/// An error that names file, byte offset, frame number and problem.
#[derive(Debug, thiserror::Error)]
#[error("recording {}: {} at byte {offset}: {problem}", file.display(), place(*frame))]
pub struct RecordingError {
    /// The recording.
    pub file: PathBuf,
    /// Offset of the header or frame in bytes.
    pub offset: u64,
    /// Number of the frame, from 1; 0 is the header.
    pub frame: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is there already, and so are many older ones.
    #[error(
        "it is there already and no name is free to move it to; name another file, or move old ones away"
    )]
    Exists,
    /// The file cannot be opened, read or written.
    #[error("{0}")]
    Io(io::Error),
    /// The file does not begin with the magic.
    #[error("not a weir recording")]
    NotARecording,
    /// The file is shorter than a header.
    #[error("truncated header: {have} of {need} bytes")]
    TruncatedHeader {
        /// Bytes that are there.
        have: usize,
        /// Bytes of a header.
        need: usize,
    },
    /// A later agent wrote it.
    #[error("format version {found} is newer than this agent's ({ours})")]
    Newer {
        /// Version in the file.
        found: u32,
        /// The version that this agent writes.
        ours: u32,
    },
    /// An earlier agent wrote it.
    #[error("format version {found} is no longer read (the oldest that this agent reads is {ours})")]
    Older {
        /// Version in the file.
        found: u32,
        /// Oldest version that this agent reads.
        ours: u32,
    },
    /// The file ends inside a frame.
    #[error("truncated frame: {have} of {need} bytes")]
    Truncated {
        /// Bytes of the frame that are there.
        have: usize,
        /// Bytes that the frame takes as far as is known.
        need: usize,
    },
    /// The frame is longer than any event.
    #[error("frame of {len} bytes is longer than the bound of {bound}")]
    TooLong {
        /// Bytes of payload.
        len: u64,
        /// The bound.
        bound: u32,
    },
    /// The bytes are not those that were written.
    #[error("checksum {computed:08x} instead of {stored:08x}")]
    Checksum {
        /// In the file.
        stored: u32,
        /// Of the bytes.
        computed: u32,
    },
    /// The payload is no event.
    #[error("payload is not an event: {0}")]
    Payload(postcard::Error),
    /// An event ends before its payload does.
    #[error("payload has {0} bytes after its event")]
    Trailing(usize),
}

fn place(frame: u64) -> String {
    if frame == 0 { "header".to_owned() } else { format!("frame {frame}") }
}
