//! Counters that the kernel programs raise, one slot each in a per-CPU array.

/// What is counted. The discriminant is the slot.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// Fork records submitted.
    ForkSent,
    /// Fork records that found the ring full.
    ForkDropped,
    /// Exec records submitted.
    ExecSent,
    /// Exec records that found the ring full.
    ExecDropped,
    /// Exit records submitted.
    ExitSent,
    /// Exit records that found the ring full.
    ExitDropped,
    /// Open records submitted.
    OpenSent,
    /// Open records that found the ring full, or more than half full and their process's share of the rest used up.
    OpenDropped,
    /// Flow records submitted.
    FlowSent,
    /// Flow records that found the ring full.
    FlowDropped,
    /// Opens seen, before any filter.
    OpenSeen,
    /// Opens left out: pseudo file system, uninteresting type, quiet directory.
    OpenFiltered,
    /// Opens left out because the same process had opened the same file in the same way.
    OpenRepeated,
    /// Sends and receives counted into a process's overflow entry because the ledger was full.
    LedgerOverflow,
    /// Bytes counted into the global entry because the overflow table was full as well: sent.
    LostFlowTxBytes,
    /// As above: received.
    LostFlowRxBytes,
    /// Kernel reads that failed where the layout said that they must not.
    ReadFault,
    /// Marks on written inodes that could not be kept.
    WrittenMarkFailed,
    /// Opens through `io_uring` into its own table (direct descriptors), which cannot be resolved.
    OpenUnresolved,
    /// Exec records whose argument vector was cut short because the life-cycle ring was more than 3/4 full.
    ExecShortened,
    /// Sockets whose direction could not be kept because the table of sockets was full.
    SocketUntracked,
    /// Answers of name servers submitted.
    DnsSent,
    /// Answers of name servers that found the ring more than three quarters full: the rest is for opens.
    DnsDropped,
    /// Answers of name servers longer than what a record carries.
    DnsCut,
    /// Packets that may hold answers and were not looked at: IPv6 headers beyond those that are walked, segments of TCP
    /// from port 53 that do not begin with an answer, and what stands behind the first answer of a segment.
    DnsUnread,
    /// As [`DnsDropped`](Self::DnsDropped), in another network namespace than the host's.
    DnsDroppedElsewhere,
    /// As [`DnsUnread`](Self::DnsUnread), in another network namespace than the host's.
    DnsUnreadElsewhere,
    /// Records about unix sockets submitted.
    UnixSent,
    /// Records about unix sockets that found the ring full, or more than half full.
    UnixDropped,
    /// Records about accesses to memory submitted.
    MemorySent,
    /// Records about accesses to memory that found the ring full, or more than half full.
    MemoryDropped,
    /// First bytes of flows, and questions, submitted.
    ContentSent,
    /// First bytes of flows, and questions, that found the ring more than half full.
    ContentDropped,
    /// Records about sockets of other families submitted.
    SocketSent,
    /// Records about sockets of other families that found the ring full, or more than half full.
    SocketDropped,
    /// Files on shares and media, or their writers, that the tables of those had no room for.
    FileUnwatched,
}

/// Number of counters, and of slots in the map.
pub const COUNTERS: u32 = 36;

impl Counter {
    /// All counters in slot order.
    pub const ALL: [Self; COUNTERS as usize] = [
        Self::ForkSent,
        Self::ForkDropped,
        Self::ExecSent,
        Self::ExecDropped,
        Self::ExitSent,
        Self::ExitDropped,
        Self::OpenSent,
        Self::OpenDropped,
        Self::FlowSent,
        Self::FlowDropped,
        Self::OpenSeen,
        Self::OpenFiltered,
        Self::OpenRepeated,
        Self::LedgerOverflow,
        Self::LostFlowTxBytes,
        Self::LostFlowRxBytes,
        Self::ReadFault,
        Self::WrittenMarkFailed,
        Self::OpenUnresolved,
        Self::ExecShortened,
        Self::SocketUntracked,
        Self::DnsSent,
        Self::DnsDropped,
        Self::DnsCut,
        Self::DnsUnread,
        Self::DnsDroppedElsewhere,
        Self::DnsUnreadElsewhere,
        Self::UnixSent,
        Self::UnixDropped,
        Self::MemorySent,
        Self::MemoryDropped,
        Self::ContentSent,
        Self::ContentDropped,
        Self::SocketSent,
        Self::SocketDropped,
        Self::FileUnwatched,
    ];

    /// Name in logs and status, lower case with underscores.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ForkSent => "fork_sent",
            Self::ForkDropped => "fork_dropped",
            Self::ExecSent => "exec_sent",
            Self::ExecDropped => "exec_dropped",
            Self::ExitSent => "exit_sent",
            Self::ExitDropped => "exit_dropped",
            Self::OpenSent => "open_sent",
            Self::OpenDropped => "open_dropped",
            Self::FlowSent => "flow_sent",
            Self::FlowDropped => "flow_dropped",
            Self::OpenSeen => "open_seen",
            Self::OpenFiltered => "open_filtered",
            Self::OpenRepeated => "open_repeated",
            Self::LedgerOverflow => "ledger_overflow",
            Self::LostFlowTxBytes => "lost_flow_tx_bytes",
            Self::LostFlowRxBytes => "lost_flow_rx_bytes",
            Self::ReadFault => "read_fault",
            Self::WrittenMarkFailed => "written_mark_failed",
            Self::OpenUnresolved => "open_unresolved",
            Self::ExecShortened => "exec_shortened",
            Self::SocketUntracked => "socket_untracked",
            Self::DnsSent => "dns_sent",
            Self::DnsDropped => "dns_dropped",
            Self::DnsCut => "dns_cut",
            Self::DnsUnread => "dns_unread",
            Self::DnsDroppedElsewhere => "dns_dropped_elsewhere",
            Self::DnsUnreadElsewhere => "dns_unread_elsewhere",
            Self::UnixSent => "unix_sent",
            Self::UnixDropped => "unix_dropped",
            Self::MemorySent => "memory_sent",
            Self::MemoryDropped => "memory_dropped",
            Self::ContentSent => "content_sent",
            Self::ContentDropped => "content_dropped",
            Self::SocketSent => "socket_sent",
            Self::SocketDropped => "socket_dropped",
            Self::FileUnwatched => "file_unwatched",
        }
    }

    /// Whether a rise means that something was lost, so that it must be logged.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        match self {
            Self::ForkDropped
            | Self::ExecDropped
            | Self::ExitDropped
            | Self::OpenDropped
            | Self::FlowDropped
            | Self::LedgerOverflow
            | Self::LostFlowTxBytes
            | Self::LostFlowRxBytes
            | Self::ReadFault
            | Self::WrittenMarkFailed
            | Self::OpenUnresolved
            | Self::ExecShortened
            | Self::SocketUntracked
            | Self::DnsDropped
            | Self::DnsCut
            | Self::DnsUnread
            | Self::DnsDroppedElsewhere
            | Self::DnsUnreadElsewhere
            | Self::UnixDropped
            | Self::MemoryDropped
            | Self::ContentDropped
            | Self::SocketDropped
            | Self::FileUnwatched => true,
            Self::ForkSent
            | Self::ExecSent
            | Self::ExitSent
            | Self::OpenSent
            | Self::FlowSent
            | Self::OpenSeen
            | Self::OpenFiltered
            | Self::OpenRepeated
            | Self::DnsSent
            | Self::UnixSent
            | Self::MemorySent
            | Self::ContentSent
            | Self::SocketSent => false,
        }
    }
}
