//! Raw and ping sockets: each message may have a destination of its own.

use std::{
    fs, io, mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use agent_common::{counters::Counter, process::ExitRecord, record::KIND_EXIT};

use super::{
    dns::own_network,
    edges::in_child,
    kernel_side::{Kernel, skip},
};

/// An echo request.
const ECHO: u8 = 8;
/// An echo request of IPv6.
const ECHO_V6: u8 = 128;

/// What is sent: kind and protocol of the socket, destination, its family if another one than the socket's, first byte
/// and length of the message.
type Row = (i32, i32, IpAddr, Option<i32>, u8, usize);

const ROWS: [Row; 7] = [
    (libc::SOCK_RAW, libc::IPPROTO_ICMP, IpAddr::V4(Ipv4Addr::LOCALHOST), None, ECHO, 100),
    (libc::SOCK_RAW, libc::IPPROTO_ICMP, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), None, ECHO, 50),
    // The kernel takes an address of no family.
    (
        libc::SOCK_RAW,
        libc::IPPROTO_ICMP,
        IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3)),
        Some(libc::AF_UNSPEC),
        ECHO,
        30,
    ),
    (libc::SOCK_RAW, libc::IPPROTO_UDP, IpAddr::V4(Ipv4Addr::new(127, 0, 0, 4)), None, 0, 90),
    (libc::SOCK_RAW, libc::IPPROTO_ICMPV6, IpAddr::V6(Ipv6Addr::LOCALHOST), None, ECHO_V6, 60),
    (libc::SOCK_DGRAM, libc::IPPROTO_ICMP, IpAddr::V4(Ipv4Addr::LOCALHOST), None, ECHO, 70),
    (libc::SOCK_DGRAM, libc::IPPROTO_ICMPV6, IpAddr::V6(Ipv6Addr::LOCALHOST), None, ECHO_V6, 80),
];

fn number(small: i32) -> u16 {
    u16::try_from(small).expect("a small number")
}

fn checked(result: i64) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call has no precondition.
    let fd = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, protocol) };
    checked(fd.into())?;
    // SAFETY: the descriptor was just opened, and nobody else has it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A network of one's own, with its loopback device up and ping sockets for everybody.
fn enter_network() -> io::Result<()> {
    own_network()?;
    fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0")
}

fn send((kind, protocol, to, family, first, length): Row) -> io::Result<()> {
    let mut message = [0_u8; 128];
    message[0] = first;
    let own = if to.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let socket = socket(own, kind, protocol)?;
    let family = number(family.unwrap_or(own));
    let call = |address: *const libc::sockaddr, size: usize| {
        // SAFETY: the message is at least that long, and the address is of that size.
        let sent = unsafe {
            libc::sendto(
                socket.as_raw_fd(),
                message.as_ptr().cast(),
                length,
                0,
                address,
                libc::socklen_t::try_from(size).unwrap_or_default(),
            )
        };
        checked(sent as i64)
    };
    match to {
        IpAddr::V4(to) => {
            // SAFETY: integers and bytes, for which zeros are a value.
            let mut address: libc::sockaddr_in = unsafe { mem::zeroed() };
            address.sin_family = family;
            address.sin_addr.s_addr = u32::from_ne_bytes(to.octets());
            call((&raw const address).cast(), size_of_val(&address))
        }
        IpAddr::V6(to) => {
            // SAFETY: as above.
            let mut address: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            address.sin6_family = family;
            address.sin6_addr.s6_addr = to.octets();
            call((&raw const address).cast(), size_of_val(&address))
        }
    }
}

#[test]
fn raw_and_ping_sockets_have_their_destinations() {
    let test = "raw_and_ping_sockets_have_their_destinations";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if kernel.hook("send").ends_with("sock_send_length") && !kernel.runs("raw.peer") {
        skip(test, "no kprobe at raw_sendmsg");
        return;
    }
    let pid = in_child(|| {
        enter_network()?;
        ROWS.into_iter().try_for_each(send)
    });
    kernel.wait(KIND_EXIT, "the end", |exit: &ExitRecord, _| exit.head.process.pid == pid);
    let mut expected: Vec<_> = ROWS
        .iter()
        .map(|(kind, protocol, to, _, _, length)| {
            let to = match to {
                IpAddr::V4(to) => to.to_ipv6_mapped(),
                IpAddr::V6(to) => *to,
            };
            (number(*kind), number(*protocol), to.octets(), *length as u64)
        })
        .collect();
    let ledger = kernel.ledger(|key, _| key.process.pid == pid);
    let mut counted: Vec<_> = ledger
        .iter()
        .map(|(_, value)| (value.sock_type, value.protocol, value.remote, value.tx_bytes))
        .collect();
    expected.sort_unstable();
    counted.sort_unstable();
    assert_eq!(counted, expected);
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}
