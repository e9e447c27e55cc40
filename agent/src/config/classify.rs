//! What a file is, by its path: staging place, sensitive, document.
//!
//! Every open that the kernel reports passes here. The compiled sets need about 1.5 microseconds for an ordinary
//! path; hosts open the same files over and over, so that the last `PATHS` paths keep their classes, which is ten
//! times as fast.

#[cfg(test)]
mod tests;

use std::{collections::HashSet, ffi::OsStr, num::NonZeroUsize, os::unix::ffi::OsStrExt};

use globset::Candidate;

use super::{Files, Rated};
use crate::{
    event::{Bytes, Path},
    hash::{self, Lru},
};

/// Paths that keep their classes: with their names about a megabyte.
const PATHS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(8_191);
/// Extensions longer than this are none.
const EXTENSION_MAX: usize = 16;

/// Classes of one file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileClass {
    /// Staging place: the glob that matched and its risk; the highest risk wins.
    pub staging: Option<Rating>,
    /// Sensitive file: as above.
    pub sensitive: Option<Rating>,
    /// A document by its extension.
    pub document: bool,
    /// Opening it for reading is no collection by itself because it lies below a quiet prefix.
    pub quiet: bool,
}

/// A glob that matched and its risk.
#[derive(Clone, Debug, PartialEq)]
pub struct Rating {
    /// The pattern as configured.
    pub pattern: String,
    /// 0 to 10.
    pub risk: f64,
}

/// Classifies paths.
#[derive(Clone, Debug)]
pub struct Classifier {
    staging: Rated,
    sensitive: Rated,
    documents: HashSet<Vec<u8>>,
    quiet: Vec<Vec<u8>>,
    recent: Lru<Bytes, FileClass>,
}

impl Classifier {
    /// A classifier for the configured patterns.
    #[must_use]
    pub fn new(files: &Files) -> Self {
        let lower = |extension: &String| extension.to_ascii_lowercase().into_bytes();
        let directory = |prefix: &String| prefix.trim_end_matches('/').as_bytes().to_vec();
        Self {
            staging: files.staging.clone(),
            sensitive: files.sensitive.clone(),
            documents: files.document_extensions.iter().map(lower).collect(),
            quiet: files.quiet.iter().map(directory).collect(),
            recent: hash::lru(PATHS),
        }
    }

    /// Classes of the file at `path`.
    #[must_use]
    pub fn classify(&mut self, path: &Path) -> FileClass {
        if let Some(class) = self.recent.get(&path.bytes) {
            return class.clone();
        }
        let class = self.classify_anew(&path.bytes);
        self.recent.put(path.bytes.clone(), class.clone());
        class
    }

    fn classify_anew(&self, path: &Bytes) -> FileClass {
        let bytes = path.as_slice();
        if bytes.is_empty() {
            return FileClass::default();
        }
        let candidate = Candidate::new(OsStr::from_bytes(bytes));
        FileClass {
            staging: highest(&self.staging, &candidate),
            sensitive: highest(&self.sensitive, &candidate),
            document: self.is_document(path.file_name()),
            quiet: self.quiet.iter().any(|prefix| is_below(bytes, prefix)),
        }
    }

    fn is_document(&self, name: &[u8]) -> bool {
        let Some(extension) = extension(name) else { return false };
        let mut lower = [0; EXTENSION_MAX];
        let Some(lower) = lower.get_mut(..extension.len()) else { return false };
        lower.copy_from_slice(extension);
        lower.make_ascii_lowercase();
        self.documents.contains(&*lower)
    }
}

impl FileClass {
    /// Whether reading such a file is collection.
    #[must_use]
    pub fn is_collection(&self) -> bool {
        self.staging.is_some() || self.sensitive.is_some() || self.document
    }
}

/// What follows the last dot of a file's name; a name that is nothing but that (`.pdf`) is a hidden file.
pub(crate) fn extension(name: &[u8]) -> Option<&[u8]> {
    let dot = name.iter().rposition(|&byte| byte == b'.').filter(|&dot| dot > 0)?;
    name.get(dot + 1..)
}

/// The rating of highest risk among the patterns that match.
fn highest(rated: &Rated, candidate: &Candidate<'_>) -> Option<Rating> {
    if !rated.globs.is_match_candidate(candidate) {
        return None;
    }
    let matching = rated.globs.matches_candidate(candidate);
    let rating =
        matching.into_iter().filter_map(|index| rated.risks.get(index)).max_by(|a, b| a.1.total_cmp(&b.1))?;
    Some(Rating { pattern: rating.0.clone(), risk: rating.1 })
}

/// Whether `path` is `directory` or lies below it.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/'))
}
