//! Which name servers this host asks: those of its resolver configuration, and those that weir's own names.
//!
//! Only what they answer counts where a trust rule goes by names: anybody may have a server of his own.

use std::{fs::File, io::Read as _, net::IpAddr, os::unix::fs::MetadataExt as _};

use super::procfs::Procfs;
use crate::event::{self, BootTime, Event, Fact, ProcessKey};

/// Where they are written: the C library's configuration, and what stands behind the local stub of systemd-resolved
/// and of `NetworkManager`, whose own questions bring answers too.
const FILES: [&str; 3] =
    ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf", "/run/NetworkManager/no-stub-resolv.conf"];
/// Bytes of a file that are read.
const FILE_MAX: u64 = 64 * 1024;
/// Servers that are kept.
const SERVERS_MAX: usize = 64;
/// Between two looks, nanoseconds.
const LOOK_NS: u64 = 1_000_000_000;

/// The configured name servers, looked up again when answers come in.
#[derive(Debug)]
pub struct Resolvers {
    procfs: Procfs,
    configured: Vec<IpAddr>,
    looked: Option<BootTime>,
    told: Option<event::Resolvers>,
}

impl Resolvers {
    /// Servers of the host, and `configured` ones beside them.
    #[must_use]
    pub const fn new(procfs: Procfs, configured: Vec<IpAddr>) -> Self {
        Self { procfs, configured, looked: None, told: None }
    }

    /// The fact about the servers, when it is another than what was told. Looks once a second at most.
    pub fn look(&mut self, now: BootTime) -> Option<Event> {
        if self.looked.is_some_and(|looked| now.saturating_sub(looked) < LOOK_NS) {
            return None;
        }
        self.looked = Some(now);
        let texts = FILES.map(read);
        let servers = servers(&texts, &self.configured);
        let found = event::Resolvers { net_ns: host_network(&self.procfs), servers };
        if self.told.as_ref() == Some(&found) {
            return None;
        }
        self.told = Some(found.clone());
        Some(Event { time: now, process: ProcessKey::HOST, fact: Fact::Resolvers(found) })
    }
}

/// Inode of the first process's network namespace, which is the host's. Where nobody may look at that process, the
/// agent's own stands for it; 0 when there is neither.
pub(super) fn host_network(procfs: &Procfs) -> u32 {
    let processes = [1, std::process::id()].map(|pid| procfs.path(pid, "ns/net"));
    let found = processes.iter().find_map(|link| std::fs::metadata(link).ok());
    found.and_then(|link| u32::try_from(link.ino()).ok()).unwrap_or(0)
}

/// A file's beginning; nothing when it cannot be read.
fn read(path: &str) -> String {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_MAX).read_to_end(&mut bytes)) {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => {
            tracing::trace!(path, %error, "no resolver configuration");
            String::new()
        }
    }
}

/// Servers named by the texts of configurations, the C library's first, and by `configured`. Without any of the first,
/// the library asks this very host (resolv.conf(5)).
fn servers(texts: &[String], configured: &[IpAddr]) -> Vec<IpAddr> {
    let mut named: Vec<IpAddr> = texts.first().map(|text| nameservers(text).collect()).unwrap_or_default();
    if named.is_empty() {
        named.extend([IpAddr::from([127, 0, 0, 1]), IpAddr::from(std::net::Ipv6Addr::LOCALHOST)]);
    }
    let further = texts.iter().skip(1).flat_map(|text| nameservers(text));
    let mut servers: Vec<IpAddr> = Vec::new();
    for server in named.into_iter().chain(further).chain(configured.iter().copied()) {
        if servers.len() < SERVERS_MAX && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

/// `nameserver ADDRESS[%INTERFACE]`, a line each.
fn nameservers(text: &str) -> impl Iterator<Item = IpAddr> {
    text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = words.next().filter(|&word| word == "nameserver").and(words.next())?;
        let address = address.split('%').next()?;
        address.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    })
}

#[cfg(test)]
mod tests {
    use super::servers;

    #[test]
    fn servers_are_those_that_the_host_asks() {
        let rows: [(&[&str], &[&str], &str); 5] = [
            (&[""], &[], "127.0.0.1 ::1"),
            (&["# nameserver 192.0.2.1\nnameserver  10.0.0.1 \nnameserver\n search x\n"], &[], "10.0.0.1"),
            (&["nameserver fe80::1%eth0\nnameserver ::ffff:10.0.0.2"], &[], "fe80::1 10.0.0.2"),
            (
                &["nameserver 127.0.0.53", "nameserver 10.0.0.1\nnameserver 127.0.0.53"],
                &[],
                "127.0.0.53 10.0.0.1",
            ),
            (&["nameserver 10.0.0.1"], &["10.0.0.1", "198.51.100.53"], "10.0.0.1 198.51.100.53"),
        ];
        for (texts, configured, expected) in rows {
            let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
            let configured: Vec<_> = configured.iter().map(|address| address.parse().unwrap()).collect();
            let found: Vec<String> = servers(&texts, &configured).iter().map(ToString::to_string).collect();
            assert_eq!(found.join(" "), expected, "{texts:?}");
        }
    }
}
