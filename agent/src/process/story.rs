//! Where a story begins: the walk from a process to its cause stops below a launcher.

use agent_common::process::NS_PER_TICK;

use super::Process;
use crate::{
    event::FdObject,
    interpreter::{Interpreter, Program},
};

/// Programs whose children are each a cause of their own: service managers, schedulers, login and container
/// services, terminal multiplexers. Base names of the executable.
const LAUNCHERS: &[&[u8]] = &[
    b"systemd",
    b"init",
    b"runit",
    b"runsv",
    b"s6-supervise",
    b"openrc",
    b"openrc-run",
    b"supervisord",
    b"sshd",
    b"sshd-session",
    b"dropbear",
    b"login",
    b"agetty",
    b"getty",
    b"cron",
    b"crond",
    b"atd",
    b"anacron",
    b"containerd-shim",
    b"containerd-shim-runc-v2",
    b"conmon",
    b"dockerd",
    b"tini",
    b"dumb-init",
    b"tmux: server",
    b"tmux",
    b"screen",
];

/// Where the system's programs are.
const SYSTEM: &[&[u8]] =
    &[b"/usr/bin/", b"/usr/sbin/", b"/usr/lib/", b"/usr/libexec/", b"/bin/", b"/sbin/", b"/lib/"];

/// Major number of `/dev/tty1`.. and serial lines (4), `/dev/tty` (5) and Unix98 pseudo-terminals (136 to 143);
/// see the kernel's `Documentation/admin-guide/devices.txt`.
const TERMINAL_MAJORS: &[u32] = &[4, 5, 136, 137, 138, 139, 140, 141, 142, 143];

/// A script that is older than this when the agent starts is a supervisor: an hour, twice the half-life of a signal.
const YOUNG_NS: u64 = 3_600_000_000_000;

/// Whether the children of `process` begin stories of their own.
///
/// A process that stood before the agent is taken for a launcher, unless it runs a script and is young: what the
/// children of a supervisor do belongs together only as far as data says so, while a script that began shortly
/// before the agent may be an attack under way.
#[must_use]
pub fn is_launcher(process: &Process) -> bool {
    launches_by_trade(process)
        || (process.preexisting && process.execs == 0 && !(runs_script(process) && is_young(process)))
        || is_interactive_shell(process)
}

/// Whether it is a program that starts what others ask for.
#[must_use]
pub fn launches_by_trade(process: &Process) -> bool {
    process.key.pid <= 2 || (LAUNCHERS.contains(&process.name()) && is_system_program(process))
}

/// A shell without a script or command whose standard input is a terminal. Text that only prepares the session, as
/// terminals hand it to fish, is none.
#[must_use]
pub fn is_interactive_shell(process: &Process) -> bool {
    let [stdin, ..] = process.fds;
    is_terminal(stdin)
        && process.shebang.is_none()
        && shell(process).is_some_and(|shell| !is_told_a_script(shell, process))
}

/// Whether the executable lies where only root installs programs, so that a copy with a launcher's name elsewhere
/// cuts no story.
#[must_use]
pub fn is_system_program(process: &Process) -> bool {
    !process.exe_unlinked
        && SYSTEM.iter().any(|place| process.exe.bytes.as_slice().starts_with(place))
        && !process.exe.truncated
        && !process.exe.unreachable
}

/// Started less than [`YOUNG_NS`] before it was found.
fn is_young(process: &Process) -> bool {
    process.last_seen.saturating_sub(process.key.start_ticks.saturating_mul(NS_PER_TICK)) < YOUNG_NS
}

/// A script that the kernel or the sensor found, or a shell with a script or a command text.
fn runs_script(process: &Process) -> bool {
    process.shebang.is_some()
        || process.script.is_some()
        || shell(process).is_some_and(|shell| is_told_a_script(shell, process))
}

fn is_told_a_script(shell: &Interpreter, process: &Process) -> bool {
    match shell.program(process.invocation().arguments) {
        Program::File(..) | Program::Text(_) => true,
        Program::Encoded(_) | Program::Module(..) | Program::Stdin | Program::Server | Program::Nothing => {
            false
        }
    }
}

fn shell(process: &Process) -> Option<&'static Interpreter> {
    process.invocation().interpreter().filter(|interpreter| interpreter.is_shell())
}

fn is_terminal(object: FdObject) -> bool {
    match object {
        FdObject::Device { rdev } => TERMINAL_MAJORS.contains(&(rdev >> 20)),
        FdObject::None
        | FdObject::File { .. }
        | FdObject::Pipe { .. }
        | FdObject::Socket { .. }
        | FdObject::Other { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Bytes, Path, Script, ScriptOrigin};

    /// Text that a session was prepared with.
    fn prepared() -> Script {
        Script {
            origin: ScriptOrigin::CommandLine,
            path: Bytes::default(),
            sha256: String::new(),
            size: 1,
            text: "x".into(),
            not_captured: String::new(),
        }
    }

    #[test]
    fn shells_on_a_terminal_are_launchers_unless_they_run_something() {
        let rows = [
            ("/usr/bin/bash", "-bash", true),
            ("/usr/bin/bash", "bash -i -o vi", true),
            ("/usr/bin/bash", "bash --rcfile x", true),
            ("/usr/bin/fish", "fish --init-command x", true),
            ("/bin/busybox", "-sh", true),
            ("/usr/bin/bash", "bash x.sh", false),
            ("/usr/bin/fish", "fish -C x x.fish", false),
            ("/usr/bin/bash", "bash -x -rcfile x y", false),
            ("/usr/bin/bash", "bash -lc x", false),
            ("/bin/busybox", "busybox vi x", false),
            ("/usr/bin/python3.11", "python3", false),
            // A name of a shell that only the caller gave.
            ("/tmp/x", "bash", false),
        ];
        for (exe, line, expected) in rows {
            let process = Process {
                exe: Path { bytes: exe.into(), ..Path::default() },
                argv: line.split(' ').map(Into::into).collect(),
                fds: [FdObject::Device { rdev: 136 << 20 }, FdObject::None, FdObject::None],
                script: line.contains("--init-command").then(|| Arc::new(prepared())),
                ..Process::default()
            };
            assert_eq!(is_interactive_shell(&process), expected, "{exe} {line}");
        }
    }
}
