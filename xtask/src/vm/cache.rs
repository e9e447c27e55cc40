//! Names made from contents: a thing that was made from the same parts is the same thing.

use std::{
    fs::File,
    hash::{DefaultHasher, Hasher},
    io::Read as _,
    path::Path,
};

use anyhow::{Context, Result};

/// Bytes of a file that are read at a time: a disk's image does not fit everybody's memory.
const CHUNK: usize = 1 << 20;

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
    let context = || format!("cannot read {}", path.display());
    let mut file = File::open(path).with_context(context)?;
    let mut hasher = DefaultHasher::new();
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = file.read(&mut chunk).with_context(context)?;
        if read == 0 {
            return Ok(format!("{:016x}", hasher.finish()));
        }
        hasher.write(chunk.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, file_key, key};
    use crate::workspace::Scratch;

    #[test]
    fn parts_and_their_borders_count() {
        let keys = [&[b"ab".as_slice(), b"c"] as &[&[u8]], &[b"a", b"bc"], &[b"abc"], &[]].map(key);
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys.iter().skip(at + 1).any(|other| one == other), "{keys:?}");
        }
    }

    #[test]
    fn every_byte_of_a_file_counts() {
        let scratch = Scratch::make("file-key").unwrap();
        let path = scratch.path().join("file");
        let mut bytes = vec![0; CHUNK + 2];
        let mut keys = Vec::new();
        for at in [0, CHUNK, CHUNK + 1] {
            bytes[at] = 1;
            std::fs::write(&path, &bytes).unwrap();
            keys.push(file_key(&path).unwrap());
        }
        assert_eq!(keys.last(), Some(&file_key(&path).unwrap()));
        keys.dedup();
        assert_eq!(keys.len(), 3);
    }
}
