//! What flows begin with, in a network namespace of its own.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd as _,
    thread,
};

use agent_common::{
    content::{CONTENT_FIRST, CONTENT_LATER, CONTENT_QUESTION, ContentRecord, QUESTION_MAX, STREAM_MAX},
    counters::Counter,
    record::{KIND_CONTENT, RecordHead},
};
use weir::event::{Fact, ProcessKey, Spoken, decode::decode};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::{
    dns::own_network,
    kernel_side::{Kernel, skip},
};

/// An address that the loopback device has beside its own, so that what goes there does not count as staying here.
const OTHER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// IPv4 options that say nothing.
const PADDING: [u8; 4] = [1; 4];
/// More than the segments hold after which a stream is looked at again, each of which is 64 KiB here.
const BULK: usize = 8 << 20;
const ANSWER: &[u8] = b"an answer of him who was called";
const GREETING: &[u8] = b"GET /a HTTP/1.1\r\nHost: files.example.org\r\n\r\n";

/// Gives the loopback device another address.
fn add_address() -> io::Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: all zeros are a value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo:0") {
        *to = from.cast_signed();
    }
    // SAFETY: as above.
    let mut address: libc::sockaddr_in = unsafe { std::mem::zeroed() };
    address.sin_family = libc::sa_family_t::try_from(libc::AF_INET).unwrap_or_default();
    address.sin_addr.s_addr = u32::from_ne_bytes(OTHER.octets());
    // SAFETY: one kind of address is as long as the other.
    request.ifr_ifru.ifru_addr = unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
    // SAFETY: a live descriptor, and the request that goes with this number.
    let set = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFADDR, &raw const request) };
    if set == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// A connection over which `greeting` and `more` bytes go, and an answer comes back.
fn connection(to: IpAddr, greeting: &[u8], more: usize) -> io::Result<()> {
    let listener = TcpListener::bind((to, 0))?;
    let mut sender = TcpStream::connect(listener.local_addr()?)?;
    let (mut receiver, _) = listener.accept()?;
    sender.set_nodelay(true)?;
    sender.write_all(greeting)?;
    let mut bytes = vec![0; greeting.len()];
    receiver.read_exact(&mut bytes)?;
    receiver.write_all(ANSWER)?;
    sender.read_exact(&mut [0; ANSWER.len()])?;
    let reader = thread::spawn(move || io::copy(&mut receiver, &mut io::sink()));
    sender.write_all(&vec![b'm'; more])?;
    drop(sender);
    reader.join().map_err(|_| io::Error::other("the reader"))??;
    Ok(())
}

fn datagram(to: SocketAddr, bytes: &[u8], options: bool) -> io::Result<()> {
    let receiver = UdpSocket::bind(to)?;
    let sender = UdpSocket::bind((to.ip(), 0))?;
    if options {
        let length = libc::socklen_t::try_from(PADDING.len()).unwrap_or_default();
        let padding = PADDING.as_ptr().cast();
        // SAFETY: a live descriptor, and as many bytes as the call is told.
        let set = unsafe {
            libc::setsockopt(sender.as_raw_fd(), libc::IPPROTO_IP, libc::IP_OPTIONS, padding, length)
        };
        if set != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    sender.send_to(bytes, to)?;
    receiver.recv(&mut [0; 2_048]).map(drop)
}

/// A question for `name`, whose labels are short.
fn question(name: &str) -> Vec<u8> {
    let mut bytes = b"\x12\x34\x01\x00\0\x01\0\0\0\0\0\0".to_vec();
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).expect("a short label"));
        bytes.extend(label.as_bytes());
    }
    bytes.extend(b"\0\0\x10\0\x01");
    bytes
}

#[test]
fn flows_are_told_by_what_they_begin_with() {
    let test = "flows_are_told_by_what_they_begin_with";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("content") {
        return skip(test, "the hook is not there");
    }
    let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
    let long = [b'l'; QUESTION_MAX + 100];
    let act = move || {
        let net_ns = own_network().expect("a network namespace");
        add_address().expect("an address");
        // What stays here, and other ports.
        connection(v4, b"SSH-2.0-inside\r\n", 0).expect("a connection");
        connection(v6, b"SSH-2.0-inside\r\n", 0).expect("a connection");
        datagram((v4, 54).into(), &question("other.example.org"), false).expect("a datagram");
        connection(OTHER.into(), GREETING, BULK).expect("a connection");
        connection(OTHER.into(), &[b'g'; STREAM_MAX + 100], 0).expect("a connection");
        datagram((v4, 53).into(), &question("v4.example.org"), false).expect("a datagram");
        datagram((v4, 53).into(), &question("options.example.org"), true).expect("a datagram");
        datagram((v6, 53).into(), &question("v6.example.org"), false).expect("a datagram");
        datagram((OTHER, 53).into(), &long, false).expect("a datagram");
        net_ns
    };
    let net_ns = u32::try_from(thread::spawn(act).join().expect("the sender")).expect("an inode");
    kernel.wait(KIND_CONTENT, "the last one", |record: &ContentRecord, _| {
        record.net_ns == net_ns && record.whole as usize == QUESTION_MAX + 100
    });
    let mut told = Vec::new();
    for bytes in &kernel.backlog {
        let Ok((record, tail)) = ContentRecord::read_from_prefix(bytes) else { continue };
        let (head, _) = RecordHead::read_from_prefix(bytes).expect("a head");
        if head.kind != KIND_CONTENT || record.net_ns != net_ns {
            continue;
        }
        let decoded = decode(&[record.as_bytes(), tail].concat()).expect("what a flow began with");
        assert_eq!(decoded.event.process, ProcessKey::HOST);
        let Fact::Content(content) = decoded.event.fact else { panic!("{decoded:?}") };
        assert_ne!(content.socket, 0);
        told.push((record.place, content.remote.ip(), record.whole, record.len, content.spoken));
    }
    // There the accepting end has no name under which its direction is known.
    if kernel.runs("socket.cookie") {
        told.retain(|(_, _, whole, ..)| *whole as usize != ANSWER.len());
    }
    let dns = |name: &str| {
        let (name, kind) = (name.to_owned(), 16);
        let length = u32::try_from(question(&name).len()).expect("short");
        (length, length, Spoken::Dns(weir::event::dns::Question { name, kind }))
    };
    let number = |length: usize| u32::try_from(length).expect("short");
    let greeting = number(GREETING.len());
    let http = Spoken::Http { host: Some("files.example.org".to_owned()) };
    let Some(later) = told.iter().position(|(place, ..)| *place == CONTENT_LATER).map(|at| told.remove(at))
    else {
        panic!("nothing from further on: {told:?}");
    };
    // The segment may be the short one between two writes.
    assert_eq!((later.1, later.3, later.4), (OTHER.into(), later.2.min(number(STREAM_MAX)), Spoken::Unknown));
    let mut expected = vec![
        (CONTENT_FIRST, OTHER.into(), greeting, greeting, http),
        (CONTENT_FIRST, OTHER.into(), number(STREAM_MAX + 100), number(STREAM_MAX), Spoken::Unknown),
    ];
    for (to, name) in [(v4, "v4.example.org"), (v4, "options.example.org"), (v6, "v6.example.org")] {
        let (whole, length, spoken) = dns(name);
        expected.push((CONTENT_QUESTION, to, whole, length, spoken));
    }
    let (whole, length) = (number(QUESTION_MAX + 100), number(QUESTION_MAX));
    expected.push((CONTENT_QUESTION, OTHER.into(), whole, length, Spoken::Unknown));
    assert_eq!(told, expected);
    assert_eq!(kernel.counter(Counter::ContentDropped), 0);
}
