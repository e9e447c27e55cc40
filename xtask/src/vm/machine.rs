//! A virtual machine under QEMU.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Write as _},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use super::{
    console,
    results::{News, Report},
};
use crate::{arch::Arch, process};

/// How long a guest may report nothing: far above what any case takes under emulation.
const SILENCE: Duration = Duration::from_mins(5);
/// How often the console is looked at meanwhile.
const LOOK: Duration = Duration::from_secs(2);
/// How long QEMU may take to end by itself after its output was closed.
const END: Duration = Duration::from_secs(1);
/// An oops ends the guest; mitigations cost much under emulation and prove nothing; an emulated processor that shares
/// a busy machine stands still for longer than a real one.
pub(super) const COMMAND_LINE: &str = "panic=-1 oops=panic mitigations=off watchdog_thresh=60 \
                            rcupdate.rcu_cpu_stall_timeout=150";
/// Bytes that artifacts may have.
const ARTIFACTS: u64 = 512 << 20;

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
}

impl Machine<'_> {
    /// Boots, hands on what the guest reports, and waits for its end. What went wrong with the machine itself is
    /// the report's error.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub(super) fn run(&self, mut hear: impl FnMut(&News)) -> Result<Report> {
        let (console, artifacts) = (self.folder.join("console.log"), self.folder.join("artifacts.tar"));
        let mut command = self.command(&console, &artifacts)?;
        let guest = Guest::start(command.args(["-chardev", "stdio,id=report"]), self.folder)?;
        let mut report = Report::default();
        let mut log = File::create(self.folder.join("report.log"))?;
        let mut heard = Instant::now();
        let trouble = loop {
            match guest.lines.recv_timeout(LOOK) {
                Ok(line) => {
                    heard = Instant::now();
                    writeln!(log, "{}", line.trim_end())?;
                    report.read(&line).iter().for_each(&mut hear);
                }
                // Its report ends when the machine does.
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {
                    let said = read(&console);
                    if let Some(trouble) = console::diagnose(&said) {
                        break Some(trouble);
                    }
                    if heard.elapsed() >= SILENCE {
                        break Some(format!("the guest hung: no word for {} s", SILENCE.as_secs()));
                    }
                }
            }
        };
        let status = guest.end()?;
        let said = read(&console);
        if let Some(trouble) = trouble.or_else(|| console::diagnose(&said)) {
            report.error = Some(trouble);
        } else if !report.done && report.error.is_none() {
            let complaint = read(&self.folder.join("qemu.log"));
            let last = console::tail(if complaint.trim().is_empty() { &said } else { &complaint }, 4);
            report.error = Some(format!("the guest ended early ({status}): {}", last.join(" | ")));
        }
        unpack(&artifacts, self.folder)?;
        Ok(report)
    }

    /// Boots with the guest's second serial port on this terminal.
    ///
    /// # Errors
    /// When QEMU cannot be started.
    pub(super) fn attach(&self) -> Result<ExitCode> {
        let (console, artifacts) = (self.folder.join("console.log"), self.folder.join("artifacts.tar"));
        let mut command = self.command(&console, &artifacts)?;
        process::run(command.args(["-chardev", "stdio,id=report,mux=on,signal=off", "-mon", "report"]))?;
        fs::remove_file(&artifacts)?;
        Ok(ExitCode::SUCCESS)
    }

    /// QEMU with everything but the second serial port; makes the disk for the artifacts.
    fn command(&self, console: &Path, artifacts: &Path) -> Result<Command> {
        File::create(artifacts)?.set_len(ARTIFACTS)?;
        // The machine ends with this program, however that ends.
        let mut command = process::command("setpriv");
        command.args(["--pdeathsig", "KILL", &self.arch.emulator()]);
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        // Emulated: nested virtualization hangs on many machines, and results are to be the same everywhere.
        command.args(self.arch.board()).args(["-accel", "tcg,thread=multi", "-smp", "2", "-m", "1536"]);
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(self.initramfs);
        // The kernel hands what it does not know itself to the first process, as its environment.
        let words = format!(
            "console={} WEIR_REPORT={} {COMMAND_LINE} {}",
            self.arch.console(),
            self.arch.report(),
            self.command_line
        );
        command.args(["-append", words.trim_end()]);
        command.arg("-serial").arg(format!("file:{}", comma(console)));
        command.arg("-device").arg(format!("{},chardev=report", self.arch.second_port()));
        command.arg("-drive").arg(format!("file={},format=raw,if=virtio,snapshot=on", comma(self.disk)));
        command.arg("-drive").arg(format!("file={},format=raw,if=virtio", comma(artifacts)));
        Ok(command)
    }
}

/// A running machine, which ends with this value.
struct Guest {
    child: Child,
    lines: Receiver<String>,
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
        let Some(pipe) = child.stdout.take() else { bail!("QEMU has no output") };
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            while pipe.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
                line.clear();
            }
        });
        Ok(Self { child, lines })
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

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
