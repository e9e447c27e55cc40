//! A virtual machine under QEMU.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    cache,
    console::{self, Console},
    limits::{Clock, Limits},
    lines::Lines,
    results::{News, Report},
};
use crate::{arch::Arch, process};

/// How often console and clock are looked at, whatever is reported meanwhile.
const LOOK: Duration = Duration::from_secs(2);
/// How long a kernel that is in trouble may go on telling of it.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// How long QEMU may take to end by itself after its output was closed.
const END: Duration = Duration::from_secs(1);
/// An oops ends the guest; mitigations cost much under emulation and prove nothing; an emulated processor that shares
/// a busy machine stands still for longer than a real one. The thread that makes huge pages gives way to everything, also
/// while it holds up RCU: a hundred busy senders were seen to keep it from running for minutes.
const COMMAND_LINE: &str = "panic=-1 oops=panic mitigations=off transparent_hugepage=never watchdog_thresh=60 \
                            rcupdate.rcu_cpu_stall_timeout=150 sysctl.kernel.hung_task_timeout_secs=300 \
                            ignore_loglevel";
/// QEMU's words that are the same for every machine. Emulated: nested virtualization hangs on many machines, and
/// results are to be the same everywhere. In one thread: emulated processors that run in parallel were seen to run code
/// that the kernel had patched already, and to oops on its breakpoint (`Oops: int3`).
const FIXED: [&str; 11] = [
    "-nodefaults",
    "-no-user-config",
    "-display",
    "none",
    "-no-reboot",
    "-accel",
    "tcg,thread=single",
    "-smp",
    "2",
    "-m",
    "1536",
];
/// What both drives have in common. A guest hears of a write that failed: by itself QEMU stops the guest when there is no
/// space left, which looks as if its kernel hung.
const DRIVE: &str = "format=raw,if=virtio,werror=report";
/// QEMU's words for where the second serial port leads to: to this program, and to a terminal.
const REPORT_CHANNEL: [&str; 2] = ["-chardev", "stdio,id=report"];
const TERMINAL: [&str; 4] = ["-chardev", "stdio,id=report,mux=on,signal=off", "-mon", "report"];
/// Pieces of a report that are read ahead.
const AHEAD: usize = 256;
/// Bytes that artifacts may have.
const ARTIFACTS: u64 = 512 << 20;
/// Bytes that a report may have: hundreds of times what one has.
const REPORT: usize = 32 << 20;
/// The file beside the console's log with what the guest reported.
pub(super) const REPORT_LOG: &str = "report.log";
/// What the kernel said.
pub(super) const CONSOLE_LOG: &str = "console.log";

/// What a machine consists of.
#[derive(Debug)]
pub(super) struct Machine<'m> {
    pub(super) arch: Arch,
    pub(super) kernel: &'m Path,
    pub(super) initramfs: &'m Path,
    /// The disk, which the guest may write to without a change to the file.
    pub(super) disk: &'m Path,
    /// Words added to the kernel's command line.
    pub(super) command_line: &'m str,
    /// Where console and artifacts go.
    pub(super) folder: &'m Path,
    /// How long it may take.
    pub(super) limits: Limits,
}

impl Machine<'_> {
    /// The key of all that this machine consists of but the disk: QEMU's words without the paths in them, and what
    /// lies behind those paths.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn key(&self) -> Result<String> {
        let nowhere = Path::new("");
        let bare = Machine { kernel: nowhere, initramfs: nowhere, disk: nowhere, folder: nowhere, ..*self };
        let mut parts = bare.words(nowhere, nowhere, &REPORT_CHANNEL);
        for path in [self.kernel, self.initramfs] {
            parts.push(cache::file_key(path)?);
        }
        Ok(cache::key(&parts.iter().map(String::as_bytes).collect::<Vec<_>>()))
    }

    /// Boots, hands on what the guest reports, and waits for its end. What went wrong with the machine itself is
    /// the report's error.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub(super) fn run(&self, mut hear: impl FnMut(&News)) -> Result<Report> {
        let (log, artifacts) = (self.folder.join(CONSOLE_LOG), self.folder.join("artifacts.tar"));
        let mut command = self.command(&log, &artifacts, &REPORT_CHANNEL)?;
        let mut console = Console::new(&log);
        let guest = Guest::start(&mut command, self.folder)?;
        let mut report = Report::default();
        let path = self.folder.join(REPORT_LOG);
        let mut copy = File::create(&path)?;
        let mut clock = Clock::start(self.limits, Instant::now());
        let (mut lines, mut looked, mut length) = (Lines::default(), Instant::now(), 0);
        let trouble = loop {
            match guest.report.recv_timeout(LOOK) {
                Ok(bytes) => {
                    clock.heard(Instant::now());
                    length += bytes.len();
                    for line in lines.take(&bytes) {
                        // On a full disk this fails first, and the console's log may not get there either.
                        writeln!(copy, "{line}")
                            .with_context(|| format!("cannot write {}", path.display()))?;
                        let before = report.moves();
                        report.read(&line).iter().for_each(&mut hear);
                        if report.moves() > before {
                            clock.moved(Instant::now());
                        }
                    }
                }
                // Its report ends when the machine does.
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if looked.elapsed() < LOOK {
                continue;
            }
            looked = Instant::now();
            if console.look() {
                thread::sleep(LAST_WORDS);
                break None;
            }
            if let Some(trouble) = clock.trouble(looked, &report.running(&lines.begun())) {
                break Some(trouble);
            }
            if length > REPORT {
                break Some(format!(
                    "the guest reported more than {REPORT} bytes, at {}",
                    report.running("")
                ));
            }
        };
        let status = guest.end()?;
        if report.error.is_none() && !report.done {
            let complaint = console::tail(&self.folder.join("qemu.log"), 4);
            let last = if complaint.is_empty() { console::tail(&log, 4) } else { complaint };
            report.error = Some(format!("the guest ended early ({status}): {}", last.join(" | ")));
        }
        report.weigh(&mut console, trouble);
        unpack(&artifacts, self.folder)?;
        Ok(report)
    }

    /// Boots with the guest's second serial port on this terminal.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub(super) fn attach(&self) -> Result<ExitCode> {
        let (console, artifacts) = (self.folder.join(CONSOLE_LOG), self.folder.join("artifacts.tar"));
        let mut command = self.command(&console, &artifacts, &TERMINAL)?;
        process::run(&mut command)?;
        fs::remove_file(&artifacts)?;
        Ok(ExitCode::SUCCESS)
    }

    /// QEMU; makes the disk for the artifacts.
    fn command(&self, console: &Path, artifacts: &Path, channel: &[&str]) -> Result<Command> {
        File::create(artifacts)?.set_len(ARTIFACTS)?;
        // The machine ends with this program, however that ends, and does not begin when it has ended already.
        let mut command = process::command("setpriv");
        command.args(["--pdeathsig", "KILL", "sh", "-c", "[ $PPID = $0 ] && exec \"$@\""]);
        command.args([&std::process::id().to_string(), &self.arch.emulator()]);
        command.args(self.words(console, artifacts, channel));
        // QEMU keeps there what a guest writes to a disk that stays as it is.
        command.env("TMPDIR", self.folder);
        Ok(command)
    }

    /// QEMU's words.
    fn words(&self, console: &Path, artifacts: &Path, channel: &[&str]) -> Vec<String> {
        let mut words: Vec<String> =
            FIXED.iter().chain(&self.arch.board()).chain(channel).map(|&word| word.to_owned()).collect();
        let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
        option("-kernel", self.kernel.display().to_string());
        option("-initrd", self.initramfs.display().to_string());
        // The kernel hands what it does not know itself to the first process, as its environment.
        let (port, report) = (self.arch.console(), self.arch.report());
        let line = format!("console={port} WEIR_REPORT={report} {COMMAND_LINE} {}", self.command_line);
        option("-append", line.trim_end().to_owned());
        option("-serial", format!("file:{}", comma(console)));
        option("-device", format!("{},chardev=report", self.arch.second_port()));
        option("-drive", format!("file={},{DRIVE},snapshot=on", comma(self.disk)));
        option("-drive", format!("file={},{DRIVE}", comma(artifacts)));
        words
    }
}

/// A running machine, which ends with this value.
struct Guest {
    child: Child,
    /// What it writes to its second serial port.
    report: Receiver<Vec<u8>>,
}

impl Guest {
    fn start(command: &mut Command, folder: &Path) -> Result<Self> {
        let complaints = File::create(folder.join("qemu.log"))?;
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .with_context(|| format!("cannot run {}", process::show(command)))?;
        let Some(mut pipe) = child.stdout.take() else { bail!("QEMU has no output") };
        let (sender, report) = mpsc::sync_channel(AHEAD);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = pipe.read(&mut bytes) {
                let read = bytes.get(..count).unwrap_or_default().to_vec();
                if sender.send(read).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, report })
    }

    /// Ends it if it still runs.
    fn end(mut self) -> Result<String> {
        if let Some(status) = process::wait_within(&mut self.child, END)? {
            return Ok(status.to_string());
        }
        self.child.kill()?;
        Ok(self.child.wait()?.to_string())
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // Both fail only when it has ended.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The guest writes a tar to the disk at its end; without one the disk is empty.
fn unpack(disk: &Path, folder: &Path) -> Result<()> {
    let to = folder.join("artifacts");
    fs::create_dir_all(&to)?;
    let _empty = process::read(process::command("tar").arg("-xf").arg(disk).arg("-C").arg(&to));
    fs::remove_file(disk)?;
    // An empty folder promises something.
    let _full: std::io::Result<()> = fs::remove_dir(&to);
    Ok(())
}

/// QEMU parts a drive's options by commas; one in a path is doubled.
fn comma(path: &Path) -> String {
    path.display().to_string().replace(',', ",,")
}

#[cfg(test)]
mod tests;
