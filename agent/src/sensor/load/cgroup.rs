//! The root of the cgroup v2 hierarchy: the one place from which programs see the sockets of every process.
//!
//! In a cgroup namespace a mount of the hierarchy begins at the namespace's own control group and calls that `/`, so
//! that only the directory itself tells whether it is the root.

use std::{fs::File, io, path::Path};

use rustix::{
    fs::{AtFlags, fstatfs, statat},
    io::Errno,
};

use crate::sensor::procfs::mount_places;

/// A file that every control group has but the root.
const NOT_ON_ROOT: &str = "cgroup.events";
/// Processes in whose mounts it is looked for: the agent, and the first one, which may have the root where the agent
/// has a part of it.
const PROCESSES: [&str; 2] = ["/proc/self", "/proc/1"];

/// Opens the root, or says why it cannot be had.
pub(super) fn root() -> Result<File, String> {
    let mut refused = None;
    for process in PROCESSES.map(Path::new) {
        for mount in mount_places(process, "cgroup2") {
            // As that process sees it, which for the agent itself is the plain path.
            let place = process.join("root").join(mount.strip_prefix("/").unwrap_or(&mount));
            match open(&place) {
                Ok(root) => return Ok(root),
                Err(why) => refused.get_or_insert(format!("{}: {why}", mount.display())),
            };
        }
    }
    Err(refused.unwrap_or_else(|| "no cgroup v2 hierarchy is mounted".to_owned()))
}

fn open(place: &Path) -> Result<File, String> {
    let cannot = |error: &dyn std::fmt::Display| format!("the cgroup v2 hierarchy cannot be opened: {error}");
    let file = File::open(place).map_err(|error| cannot(&error))?;
    // Something else may be mounted on top.
    if fstatfs(&file).map_err(|error| cannot(&io::Error::from(error)))?.f_type != libc::CGROUP2_SUPER_MAGIC {
        return Err("another file system lies over the cgroup v2 hierarchy".to_owned());
    }
    match statat(&file, NOT_ON_ROOT, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(file),
        Ok(_) => {
            Err("only a part of the cgroup v2 hierarchy is mounted, as in a container: give weir the host's \
                      control group namespace, or its process namespace"
                .to_owned())
        }
        Err(error) => Err(cannot(&io::Error::from(error))),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{PROCESSES, mount_places, open, root};

    #[test]
    fn only_the_root_is_taken() {
        let said = open(Path::new("/proc")).unwrap_err();
        assert!(said.contains("another file system"), "{said}");
        // On a host without the hierarchy there is nothing more to look at.
        if root().is_err() {
            return;
        }
        let places = PROCESSES.map(|process| mount_places(Path::new(process), "cgroup2")).concat();
        let place = places.iter().find(|place| open(place).is_ok()).unwrap();
        let group = fs::read_dir(place).unwrap().flatten().find(|entry| entry.path().is_dir());
        if let Some(group) = group {
            let said = open(&group.path()).unwrap_err();
            assert!(said.contains("cgroup v2") && said.contains("only a part"), "{said}");
        }
    }
}
