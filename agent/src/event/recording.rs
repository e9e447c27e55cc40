//! The file that `weir record` writes and `weir replay` reads.
//!
//! Magic `WEIRREC\n`, format version (u32), then frames: length of the payload (u32), CRC-32 of length and
//! payload (u32), payload (an [`Event`](super::Event) in postcard's encoding). Integers are little-endian.

mod error;
mod reader;
mod writer;
#[cfg(test)]
mod tests;

pub use error::{Problem, RecordingError};
pub use reader::Reader;
pub use writer::{Writer, create};

/// First bytes of every recording.
pub const MAGIC: [u8; 8] = *b"WEIRREC\n";
/// Version that this agent writes. It rises with every change of [`Event`].
///
/// [`Event`]: super::Event
pub const VERSION: u32 = 10;
/// Oldest version that it reads: since then facts were added behind the others, and none changed.
pub const OLDEST: u32 = 9;
/// Longest payload of a frame in bytes: twice the largest event, which is the state of an earlier run
/// ([`STATE_MAX`](super::state::STATE_MAX)). A longer frame is damage, and nothing is allocated for it.
pub const FRAME_MAX: u32 = 16 << 20;

/// Checksum of a frame.
fn checksum(len: [u8; 4], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len);
    hasher.update(payload);
    hasher.finalize()
}
