//! State as bytes.

use thiserror::Error;

use crate::event::{State, state::STATE_MAX};

/// First bytes of the file.
const MAGIC: [u8; 8] = *b"WEIRSTAT";
/// Version that this agent writes, and the only one that it reads. It rises with every change of [`State`].
pub const VERSION: u32 = 2;
/// Magic, version, length and checksum.
const HEADER: usize = 20;
/// Longest file that is looked at.
pub(super) const FILE_MAX: usize = HEADER + STATE_MAX;

/// Why bytes are no state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Damage {
    /// It is something else.
    #[error("it is no state of weir")]
    Foreign,
    /// By a newer agent.
    #[error("it has version {0}, which a newer weir wrote; this one reads {VERSION}")]
    Newer(u32),
    /// By an older agent.
    #[error("it has version {0}, which an older weir wrote; this one reads {VERSION}")]
    Older(u32),
    /// The end is missing, or something follows it.
    #[error("it does not have the length that it names")]
    Length,
    /// Some bytes changed.
    #[error("its checksum is wrong")]
    Checksum,
    /// The checksum is right and the content is not.
    #[error("its content makes no sense")]
    Content,
}

/// The state as a file, and how many witnesses were left out because it would have been too long.
#[must_use]
pub fn encode(state: &State) -> (Vec<u8>, usize) {
    let mut payload = postcard::to_stdvec(state).unwrap_or_default();
    let mut left_out = 0;
    if payload.len() > STATE_MAX {
        let mut state = state.clone();
        while payload.len() > STATE_MAX && !state.witnesses.is_empty() {
            // The older half.
            let half = state.witnesses.len().div_ceil(2);
            state.witnesses.drain(..half);
            let known: std::collections::HashSet<_> =
                state.witnesses.iter().flat_map(|witness| witness.wrote.iter().copied()).collect();
            state.files.retain(|file| known.contains(&file.file));
            left_out += half;
            payload = postcard::to_stdvec(&state).unwrap_or_default();
        }
    }
    let mut bytes = Vec::with_capacity(HEADER + payload.len());
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend(crc32fast::hash(&payload).to_le_bytes());
    bytes.extend(payload);
    (bytes, left_out)
}

/// The state that a file holds.
///
/// # Errors
/// It is none, it is damaged, or another version wrote it.
pub fn decode(bytes: &[u8]) -> Result<State, Damage> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Damage::Foreign)?;
    let (version, rest) = number(rest).ok_or(Damage::Length)?;
    match version.cmp(&VERSION) {
        std::cmp::Ordering::Greater => return Err(Damage::Newer(version)),
        std::cmp::Ordering::Less => return Err(Damage::Older(version)),
        std::cmp::Ordering::Equal => {}
    }
    let (length, rest) = number(rest).ok_or(Damage::Length)?;
    let (checksum, payload) = number(rest).ok_or(Damage::Length)?;
    if payload.len() != length as usize || payload.len() > STATE_MAX {
        return Err(Damage::Length);
    }
    if crc32fast::hash(payload) != checksum {
        return Err(Damage::Checksum);
    }
    match postcard::take_from_bytes(payload) {
        Ok((state, [])) => Ok(state),
        Ok(_) | Err(_) => Err(Damage::Content),
    }
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}
