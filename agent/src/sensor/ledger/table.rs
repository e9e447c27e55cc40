//! The maps behind the ledger.

use agent_common::{
    limits::{LEDGER_ENTRIES, OVERFLOW_ENTRIES},
    net::{FlowKey, FlowValue, STATE_EPOCH},
    process::ProcessKey,
};
use aya::{
    Pod,
    maps::{Array, HashMap, MapData, MapError},
};

/// What the drain needs of the kernel's maps.
pub trait Table {
    /// Sets the drain epoch.
    ///
    /// # Errors
    ///
    /// When the map cannot be written; alike below.
    fn set_epoch(&mut self, epoch: u64) -> Result<(), MapError>;
    /// Reads a flow.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn flow(&self, key: &FlowKey) -> Result<Option<FlowValue>, MapError>;
    /// Reads all flows.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn flows(&self) -> Result<Vec<(FlowKey, FlowValue)>, MapError>;
    /// Deletes a flow; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    fn remove_flow(&mut self, key: &FlowKey) -> Result<(), MapError>;
    /// Reads a process's overflow entry.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn overflow(&self, process: &ProcessKey) -> Result<Option<FlowValue>, MapError>;
    /// Reads all overflow entries.
    ///
    /// # Errors
    ///
    /// When the map cannot be read.
    fn overflows(&self) -> Result<Vec<(ProcessKey, FlowValue)>, MapError>;
    /// Deletes an overflow entry; one that is not there is no error.
    ///
    /// # Errors
    ///
    /// When the map cannot be written.
    fn remove_overflow(&mut self, process: &ProcessKey) -> Result<(), MapError>;
}

/// The kernel's maps.
pub struct BpfTable {
    /// `LEDGER`.
    pub ledger: HashMap<MapData, FlowKey, FlowValue>,
    /// `OVERFLOW`.
    pub overflow: HashMap<MapData, ProcessKey, FlowValue>,
    /// `STATE`.
    pub state: Array<MapData, u64>,
}

impl Table for BpfTable {
    fn set_epoch(&mut self, epoch: u64) -> Result<(), MapError> {
        self.state.set(STATE_EPOCH, epoch, 0)
    }

    fn flow(&self, key: &FlowKey) -> Result<Option<FlowValue>, MapError> {
        found(self.ledger.get(key, 0))
    }

    fn flows(&self) -> Result<Vec<(FlowKey, FlowValue)>, MapError> {
        all(&self.ledger, LEDGER_ENTRIES)
    }

    fn remove_flow(&mut self, key: &FlowKey) -> Result<(), MapError> {
        removed(self.ledger.remove(key))
    }

    fn overflow(&self, process: &ProcessKey) -> Result<Option<FlowValue>, MapError> {
        found(self.overflow.get(process, 0))
    }

    fn overflows(&self) -> Result<Vec<(ProcessKey, FlowValue)>, MapError> {
        all(&self.overflow, OVERFLOW_ENTRIES)
    }

    fn remove_overflow(&mut self, process: &ProcessKey) -> Result<(), MapError> {
        removed(self.overflow.remove(process))
    }
}

fn found<V>(result: Result<V, MapError>) -> Result<Option<V>, MapError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if is_missing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

fn removed(result: Result<(), MapError>) -> Result<(), MapError> {
    match result {
        Err(error) if !is_missing(&error) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A missing key is an error of its own on reads and plain `ENOENT` on deletes.
fn is_missing(error: &MapError) -> bool {
    matches!(error, MapError::KeyNotFound)
        || matches!(error, MapError::SyscallError(call) if call.io_error.raw_os_error() == Some(libc::ENOENT))
}

/// All entries; bounded, since the kernel inserts while the walk goes on.
fn all<K: Pod, V: Pod>(map: &HashMap<MapData, K, V>, entries: u32) -> Result<Vec<(K, V)>, MapError> {
    map.iter().take(entries as usize).collect()
}
