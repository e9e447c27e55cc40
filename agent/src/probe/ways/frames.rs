//! Ways that pass by the protocols of the internet: frames, packets for a tunnel, the hypervisor.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the kernel's interface: lengths of small structures, and families and flags that fit their fields"
)]

use std::{
    fs::File,
    io::{self, Write as _},
    mem,
    os::fd::AsRawFd as _,
    ptr, thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        calls::{checked, own_network, request, set, socket, up},
        shape::{Shape, chosen},
    },
    by_stream, pieces,
};

/// `AF_VSOCK`, and the address of this very host.
const AF_VSOCK: i32 = 40;
const VSOCK_LOCAL: u32 = 1;
/// An Ethernet type for experiments (IEEE 802).
const EXPERIMENT_TYPE: u16 = 0x88b5;
/// How long the kernel may keep a frame of a ring.
const RING_PATIENCE: Duration = Duration::from_secs(2);

/// Frames on the loopback device of a network of one's own.
pub(super) fn packet() -> io::Result<u64> {
    own_network()?;
    let sender = socket(libc::AF_PACKET, libc::SOCK_DGRAM, EXPERIMENT_TYPE.to_be().into())?;
    let address = loopback();
    let (length, pieces) = pieces();
    let piece = vec![b'w'; length];
    let mut sent = 0;
    for _ in 0..pieces {
        // SAFETY: the piece and the address are of these lengths.
        let some = unsafe {
            libc::sendto(
                sender.as_raw_fd(),
                piece.as_ptr().cast(),
                piece.len(),
                0,
                (&raw const address).cast(),
                size_of_val(&address) as u32,
            )
        };
        sent += checked(some as i64)?;
    }
    Ok(sent)
}

pub(super) fn vsock() -> io::Result<u64> {
    // SAFETY: integers and bytes, for which zeros are a value.
    let mut address: libc::sockaddr_vm = unsafe { mem::zeroed() };
    address.svm_family = AF_VSOCK as u16;
    address.svm_cid = VSOCK_LOCAL;
    address.svm_port = libc::VMADDR_PORT_ANY;
    let piece = if chosen() == Shape::Bulk { chosen().bytes() } else { chosen().call() };
    by_stream((AF_VSOCK, 0), address, piece)
}

/// Packets into a device of one's own, as a tunnel writes them.
pub(super) fn tun() -> io::Result<u64> {
    const TUNSETIFF: libc::c_ulong = 0x4004_54ca;
    const IFF_TUN_NO_PI: i16 = 0x1001;
    own_network()?;
    let mut device = File::options().read(true).write(true).open("/dev/net/tun")?;
    let mut request = request(b"way0\0");
    request.ifr_ifru.ifru_flags = IFF_TUN_NO_PI;
    // SAFETY: the request is what the call reads.
    checked(unsafe { libc::ioctl(device.as_raw_fd(), TUNSETIFF as _, &request) }.into())?;
    up(*b"way0\0")?;
    let (length, pieces) = pieces();
    let [high, low] = u16::try_from(length).unwrap_or(0).to_be_bytes();
    let mut packet = vec![b'w'; length];
    // An IPv4 header without options; nobody looks at the rest.
    packet.splice(..20, [0x45, 0, high, low, 0, 0, 0, 0, 64, 253, 0, 0, 198, 51, 100, 1, 198, 51, 100, 2]);
    let mut sent = 0;
    for _ in 0..pieces {
        sent += device.write(&packet)?;
    }
    Ok(sent as u64)
}

/// The loopback device, which is the first of every network.
fn loopback() -> libc::sockaddr_ll {
    // SAFETY: integers and bytes, for which zeros are a value.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = EXPERIMENT_TYPE.to_be();
    address.sll_ifindex = 1;
    address
}

/// Frames that the kernel takes out of a ring in shared memory (`PACKET_TX_RING`, `packet_mmap(7)`).
pub(super) fn packet_ring() -> io::Result<u64> {
    const SOL_PACKET: i32 = 263;
    const PACKET_VERSION: i32 = 10;
    const PACKET_TX_RING: i32 = 13;
    const TPACKET_V2: i32 = 1;
    const SEND_REQUEST: u32 = 1;
    /// From a frame's begin to its bytes: `struct tpacket2_hdr`, aligned.
    const HEADER: usize = 32;
    const FRAME: usize = 2_048;
    const FRAMES: usize = 512;
    own_network()?;
    let sender = socket(libc::AF_PACKET, libc::SOCK_DGRAM, EXPERIMENT_TYPE.to_be().into())?;
    set(&sender, SOL_PACKET, PACKET_VERSION, &TPACKET_V2)?;
    // `struct tpacket_req`: size and number of blocks, size and number of frames.
    set(&sender, SOL_PACKET, PACKET_TX_RING, &[4_096_u32, 256, FRAME as u32, FRAMES as u32])?;
    let address = loopback();
    let length = size_of_val(&address) as libc::socklen_t;
    // SAFETY: the address is of that length.
    checked(unsafe { libc::bind(sender.as_raw_fd(), (&raw const address).cast(), length) }.into())?;
    let room = FRAME * FRAMES;
    let (protection, fd) = (libc::PROT_READ | libc::PROT_WRITE, sender.as_raw_fd());
    // SAFETY: a new mapping, at a place of the kernel's choice; it goes with the process.
    let ring = unsafe { libc::mmap(ptr::null_mut(), room, protection, libc::MAP_SHARED, fd, 0) };
    if ring == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    let (length, pieces) = pieces();
    let mut sent = 0;
    for batch in 0..pieces.div_ceil(FRAMES) {
        for at in 0..FRAMES.min(pieces - batch * FRAMES) {
            // SAFETY: the frame lies in the mapping.
            let frame = unsafe { ring.byte_add(at * FRAME) };
            free(frame.cast())?;
            // SAFETY: as many bytes have room behind the header.
            let bytes = unsafe { frame.byte_add(HEADER) };
            // SAFETY: as above.
            unsafe { bytes.cast::<u8>().write_bytes(b'w', length) };
            // SAFETY: a frame begins with its state and its length, words that it is aligned for.
            unsafe { frame.cast::<[u32; 2]>().write_volatile([SEND_REQUEST, length as u32]) };
        }
        // To wait for their end here (without the flag) is for ever on 7.2.
        // SAFETY: no buffer: the frames are in the ring.
        sent += checked(unsafe { libc::send(fd, ptr::null(), 0, libc::MSG_DONTWAIT) } as i64)?;
    }
    Ok(sent)
}

/// Waits until a frame of a ring may be filled: the kernel has done with what was in it.
fn free(frame: *const u32) -> io::Result<()> {
    const AVAILABLE: u32 = 0;
    let since = Instant::now();
    // SAFETY: a frame begins with its state.
    while unsafe { frame.read_volatile() } != AVAILABLE {
        if since.elapsed() > RING_PATIENCE {
            return Err(io::Error::new(io::ErrorKind::TimedOut, "the kernel keeps the frames of the ring"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A socket alone, of a family that needs a device or another host to send by, or (`AF_XDP`) whose frames lie in memory that
/// the network card reads, where nobody can count; only where `/proc/net/protocols` lists one of
/// its protocols already, since to ask for others would load modules.
pub(super) fn made((family, name): (i32, &str), kind: i32, protocol: i32) -> io::Result<u64> {
    let all = std::fs::read_to_string("/proc/net/protocols")?;
    if !all.lines().any(|line| line.split_whitespace().next() == Some(name)) {
        return Err(io::Error::new(io::ErrorKind::Unsupported, "the family is not loaded"));
    }
    socket(family, kind, protocol).map(|_| 0)
}
