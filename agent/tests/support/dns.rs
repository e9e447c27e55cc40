//! A name server and who asks it, in a network namespace of their own.

use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{fd::AsRawFd as _, unix::fs::MetadataExt as _},
    thread,
    time::Duration,
};

use agent_common::{
    counters::Counter,
    dns::{DNS_MESSAGE_MAX, DnsRecord},
    net::{IPPROTO_TCP, IPPROTO_UDP},
    record::{KIND_DNS, RecordHead},
};
use weir::{
    event::{Fact, ProcessKey, Resolvers, decode::decode},
    names::Names,
};
use zerocopy::{FromBytes as _, IntoBytes as _};

use super::kernel_side::{Kernel, skip};

/// How long a message may be on its way.
const PATIENCE: Duration = Duration::from_secs(10);
/// `IPV6_DSTOPTS`.
const DESTINATION_OPTIONS: libc::c_int = 59;
/// Options for the destination that say nothing: no next header yet, eight bytes, padding.
const PADDING_V6: [u8; 8] = [0, 0, 1, 4, 0, 0, 0, 0];
/// IPv4 options that say nothing.
const PADDING_V4: [u8; 4] = [1; 4];

/// How a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Datagram,
    DatagramWithOptions,
    /// Length and message at once.
    Stream,
    /// The length first.
    StreamInParts,
    /// The message, and another one behind it at once.
    StreamOfTwo,
}

/// The first word names the message, the rest is what it answers: `records` of the name `n<id>.example`.
fn message(id: u8, flags: [u8; 2], records: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![
        0,
        id,
        flags[0],
        flags[1],
        0,
        1,
        0,
        u8::try_from(records.len()).expect("few records"),
        0,
        0,
        0,
        0,
    ];
    bytes.extend([3, b'n', b'0' + id / 10, b'0' + id % 10, 7]);
    bytes.extend(b"example\0\0\x01\0\x01");
    for (kind, data) in records {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1, 0, 0, 0, 60]);
        bytes.extend(u16::try_from(data.len()).expect("short data").to_be_bytes());
        bytes.extend(*data);
    }
    bytes
}

/// An alias, and the address of that.
fn aliased(id: u8) -> Vec<u8> {
    let mut bytes = message(id, [0x81, 0x80], &[(5, b"\x01c\xc0\x10")]);
    bytes[7] = 2;
    bytes.extend(b"\x01c\x07example\0\0\x01\0\x01\0\0\0\x3c\0\x04");
    bytes.extend([198, 51, 100, id]);
    bytes
}

/// Puts this thread into a network namespace of its own with a loopback that is up; its inode.
pub(super) fn own_network() -> io::Result<u64> {
    // SAFETY: no arguments but a flag.
    if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    // SAFETY: all zeros are a value of it.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    request.ifr_name[0] = b'l'.cast_signed();
    request.ifr_name[1] = b'o'.cast_signed();
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
    // SAFETY: a live descriptor, and the request that goes with this number.
    if unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(std::fs::metadata("/proc/thread-self/ns/net")?.ino())
}

/// Sends `message` from port `port` of `server` to itself.
fn send(server: IpAddr, port: u16, way: Way, message: &[u8]) -> io::Result<()> {
    let from = SocketAddr::new(server, port);
    if matches!(way, Way::Datagram | Way::DatagramWithOptions) {
        let (socket, asker) = (UdpSocket::bind(from)?, UdpSocket::bind((server, 0))?);
        if way == Way::DatagramWithOptions {
            let (level, name, padding): (_, _, &[u8]) = match server {
                IpAddr::V4(_) => (libc::IPPROTO_IP, libc::IP_OPTIONS, &PADDING_V4),
                IpAddr::V6(_) => (libc::IPPROTO_IPV6, DESTINATION_OPTIONS, &PADDING_V6),
            };
            let length = libc::socklen_t::try_from(padding.len()).unwrap_or_default();
            let padding = padding.as_ptr().cast();
            // SAFETY: a live descriptor, and as many bytes as the call is told.
            let set = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, padding, length) };
            if set != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        socket.send_to(message, asker.local_addr()?)?;
        // What comes to a socket that is gone meanwhile is nobody's.
        asker.set_read_timeout(Some(PATIENCE))?;
        asker.recv(&mut [0; 2_048])?;
        return Ok(());
    }
    let listener = TcpListener::bind(from)?;
    let mut asker = TcpStream::connect(from)?;
    asker.set_read_timeout(Some(PATIENCE))?;
    let (mut answering, _) = listener.accept()?;
    answering.set_nodelay(true)?;
    let length = u16::try_from(message.len()).unwrap_or_default().to_be_bytes();
    if way == Way::StreamInParts {
        answering.write_all(&length)?;
        answering.write_all(message)?;
    } else if way == Way::StreamOfTwo {
        answering.write_all(&[&length, message, &length, message].concat())?;
    } else {
        answering.write_all(&[&length, message].concat())?;
    }
    drop(answering);
    asker.read_to_end(&mut Vec::new())?;
    Ok(())
}

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
const ADDRESS_V6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];

#[test]
fn answers_are_seen_and_name_addresses() {
    let test = "answers_are_seen_and_name_addresses";
    let Some(mut kernel) = Kernel::load(test) else { return };
    if !kernel.runs("dns") {
        return skip(test, "the hook is not there");
    }
    let (good, failed) = ([0x81, 0x80], [0x81, 0x83]);
    let long: Vec<u8> = vec![b'x'; 1_400];
    let rows: Vec<(IpAddr, u16, Way, Vec<u8>, &str)> = vec![
        (V4, 53, Way::Datagram, message(1, good, &[(1, &[198, 51, 100, 1])]), "198.51.100.1"),
        (V4, 53, Way::DatagramWithOptions, message(2, good, &[(1, &[198, 51, 100, 2])]), "198.51.100.2"),
        (V4, 53, Way::Stream, aliased(3), "198.51.100.3"),
        (V4, 53, Way::StreamInParts, message(4, good, &[(1, &[198, 51, 100, 4])]), "198.51.100.4"),
        (V6, 53, Way::Datagram, aliased(5), "198.51.100.5"),
        (V6, 53, Way::DatagramWithOptions, message(6, good, &[(1, &[198, 51, 100, 6])]), "198.51.100.6"),
        (V6, 53, Way::Stream, message(7, good, &[(28, &ADDRESS_V6)]), "2001:db8::7"),
        // Not from a name server, no answer, no success, nothing to say.
        (V4, 54, Way::Datagram, message(8, good, &[(1, &[198, 51, 100, 8])]), ""),
        (V6, 54, Way::Stream, message(9, good, &[(1, &[198, 51, 100, 9])]), ""),
        (V4, 53, Way::Datagram, message(10, [1, 0], &[(1, &[198, 51, 100, 10])]), ""),
        (V4, 53, Way::Datagram, message(11, failed, &[(1, &[198, 51, 100, 11])]), ""),
        (V4, 53, Way::Stream, message(12, good, &[]), ""),
        // Cut, with what stood before.
        (V4, 53, Way::Datagram, message(13, good, &[(1, &[198, 51, 100, 13]), (16, &long)]), "198.51.100.13"),
        (V6, 53, Way::Stream, message(14, good, &[(1, &[198, 51, 100, 14])]), "198.51.100.14"),
        // What stands behind the first message of a segment is counted, also where that message says nothing.
        (V4, 53, Way::StreamOfTwo, message(15, good, &[(1, &[198, 51, 100, 15])]), "198.51.100.15"),
        (V6, 53, Way::StreamOfTwo, message(16, good, &[]), ""),
    ];
    let counted = [Counter::DnsSent, Counter::DnsCut, Counter::DnsUnreadElsewhere];
    let [sent, cut, unread] = counted.map(|counter| kernel.counter(counter));
    let messages = rows.clone();
    let net_ns = thread::spawn(move || {
        let net_ns = own_network().expect("a network namespace");
        for (server, port, way, message, _) in messages {
            send(server, port, way, &message).unwrap_or_else(|error| panic!("{server} {way:?}: {error}"));
        }
        net_ns
    });
    let net_ns = u32::try_from(net_ns.join().expect("the name server")).expect("an inode");

    let mut names = Names::default();
    names.ask(&Resolvers { net_ns, servers: vec![V4, V6] });
    for (server, _, way, message, address) in rows.iter().filter(|(.., address)| !address.is_empty()) {
        let kept = &message[..message.len().min(DNS_MESSAGE_MAX)];
        let what = format!("answer from {server}, {way:?}");
        let (record, tail) = kernel.wait(KIND_DNS, &what, |_: &DnsRecord, tail| tail == kept);
        let protocol = match way {
            Way::Datagram | Way::DatagramWithOptions => IPPROTO_UDP,
            Way::Stream | Way::StreamInParts | Way::StreamOfTwo => IPPROTO_TCP,
        };
        assert_eq!((record.net_ns, record.protocol), (net_ns, protocol), "{what}");
        assert_eq!(record.whole as usize, message.len(), "{what}");
        let decoded = decode(&[record.as_bytes(), &tail].concat()).expect("an answer");
        assert_eq!(decoded.event.process, ProcessKey::HOST);
        let Fact::Names(heard) = decoded.event.fact else { panic!("{what}: no names") };
        assert_eq!((heard.server, heard.protocol), (*server, protocol), "{what}");
        names.hear(&heard, 1);
        let domains = names.of(address.parse().expect("an address"), 2);
        let shown: Vec<(&str, bool)> = domains.iter().map(|domain| (&*domain.name, domain.vouched)).collect();
        let vouched = protocol == IPPROTO_UDP;
        assert_eq!(shown, [(format!("n{:02}.example", message[1]).as_str(), vouched)], "{what}");
    }
    let own = |record: &Vec<u8>| {
        let (head, _) = RecordHead::read_from_prefix(record).expect("a head");
        let (fixed, _) = DnsRecord::read_from_prefix(record).ok().filter(|_| head.kind == KIND_DNS)?;
        (fixed.net_ns == net_ns).then_some(())
    };
    let expected = rows.iter().filter(|(.., address)| !address.is_empty()).count();
    assert_eq!(kernel.backlog.iter().filter_map(own).count(), expected);
    // Others on this machine may be answered as well.
    assert!(kernel.counter(Counter::DnsSent) - sent >= expected as u64);
    assert!(kernel.counter(Counter::DnsCut) > cut);
    // The test's network namespace is not the host's.
    assert_eq!(kernel.counter(Counter::DnsUnreadElsewhere) - unread, 2);
    assert_eq!(kernel.counter(Counter::DnsDropped) + kernel.counter(Counter::DnsDroppedElsewhere), 0);
}
