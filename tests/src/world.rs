//! A world for one scenario: a network namespace joined to the host by a veth pair, on a /30 slice of
//! 198.51.100.0/24. The host end is the first address, the server the second.

use std::{
    fs::{self, File},
    net::Ipv4Addr,
    ops::Range,
    os::fd::AsRawFd,
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{mount, process};

/// Lock files, one a slice: a slice belongs to the process that holds the lock, so a dead run frees it.
const LOCKS: &str = "/run/weir-tests";
/// /30 slices in 198.51.100.0/24.
const SLICES: u8 = 64;
/// The first slice of those whose servers a configuration may mean.
const TRUSTED: u8 = 56;
/// The network of their addresses: no other world's server is in it.
pub const TRUSTED_NETWORK: &str = "198.51.100.224/27";

/// A network namespace with one server address.
#[derive(Debug)]
pub struct World {
    slice: u8,
    namespace: String,
    _lock: File,
}

impl World {
    /// Takes a free slice and builds the namespace.
    ///
    /// # Errors
    /// Fails without root, without `ip`, or when all slices are taken.
    pub fn new() -> Result<Self> {
        Self::among(0..TRUSTED)
    }

    /// The same on a slice of [`TRUSTED_NETWORK`].
    ///
    /// # Errors
    /// As for [`World::new`].
    pub fn trusted() -> Result<Self> {
        Self::among(TRUSTED..SLICES)
    }

    fn among(mut slices: Range<u8>) -> Result<Self> {
        fs::create_dir_all(LOCKS).with_context(|| format!("cannot make {LOCKS}"))?;
        let (slice, lock) = slices
            .find_map(|slice| lock(slice).map(|lock| (slice, lock)))
            .context("all network slices are taken")?;
        sweep(slice);
        let world = Self { slice, namespace: format!("weir-{}-{slice}", std::process::id()), _lock: lock };
        world.build().with_context(|| format!("cannot build the namespace {}", world.namespace))?;
        Ok(world)
    }

    /// Address of the host's end.
    #[must_use]
    pub fn host(&self) -> Ipv4Addr {
        address(self.slice, 1)
    }

    /// Address of the server.
    #[must_use]
    pub fn server(&self) -> Ipv4Addr {
        address(self.slice, 2)
    }

    /// A name that no other world alive has.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.namespace
    }

    /// `program`, to be run inside.
    #[must_use]
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(program);
        command
    }

    fn build(&self) -> Result<()> {
        let (near, far) = link_names(self.slice);
        let name = self.namespace.as_str();
        let host = format!("{}/30", self.host());
        let server = format!("{}/30", self.server());
        ip(&["netns", "add", name])?;
        ip(&["link", "add", &near, "type", "veth", "peer", "name", &far, "netns", name])?;
        ip(&["addr", "add", &host, "dev", &near])?;
        ip(&["link", "set", &near, "up"])?;
        ip(&["-n", name, "addr", "add", &server, "dev", &far])?;
        ip(&["-n", name, "link", "set", &far, "up"])?;
        ip(&["-n", name, "link", "set", "lo", "up"])
    }
}

impl Drop for World {
    fn drop(&mut self) {
        sweep(self.slice);
    }
}

/// Removes what dead runs left: every slice whose lock nobody holds.
pub fn sweep_dead() {
    for slice in 0..SLICES {
        if Path::new(&lock_path(slice)).exists()
            && let Some(_lock) = lock(slice)
        {
            sweep(slice);
        }
    }
}

/// Removes the namespaces of this very process. For the interrupt path, where no guard is dropped.
pub fn sweep_own() {
    let prefix = format!("weir-{}-", std::process::id());
    for name in namespaces() {
        if let Some(slice) = name.strip_prefix(&prefix).and_then(|slice| slice.parse().ok()) {
            sweep(slice);
        }
    }
}

/// Whether a namespace of this name is there.
#[must_use]
pub fn exists(name: &str) -> bool {
    namespaces().iter().any(|namespace| namespace == name)
}

fn sweep(slice: u8) {
    let suffix = format!("-{slice}");
    for name in namespaces() {
        if name.starts_with("weir-") && name.ends_with(&suffix) {
            if let Ok(pids) = process::run(Command::new("ip").args(["netns", "pids", &name])) {
                for pid in String::from_utf8_lossy(&pids.stdout).lines().filter_map(|line| line.parse().ok())
                {
                    process::kill(pid);
                }
            }
            if mount::is_known("nfsd") {
                // Threads of the kernel are in no list of pids, and hold the namespace.
                let stop = "mount -t nfsd nfsd /proc/fs/nfsd && echo 0 >/proc/fs/nfsd/threads";
                let _ = ip(&["netns", "exec", &name, "/bin/sh", "-c", stop]);
            }
            let _ = ip(&["netns", "del", &name]);
        }
    }
    let (near, _) = link_names(slice);
    if Path::new("/sys/class/net").join(&near).exists() {
        // The pair may already be going away with its namespace.
        let _ = ip(&["link", "del", &near]);
    }
}

fn namespaces() -> Vec<String> {
    let Ok(entries) = fs::read_dir("/run/netns") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

fn lock_path(slice: u8) -> String {
    format!("{LOCKS}/slice-{slice}.lock")
}

fn lock(slice: u8) -> Option<File> {
    let file = File::create(lock_path(slice)).ok()?;
    // SAFETY: flock(2) takes a descriptor that `file` keeps open, and an integer.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    (result == 0).then_some(file)
}

fn link_names(slice: u8) -> (String, String) {
    (format!("weir{slice}a"), format!("weir{slice}b"))
}

/// Whether an address is the host's end of a world.
#[must_use]
pub fn is_host(address: Ipv4Addr) -> bool {
    let [.., last] = address.octets();
    address == self::address(last / 4, 1)
}

fn address(slice: u8, host: u8) -> Ipv4Addr {
    Ipv4Addr::new(198, 51, 100, (slice * 4).wrapping_add(host))
}

fn ip(args: &[&str]) -> Result<()> {
    process::run(Command::new("ip").args(args)).map(drop).or_else(|error| bail!("{error:#}"))
}
