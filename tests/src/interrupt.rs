//! Guards are not dropped when a signal ends the run: a thread hears of the signal and cleans up instead.
//!
//! A handler and a pipe, not a blocked mask: children would inherit the mask, the agent among them.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::{FromRawFd, IntoRawFd, RawFd},
    sync::atomic::{AtomicI32, Ordering},
    thread,
};

use anyhow::{Context, Result};

use crate::{fixture, process, world};

/// Writing end of the pipe.
static PIPE: AtomicI32 = AtomicI32::new(-1);

/// Removes namespaces and child processes when SIGINT, SIGTERM or SIGHUP ends the run.
///
/// # Errors
/// Fails when there is no pipe or no handler to be had.
pub fn clean_up_on_signals() -> Result<()> {
    let (reader, writer) = io::pipe().context("no pipe")?;
    let (reader, writer): (RawFd, RawFd) = (reader.into_raw_fd(), writer.into_raw_fd());
    PIPE.store(writer, Ordering::Relaxed);
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        // SAFETY: the handler only loads an atomic and calls write(2), both async-signal-safe.
        let old = unsafe { libc::signal(signal, note as *const () as libc::sighandler_t) };
        if old == libc::SIG_ERR {
            return Err(io::Error::last_os_error()).context("cannot set a signal handler");
        }
    }
    // SAFETY: the descriptor was released by its owner above and is owned by nobody else.
    let mut reader = unsafe { File::from_raw_fd(reader) };
    thread::spawn(move || {
        let mut signal = [0];
        if reader.read_exact(&mut signal).is_ok() {
            clean_up();
            std::process::exit(128 + i32::from(signal[0]));
        }
    });
    Ok(())
}

/// Does the same when standard input ends: whoever holds its other end is gone then, however it ended.
pub fn clean_up_with_parent() {
    thread::spawn(|| {
        // Nothing is ever said there, and an error is an end as well.
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        clean_up();
        std::process::exit(1);
    });
}

fn clean_up() {
    process::kill_all();
    world::sweep_own();
    fixture::sweep(true);
}

extern "C" fn note(signal: libc::c_int) {
    let byte = u8::try_from(signal).unwrap_or_default();
    // SAFETY: one byte of this frame is written to a descriptor that stays open for the whole run.
    let _ = unsafe { libc::write(PIPE.load(Ordering::Relaxed), (&raw const byte).cast(), 1) };
}
