//! Bytes of one ring record -> [`Event`]. Every length is checked; whatever does not fit is a [`DecodeError`],
//! which the caller counts, and never a panic.

mod wire;
#[cfg(test)]
mod tests;

use agent_common::{
    content::{CONTENT_FIRST, CONTENT_LATER, CONTENT_QUESTION, ContentRecord},
    dns::DnsRecord,
    file::DEVICE_FUSE,
    file::{OPEN_IO_URING, OPEN_RECEIVED, OPEN_WRITTEN_BEFORE, OpenRecord},
    memory::MemoryRecord,
    net::{FLOW_ACCEPTED, FLOW_ACTIVE, FLOW_CLOSED, FLOW_CONNECT, FlowKey, FlowRecord, FlowValue},
    process::{
        EXEC_ARGV_TRUNCATED, EXEC_ARGV_UNREADABLE, EXEC_DELETED, EXEC_MEMFD, EXEC_SCRIPT, ExecRecord,
        ExitRecord, FMODE_READ, FMODE_WRITE, ForkRecord, PIPEFS,
    },
    record::{
        KIND_CONTENT, KIND_DNS, KIND_EXEC, KIND_EXIT, KIND_FLOW, KIND_FORK, KIND_MEMORY, KIND_OPEN,
        KIND_SOCKET, KIND_UNIX, RecordHead,
    },
    socket::SocketRecord,
    unix::{UNIX_RECEIVED, UNIX_SENT, UnixRecord},
};

use std::net::SocketAddr;

use super::{
    BootTime, Bytes, Content, Event, Exec, Fact, FdObject, FdSeen, FileKey, Flow, FlowWhat, Fork, Ids, Names,
    Open, Part, ProcessKey, Spoken, UnixSocket, content,
    dns::{self, DnsError},
};
use wire::{Tail, comm, fd_object, fixed, ip_address, path};

pub use wire::{argv, direction, socket_address};

/// Why a ring record could not be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Fewer bytes than the head or the fixed part of its kind needs.
    #[error("record of {have} bytes, {need} needed")]
    Short {
        /// Bytes that there are.
        have: usize,
        /// Bytes that the fixed part takes.
        need: usize,
    },
    /// The head's length is not the length of the record.
    #[error("record of {have} bytes says that it has {said}")]
    Length {
        /// Bytes that there are.
        have: usize,
        /// Bytes according to the head.
        said: u32,
    },
    /// No such record kind.
    #[error("unknown record kind {0}")]
    Kind(u16),
    /// No such flow news.
    #[error("unknown flow news {0}")]
    Flow(u16),
    /// No such direction of a connection.
    #[error("unknown flow direction {0}")]
    Direction(u8),
    /// No such use of a unix socket.
    #[error("unknown use of a unix socket {0}")]
    Unix(u16),
    /// Every end that is in use has an inode.
    #[error("a use of a unix socket without an inode")]
    UnixInode,
    /// No such part of a flow.
    #[error("unknown part of a flow {0}")]
    Part(u16),
    /// The lengths of the tail's parts do not add up to the tail.
    #[error("record tail of {have} bytes, its parts take {need}")]
    Tail {
        /// Bytes in the tail.
        have: usize,
        /// Bytes that the parts take.
        need: usize,
    },
    /// A path that does not end its leaf with a separator.
    #[error("path whose last name is not ended")]
    Path,
    /// What a name server sent is no answer. The record is whole: the fault is the sender's.
    #[error(transparent)]
    Dns(#[from] DnsError),
}

/// A record and, for news about a flow, the ledger key that the event does not carry.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// What happened.
    pub event: Event,
    /// Key in the ledger, for flow records only.
    pub flow: Option<FlowKey>,
}

impl Decoded {
    /// Whether there is anything to tell: many an answer of a name server names no address.
    #[must_use]
    pub fn tells(&self) -> bool {
        if let Fact::Names(names) = &self.event.fact {
            names.cut || !names.addresses.is_empty()
        } else {
            true
        }
    }
}

/// When a record was made, whatever else it says; nothing when it has no head.
#[must_use]
pub fn time(bytes: &[u8]) -> Option<BootTime> {
    fixed::<RecordHead>(bytes).ok().map(|(head, _)| head.time_ns)
}

/// Decodes one ring record.
///
/// # Errors
///
/// [`DecodeError`] when the bytes are not a whole record of a known kind.
pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
    let (head, _) = fixed::<RecordHead>(bytes)?;
    if usize::try_from(head.len) != Ok(bytes.len()) {
        return Err(DecodeError::Length { have: bytes.len(), said: head.len });
    }
    let mut flow = None;
    let mut process = ProcessKey::from(head.process);
    let fact = match head.kind {
        KIND_FORK => fork(bytes)?,
        KIND_EXEC => exec(bytes)?,
        KIND_EXIT => exit(bytes)?,
        KIND_OPEN => open(bytes)?,
        KIND_FLOW => {
            let record = flow_record(bytes)?;
            let what = flow_what(record.what)?;
            process = flow_process(what, &record.key);
            flow = Some(record.key);
            Fact::Flow(Box::new(flow_fact(what, &record.key, &record.value)?))
        }
        KIND_DNS => names(bytes)?,
        KIND_UNIX => unix(bytes)?,
        KIND_MEMORY => memory(bytes)?,
        KIND_CONTENT => first_bytes(bytes)?,
        KIND_SOCKET => socket(bytes)?,
        unknown => return Err(DecodeError::Kind(unknown)),
    };
    Ok(Decoded { event: Event { time: head.time_ns, process, fact }, flow })
}

/// The raw record of news about a flow.
///
/// # Errors
///
/// [`DecodeError::Short`] or [`DecodeError::Tail`] when the bytes are not exactly one such record.
pub fn flow_record(bytes: &[u8]) -> Result<FlowRecord, DecodeError> {
    let (record, tail) = fixed::<FlowRecord>(bytes)?;
    Tail::new(tail, 0)?;
    Ok(record)
}

/// A ledger entry as a fact.
///
/// # Errors
///
/// [`DecodeError::Direction`] when the entry's direction is none that is known.
pub fn flow_fact(what: FlowWhat, key: &FlowKey, value: &FlowValue) -> Result<Flow, DecodeError> {
    let unconnected = key.peer_port != 0 || key.peer != [0; 16];
    let (remote, remote_port) =
        if unconnected { (key.peer, key.peer_port) } else { (value.remote, value.remote_port) };
    Ok(Flow {
        what,
        socket: key.cookie,
        remote: socket_address(value.family, remote, remote_port),
        local: socket_address(value.family, value.local, value.local_port),
        family: value.family,
        protocol: value.protocol,
        sock_type: value.sock_type,
        direction: direction(value.direction)?,
        net_ns: value.net_ns,
        since: value.first_ns,
        tx_bytes: value.tx_bytes,
        rx_bytes: value.rx_bytes,
        tx_calls: value.tx_calls,
        rx_calls: value.rx_calls,
    })
}

impl From<agent_common::process::ProcessKey> for ProcessKey {
    fn from(key: agent_common::process::ProcessKey) -> Self {
        Self { pid: key.pid, start_ticks: key.start_ticks }
    }
}

impl From<ProcessKey> for agent_common::process::ProcessKey {
    fn from(key: ProcessKey) -> Self {
        Self { start_ticks: key.start_ticks, pid: key.pid, _pad: 0 }
    }
}

fn fork(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<ForkRecord>(bytes)?;
    Tail::new(tail, 0)?;
    Ok(Fact::Fork(Fork { child: record.child.into(), comm: comm(&record.comm), uid: record.uid }))
}

fn exit(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<ExitRecord>(bytes)?;
    Tail::new(tail, 0)?;
    Ok(Fact::Exit { code: record.exit_code })
}

fn exec(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<ExecRecord>(bytes)?;
    let argv_len = usize::try_from(record.argv_len).unwrap_or(usize::MAX);
    let [exe_len, cwd_len, filename_len, interp_len] =
        [record.exe.len, record.cwd.len, record.filename_len, record.interp_len].map(usize::from);
    let need =
        [exe_len, cwd_len, filename_len, interp_len, argv_len].into_iter().fold(0, usize::saturating_add);
    let mut tail = Tail::new(tail, need)?;
    let exe = path(tail.take(exe_len), record.exe.flags)?;
    let cwd = path(tail.take(cwd_len), record.cwd.flags)?;
    let filename = Bytes::from(tail.take(filename_len));
    // The interpreter's name is on the wire for diagnosis; the executable after lookup says the same.
    tail.take(interp_len);
    let argv_bytes = tail.take(argv_len);
    let cut = EXEC_ARGV_TRUNCATED | EXEC_ARGV_UNREADABLE;
    let [stdin, stdout, stderr, more @ ..] = record.fds.map(|fd| fd_object(&fd));
    Ok(Fact::Exec(Box::new(Exec {
        parent: record.parent.into(),
        exe,
        exe_file: (record.exe_dev, record.exe_ino),
        deleted: record.flags & EXEC_DELETED != 0,
        memfd: record.flags & EXEC_MEMFD != 0,
        script: (record.flags & EXEC_SCRIPT != 0).then(|| filename.clone()),
        filename,
        argv: argv(argv_bytes),
        argv_total: record.argv_total,
        argv_truncated: record.flags & cut != 0 || record.argv_total > u64::from(record.argv_len),
        cwd,
        comm: comm(&record.comm),
        ids: Ids {
            uid: record.uid,
            euid: record.euid,
            gid: record.gid,
            loginuid: record.loginuid,
            sessionid: record.sessionid,
        },
        cgroup_id: record.cgroup_id,
        mnt_ns: record.mnt_ns,
        net_ns: record.net_ns,
        fds: [stdin, stdout, stderr],
        more_fds: (3..)
            .zip(more)
            .filter(|(_, object)| {
                matches!(object, FdObject::Pipe { .. } | FdObject::Device { rdev: DEVICE_FUSE })
            })
            .map(|(fd, object)| FdSeen { fd, object })
            .collect(),
    })))
}

fn open(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<OpenRecord>(bytes)?;
    let len = usize::from(record.path.len);
    let mut tail = Tail::new(tail, len)?;
    // The key of a pipe without a name has no device.
    let dev = if record.magic == PIPEFS { 0 } else { record.file.dev };
    Ok(Fact::Open(Box::new(Open {
        file: FileKey { dev, ino: record.file.ino, generation: record.file.generation },
        path: path(tail.take(len), record.path.flags)?,
        size: record.size,
        mode: record.mode,
        flags: record.open_flags,
        read: record.fmode & FMODE_READ != 0,
        write: record.fmode & FMODE_WRITE != 0,
        magic: record.magic,
        ctime_sec: record.ctime_sec,
        parent_ino: record.parent_ino,
        io_uring: record.flags & OPEN_IO_URING != 0,
        received: record.flags & OPEN_RECEIVED != 0,
        mnt_ns: record.mnt_ns,
        written_before: record.flags & OPEN_WRITTEN_BEFORE != 0,
    })))
}

fn names(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<DnsRecord>(bytes)?;
    let len = usize::try_from(record.len).unwrap_or(usize::MAX);
    let answer = dns::answer(Tail::new(tail, len)?.take(len))?;
    Ok(Fact::Names(Box::new(Names {
        server: ip_address(record.server),
        net_ns: record.net_ns,
        protocol: record.protocol,
        name: answer.name,
        addresses: answer.addresses,
        ttl: answer.ttl,
        cut: answer.cut,
    })))
}

fn unix(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<UnixRecord>(bytes)?;
    Tail::new(tail, 0)?;
    let sent = match record.what {
        UNIX_SENT => true,
        UNIX_RECEIVED => false,
        unknown => return Err(DecodeError::Unix(unknown)),
    };
    if record.inode == 0 {
        return Err(DecodeError::UnixInode);
    }
    Ok(Fact::Unix(UnixSocket {
        sent,
        inode: record.inode,
        name: record.name,
        peer_inode: record.peer_inode,
        peer_name: record.peer_name,
    }))
}

fn memory(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<MemoryRecord>(bytes)?;
    Tail::new(tail, 0)?;
    Ok(Fact::Memory { owner: record.owner.into() })
}

fn socket(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<SocketRecord>(bytes)?;
    Tail::new(tail, 0)?;
    Ok(Fact::Socket { family: record.family, kind: record.kind })
}

fn first_bytes(bytes: &[u8]) -> Result<Fact, DecodeError> {
    let (record, tail) = fixed::<ContentRecord>(bytes)?;
    let need = usize::try_from(record.len).unwrap_or(usize::MAX);
    // The room is as long as it may get.
    let bytes = tail.get(..need).ok_or(DecodeError::Tail { have: tail.len(), need })?;
    let (part, spoken) = match record.place {
        CONTENT_FIRST => (Part::First, content::of_stream(bytes)),
        CONTENT_LATER => (Part::Later, Spoken::Unknown),
        CONTENT_QUESTION => (Part::Question, content::of_question(bytes)),
        unknown => return Err(DecodeError::Part(unknown)),
    };
    let address = |address, port| SocketAddr::new(ip_address(address), port);
    Ok(Fact::Content(Box::new(Content {
        socket: record.cookie,
        local: address(record.local, record.local_port),
        remote: address(record.remote, record.remote_port),
        net_ns: record.net_ns,
        protocol: record.protocol,
        part,
        bytes: record.whole,
        spoken,
        entropy: content::entropy(bytes),
    })))
}

fn flow_what(what: u16) -> Result<FlowWhat, DecodeError> {
    match what {
        FLOW_CONNECT => Ok(FlowWhat::Connect),
        FLOW_ACTIVE => Ok(FlowWhat::Active),
        FLOW_CLOSED => Ok(FlowWhat::Closed),
        FLOW_ACCEPTED => Ok(FlowWhat::Accepted),
        unknown => Err(DecodeError::Flow(unknown)),
    }
}

/// The end of a socket and an accepted connection are noticed in whatever context the kernel runs just then, so
/// they are about no process.
fn flow_process(what: FlowWhat, key: &FlowKey) -> ProcessKey {
    match what {
        FlowWhat::Connect | FlowWhat::Active | FlowWhat::Snapshot => key.process.into(),
        FlowWhat::Closed | FlowWhat::Accepted => ProcessKey::HOST,
    }
}
