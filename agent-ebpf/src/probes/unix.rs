//! Unix sockets: the first send and the first receive of each process through each end, so that data can be followed
//! from one process of this host to another.
//!
//! Where the hooks of sends and receives see every family they call in here; elsewhere the functions of unix sockets
//! have hooks of their own.

use agent_common::{
    counters::Counter,
    record::KIND_UNIX,
    unix::{UNIX_RECEIVED, UNIX_SENT, UnixRecord, UnixUse},
};
use aya_ebpf::{
    macros::{fexit, kprobe},
    programs::{FExitContext, ProbeContext},
};

use crate::{
    emit,
    filter::name_of,
    kernel::{
        Fault, Outcome, layout, peek, read, scalar,
        socket::{AF_UNIX, inode},
        task,
    },
    maps::UNIX_USES,
    unbroken::Unbroken,
};

/// Told with both ends.
const WHOLE: u8 = 1;
/// Told while the other end had no inode.
const HALF: u8 = 0;

/// `int unix_stream_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)`, 5.10 to 7.x.
#[fexit(function = "unix_stream_sendmsg")]
fn weir_unix_sent(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_unix_sent", try_socket(ctx.arg(0), ctx.arg(3), UNIX_SENT));
    0
}

/// `ssize_t unix_stream_sendpage(struct socket *socket, struct page *page, int offset, size_t size, int flags)`, 5.10 to
/// 6.4; gone in 6.5, which sends pages through sendmsg.
#[fexit(function = "unix_stream_sendpage")]
fn weir_unix_page(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_unix_page", try_socket(ctx.arg(0), ctx.arg(5), UNIX_SENT));
    0
}

/// `int unix_stream_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)`, 5.10 to 7.x.
#[fexit(function = "unix_stream_recvmsg")]
fn weir_unix_taken(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_unix_taken", try_socket(ctx.arg(0), ctx.arg(4), UNIX_RECEIVED));
    0
}

/// `int unix_dgram_sendmsg(struct socket *sock, struct msghdr *msg, size_t len)`, which `unix_seqpacket_sendmsg` calls,
/// 5.10 to 7.x.
#[fexit(function = "unix_dgram_sendmsg")]
fn weir_unix_posted(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_unix_posted", try_socket(ctx.arg(0), ctx.arg(3), UNIX_SENT));
    0
}

/// `int unix_dgram_recvmsg(struct socket *sock, struct msghdr *msg, size_t size, int flags)`, which
/// `unix_seqpacket_recvmsg` calls, 5.10 to 7.x.
#[fexit(function = "unix_dgram_recvmsg")]
fn weir_unix_got(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    emit::finish(&ctx, "weir_unix_got", try_socket(ctx.arg(0), ctx.arg(4), UNIX_RECEIVED));
    0
}

/// The functions of sends, at entry: whoever tries to send counts as a sender.
#[kprobe]
fn weir_unix_send(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_unix_send", try_probed(&ctx, UNIX_SENT));
    0
}

/// The functions of receives, at entry: whoever waits to receive counts as a receiver.
#[kprobe]
fn weir_unix_recv(ctx: ProbeContext) -> u32 {
    emit::finish(&ctx, "weir_unix_recv", try_probed(&ctx, UNIX_RECEIVED));
    0
}

#[inline(always)]
fn try_socket(socket: u64, bytes: i32, what: u16) -> Outcome {
    moved(read(socket, layout!(socket_sk)).ok_or(Fault::Socket)?, bytes, what)
}

#[inline(always)]
fn try_probed(ctx: &ProbeContext, what: u16) -> Outcome {
    let socket: u64 = ctx.arg(0).ok_or(Fault::Socket)?;
    moved(read(socket, layout!(socket_sk)).ok_or(Fault::Socket)?, 1, what)
}

/// Tells of a send or receive through `sock` unless it is of another family, or was told before.
#[inline(always)]
pub(super) fn moved(sock: u64, bytes: i32, what: u16) -> Outcome {
    if bytes <= 0 || peek::<u16>(sock, layout!(sock_family)) != AF_UNIX || task::is_agent() {
        return Ok(());
    }
    let process = task::current_key().ok_or(Fault::Task)?;
    tell(scalar(sock), &UnixUse { process, inode: inode(sock), what: u64::from(what) });
    Ok(())
}

/// A sub-program, so that its branches are not part of the hooks that count bytes.
#[inline(never)]
fn tell(sock: u64, used: &UnixUse) -> u64 {
    // SAFETY: an entry of a preallocated map; it is copied at once, and one that makes room can but be told again.
    let told = unsafe { UNIX_USES.get(used) }.copied();
    if told == Some(WHOLE) {
        return 0;
    }
    let sent = used.what == u64::from(UNIX_SENT);
    let peer: u64 = if sent { peek(sock, layout!(unix_peer)) } else { 0 };
    let peer_inode = if peer == 0 { 0 } else { inode(peer) };
    // A datagram that brought its destination; or nothing new about one that nobody has accepted.
    if sent && (peer == 0 || (told == Some(HALF) && peer_inode == 0)) {
        return 0;
    }
    // The second half of the ring is left to the life of processes, which nothing else tells.
    if emit::lifecycle_is_fuller_than(2) {
        emit::count(Counter::UnixDropped, 1);
        return 0;
    }
    let is_told = emit::fixed(|record: &mut UnixRecord| {
        emit::head(&mut record.head, KIND_UNIX, size_of::<UnixRecord>() as u32, used.process);
        record.inode = used.inode;
        record.name = name_of(sock);
        record.peer_inode = peer_inode;
        record.peer_name = if peer == 0 || peer_inode != 0 { 0 } else { name_of(peer) };
        record.what = used.what as u16;
        record.sock_type = peek(sock, layout!(sock_type));
        record._pad = [0; 4];
    });
    if is_told {
        let whole = if sent && peer_inode == 0 { HALF } else { WHOLE };
        // What cannot be remembered is told once more.
        let _ = UNIX_USES.insert(used, whole, 0);
    }
    0
}
