//! Workloads: each does one thing many times, and gives nanoseconds a time.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    path::PathBuf,
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result};

/// Parts of one measurement, of which the median counts.
const PARTS: u32 = 5;

/// Something that is done again and again.
pub(crate) struct Work {
    pub(crate) name: &'static str,
    pub(crate) budget: Budget,
    /// How often in a part.
    times: u32,
    one: fn(&mut Bench) -> Result<()>,
}

/// Most that a time may cost with weir, as a ratio to without.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Budget {
    /// So much.
    Bare(f64),
    /// The floor's ratio, and so many points (hundredths) more.
    Floor(f64),
    /// The lower of both.
    Both(f64, f64),
}

/// All of them.
pub(crate) const ALL: &[Work] = &[
    Work { name: "getppid", budget: Bare(1.25), times: 200_000, one: getppid },
    Work { name: "fork, exec, exit", budget: Both(1.05, 2.0), times: 60, one: exec },
    Work {
        name: "fork, exec, exit with 4 KiB of arguments",
        budget: Both(1.05, 2.0),
        times: 60,
        one: exec_4k,
    },
    Work { name: "open, close of a quiet file", budget: Floor(5.0), times: 20_000, one: open_quiet },
    Work { name: "open, close of a document", budget: Floor(5.0), times: 20_000, one: open_document },
    Work { name: "open, close of 2,000 documents", budget: Floor(5.0), times: 2_000, one: open_documents },
    Work { name: "create, close, remove of a file", budget: Floor(5.0), times: 2_000, one: create },
    Work { name: "send, receive of 64 bytes", budget: Floor(3.0), times: 10_000, one: send_64 },
    Work { name: "send, receive of 64 KiB", budget: Both(1.01, 3.0), times: 2_000, one: send_64k },
    Work { name: "sendfile, receive of 64 KiB", budget: Floor(3.0), times: 2_000, one: send_file },
    Work { name: "datagram of 100 bytes", budget: Floor(3.0), times: 10_000, one: datagram },
];

use Budget::{Bare, Both, Floor};

/// What the workloads work on.
pub(crate) struct Bench {
    folder: PathBuf,
    sender: TcpStream,
    receiver: TcpStream,
    from: UdpSocket,
    to: UdpSocket,
    next: u32,
    buffer: Vec<u8>,
    file: File,
    arguments: String,
}

const DOCUMENTS: u32 = 2_000;
const LARGE: usize = 64 << 10;
const ARGUMENTS: usize = 4 << 10;

impl Bench {
    pub(crate) fn new() -> Result<Self> {
        let folder = PathBuf::from(format!("/srv/weir-bench-{}", std::process::id()));
        fs::create_dir_all(&folder).context("cannot make a folder in /srv")?;
        for number in 0..DOCUMENTS {
            fs::write(folder.join(format!("{number}.pdf")), b"x")?;
        }
        fs::write(folder.join("large"), vec![b'x'; LARGE])?;
        let file = File::open(folder.join("large"))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let sender = TcpStream::connect(listener.local_addr()?)?;
        sender.set_nodelay(true)?;
        let (receiver, _) = listener.accept()?;
        let to = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        let from = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        from.connect(to.local_addr()?)?;
        Ok(Self {
            folder,
            sender,
            receiver,
            from,
            to,
            next: 0,
            buffer: vec![0; LARGE],
            file,
            arguments: "x".repeat(ARGUMENTS),
        })
    }

    fn document(&mut self, number: u32) -> Result<()> {
        File::open(self.folder.join(format!("{number}.pdf")))?;
        Ok(())
    }

    fn send(&mut self, bytes: usize) -> Result<()> {
        let buffer = self.buffer.get_mut(..bytes).context("a larger buffer")?;
        self.sender.write_all(buffer)?;
        Ok(self.receiver.read_exact(buffer)?)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Work {
    /// Nanoseconds a time.
    pub(crate) fn measure(&self, bench: &mut Bench) -> Result<f64> {
        let mut parts = Vec::new();
        for _ in 0..PARTS {
            let since = Instant::now();
            for _ in 0..self.times {
                (self.one)(bench)?;
            }
            parts.push(since.elapsed().as_secs_f64() * 1e9 / f64::from(self.times));
        }
        Ok(crate::method::median(&parts))
    }
}

fn getppid(_: &mut Bench) -> Result<()> {
    rustix::process::getppid().context("no parent").map(drop)
}

fn exec(_: &mut Bench) -> Result<()> {
    Command::new("/bin/true").status()?;
    Ok(())
}

fn exec_4k(bench: &mut Bench) -> Result<()> {
    Command::new("/bin/true").arg(&bench.arguments).status()?;
    Ok(())
}

fn create(bench: &mut Bench) -> Result<()> {
    let path = bench.folder.join("new");
    drop(File::create(&path)?);
    Ok(fs::remove_file(path)?)
}

fn send_file(bench: &mut Bench) -> Result<()> {
    let mut left = LARGE;
    let mut at = 0;
    while left > 0 {
        left -= rustix::fs::sendfile(&bench.sender, &bench.file, Some(&mut at), left)?;
    }
    Ok(bench.receiver.read_exact(&mut bench.buffer)?)
}

fn open_quiet(_: &mut Bench) -> Result<()> {
    File::open("/usr/bin/env")?;
    Ok(())
}

fn open_document(bench: &mut Bench) -> Result<()> {
    bench.document(0)
}

fn open_documents(bench: &mut Bench) -> Result<()> {
    bench.next = (bench.next + 1) % DOCUMENTS;
    bench.document(bench.next)
}

fn send_64(bench: &mut Bench) -> Result<()> {
    bench.send(64)
}

fn send_64k(bench: &mut Bench) -> Result<()> {
    bench.send(LARGE)
}

fn datagram(bench: &mut Bench) -> Result<()> {
    let mut buffer = [0; 100];
    bench.from.send(&buffer)?;
    bench.to.recv(&mut buffer)?;
    Ok(())
}
