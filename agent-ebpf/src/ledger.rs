//! The byte ledger: who moved how much through which socket.

use agent_common::{
    counters::Counter,
    net::{
        DIRECTION_IN, DIRECTION_OUT, DIRECTION_UNKNOWN, FLOW_ACTIVE, FlowKey, FlowRecord, FlowValue, UdpPeer,
    },
    process::ProcessKey,
    record::KIND_FLOW,
};
use aya_ebpf::{bindings::BPF_NOEXIST, helpers::generated::bpf_ktime_get_boot_ns};

use crate::{
    emit,
    kernel::socket::Socket,
    maps::{LEDGER, OVERFLOW, SOCKETS},
};

/// `SOCK_DGRAM`.
const SOCK_DGRAM: u16 = 2;

/// Bytes that moved, and which way.
#[derive(Clone, Copy)]
pub(crate) struct Moved {
    pub(crate) bytes: u64,
    pub(crate) sent: bool,
}

/// Counts bytes of `process` on `socket`. `peer` is the destination of an unconnected datagram, zeros otherwise.
#[inline(always)]
pub(crate) fn count(process: ProcessKey, socket: &Socket, peer: UdpPeer, moved: Moved) {
    let key = FlowKey {
        process,
        cookie: socket.handle.value,
        peer: peer.address,
        peer_port: peer.port,
        cookie_is_address: socket.handle.is_address,
        _pad: [0; 13],
    };
    let Some(value) = entry(&key, socket) else {
        count_overflow(&key.process, moved.bytes, moved.sent);
        return;
    };
    add(value, moved);
    announce(&key, value);
}

/// Counts bytes that were written to files, as a flow of its own; `fresh` is room for a new entry.
#[inline(always)]
pub(crate) fn count_written(key: &FlowKey, fresh: &mut FlowValue, family: u16, bytes: u64) {
    if LEDGER.get_ptr(key).is_none() {
        *fresh = FlowValue::default();
        fresh.family = family;
        // As what has no end that is told: it goes when it was silent for long.
        fresh.sock_type = SOCK_DGRAM;
        // SAFETY: the helper has no precondition.
        fresh.first_ns = unsafe { bpf_ktime_get_boot_ns() };
        fresh.epoch = emit::epoch().wrapping_sub(1);
        let fresh: &FlowValue = fresh;
        let _ = LEDGER.insert(key, fresh, u64::from(BPF_NOEXIST));
    }
    match LEDGER.get_ptr_mut(key) {
        Some(value) => {
            add(value, Moved { bytes, sent: true });
            announce(key, value);
        }
        None => {
            count_overflow(&key.process, bytes, true);
        }
    }
}

/// The flow's entry, made if need be; `None` when the ledger is full.
#[inline(always)]
fn entry(key: &FlowKey, socket: &Socket) -> Option<*mut FlowValue> {
    let known = LEDGER.get_ptr_mut(key);
    if known.is_some() {
        return known;
    }
    begin(key, socket);
    LEDGER.get_ptr_mut(key)
}

/// Makes an entry. A sub-program, for the sake of its own stack.
#[inline(never)]
fn begin(key: &FlowKey, socket: &Socket) -> u64 {
    let mut fresh = FlowValue::default();
    socket.describe(&mut fresh);
    if key.peer_port != 0 || u128::from_ne_bytes(key.peer) != 0 {
        fresh.remote = key.peer;
        fresh.remote_port = key.peer_port;
    }
    fresh.direction = direction(socket);
    // SAFETY: the helper has no precondition.
    fresh.first_ns = unsafe { bpf_ktime_get_boot_ns() };
    // Another epoch than the current one, so that the first bytes announce themselves.
    fresh.epoch = emit::epoch().wrapping_sub(1);
    let fresh = &fresh;
    // Whoever loses the race for a new entry finds the winner's.
    u64::from(LEDGER.insert(key, fresh, u64::from(BPF_NOEXIST)).is_ok())
}

/// Direction of the socket, remembered for its close.
#[inline(always)]
fn direction(socket: &Socket) -> u8 {
    let handle = socket.handle;
    if let Some(known) = SOCKETS.get_ptr(handle.value) {
        // SAFETY: a value of a preallocated map; a racing removal can but make it stale.
        return unsafe { known.read() };
    }
    let assumed = if !socket.is_connection() {
        DIRECTION_OUT
    } else if let (0, Some(known)) = (handle.is_address, SOCKETS.get_ptr(socket.address)) {
        // It began before anybody made its cookie.
        // SAFETY: as above.
        unsafe { known.read() }
    } else {
        DIRECTION_UNKNOWN
    };
    // Other families never say that they closed: their entries would stay for good.
    if socket.is_inet() {
        remember(handle.value, assumed);
    }
    assumed
}

/// Remembers a socket's direction until it closes.
#[inline(always)]
pub(crate) fn remember(handle: u64, direction: u8) {
    if SOCKETS.insert(handle, direction, 0).is_err() {
        emit::count(Counter::SocketUntracked, 1);
    }
}

/// Remembers that a connection came in; false when this end began it.
#[inline(always)]
pub(crate) fn remember_accepted(handle: u64) -> bool {
    if SOCKETS.insert(handle, DIRECTION_IN, u64::from(BPF_NOEXIST)).is_ok() {
        return true;
    }
    let Some(known) = SOCKETS.get_ptr(handle) else {
        emit::count(Counter::SocketUntracked, 1);
        return true;
    };
    // SAFETY: a value of a preallocated map; a racing removal can but make it stale.
    let known = unsafe { known.read() };
    known != DIRECTION_OUT
}

/// Adds to an entry without reading the result back: 5.10 has no fetching atomics.
#[inline(always)]
fn add(value: *mut FlowValue, moved: Moved) {
    // SAFETY: an entry of a map that the lookup vouched for.
    let value = unsafe { &mut *value };
    let (bytes, calls) = if moved.sent {
        (&raw mut value.tx_bytes, &raw mut value.tx_calls)
    } else {
        (&raw mut value.rx_bytes, &raw mut value.rx_calls)
    };
    emit::raise(bytes, moved.bytes);
    emit::raise(calls, 1);
}

/// Tells the agent that this flow moves again since the last drain. The second half of the ring is left to the life
/// of processes, which nothing else tells; then, and when the ring is full, the epoch stays as it was, so that the
/// next bytes try again, and the agent's sweep of the ledger finds the rest.
#[inline(always)]
fn announce(key: &FlowKey, value: *mut FlowValue) {
    let epoch = emit::epoch();
    // SAFETY: an entry of a map that the lookup vouched for.
    let value = unsafe { &mut *value };
    if value.epoch == epoch || emit::lifecycle_is_fuller_than(2) {
        return;
    }
    let sent = emit::fixed(|record: &mut FlowRecord| {
        emit::head(&mut record.head, KIND_FLOW, size_of::<FlowRecord>() as u32, key.process);
        record.key = *key;
        record.value = *value;
        record.what = FLOW_ACTIVE;
        record._pad = [0; 6];
    });
    if sent {
        value.epoch = epoch;
    }
}

/// The ledger is full: the bytes go to the process's own entry, and when that cannot be had to a counter.
#[inline(never)]
fn count_overflow(process: &ProcessKey, bytes: u64, sent: bool) -> u64 {
    emit::count(Counter::LedgerOverflow, 1);
    if OVERFLOW.get_ptr(process).is_none() {
        // SAFETY: the helper has no precondition.
        let first_ns = unsafe { bpf_ktime_get_boot_ns() };
        let fresh = &FlowValue { first_ns, ..FlowValue::default() };
        let _ = OVERFLOW.insert(process, fresh, u64::from(BPF_NOEXIST));
    }
    match OVERFLOW.get_ptr_mut(process) {
        Some(value) => add(value, Moved { bytes, sent }),
        None if sent => emit::count(Counter::LostFlowTxBytes, bytes),
        None => emit::count(Counter::LostFlowRxBytes, bytes),
    }
    0
}
