//! Every map of the object. The names are the agent's handles, and tell whose a map is to whoever lists those of the
//! kernel, which keeps 15 bytes of them; sizes of the rings may be overridden at load.

use agent_common::{
    counters::COUNTERS as COUNTER_SLOTS,
    file::{DirKey, FileKey, FileSystem},
    limits::{
        ARGV_MAX, BULK_RING_BYTES, GROWERS as GROWER_ENTRIES, GROWING_FILES, LEDGER_ENTRIES,
        LIFECYCLE_RING_BYTES, MEMORY_ACCESSES, OPEN_SHARES, OVERFLOW_ENTRIES, OWN_FILE_SYSTEMS,
        QUIET_DIRS as QUIET, RECORD_MAX, SEEN_OPENS, SOCKETS as SOCKET_ENTRIES, SOCKETS_MADE, UDP_PEERS,
        UNIX_USES as UNIX, WRITTEN_INODES,
    },
    memory::MemoryAccess,
    net::{FlowKey, FlowValue, STATE_SLOTS, UdpPeer},
    process::ProcessKey,
    socket::SocketMade,
    unix::UnixUse,
};
use aya_ebpf::{
    macros::map,
    maps::{Array, HashMap, LruHashMap, PerCpuArray, RingBuf},
};

/// Fork, exec, exit and flow records.
#[map(name = "weir_lifecycle")]
pub(crate) static LIFECYCLE: RingBuf = RingBuf::with_byte_size(LIFECYCLE_RING_BYTES, 0);

/// Open records, and answers of name servers.
#[map(name = "weir_bulk")]
pub(crate) static BULK: RingBuf = RingBuf::with_byte_size(BULK_RING_BYTES, 0);

/// One slot for each `Counter`.
#[map(name = "weir_counters")]
pub(crate) static COUNTERS: PerCpuArray<u64> = PerCpuArray::with_max_entries(COUNTER_SLOTS, 0);

/// Bytes of every process on every socket, cumulative. Never an LRU map: that forgets silently.
#[map(name = "weir_ledger")]
pub(crate) static LEDGER: HashMap<FlowKey, FlowValue> = HashMap::with_max_entries(LEDGER_ENTRIES, 0);

/// Bytes of processes whose flows found the ledger full.
#[map(name = "weir_overflow")]
pub(crate) static OVERFLOW: HashMap<ProcessKey, FlowValue> = HashMap::with_max_entries(OVERFLOW_ENTRIES, 0);

/// Direction (`DIRECTION_*`) of each socket seen to begin or to move bytes, by cookie; removed when it closes. An LRU
/// map, since an end can be missed: a connection that it forgot is judged by its ports, and its entry in the ledger goes
/// with the silent ones.
#[map(name = "weir_sockets")]
pub(crate) static SOCKETS: LruHashMap<u64, u8> = LruHashMap::with_max_entries(SOCKET_ENTRIES, 0);

/// One thread's send through one socket.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sending {
    /// `bpf_get_current_pid_tgid`.
    pub(crate) thread: u64,
    /// Cookie of a UDP socket, address of a raw or ping socket.
    pub(crate) socket: u64,
}

/// Destination that a datagram brings with it, from the hook that sees the address until the one that counts the
/// bytes takes it.
#[map(name = "weir_udp_peer")]
pub(crate) static UDP_PEER: LruHashMap<Sending, UdpPeer> = LruHashMap::with_max_entries(UDP_PEERS, 0);

/// Uses of unix sockets that were told: 1 with both ends, 0 while the other end had no inode. What it forgets is told
/// once more.
#[map(name = "weir_unix_uses")]
pub(crate) static UNIX_USES: LruHashMap<UnixUse, u8> = LruHashMap::with_max_entries(UNIX, 0);

/// Accesses to memory that were told. What it forgets is told once more.
#[map(name = "weir_memory")]
pub(crate) static MEMORY: LruHashMap<MemoryAccess, u8> = LruHashMap::with_max_entries(MEMORY_ACCESSES, 0);

/// Sockets of other families that were told. What it forgets is told once more.
#[map(name = "weir_families")]
pub(crate) static FAMILIES: LruHashMap<SocketMade, u8> = LruHashMap::with_max_entries(SOCKETS_MADE, 0);

/// Fingerprints of the opens last reported, direct-mapped.
#[map(name = "weir_seen")]
pub(crate) static SEEN: Array<u64> = Array::with_max_entries(SEEN_OPENS, 0);

/// What processes took of the bulk ring's second half within a second, direct-mapped: whose share and which second it is
/// in the upper half of each word, bytes in the lower.
#[map(name = "weir_shares")]
pub(crate) static SHARES: Array<u64> = Array::with_max_entries(OPEN_SHARES, 0);

/// Directories whose plain reads are left out; filled by the agent.
#[map(name = "weir_quiet_dirs")]
pub(crate) static QUIET_DIRS: HashMap<DirKey, u8> = HashMap::with_max_entries(QUIET, 0);

/// Regular files that somebody opened for writing since the agent started.
#[map(name = "weir_written")]
pub(crate) static WRITTEN: LruHashMap<FileKey, u8> = LruHashMap::with_max_entries(WRITTEN_INODES, 0);

/// File systems that are the host's own disks or its memory: what is written there stays. Filled by the agent, which
/// looks at each when something is first written there.
#[map(name = "weir_own_fs")]
pub(crate) static OWN: HashMap<FileSystem, u8> = HashMap::with_max_entries(OWN_FILE_SYSTEMS, 0);

/// A file on a file system that is not known to be the host's own, opened for writing.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Growing {
    /// Who opened it last.
    pub(crate) process: ProcessKey,
    /// Address of its inode, which may be gone by now.
    pub(crate) inode: u64,
    /// Its size as far as it is booked.
    pub(crate) counted: u64,
    /// `super_block::s_magic`.
    pub(crate) magic: u32,
    /// 1 when that process has ended: whoever is seen to have the file next takes its place.
    pub(crate) orphaned: u32,
}

/// Such files, until they are looked at and nobody has them open for writing any more.
#[map(name = "weir_growing")]
pub(crate) static GROWING: HashMap<FileKey, Growing> = HashMap::with_max_entries(GROWING_FILES, 0);

/// The last such files of a process.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Grower {
    /// Zeros where there is none.
    pub(crate) files: [FileKey; GROWER_FILES],
    /// Place of the next one, modulo their number.
    pub(crate) next: u64,
}

/// Files that a process has open for writing at once, mostly.
pub(crate) const GROWER_FILES: usize = 8;

/// Processes with such files, until they end.
#[map(name = "weir_growers")]
pub(crate) static GROWERS: HashMap<ProcessKey, Grower> = HashMap::with_max_entries(GROWER_ENTRIES, 0);

/// What a step of watching files leaves for the next one.
#[repr(C)]
pub(crate) struct Desk {
    /// The file at hand; an inode of number 0 where there is none.
    pub(crate) key: FileKey,
    /// Who opens or has it; number 0 for the agent.
    pub(crate) process: ProcessKey,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Bytes to book, and whose.
    pub(crate) bytes: u64,
    pub(crate) owner: ProcessKey,
    pub(crate) magic: u32,
    pub(crate) empties: u16,
    pub(crate) received: u16,
    /// Files that were looked at and are still open for writing.
    pub(crate) open: u64,
    /// Room for an entry of the ledger.
    pub(crate) flow: FlowKey,
    pub(crate) value: FlowValue,
}

/// One for each program that watches files: those of opens have the numbers of their areas below.
#[map(name = "weir_desks")]
pub(crate) static DESKS: PerCpuArray<Desk> = PerCpuArray::with_max_entries(SCRATCH_AREAS + 3, 0);
/// The desk of forks.
pub(crate) const DESK_FORK: u32 = SCRATCH_AREAS;
/// The desk of ends of processes.
pub(crate) const DESK_EXIT: u32 = SCRATCH_AREAS + 1;
/// The desk of the agent.
pub(crate) const DESK_AGENT: u32 = SCRATCH_AREAS + 2;

/// Drain epoch and idle flag of the agent: `STATE_EPOCH`, `STATE_IDLE`.
#[map(name = "weir_state")]
pub(crate) static STATE: Array<u64> = Array::with_max_entries(STATE_SLOTS, 0);

/// Room in which a record with a tail is assembled: the largest record, and past any cursor within it the
/// longest single read, so that the verifier needs no more than the cursor's bound.
pub(crate) const SCRATCH_BYTES: usize = RECORD_MAX + ARGV_MAX;

/// One area for each program that could be interrupted by another while it assembles: `SCRATCH_*`.
#[map(name = "weir_scratch")]
pub(crate) static SCRATCH: PerCpuArray<[u8; SCRATCH_BYTES]> = PerCpuArray::with_max_entries(SCRATCH_AREAS, 0);

/// Area of exec records.
pub(crate) const SCRATCH_EXEC: u32 = 0;
/// Area of opens by a system call.
pub(crate) const SCRATCH_OPEN: u32 = 1;
/// Area of opens by `io_uring`, which can complete inside any other system call.
pub(crate) const SCRATCH_IO_URING: u32 = 2;
/// Area of answers of name servers, which come in while softirqs are handled.
pub(crate) const SCRATCH_DNS: u32 = 3;
/// Area of opens whose descriptor came from somebody else: another program than that of opens by a system call.
pub(crate) const SCRATCH_RECEIVED: u32 = 4;
const SCRATCH_AREAS: u32 = 5;

/// Where a TCP socket's queue stood at the last look, for the rung that counts by sequence numbers.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct WritePosition {
    /// Who sent last.
    pub(crate) process: ProcessKey,
    /// `tcp_sock::write_seq`.
    pub(crate) sequence: u32,
    /// Always zero.
    pub(crate) _pad: u32,
}

/// By address of the socket; removed when it closes. Used by the kprobe rung alone.
#[map(name = "weir_write_position")]
pub(crate) static WRITE_POSITION: HashMap<u64, WritePosition> = HashMap::with_max_entries(WRITE_POSITIONS, 0);
const WRITE_POSITIONS: u32 = 16_384;

/// How much of a TCP connection's bytes the ledger has heard of.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    /// Who sent last, before that who made the socket; nobody has number 0.
    pub(crate) process: ProcessKey,
    /// Bytes that were booked.
    pub(crate) booked: u64,
    /// How far the connection is.
    pub(crate) stage: u32,
    /// 1 when the SYN of this side is among the acknowledged bytes: it connected.
    pub(crate) syn: u32,
}

/// By cookie, from the socket's making to its last descriptor's end, or until others need the room. What it forgets is
/// merely not made up for.
#[map(name = "weir_sent")]
pub(crate) static SENT: LruHashMap<u64, Sent> = LruHashMap::with_max_entries(SENT_ENTRIES, 0);
const SENT_ENTRIES: u32 = 16_384;
