//! Programs that take in data from everybody and hand none of it on.

use crate::{
    event::Guard,
    process::{
        Process,
        story::{is_system_program, launches_by_trade},
    },
};

/// Loggers, message buses, display and sound servers, name services; by the executable's name, where only root installs
/// programs. What one of their clients sends is not what another receives.
const SINKS: &[&[u8]] = &[
    b"systemd-journald",
    b"rsyslogd",
    b"syslogd",
    b"syslog-ng",
    b"dbus-daemon",
    b"dbus-broker",
    b"Xorg",
    b"Xwayland",
    b"gnome-shell",
    b"kwin_wayland",
    b"sway",
    b"weston",
    b"pipewire",
    b"pulseaudio",
    b"systemd-resolved",
    b"nscd",
];

/// Whether what a process receives from others is not followed any further. A launcher is told what to start, and
/// its children begin anew.
#[must_use]
pub fn is_sink(process: &Process) -> bool {
    // In a mount namespace of his own anybody may have a program of that name there.
    process.identity.guard != Guard::Others
        && (launches_by_trade(process) || (SINKS.contains(&process.name()) && is_system_program(process)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Path;

    #[test]
    fn only_programs_of_the_system_are_sinks() {
        let rows = [
            ("/usr/lib/systemd/systemd-journald", true),
            ("/usr/bin/dbus-daemon", true),
            ("/usr/sbin/sshd", true),
            ("/tmp/dbus-daemon", false),
            ("/usr/bin/socat", false),
        ];
        for (exe, expected) in rows {
            let process = Process {
                key: crate::event::ProcessKey { pid: 9, start_ticks: 1 },
                exe: Path { bytes: exe.into(), ..Path::default() },
                ..Process::default()
            };
            assert_eq!(is_sink(&process), expected, "{exe}");
        }
    }
}
