//! What a file is, by its path: staging place, sensitive, document.

use crate::{config::Files, event::Path};

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
    files: Files,
}

impl Classifier {
    /// A classifier for the configured patterns.
    #[must_use]
    pub fn new(files: &Files) -> Self {
        Self { files: files.clone() }
    }

    /// Classes of the file at `path`.
    #[must_use]
    pub fn classify(&self, path: &Path) -> FileClass {
        let _ = (&self.files, path);
        FileClass::default()
    }
}

impl FileClass {
    /// Whether reading such a file is collection.
    #[must_use]
    pub fn is_collection(&self) -> bool {
        self.staging.is_some() || self.sensitive.is_some() || self.document
    }

    /// The classes without their ratings.
    #[must_use]
    pub fn kinds(&self) -> super::carried::Kinds {
        super::carried::Kinds {
            staging: self.staging.is_some(),
            sensitive: self.sensitive.is_some(),
            document: self.document,
        }
    }
}
