//! Sockets of families whose bytes not every hook counts, or that see other programs' traffic: packet sockets, `AF_XDP`, SMC,
//! Bluetooth and whatever else is neither IP nor stays on this host. Few programs make one.

use agent_common::{
    counters::Counter,
    process::ProcessKey,
    record::KIND_SOCKET,
    socket::{SocketMade, SocketRecord},
};
use aya_ebpf::{
    macros::{fexit, kprobe, tracepoint},
    programs::{FExitContext, ProbeContext, TracePointContext},
};

use crate::{
    emit,
    kernel::{
        Fault, Outcome, layout, peek, read,
        socket::{AF_INET, AF_INET6, AF_NETLINK, AF_UNIX, AF_UNSPEC},
        task,
    },
    maps::FAMILIES,
    unbroken::Unbroken,
};

/// `AF_KEY`: talks to the kernel about `IPsec`.
const AF_KEY: u16 = 15;
/// `AF_ALG`: talks to the kernel about ciphers.
const AF_ALG: u16 = 38;
/// `AF_MAX` of 7.x, with room for what is to come.
const AF_MAX: u16 = 64;

/// `int security_socket_post_create(struct socket *sock, int family, int type, int protocol, int kern)`, 5.10 to 7.x; the
/// result follows the arguments.
#[fexit(function = "security_socket_post_create")]
fn weir_family_fexit(ctx: FExitContext) -> i32 {
    let _unbroken = Unbroken::begin();
    let (family, kind): (u32, u32) = (ctx.arg(1), ctx.arg(2));
    let (by_kernel, refused): (i32, i32) = (ctx.arg(4), ctx.arg(5));
    let outcome = if by_kernel == 0 && refused == 0 { made(family as u16, kind as u16) } else { Ok(()) };
    emit::finish(&ctx, "weir_family_fexit", outcome);
    0
}

/// The same at its entry: what a security module then refuses counts as made.
#[kprobe]
fn weir_family_kp(ctx: ProbeContext) -> u32 {
    let outcome = match (ctx.arg::<u32>(1), ctx.arg::<u32>(2), ctx.arg::<i32>(4)) {
        (Some(family), Some(kind), Some(0)) => made(family as u16, kind as u16),
        (Some(_), Some(_), Some(_)) => Ok(()),
        _ => Err(Fault::Socket),
    };
    emit::finish(&ctx, "weir_family_kp", outcome);
    0
}

/// `syscalls:sys_exit_socket`: `int __syscall_nr; long ret`, 5.10 to 7.x.
#[tracepoint]
fn weir_family_sys(ctx: TracePointContext) -> u32 {
    emit::finish(&ctx, "weir_family_sys", try_sys_exit(&ctx));
    0
}

#[inline(always)]
fn try_sys_exit(ctx: &TracePointContext) -> Outcome {
    let result = task::syscall_result(ctx);
    if result < 0 {
        return Ok(());
    }
    // Another thread may have closed it already, and made something else of the number; then it is hardly a socket.
    let file = task::file(task::current(), result.cast_unsigned());
    let socket = file.and_then(|file| read::<u64>(file, layout!(file_private)));
    let Some(sock) = socket.and_then(|socket| read::<u64>(socket, layout!(socket_sk))) else {
        return Ok(());
    };
    made(peek(sock, layout!(sock_family)), peek(sock, layout!(sock_type)))
}

/// Tells that the current process made such a socket, unless that was told before.
#[inline(always)]
fn made(family: u16, kind: u16) -> Outcome {
    let is_common = matches!(family, AF_UNSPEC | AF_UNIX | AF_INET | AF_INET6 | AF_NETLINK | AF_KEY | AF_ALG);
    if is_common || family >= AF_MAX || task::is_agent() {
        return Ok(());
    }
    tell(task::current_key().ok_or(Fault::Task)?, family, kind);
    Ok(())
}

/// Tells of the first way out of that family in a process. A sub-program, since few open one.
#[inline(never)]
pub(crate) fn tell(process: ProcessKey, family: u16, kind: u16) -> u64 {
    let made = SocketMade { process, family: u64::from(family) };
    if FAMILIES.get_ptr(made).is_some() {
        return 0;
    }
    // The second half of the ring is left to the life of processes, which nothing else tells.
    if emit::lifecycle_is_fuller_than(2) {
        emit::count(Counter::SocketDropped, 1);
        return 0;
    }
    let is_told = emit::fixed(|record: &mut SocketRecord| {
        emit::head(&mut record.head, KIND_SOCKET, size_of::<SocketRecord>() as u32, process);
        record.family = family;
        record.kind = kind;
        record._pad = 0;
    });
    if is_told {
        // What cannot be remembered is told once more.
        let _ = FAMILIES.insert(made, 1, 0);
    }
    0
}
