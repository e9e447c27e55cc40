//! Sends during which their connection ends.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    os::fd::AsRawFd as _,
    thread,
    time::{Duration, Instant},
};

use super::kernel_side::Kernel;

const SENT_FIRST: usize = 1000;
/// Machines that are emulated beside others may fill a socket's buffers this slowly.
const GIVE_UP: Duration = Duration::from_mins(2);

/// A connection of which [`SENT_FIRST`] bytes were sent and read.
fn conversation() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let mut client = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    let (mut accepted, _) = listener.accept().expect("a connection");
    client.write_all(&[1; SENT_FIRST]).expect("a send");
    accepted.read_exact(&mut [0; SENT_FIRST]).expect("all of it");
    (client, accepted)
}

/// What one call sends of more than any socket buffers.
fn send_much(client: &TcpStream) -> usize {
    let bytes = vec![2; 64 << 20];
    // SAFETY: the buffer is as long as the call is told, and the descriptor is open.
    let sent =
        unsafe { libc::send(client.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), libc::MSG_NOSIGNAL) };
    let sent = usize::try_from(sent).expect("a part is sent");
    assert!(0 < sent && sent < bytes.len(), "{sent} bytes sent");
    sent
}

/// The end of a connection comes while a call is still sending: its bytes are in the connection's sequence numbers before
/// the hook hears of them.
#[test]
fn counts_once() {
    let Some(kernel) = Kernel::load("interrupted::counts_once") else { return };
    let late = kernel.hook("send").starts_with("kprobe:");
    let check = |what: &str, client: TcpStream, sent: usize| {
        let local = client.local_addr().map(|address| address.port());
        // The lowest rung counts the last send at the close.
        let client = Some(client).filter(|_| !late);
        let port = local.expect("an address");
        let me = std::process::id();
        let flow = kernel.ledger(|key, value| key.process.pid == me && value.local_port == port);
        let [(_, value)] = flow.as_slice() else { panic!("{what}: one entry: {flow:?}") };
        assert_eq!(value.tx_bytes, (SENT_FIRST + sent) as u64, "{what}");
        drop(client);
    };

    let (client, accepted) = conversation();
    drop(accepted);
    let sent = (&client).write(&vec![2; 32_768]).expect("a send to a peer that closed");
    check("reset within the call", client, sent);

    let (client, accepted) = conversation();
    let sent = thread::scope(|scope| {
        let sending = scope.spawn(|| send_much(&client));
        wait_until_full(&client);
        let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
        // SAFETY: the option is as long as the call is told, and the descriptor is open.
        let result = unsafe {
            libc::setsockopt(
                accepted.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_LINGER,
                (&raw const at_once).cast(),
                libc::socklen_t::try_from(size_of::<libc::linger>()).expect("a short option"),
            )
        };
        assert_eq!(result, 0);
        drop(accepted);
        sending.join().expect("a sender")
    });
    check("reset while it waits", client, sent);

    let (client, accepted) = conversation();
    let sent = thread::scope(|scope| {
        let sending = scope.spawn(|| send_much(&client));
        wait_until_full(&client);
        client.shutdown(Shutdown::Write).expect("a shutdown");
        sending.join().expect("a sender")
    });
    check("shut down while it waits", client, sent);
    drop(accepted);
}

/// Waits until a sender has filled what the connection buffers.
fn wait_until_full(client: &TcpStream) {
    let queued = || {
        let mut queued: libc::c_int = 0;
        // SAFETY: the request writes one integer.
        let asked = unsafe { libc::ioctl(client.as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
        assert_eq!(asked, 0);
        queued
    };
    let (end, mut before) = (Instant::now() + GIVE_UP, -1);
    loop {
        thread::sleep(Duration::from_millis(100));
        let now = queued();
        if now > 0 && now == before {
            return;
        }
        assert!(Instant::now() < end, "the sender never waits");
        before = now;
    }
}
