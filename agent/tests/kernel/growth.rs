//! Files that grow on a file system that nobody has called the host's own.

use std::{
    io,
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    ptr,
    time::{Duration, Instant},
};

use agent_common::{
    counters::Counter,
    file::{FAMILY_FILES, FILES_COOKIE},
};

use super::kernel_side::{Kernel, skip};

/// How long the last process may take to end.
const DEADLINE: Duration = Duration::from_secs(20);

/// What is written: 300,000 bytes by a child that inherited the descriptor, 50,000 by another that opened the file, 70,000
/// by one that has it still when its opener is gone; 3 bytes and, after a fork, 1,000 in their place.
const SCRIPT: &str = "
    grep ' /tmp/m ' /proc/self/mountinfo
    exec 3>>/tmp/m/a
    head -c 300000 /dev/zero >&3
    head -c 50000 /dev/zero >>/tmp/m/a
    (sleep 0.3; head -c 70000 /dev/zero >&3) >/dev/null &
    printf 123 >/tmp/m/b
    /bin/true
    head -c 1000 /dev/zero >/tmp/m/b
";
const WRITTEN: u64 = 421_003;

/// An overlay at `/tmp/m`, in a mount namespace of one's own.
fn overlay() -> io::Result<()> {
    let call = |done: libc::c_int| if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) };
    let none = ptr::null();
    // SAFETY: a flag alone.
    call(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: the strings are literals, and what is not needed is not there.
    call(unsafe { libc::mount(none, c"/".as_ptr(), none, private, ptr::null()) })?;
    let tmpfs = c"tmpfs".as_ptr();
    // SAFETY: as above.
    call(unsafe { libc::mount(tmpfs, c"/tmp".as_ptr(), tmpfs, 0, ptr::null()) })?;
    for folder in [c"/tmp/l", c"/tmp/u", c"/tmp/w", c"/tmp/m"] {
        // SAFETY: as above.
        call(unsafe { libc::mkdir(folder.as_ptr(), 0o755) })?;
    }
    let (overlay, options) = (c"overlay".as_ptr(), c"lowerdir=/tmp/l,upperdir=/tmp/u,workdir=/tmp/w");
    // SAFETY: as above.
    call(unsafe { libc::mount(overlay, c"/tmp/m".as_ptr(), overlay, 0, options.as_ptr().cast()) })
}

#[test]
fn files_are_booked_by_what_they_grow() {
    let test = "files_are_booked_by_what_they_grow";
    let Some(kernel) = Kernel::load(test) else { return };
    let mut shell = Command::new("/bin/sh");
    shell.args(["-e", "-c", SCRIPT]).stdout(Stdio::piped());
    // SAFETY: between fork and exec the function only calls the kernel.
    let shell = unsafe { shell.pre_exec(overlay) };
    let shell = match shell.spawn() {
        Ok(shell) => shell,
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => {
            return skip(test, "this kernel has no overlay");
        }
        Err(error) => panic!("{error}"),
    };
    let output = shell.wait_with_output().expect("its end");
    assert!(output.status.success(), "{output:?}");
    let line = String::from_utf8(output.stdout).expect("a line");
    let device = line.split(' ').nth(2).and_then(|device| device.strip_prefix("0:"));
    let device: u64 = device.expect("a device").parse().expect("a number");
    let written = || -> u64 {
        let entries =
            kernel.ledger(|key, value| key.cookie == FILES_COOKIE | device && value.family == FAMILY_FILES);
        entries.iter().map(|(_, value)| value.tx_bytes).sum()
    };
    let since = Instant::now();
    while written() < WRITTEN && since.elapsed() < DEADLINE {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(written(), WRITTEN);
    assert_eq!(kernel.counter(Counter::FileUnwatched), 0);
    assert_eq!(kernel.counter(Counter::ReadFault), 0);
}
