//! Programs that read sensitive files because these are their own: sshd its host key, ssh its identity, a browser
//! its profile, login programs the password file.
//!
//! A program counts as an owner only where the system installs programs, so that a copy with an owner's name in a
//! home directory or in /tmp is none. If such data leaves, provenance still follows it.

mod table;

use crate::{detect::tool::identity, interpreter::Invocation, process::Process};
use table::{BROWSERS, Below, Ends, Holds, INDEXERS, OWNERS, Owner, Place, SHARED_MEMORY};

/// Where the system's programs are; a user cannot write there.
const SYSTEM: &[&[u8]] = &[
    b"/usr/",
    b"/bin/",
    b"/sbin/",
    b"/lib/",
    b"/lib64/",
    b"/opt/",
    b"/snap/",
    b"/nix/store/",
    b"/app/",
    b"/var/lib/flatpak/",
    b"/run/current-system/",
    b"/gnu/store/",
];
/// Below those, places that users write all the same.
const NOT_SYSTEM: &[&[u8]] = &[b"/usr/tmp/"];

/// Whether the file at `path` is one that the program of `process` keeps for itself.
pub(super) fn owns(process: &Process, path: &[u8]) -> bool {
    let Some(name) = system_program(process) else { return false };
    let listed = |Owner(programs, places): &Owner| {
        matches_name(programs, name) && places.iter().any(|place| place.fits(path))
    };
    OWNERS.iter().any(listed) || own_directory(name, path) || own_proc(process, path)
}

/// A program's directory below a home's `.config`, `.local/share` or `.cache`.
fn own_directory(name: &[u8], path: &[u8]) -> bool {
    [&b"/.config/"[..], b"/.local/share/", b"/.cache/"].iter().any(|parent| {
        let at = path.windows(parent.len()).position(|window| window == *parent);
        let below = at.and_then(|at| path.get(at + parent.len()..)).unwrap_or_default();
        below.split(|&byte| byte == b'/').next().is_some_and(|directory| directory.eq_ignore_ascii_case(name))
    })
}

/// What /proc says about the process itself.
fn own_proc(process: &Process, path: &[u8]) -> bool {
    let own = format!("/proc/{}/", process.key.pid);
    path.starts_with(own.as_bytes())
}

/// Whether reading many documents is the program's work.
pub(super) fn indexes(process: &Process) -> bool {
    system_program(process).is_some_and(|name| matches_name(INDEXERS, name))
}

/// Whether writing into the folder for downloads is the program's work.
pub(super) fn downloads(process: &Process, path: &[u8]) -> bool {
    Holds("/Downloads/").fits(path)
        && system_program(process).is_some_and(|name| matches_name(BROWSERS, name))
}

/// Whether a person picks the files that the program opens together: a dialogue's, or a folder's that it shows.
pub(super) fn picks(process: &Process) -> bool {
    system_program(process).is_some_and(|name| matches_name(BROWSERS, name) || matches_name(INDEXERS, name))
}

/// Whether a file below /dev/shm is the program's shared memory, no staged data.
pub(super) fn shares_memory(process: &Process, path: &[u8]) -> bool {
    let known = |name: &[u8]| matches_name(BROWSERS, name) || matches_name(SHARED_MEMORY, name);
    Below("/dev/shm/").fits(path) && system_program(process).is_some_and(known)
}

fn system_program(process: &Process) -> Option<&[u8]> {
    let Invocation { name, path, .. } = identity::behind_interpreter(process);
    // A script is where the system installs programs only if it is named by its path, and so is its interpreter.
    let installed = |path: &[u8]| {
        SYSTEM.iter().any(|prefix| path.starts_with(prefix))
            && !NOT_SYSTEM.iter().any(|prefix| path.starts_with(prefix))
    };
    let genuine = installed(process.exe.bytes.as_slice()) && installed(path) && !process.exe_unlinked;
    (genuine && !path.windows(4).any(|four| four == b"/../")).then_some(name)
}

fn matches_name(known: &str, name: &[u8]) -> bool {
    known.split_ascii_whitespace().any(|known| match known.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix.as_bytes()),
        None => known.as_bytes() == name,
    })
}

impl Place {
    fn fits(self, path: &[u8]) -> bool {
        match self {
            Below(prefix) => path.starts_with(prefix.as_bytes()),
            Holds(part) => path.windows(part.len()).any(|window| window == part.as_bytes()),
            Ends(suffix) => path.ends_with(suffix.as_bytes()),
        }
    }
}
