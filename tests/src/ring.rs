//! A program that does everything by `io_uring`: no file is opened, read or sent from by a system call of its own name.

use std::{
    ffi::CString,
    fs,
    net::{SocketAddr, TcpStream},
    os::{fd::AsRawFd as _, unix::ffi::OsStrExt as _},
    path::Path,
};

use anyhow::{Context, Result, bail};
use io_uring::{IoUring, opcode, squeue, types::Fd};

/// Bytes that are read and sent at a time.
const PART: u32 = 65_536;

/// Sends every file in `dir` to `to`, one behind the other.
///
/// # Errors
/// Fails where the kernel has no such ring, and when a file or the connection does.
pub fn carry(dir: &Path, to: SocketAddr) -> Result<()> {
    let mut ring = IoUring::new(8).context("no ring")?;
    let stream = TcpStream::connect(to).with_context(|| format!("cannot connect to {to}"))?;
    let out = Fd(stream.as_raw_fd());
    let mut part = vec![0_u8; PART as usize];
    for entry in fs::read_dir(dir)? {
        let path = CString::new(entry?.path().as_os_str().as_bytes())?;
        let open = opcode::OpenAt::new(Fd(libc::AT_FDCWD), path.as_ptr()).flags(libc::O_RDONLY).build();
        let file = Fd(i32::try_from(run(&mut ring, &open)?)?);
        for offset in (0..).step_by(PART as usize) {
            let read = opcode::Read::new(file, part.as_mut_ptr(), PART).offset(offset).build();
            let mut rest = run(&mut ring, &read)?;
            let mut at = 0;
            while rest > 0 {
                let bytes = part.get(at..).context("more than was asked for")?;
                let sent = run(&mut ring, &opcode::Send::new(out, bytes.as_ptr(), rest).build())?;
                rest = rest.checked_sub(sent).context("more than there was")?;
                at += usize::try_from(sent)?;
            }
            if at == 0 {
                break;
            }
        }
        run(&mut ring, &opcode::Close::new(file).build())?;
    }
    Ok(())
}

/// Has the kernel do one thing, and gives its result.
fn run(ring: &mut IoUring, request: &squeue::Entry) -> Result<u32> {
    // SAFETY: what the request points to lives in the caller until this returns, and the kernel is done with it by then.
    unsafe { ring.submission().push(request) }.context("a full ring")?;
    ring.submit_and_wait(1)?;
    let answer = ring.completion().next().context("no answer")?;
    match u32::try_from(answer.result()) {
        Ok(result) => Ok(result),
        Err(_) => bail!(std::io::Error::from_raw_os_error(-answer.result())),
    }
}
