//! Facts about scripts.

use serde::{Deserialize, Serialize};

use super::Bytes;

/// Where a script came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScriptOrigin {
    /// A file, named in `argv` or by `#!`.
    File,
    /// The argument of `-c`, `-e` or the like.
    CommandLine,
    /// Standard input.
    Stdin,
}

/// A script that a process runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Where it came from.
    pub origin: ScriptOrigin,
    /// Its path after lookup where there is one.
    pub path: Bytes,
    /// SHA-256 of the whole content, hex; empty when not captured. Of a file or standard input it is theirs alone.
    pub sha256: String,
    /// Bytes of the whole content.
    pub size: u64,
    /// The first 64 KiB: text of the command line that runs before a file or standard input, then the content.
    /// What `PowerShell` takes encoded is decoded, here and for the hash.
    pub text: Bytes,
    /// Why it could not be captured; empty when it was.
    pub not_captured: String,
}
