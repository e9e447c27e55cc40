//! What is carried: origins of data, bounded, and who handled it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    config::classify::FileClass,
    event::{Bytes, FileKey, ProcessKey},
};

/// Origins kept one by one; further ones are summed.
pub const ORIGINS_MAX: usize = 256;
/// Risk of a sensitive file from which it is a secret: the configuration gives 7 and more to what opens a service or an
/// account, less to what is worth reading by itself.
const SECRET: f64 = 7.0;
/// Processes kept as handlers.
pub const HANDLERS_MAX: usize = 64;

/// Data that a process, pipe or file carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    origins: BTreeMap<FileKey, Origin>,
    more: More,
    handlers: BTreeSet<ProcessKey>,
}

/// Who had data in their hands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearers {
    /// In order.
    handlers: Vec<ProcessKey>,
    /// It is anything at all that they had.
    pub carry: bool,
}

impl Bearers {
    /// A process had the data in its hands.
    pub fn add(&mut self, process: ProcessKey) {
        if self.handlers.len() < HANDLERS_MAX
            && let Err(place) = self.handlers.binary_search(&process)
        {
            self.handlers.insert(place, process);
        }
    }

    /// In order, each once.
    #[must_use]
    pub fn handlers(&self) -> &[ProcessKey] {
        &self.handlers
    }
}

/// A file that data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Its path when it was opened.
    pub path: Bytes,
    /// Its size when it was opened, bytes.
    pub size: u64,
    /// Why it matters.
    pub class: Kinds,
    /// It was written by a process that carried data itself: an archive, a copy, an encrypted file.
    pub derived: bool,
    /// Its reader wrote it itself, out of what it had read before: a temporary file of its own.
    pub own: bool,
}

/// Classes of an origin.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a class of its own that a file can be of, and none excludes another"
)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// In a staging place.
    pub staging: bool,
    /// A sensitive file.
    pub sensitive: bool,
    /// A sensitive file that opens accounts: a key, credentials, passwords.
    pub secret: bool,
    /// A document by its extension.
    pub document: bool,
}

/// What did not fit [`ORIGINS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct More {
    files: u64,
    bytes: u64,
    derived_bytes: u64,
}

impl Carried {
    /// Adds one origin. A file seen before keeps its larger size.
    pub fn add(&mut self, key: FileKey, origin: Origin) {
        if let Some(known) = self.origins.get_mut(&key) {
            known.size = known.size.max(origin.size);
            known.derived |= origin.derived;
            known.own |= origin.own;
            known.class = known.class.or(origin.class);
        } else if self.origins.len() < ORIGINS_MAX {
            self.origins.insert(key, origin);
        } else {
            self.more.files += 1;
            if origin.derived {
                self.more.derived_bytes = self.more.derived_bytes.saturating_add(origin.size);
            } else if !origin.own {
                self.more.bytes = self.more.bytes.saturating_add(origin.size);
            }
        }
    }

    /// Adds all that another carries. Sums of what did not fit are not added up but the larger one is taken: two
    /// carriers of one story mostly carry the same files.
    pub fn merge(&mut self, other: &Self) {
        for (&key, origin) in &other.origins {
            self.add(key, origin.clone());
        }
        self.more = More {
            files: self.more.files.max(other.more.files),
            bytes: self.more.bytes.max(other.more.bytes),
            derived_bytes: self.more.derived_bytes.max(other.more.derived_bytes),
        };
        for &handler in &other.handlers {
            self.handled_by(handler);
        }
    }

    /// Files that are only summed, with the bytes collected and the bytes derived of them.
    #[must_use]
    pub fn summed(&self) -> (u64, u64, u64) {
        (self.more.files, self.more.bytes, self.more.derived_bytes)
    }

    /// Adds files that are only summed.
    pub fn add_summed(&mut self, (files, bytes, derived_bytes): (u64, u64, u64)) {
        self.more.files = self.more.files.saturating_add(files);
        self.more.bytes = self.more.bytes.saturating_add(bytes);
        self.more.derived_bytes = self.more.derived_bytes.saturating_add(derived_bytes);
    }

    /// A process had the data in its hands.
    pub fn handled_by(&mut self, process: ProcessKey) {
        if self.handlers.len() < HANDLERS_MAX {
            self.handlers.insert(process);
        }
    }

    /// Whether nothing is carried.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.origins.is_empty() && self.more.files == 0
    }

    /// Whether that file is among the origins kept one by one.
    #[must_use]
    pub fn has(&self, key: FileKey) -> bool {
        self.origins.contains_key(&key)
    }

    /// Origins kept one by one.
    pub fn origins(&self) -> impl Iterator<Item = (&FileKey, &Origin)> {
        self.origins.iter()
    }

    /// Processes that had the data in their hands.
    pub fn handlers(&self) -> impl Iterator<Item = ProcessKey> {
        self.handlers.iter().copied()
    }

    /// Number of files, those summed included.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.origins.len() as u64 + self.more.files
    }

    /// Files that are only summed.
    #[must_use]
    pub fn files_summed(&self) -> u64 {
        self.more.files
    }

    /// Bytes available from the files that were collected (not derived from others).
    #[must_use]
    pub fn bytes_collected(&self) -> u64 {
        self.sum(|origin| !origin.is_made()).saturating_add(self.more.bytes)
    }

    /// Bytes of the files that others made from collected ones: archives, copies, encrypted files.
    #[must_use]
    pub fn bytes_derived(&self) -> u64 {
        self.sum(|origin| origin.derived).saturating_add(self.more.derived_bytes)
    }

    /// Whether a sensitive or staged file, or one made from collected data, is among the origins.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.origins.values().any(Origin::is_grave)
    }

    fn sum(&self, counts: impl Fn(&Origin) -> bool) -> u64 {
        self.origins
            .values()
            .filter(|origin| counts(origin))
            .fold(0, |sum: u64, origin| sum.saturating_add(origin.size))
    }
}

impl Origin {
    /// Whether it was made from collected data, by whomever.
    #[must_use]
    pub const fn is_made(&self) -> bool {
        self.derived || self.own
    }

    /// Whether it is more than a document: sensitive, staged, or made from collected data.
    #[must_use]
    pub fn is_grave(&self) -> bool {
        self.derived || self.class.sensitive || self.class.staging
    }
}

impl From<&FileClass> for Kinds {
    fn from(class: &FileClass) -> Self {
        Self {
            staging: class.staging.is_some(),
            sensitive: class.sensitive.is_some(),
            secret: class.sensitive.as_ref().is_some_and(|rating| rating.risk >= SECRET),
            document: class.document,
        }
    }
}

impl Kinds {
    fn or(self, other: Self) -> Self {
        Self {
            staging: self.staging || other.staging,
            sensitive: self.sensitive || other.sensitive,
            secret: self.secret || other.secret,
            document: self.document || other.document,
        }
    }
}
