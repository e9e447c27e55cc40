//! The file in which what the agent knows outlives it: `/var/lib/weir/state`.
//!
//! Magic `WEIRSTAT`, version (u32), length of the payload (u32), CRC-32 of the payload (u32), payload (a [`State`] in
//! postcard's encoding); integers are little-endian. It is written whole beside the old one and renamed over it, so that
//! a crash leaves the one or the other. Whoever may write to it could make evidence up or take it away, so that it is
//! believed only where nobody else may. What cannot be read is moved aside, not overwritten: after a downgrade the newer
//! agent may want it back.

mod codec;
#[cfg(test)]
mod tests;

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use thiserror::Error;

use crate::{alert::log::safe, event::State};

pub use codec::{Damage, VERSION, decode, encode};

/// Why no state is kept.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The agent does not make the directory: its unit does, with the right owner and mode.
    #[error("there is no directory {0} to keep state in")]
    Missing(PathBuf),
    /// Somebody else could replace the state.
    #[error("the directory {path} of the state is not safe: {why}")]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// It cannot be looked at.
    #[error("cannot look at the directory {path} of the state: {error}")]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Where state is kept.
#[derive(Clone, Debug)]
pub struct Store {
    path: PathBuf,
}

/// What an earlier run left.
#[derive(Debug, PartialEq)]
pub enum Found {
    /// Nothing: it is the first run.
    Nothing,
    /// Its state.
    State(Box<State>),
    /// What cannot be used, and why.
    Refused(String),
}

impl Store {
    /// A store in a directory that is there and safe from others.
    ///
    /// # Errors
    /// The directory is missing, or others may write to it.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let metadata = fs::metadata(parent).map_err(|error| {
            let path = parent.to_owned();
            if error.kind() == ErrorKind::NotFound {
                StoreError::Missing(path)
            } else {
                StoreError::Io { path, error }
            }
        })?;
        safe::directory(&metadata).map_err(|why| StoreError::Unsafe { path: parent.to_owned(), why })?;
        Ok(Self { path: path.to_owned() })
    }

    /// Its name, for messages.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What an earlier run left. What cannot be used is moved to the name with `.refused` at its end.
    #[must_use]
    pub fn load(&self) -> Found {
        let why = match self.read() {
            Ok(bytes) => match decode(&bytes) {
                Ok(state) => return Found::State(Box::new(state)),
                Err(damage) => damage.to_string(),
            },
            Err(Refusal::Io(error)) if error.kind() == ErrorKind::NotFound => return Found::Nothing,
            Err(Refusal::Io(error)) if error.raw_os_error() == Some(libc::ELOOP) => {
                "it is a symbolic link".to_owned()
            }
            Err(Refusal::Io(error)) => error.to_string(),
            Err(Refusal::Unsafe(why)) => why,
        };
        // Where that fails as well, the next save replaces it.
        let moved = fs::rename(&self.path, self.beside(".refused"));
        let kept = if moved.is_ok() { "moved aside" } else { "left in its place" };
        Found::Refused(format!("{why}; {kept}"))
    }

    /// Replaces what is kept, all or nothing.
    ///
    /// # Errors
    /// The file system does not take it; the old state stays.
    pub fn save(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.beside(".new");
        // What a crash left. Anything else by that name is not followed: the file is made anew.
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(&new)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            // A half file must not take the room of the next one; it is removed before that all the same.
            let _ = fs::remove_file(&new);
        }
        written?;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn read(&self) -> Result<Vec<u8>, Refusal> {
        let mut file = OpenOptions::new()
            .read(true)
            // No link is followed, and a FIFO in its place does not block.
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC)
            .open(&self.path)
            .map_err(Refusal::Io)?;
        let metadata = file.metadata().map_err(Refusal::Io)?;
        safe::file(&metadata).map_err(Refusal::Unsafe)?;
        let mut bytes = Vec::new();
        let longest = codec::FILE_MAX as u64;
        Read::by_ref(&mut file).take(longest + 1).read_to_end(&mut bytes).map_err(Refusal::Io)?;
        Ok(bytes)
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
    }
}

enum Refusal {
    Io(io::Error),
    Unsafe(String),
}
