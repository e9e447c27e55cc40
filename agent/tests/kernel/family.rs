//! Sockets of other families than IP.

use std::io;

use agent_common::{
    counters::Counter,
    net::{AF_INET, AF_INET6, AF_PACKET},
    process::ExitRecord,
    record::{KIND_EXIT, KIND_SOCKET},
    socket::SocketRecord,
};
use zerocopy::FromBytes as _;

use super::{
    edges::in_child,
    kernel_side::{Kernel, skip},
};

/// Makes a socket, and closes it.
fn make(family: u16, kind: i32) -> io::Result<()> {
    // SAFETY: numbers alone.
    let fd = unsafe { libc::socket(family.into(), kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor was made above, and nobody else has it.
    unsafe { libc::close(fd) };
    Ok(())
}

#[test]
fn sockets_of_other_families_are_told_once() {
    let test = "sockets_of_other_families_are_told_once";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("socket.family") {
        return skip(test, "the hook is not there");
    }
    let pid = in_child(|| {
        for family in [AF_INET, AF_INET6, 1, 16] {
            make(family, libc::SOCK_DGRAM)?;
        }
        // One that the kernel refuses was never made.
        if make(AF_PACKET, libc::SOCK_SEQPACKET).is_ok() {
            return Err(io::Error::other("a packet socket of a kind that there is not"));
        }
        (0..3).try_for_each(|_| make(AF_PACKET, libc::SOCK_RAW))?;
        make(AF_PACKET, libc::SOCK_DGRAM)
    });
    // The same family in another process is news.
    let other = in_child(|| make(AF_PACKET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC));
    kernel.wait(KIND_EXIT, "the end", |exit: &ExitRecord, _| exit.head.process.pid == other);
    let told = kernel.backlog.iter().filter_map(|record| SocketRecord::read_from_prefix(record).ok());
    let told: Vec<_> = told
        .filter(|(record, _)| record.head.kind == KIND_SOCKET)
        .map(|(record, _)| (record.head.process.pid, record.family, i32::from(record.kind)))
        .filter(|(maker, ..)| [pid, other].contains(maker))
        .collect();
    assert_eq!(told, [(pid, AF_PACKET, libc::SOCK_RAW), (other, AF_PACKET, libc::SOCK_DGRAM)]);
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}
