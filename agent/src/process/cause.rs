//! What comes again: the identity that all runs of one job share.
//!
//! A story ends with its processes; a job that the scheduler starts every five minutes is a story each time. Its cause
//! is what stays the same: where it runs (container, unit), as whom, which executable, and which script. Arguments are
//! left out, since a job that sends one chunk after the other names another file each time.

use sha2::{Digest, Sha256};

use super::{Process, story::is_interactive_shell};
use crate::interpreter::Program;

/// Identity of a job, the same for each of its runs and after a restart of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cause {
    /// Half of a SHA-256 over what stays the same.
    pub id: u128,
    /// A person typed it: what it has in common with the next command of that name may be the name alone.
    pub typed: bool,
}

impl Cause {
    /// The cause of the story that begins with `root`, a child of `parent`; none where nothing but its key is known.
    #[must_use]
    pub fn of(root: &Process, parent: Option<&Process>) -> Option<Self> {
        if root.unknown || root.exe.bytes.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update(bytes.len().to_le_bytes());
            hash.update(bytes);
        };
        let identity = &root.identity;
        part(identity.container.as_deref().unwrap_or_default().as_bytes());
        part(identity.unit.as_deref().map(lasting).unwrap_or_default().as_bytes());
        part(&root.ids.uid.to_le_bytes());
        part(root.exe.bytes.as_slice());
        let (kind, text) = program(root);
        part(&[kind]);
        part(&text);
        let half = hash.finalize().iter().take(16).fold(0, |half, byte| half << 8 | u128::from(*byte));
        Some(Self { id: half, typed: parent.is_some_and(is_interactive_shell) })
    }
}

/// The part of a unit's name that the next run has too: logins are numbered, and what `systemd-run` is not told to name
/// is `run-` with a number or 32 digits.
fn lasting(unit: &str) -> &str {
    let numbered = |prefix: &str| {
        let rest = unit.strip_prefix(prefix).unwrap_or_default();
        rest.split(['.', '-']).next().is_some_and(|name| name.bytes().any(|byte| byte.is_ascii_digit()))
    };
    if numbered("session-") {
        "session"
    } else if numbered("run-") {
        "run"
    } else {
        unit
    }
}

/// What is run, by a letter for its kind: of an interpreter its script or the text that it was told; a script's path is
/// taken from the directory in which the program was started.
fn program(root: &Process) -> (u8, Vec<u8>) {
    if let Some(shebang) = &root.shebang {
        return (b'f', absolute(root, shebang.as_slice()));
    }
    let invocation = root.invocation();
    let Some(interpreter) = invocation.interpreter() else { return (b'p', invocation.name.to_vec()) };
    match interpreter.program(invocation.arguments) {
        Program::File(path, _) => (b'f', absolute(root, path)),
        Program::Text(text) => (b't', text.into_owned()),
        Program::Encoded(text) => (b'e', text.to_vec()),
        Program::Module(name, _) => (b'm', name.to_vec()),
        Program::Stdin => {
            (b'i', root.script.as_ref().map_or(Vec::new(), |script| script.sha256.clone().into()))
        }
        Program::Server => (b's', Vec::new()),
        Program::Nothing => (b'n', Vec::new()),
    }
}

fn absolute(root: &Process, path: &[u8]) -> Vec<u8> {
    if path.starts_with(b"/") {
        return path.to_vec();
    }
    [root.cwd.bytes.as_slice(), b"/", path].concat()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::{Bytes, FdObject, Identity, Path};

    /// `unit`, executable, command line and working directory of a run.
    type Run = (&'static str, &'static str, &'static str, &'static str);

    fn cause((unit, exe, line, cwd): Run) -> Cause {
        let identity = Identity { unit: Some(unit.to_owned()), ..Identity::default() };
        let path = |text: &str| Path { bytes: text.into(), ..Path::default() };
        let root = Process {
            exe: path(exe),
            argv: line.split('|').map(Bytes::from).collect(),
            cwd: path(cwd),
            identity: Arc::new(identity),
            ..Process::default()
        };
        Cause::of(&root, None).unwrap()
    }

    #[test]
    fn runs_of_one_job_have_one_cause() {
        let cron = "cron.service";
        let rows: [(Run, Run, bool); 9] = [
            (
                (cron, "/bin/rclone", "rclone|copy|/a", "/"),
                (cron, "/bin/rclone", "rclone|copy|/b", "/"),
                true,
            ),
            ((cron, "/bin/dash", "sh|/root/a.sh", "/"), (cron, "/bin/dash", "sh|a.sh|x", "/root"), true),
            ((cron, "/bin/dash", "sh|/root/a.sh", "/"), (cron, "/bin/dash", "sh|/root/b.sh", "/"), false),
            ((cron, "/bin/dash", "sh|-c|curl a", "/"), (cron, "/bin/dash", "sh|-c|curl b", "/"), false),
            ((cron, "/bin/curl", "curl", "/"), ("web.service", "/bin/curl", "curl", "/"), false),
            (("session-3.scope", "/bin/x", "x", "/"), ("session-c12.scope", "/bin/x", "x", "/"), true),
            (("run-u12.service", "/bin/x", "x", "/"), ("run-r0f3c.scope", "/bin/x", "x", "/"), true),
            (("run-backup.service", "/bin/x", "x", "/"), ("run-copy.service", "/bin/x", "x", "/"), false),
            ((cron, "/bin/x", "x", "/"), (cron, "/bin/y", "x", "/"), false),
        ];
        for (one, other, same) in rows {
            assert_eq!(cause(one) == cause(other), same, "{one:?} {other:?}");
        }
    }

    #[test]
    fn what_a_person_types_is_marked_and_the_unknown_have_none() {
        let exe = Path { bytes: "/usr/bin/bash".into(), ..Path::default() };
        let terminal = FdObject::Device { rdev: 136 << 20 };
        let shell = Process { exe, fds: [terminal; 3], ..Process::default() };
        let curl = Path { bytes: "/usr/bin/curl".into(), ..Path::default() };
        let root = Process { exe: curl, ..Process::default() };
        assert!(Cause::of(&root, Some(&shell)).unwrap().typed);
        assert!(!Cause::of(&root, Some(&root)).unwrap().typed);
        assert_eq!(Cause::of(&Process { unknown: true, ..root }, Some(&shell)), None);
    }
}
