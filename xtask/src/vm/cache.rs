//! Names made from contents: a thing that was made from the same parts is the same thing.

use std::{
    fs,
    hash::{DefaultHasher, Hasher},
    path::Path,
};

use anyhow::{Context, Result};

/// A key of the parts and their borders. It tells cache entries of one machine apart and is no checksum.
pub(super) fn key(parts: &[&[u8]]) -> String {
    let mut hasher = DefaultHasher::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    format!("{:016x}", hasher.finish())
}

/// The key of a file's content.
///
/// # Errors
/// When it cannot be read.
pub(super) fn file_key(path: &Path) -> Result<String> {
    Ok(key(&[&fs::read(path).with_context(|| format!("cannot read {}", path.display()))?]))
}
