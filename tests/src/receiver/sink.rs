//! The helper process in the namespace: binds every listener, a thread a connection.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
    path::Path,
    sync::{Arc, atomic::AtomicU64},
    thread,
};

use anyhow::{Context, Result};

use super::{
    Listen, Report, Serve,
    count::{Counted, Reporter},
    datagram::{self, Answer},
    dns, ftp, http, smtp,
};
use crate::scenario::FTP_DATA;

/// Receive buffer of a paced connection, bytes: a larger one would run ahead of the pace.
const PACED_BUFFER: libc::c_int = 64 * 1024;

/// Serves the plan in `spec` and reports into `report`; returns only on failure.
///
/// # Errors
/// Fails when the plan cannot be read or an address cannot be bound.
pub fn serve(spec: &Path, report: &Path) -> Result<()> {
    let plan: Vec<Listen> = serde_json::from_slice(&fs::read(spec).context("cannot read the plan")?)?;
    let file = File::options().append(true).open(report).context("cannot open the report")?;
    let reporter = Reporter::new(file);
    let mut threads = Vec::new();
    for listen in plan {
        if listen.serve == Serve::Names {
            let socket = UdpSocket::bind(listen.at).with_context(|| format!("cannot bind {}", listen.at))?;
            threads.push(thread::spawn(move || {
                // Its end is a listener's end.
                let _ = dns::serve(&socket);
            }));
            continue;
        }
        let reporter = reporter.clone();
        threads.push(match datagrams(&listen.serve) {
            Some(answer) => {
                let socket =
                    UdpSocket::bind(listen.at).with_context(|| format!("cannot bind {}", listen.at))?;
                thread::spawn(move || {
                    // Only a broken socket ends it, and then the receipt never settles.
                    let _ = datagram::serve(&socket, listen.at.port(), answer, &reporter);
                })
            }
            None => stream(listen, reporter)?,
        });
    }
    reporter.say(Report::Ready);
    if threads.is_empty() {
        // A scenario without receivers has this process all the same.
        loop {
            thread::park();
        }
    }
    for thread in threads {
        thread.join().ok().context("a listener ended")?;
    }
    Ok(())
}

/// What a server of datagrams answers; none for the others.
fn datagrams(serve: &Serve) -> Option<Answer> {
    match serve {
        Serve::Udp => Some(Answer::Silence),
        Serve::Dns => Some(Answer::NoSuchName),
        Serve::Tftp => Some(Answer::Acknowledged),
        Serve::Sink | Serve::Http { .. } | Serve::Ftp | Serve::Smtp | Serve::Names | Serve::Relay { .. } => {
            None
        }
    }
}

/// Binds a listener for connections and serves it from a thread of its own.
fn stream(listen: Listen, reporter: Reporter) -> Result<thread::JoinHandle<()>> {
    let listener = TcpListener::bind(listen.at).with_context(|| format!("cannot bind {}", listen.at))?;
    if listen.rate.is_some() {
        buffer(&listener, libc::SO_RCVBUF, PACED_BUFFER)?;
    }
    let data = if listen.serve == Serve::Ftp {
        let at = SocketAddr::new(listen.at.ip(), listen.at.port().saturating_add(FTP_DATA));
        Some(Arc::new(ftp::Data::bind(at, reporter.clone(), listen.rate).context("FTP's port for data")?))
    } else {
        None
    };
    Ok(thread::spawn(move || accept(&listener, &listen, data.as_ref(), &reporter)))
}

fn accept(listener: &TcpListener, listen: &Listen, data: Option<&Arc<ftp::Data>>, reporter: &Reporter) {
    let total = Arc::new(AtomicU64::new(0));
    while let Ok((stream, peer)) = listener.accept() {
        let (listen, total, reporter) = (listen.clone(), Arc::clone(&total), reporter.clone());
        let data = data.cloned();
        thread::spawn(move || {
            // The other end may go at any time; what was read until then is in the report.
            let _ = connection(stream, peer, &listen, data.as_deref(), total, reporter);
        });
    }
}

fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    listen: &Listen,
    data: Option<&ftp::Data>,
    total: Arc<AtomicU64>,
    reporter: Reporter,
) -> io::Result<()> {
    let back = stream.try_clone()?;
    let mut counted = Counted::new(stream, (listen.at.port(), peer), total, reporter, listen.rate);
    match &listen.serve {
        Serve::Sink => drain(&mut counted),
        Serve::Http { root } => http::serve(counted, back, root),
        Serve::Ftp => data.map_or(Ok(()), |data| ftp::serve(counted, back, data)),
        Serve::Smtp => smtp::serve(counted, back),
        Serve::Relay { to } => relay(counted, back, *to),
        // Their servers have no connections.
        Serve::Udp | Serve::Dns | Serve::Names | Serve::Tftp => Ok(()),
    }
}

/// Reads to the end.
pub(super) fn drain(from: &mut impl Read) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    while from.read(&mut buffer)? > 0 {}
    Ok(())
}

fn relay(mut from: Counted, mut back: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(to)?;
    let mut answers = server.try_clone()?;
    let downstream = thread::spawn(move || {
        let _ = pass(&mut answers, &mut back);
        back.shutdown(Shutdown::Write)
    });
    let result = pass(&mut from, &mut server);
    // The server may have closed first.
    let _ = server.shutdown(Shutdown::Write);
    let _ = downstream.join();
    result
}

fn pass(from: &mut impl Read, to: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(());
        }
        to.write_all(buffer.get(..read).unwrap_or_default())?;
    }
}

/// Asks for a receive buffer of `bytes`, by `SO_RCVBUF` or, beyond the kernel's limit, `SO_RCVBUFFORCE`.
pub(super) fn buffer(socket: &impl AsRawFd, option: libc::c_int, bytes: libc::c_int) -> Result<()> {
    let size = libc::socklen_t::try_from(size_of_val(&bytes)).context("size of an int")?;
    let value = (&raw const bytes).cast::<libc::c_void>();
    // SAFETY: the descriptor is open, and `value` points to the `size` bytes of `bytes`.
    let result = unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, option, value, size) };
    if result != 0 {
        return Err(io::Error::last_os_error()).context("cannot set the receive buffer");
    }
    Ok(())
}
