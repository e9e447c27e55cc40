//! Load: many senders at once, and a flood of opens.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Distinct files of a flood: more than the agent could keep as "seen before" in a small cache.
const FLOOD_FILES: u32 = 20_000;

/// Starts `count` processes that connect to `to`, lets them go at the same moment, and writes for each a line
/// `pid local-address bytes` to `report`.
///
/// # Errors
/// Fails when one of them does.
pub fn send_all(to: SocketAddr, bytes: u64, count: u32, report: &Path) -> Result<()> {
    let program = std::env::current_exe().context("own path")?;
    let mut children = Vec::new();
    for _ in 0..count {
        let mut child = Command::new(&program)
            .args(["send-one", &to.to_string(), &bytes.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a sender")?;
        let output = BufReader::new(child.stdout.take().context("a sender's output")?);
        children.push((child, output));
    }
    let mut lines = Vec::new();
    for (child, output) in &mut children {
        let mut address = String::new();
        output.read_line(&mut address).context("a sender did not connect")?;
        writeln!(lines, "{} {} {bytes}", child.id(), address.trim())?;
    }
    for (child, _) in &mut children {
        // The end of its input lets it go.
        drop(child.stdin.take());
    }
    for (child, _) in &mut children {
        let status = child.wait().context("cannot wait for a sender")?;
        if !status.success() {
            bail!("a sender ended with {status}");
        }
    }
    fs::write(report, lines).with_context(|| format!("cannot write {}", report.display()))
}

/// Connects to `to`, says its own address, waits for the end of its input, and sends `bytes`.
///
/// # Errors
/// Fails when the connection does.
pub fn send_one(to: SocketAddr, bytes: u64) -> Result<()> {
    let mut stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
    writeln!(std::io::stdout(), "{}", stream.local_addr()?)?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    let sent = std::io::copy(&mut std::io::repeat(b's').take(bytes), &mut stream).context("cannot send")?;
    if sent != bytes {
        bail!("sent {sent} of {bytes}");
    }
    Ok(())
}

/// Makes the files of a flood below `dir`.
///
/// # Errors
/// Fails when one cannot be made.
pub fn flood_files(dir: &Path) -> Result<()> {
    for number in 0..FLOOD_FILES {
        let path = flood_file(dir, number);
        if number % 100 == 0
            && let Some(parent) = path.parent()
        {
            fs::create_dir_all(parent)?;
        }
        File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
    }
    Ok(())
}

/// Opens and closes the files below `dir` from two threads for `time`, every second time for writing, which no
/// filter may leave out. Says how many opens there were, for reading and for writing.
///
/// # Errors
/// Fails when an open does.
pub fn flood(dir: &Path, time: Duration) -> Result<(u64, u64)> {
    let started = Instant::now();
    let threads: Vec<_> = (0..2)
        .map(|half| {
            let dir = dir.to_owned();
            thread::spawn(move || flood_half(&dir, half, started, time))
        })
        .collect();
    let (mut reads, mut writes) = (0, 0);
    for thread in threads {
        let half = thread.join().ok().context("a flooding thread ended")??;
        reads += half.0;
        writes += half.1;
    }
    Ok((reads, writes))
}

fn flood_half(dir: &Path, half: u32, started: Instant, time: Duration) -> Result<(u64, u64)> {
    let (mut reads, mut writes) = (0, 0);
    for round in 0_u32.. {
        for number in (half..FLOOD_FILES).step_by(2) {
            let write = (round + number / 2) % 2 == 0;
            let path = flood_file(dir, number);
            OpenOptions::new()
                .read(!write)
                .write(write)
                .open(&path)
                .with_context(|| format!("cannot open {}", path.display()))?;
            *(if write { &mut writes } else { &mut reads }) += 1;
        }
        if started.elapsed() >= time {
            break;
        }
    }
    Ok((reads, writes))
}

fn flood_file(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{}/{}.dat", number / 100, number % 100))
}
