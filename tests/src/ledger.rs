//! What the byte ledger said, read from a recording.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use weir::event::{Fact, recording::Reader};

/// What one process sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Bytes.
    pub bytes: u64,
    /// Sockets.
    pub flows: u64,
}

/// Opens for writing by `pid` of the files of a flood.
///
/// # Errors
/// Fails when the recording cannot be read.
pub fn writes_of(recording: &Path, pid: u32) -> Result<u64> {
    let mut writes = 0;
    for event in Reader::open(recording).context("cannot open the recording")? {
        let event = event.context("cannot read the recording")?;
        if let Fact::Open(open) = &event.fact
            && open.write
            && open.path.bytes.as_slice().ends_with(b".dat")
            && event.process.pid == pid
        {
            writes += 1;
        }
    }
    Ok(writes)
}

/// Bytes sent to `to`, by pid.
///
/// # Errors
/// Fails when the recording cannot be read.
pub fn sent_to(recording: &Path, to: SocketAddr) -> Result<BTreeMap<u32, Sent>> {
    let mut flows = BTreeMap::<(u32, u64), u64>::new();
    for event in Reader::open(recording).context("cannot open the recording")? {
        let event = event.context("cannot read the recording")?;
        if let Fact::Flow(flow) = &event.fact
            && flow.remote == Some(to)
        {
            // Snapshots are cumulative.
            let most = flows.entry((event.process.pid, flow.socket)).or_default();
            *most = flow.tx_bytes.max(*most);
        }
    }
    let mut sent = BTreeMap::<u32, Sent>::new();
    for ((pid, _), bytes) in flows {
        let sent = sent.entry(pid).or_default();
        sent.bytes += bytes;
        sent.flows += 1;
    }
    Ok(sent)
}
