//! The file: safe to open, whole lines only, rotated by size and age.

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::{LogError, safe};
use crate::{alert::ecs, config};

/// Longest half line that is looked for at the end of a log: a line and its newline.
const TAIL: u64 = ecs::LINE_MAX as u64 + 1;

/// When to begin a new file, and how many old ones stay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotation {
    pub(super) bytes: u64,
    pub(super) age: Duration,
    pub(super) keep: u32,
}

impl Rotation {
    pub(super) fn new(config: &config::Alerts) -> Self {
        Self { bytes: config.rotate_bytes, age: config.rotate_age, keep: config.keep }
    }
}

/// An open log.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    identity: (u64, u64),
    born: SystemTime,
    /// The file ends in a half line that could not be taken away.
    torn: bool,
}

/// How a line was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Appended {
    /// It is on the disk, or did not have to be.
    pub(super) synced: bool,
}

impl LogFile {
    /// Opens or makes the log. The second value tells that a half line was found at its end.
    ///
    /// A half line is cut off; where the file may only grow (`chattr +a`) it is ended by a newline instead. Either
    /// way no later line is joined to it.
    pub(super) fn open(path: &Path, rotation: Rotation) -> Result<(Self, bool), LogError> {
        check_directory(path)?;
        let open = |error| LogError::Open { path: path.to_owned(), error };
        let mut file = open_file(path)?;
        let metadata = file.metadata().map_err(open)?;
        check_file(path, &metadata)?;
        // Held until the file is dropped, also when the agent is killed.
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => LogError::Busy { path: path.to_owned() },
            TryLockError::Error(error) => open(error),
        })?;
        let half = half_line(&mut file, metadata.len()).map_err(open)?;
        let torn = half > 0 && file.set_len(metadata.len() - half).is_err();
        let log = Self {
            path: path.to_owned(),
            rotation,
            identity: (metadata.dev(), metadata.ino()),
            born: metadata.created().or_else(|_| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH),
            file,
            torn,
        };
        Ok((log, half > 0))
    }

    /// Whether the name leads to another file by now, or to none: somebody moved or removed the log.
    pub(super) fn is_replaced(&self) -> bool {
        fs::symlink_metadata(&self.path).map_or(true, |now| (now.dev(), now.ino()) != self.identity)
    }

    /// Whether `next` more bytes call for a new file.
    pub(super) fn rotation_due(&self, next: usize, now: SystemTime) -> bool {
        let length = self.file.metadata().map_or(0, |metadata| metadata.len());
        let old = now.duration_since(self.born).is_ok_and(|age| age >= self.rotation.age);
        length > 0 && (old || length.saturating_add(next as u64) > self.rotation.bytes)
    }

    /// Moves the log to `.1`, `.1` to `.2` and so on, drops the oldest, and begins a new file.
    pub(super) fn rotate(&mut self) -> Result<(), LogError> {
        let open = |error| LogError::Open { path: self.path.clone(), error };
        self.file.sync_data().map_err(open)?;
        for number in (1..self.rotation.keep).rev() {
            match fs::rename(numbered(&self.path, number), numbered(&self.path, number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(open(error)),
                Ok(()) | Err(_) => {}
            }
        }
        fs::rename(&self.path, numbered(&self.path, 1)).map_err(open)?;
        (*self, _) = Self::open(&self.path, self.rotation)?;
        Ok(())
    }

    /// Appends one whole line, newline included, by one write(2); with `sync` it is on the disk afterwards.
    pub(super) fn append(&mut self, line: &[u8], sync: bool) -> io::Result<Appended> {
        append(&mut self.file, &mut self.torn, line)?;
        Ok(Appended { synced: !sync || self.file.sync_data().is_ok() })
    }
}

/// What [`append`] needs of a file.
pub(super) trait Target: Write {
    fn length(&self) -> io::Result<u64>;
    fn shorten(&mut self, length: u64) -> io::Result<()>;
}

impl Target for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn shorten(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// Appends `line` whole or not at all. `torn` remembers a half line that could not be taken away again.
pub(super) fn append(target: &mut impl Target, torn: &mut bool, line: &[u8]) -> io::Result<()> {
    let before = target.length()?;
    let ended;
    let bytes = if *torn {
        ended = [b"\n", line].concat();
        ended.as_slice()
    } else {
        line
    };
    let written = loop {
        match target.write(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if written == bytes.len() {
        *torn = false;
        return Ok(());
    }
    // A full disk took a part. Somebody may have emptied the file meanwhile: it must not be made longer.
    if written > 0 && (target.length()? <= before || target.shorten(before).is_err()) {
        *torn = target.length()? > 0;
    }
    Err(io::Error::new(
        ErrorKind::StorageFull,
        format!("the disk is full: {written} of {} bytes written", bytes.len()),
    ))
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

/// The directory, made with mode 0750 where it is missing. Whoever may write to it could replace the log.
fn check_directory(path: &Path) -> Result<(), LogError> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error| LogError::Directory { path: path.to_owned(), error };
    if !parent.exists() {
        DirBuilder::new().recursive(true).mode(0o750).create(parent).map_err(failed)?;
    }
    let metadata = fs::metadata(parent).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(failed(ErrorKind::NotADirectory.into()));
    }
    safe::directory(&metadata).map_err(|why| LogError::UnsafeDirectory { path: parent.to_owned(), why })
}

fn open_file(path: &Path) -> Result<File, LogError> {
    let opened = OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        // No link is followed, and a FIFO in the log's place does not block.
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path);
    opened.map_err(|error| {
        if error.raw_os_error() == Some(libc::ELOOP) {
            LogError::UnsafeFile { path: path.to_owned(), why: "it is a symbolic link".to_owned() }
        } else {
            LogError::Open { path: path.to_owned(), error }
        }
    })
}

fn check_file(path: &Path, metadata: &fs::Metadata) -> Result<(), LogError> {
    safe::file(metadata).map_err(|why| LogError::UnsafeFile { path: path.to_owned(), why })
}

/// Bytes after the last newline. More than a line of them is no log of ours, and only its end is taken.
fn half_line(file: &mut File, length: u64) -> io::Result<u64> {
    let looked_at = length.min(TAIL);
    file.seek(SeekFrom::Start(length - looked_at))?;
    let mut tail = Vec::new();
    file.take(looked_at).read_to_end(&mut tail)?;
    let after = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
    Ok((tail.len() - after) as u64)
}
