//! Does weir count what leaves? A known number of bytes is sent by each way out of a process, in a process of its own,
//! through the loopback device or in a network of its own, and compared with what the kernel's side counted.

mod calls;
mod ring;
mod shape;
pub mod ways;

use std::{
    fmt, io,
    process::{Command, Stdio},
};

use agent_common::{
    file::FAMILY_FILES,
    net::{FlowKey, FlowValue},
    socket::SocketMade,
    unix::UnixUse,
};
use aya::maps::{HashMap, MapError};
use serde::Serialize;

use crate::sensor::load::Loaded;
use ways::{FILES, WAYS};

pub use shape::Shape;

/// How far the count may be from what was sent: one in so many bytes.
const WITHIN: u64 = 100;

/// How far a way is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Nothing was counted, and nothing told.
    Blind,
    /// Something of it was told, without bytes.
    Seen,
    /// Bytes of the right process, but not all of them.
    Attributed,
    /// The bytes of the right process, within 1 %.
    Exact,
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Blind => "blind",
            Self::Seen => "seen",
            Self::Attributed => "attributed",
            Self::Exact => "exact",
        })
    }
}

/// What came of a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Probed {
    /// Its name.
    pub way: &'static str,
    /// How far it is seen; none where this host does not have it.
    pub verdict: Option<Verdict>,
    /// What was sent and counted, in bulk and little by little.
    pub runs: Vec<Run>,
    /// Why this host does not have the way; empty when it does.
    pub not_here: String,
}

/// One process that sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Run {
    /// In what pieces.
    pub shape: Shape,
    /// Bytes that the process handed to the kernel.
    pub sent: u64,
    /// Bytes that were counted for it.
    pub counted: u64,
}

/// Why nothing could be probed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The sender cannot be started, or says nothing.
    #[error("the sender of {way}: {error}")]
    Sender {
        /// The way.
        way: &'static str,
        /// What happened.
        error: io::Error,
    },
    /// A map of the kernel's side cannot be read.
    #[error("cannot read what was counted: {0}")]
    Map(#[from] MapError),
    /// A map is missing.
    #[error("the object has no map {0}")]
    NoMap(&'static str),
}

/// Sends by every way while `loaded` is attached. `sender` makes the command that sends by the way of a name, as
/// [`ways::said`] does, and says so on its standard output.
///
/// # Errors
/// [`ProbeError`]
pub fn every_way(loaded: &Loaded, sender: impl Fn(&str) -> Command) -> Result<Vec<Probed>, ProbeError> {
    WAYS.iter().map(|way| one(loaded, way.name, &sender)).collect()
}

/// A way is seen as far as the worse of its runs.
fn one(loaded: &Loaded, way: &'static str, sender: impl Fn(&str) -> Command) -> Result<Probed, ProbeError> {
    let mut probed = Probed { way, verdict: None, runs: Vec::new(), not_here: String::new() };
    for shape in Shape::ALL {
        let sender = match shape {
            Shape::Bulk => sender(way),
            Shape::Small => sender(&format!("{way}/small")),
        };
        match run(loaded, way, shape, sender)? {
            Ok((run, verdict)) => {
                probed.verdict = probed.verdict.into_iter().chain([verdict]).min();
                probed.runs.push(run);
            }
            Err(reason) => probed.not_here = reason,
        }
    }
    Ok(probed)
}

/// What came of one process; why this host does not have the way otherwise.
fn run(
    loaded: &Loaded,
    way: &'static str,
    shape: Shape,
    mut sender: Command,
) -> Result<Result<(Run, Verdict), String>, ProbeError> {
    let failed = |error| ProbeError::Sender { way, error };
    let output = sender.stdin(Stdio::null()).stderr(Stdio::null()).output().map_err(failed)?;
    let said = String::from_utf8_lossy(&output.stdout);
    let Some(sent) = said.trim().strip_prefix("sent ") else {
        let reason = said.trim().strip_prefix("not here: ");
        let reason = reason.ok_or_else(|| failed(io::Error::other(format!("it said {said:?}"))))?;
        return Ok(Err(reason.to_owned()));
    };
    let numbers: Vec<u64> = sent.split(' ').filter_map(|number| number.parse().ok()).collect();
    let [pid, sent] = numbers[..] else {
        return Err(failed(io::Error::other(format!("it said {said:?}"))));
    };
    let counted = counted(loaded, pid, way == FILES)?;
    let verdict = judge(sent, counted, is_told(loaded, pid)?);
    Ok(Ok((Run { shape, sent, counted: counted.unwrap_or_default() }, verdict)))
}

/// Bytes that a process sent according to the ledger, or wrote to files; none where it has no entry.
fn counted(loaded: &Loaded, pid: u64, to_files: bool) -> Result<Option<u64>, ProbeError> {
    let map = loaded.ebpf.map("weir_ledger").ok_or(ProbeError::NoMap("weir_ledger"))?;
    let ledger: HashMap<_, FlowKey, FlowValue> = HashMap::try_from(map)?;
    let mut sum = None;
    for entry in &ledger {
        let (key, value) = entry?;
        if u64::from(key.process.pid) == pid && (value.family == FAMILY_FILES) == to_files {
            sum = Some(sum.unwrap_or(0_u64).saturating_add(value.tx_bytes));
        }
    }
    Ok(sum)
}

/// Whether a process was told to use a unix socket, or a way out that is none of IP's.
fn is_told(loaded: &Loaded, pid: u64) -> Result<bool, ProbeError> {
    let map = loaded.ebpf.map("weir_unix_uses").ok_or(ProbeError::NoMap("weir_unix_uses"))?;
    let uses: HashMap<_, UnixUse, u8> = HashMap::try_from(map)?;
    for entry in uses.keys() {
        if u64::from(entry?.process.pid) == pid {
            return Ok(true);
        }
    }
    let map = loaded.ebpf.map("weir_families").ok_or(ProbeError::NoMap("weir_families"))?;
    let families: HashMap<_, SocketMade, u8> = HashMap::try_from(map)?;
    for entry in families.keys() {
        if u64::from(entry?.process.pid) == pid {
            return Ok(true);
        }
    }
    Ok(false)
}

fn judge(sent: u64, counted: Option<u64>, told: bool) -> Verdict {
    match counted {
        Some(0) => Verdict::Seen,
        Some(counted) if counted.abs_diff(sent) <= sent / WITHIN => Verdict::Exact,
        Some(_) => Verdict::Attributed,
        None if told => Verdict::Seen,
        None => Verdict::Blind,
    }
}

#[cfg(test)]
mod tests {
    use super::{Verdict, judge};

    #[test]
    fn a_verdict_is_as_good_as_the_count() {
        let rows = [
            (1_000, Some(1_000), false, Verdict::Exact),
            (1_000, Some(990), false, Verdict::Exact),
            (1_000, Some(1_011), false, Verdict::Attributed),
            (1_000, Some(1), false, Verdict::Attributed),
            (1_000, Some(0), false, Verdict::Seen),
            (1_000, None, true, Verdict::Seen),
            (1_000, None, false, Verdict::Blind),
        ];
        for (sent, counted, told, expected) in rows {
            assert_eq!(judge(sent, counted, told), expected, "{counted:?} of {sent}");
        }
    }
}
