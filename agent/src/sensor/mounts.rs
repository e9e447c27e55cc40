//! The mount namespace in which a path means what it says on this host, and its root.
//!
//! That of the first process. The agent's own is another wherever somebody hid directories from it, as its unit and
//! most containers do, and nobody else lives there.
//!
//! In any other namespace a path proves nothing: its owner mounts there what he likes. So the first process's is taken
//! only when that process lives in the agent's own user namespace: in one of its own, an ordinary user owns the mounts.

use std::path::{Path, PathBuf};

use tracing::debug;

use super::procfs::Procfs;

/// The first process: the host's, or in a pid namespace of its own the container's.
const FIRST: u32 = 1;

/// A mount namespace.
#[derive(Clone, Debug)]
pub struct HostMounts {
    /// Its inode number; 0, which is nobody's, when it is unknown.
    namespace: u32,
    root: PathBuf,
}

impl HostMounts {
    /// The first process's namespace or, where that cannot be had, the agent's own.
    #[must_use]
    pub fn find(procfs: &Procfs) -> Self {
        let own = procfs.namespace("self", "mnt");
        let same_users = procfs.namespace(FIRST, "user") == procfs.namespace("self", "user");
        // The link and the root are kept by the same check, so that whoever reads the one may open the other.
        if let Some(namespace) = procfs.namespace(FIRST, "mnt").filter(|_| same_users) {
            debug!(namespace, ?own, "paths are those of the first process");
            return Self { namespace, root: procfs.path(FIRST, "root") };
        }
        debug!(
            ?own,
            same_users,
            "paths are those of the agent itself: the first process's mount namespace cannot be read, or it lives in \
             another user namespace"
        );
        Self { namespace: own.unwrap_or_default(), root: "/".into() }
    }

    /// Whether a mount namespace is this one, by inode number.
    #[must_use]
    pub fn is(&self, namespace: u32) -> bool {
        namespace != 0 && namespace == self.namespace
    }

    /// Its inode number; 0, which is nobody's, when it is unknown.
    #[must_use]
    pub fn namespace(&self) -> u32 {
        self.namespace
    }

    /// A path that leads the agent to its root. What is looked up below must be kept below
    /// (`openat2(2)` with `RESOLVE_IN_ROOT`): a link's target is meant from there.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    /// A procfs with these links of processes to namespaces, in a directory that goes with it.
    pub(in crate::sensor) struct Fixture(PathBuf);

    impl Fixture {
        pub(in crate::sensor) fn new(name: &str, links: &[(&str, &str)]) -> Self {
            let dir = std::env::temp_dir().join(format!("weir-mounts-{name}-{}", std::process::id()));
            for (link, target) in links {
                let link = dir.join(link);
                fs::create_dir_all(link.parent().unwrap()).unwrap();
                symlink(target, link).unwrap();
            }
            Self(dir)
        }

        pub(in crate::sensor) fn host(&self) -> HostMounts {
            HostMounts::find(&Procfs::at(&self.0))
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_first_process_s_namespace_counts_where_its_mounts_can_be_trusted() {
        let own = ("self/ns/mnt", "mnt:[7]");
        let (first, same) = (("1/ns/mnt", "mnt:[5]"), ("1/ns/mnt", "mnt:[7]"));
        let (users, first_users) = (("self/ns/user", "user:[1]"), ("1/ns/user", "user:[1]"));
        let others = ("1/ns/user", "user:[2]");
        let rows: [(&str, &[_], u32, bool); 8] = [
            ("under its unit", &[own, users, first, first_users], 5, true),
            ("in plain view", &[own, users, same, first_users], 7, true),
            ("a kernel without user namespaces", &[own, first], 5, true),
            ("a user's own init", &[own, users, first, others], 7, false),
            ("users of the first process are hidden", &[own, users, first], 7, false),
            ("the first process is hidden", &[own, users], 7, false),
            ("nothing of the agent", &[users, first, first_users], 5, true),
            ("nothing at all", &[], 0, false),
        ];
        for (index, (name, links, namespace, is_first)) in rows.into_iter().enumerate() {
            let fixture = Fixture::new(&format!("find-{index}"), links);
            let host = fixture.host();
            assert_eq!(host.namespace(), namespace, "{name}");
            let root = if is_first { fixture.0.join("1/root") } else { "/".into() };
            assert_eq!(host.root(), root, "{name}");
            assert_eq!(host.is(namespace), namespace != 0, "{name}: an unknown namespace is nobody's");
            assert!(!host.is(6), "{name}");
        }
    }
}
