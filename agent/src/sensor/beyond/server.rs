//! Which server a share is on.

use std::net::{IpAddr, SocketAddr};

use crate::sensor::procfs::Mount as Line;

/// Ports of servers, by the type of the file system, where the options name none.
const PORTS: [(&str, u16); 6] =
    [("nfs", 2049), ("nfs4", 2049), ("cifs", 445), ("smb3", 445), ("ceph", 6789), ("9p", 564)];
/// Options that name a server.
const OPTIONS: [&str; 2] = ["addr", "mon_addr"];

/// Its address: by the options, or by the source as Ceph and 9P have it.
pub(super) fn of(line: &Line) -> Option<SocketAddr> {
    let named = line.option("port").and_then(|port| port.parse().ok()).filter(|&port: &u16| port != 0);
    let usual = PORTS.iter().find(|(kind, _)| *kind == line.fstype).map_or(0, |(_, port)| *port);
    let first = |text: &str| address(text, named.unwrap_or(usual));
    OPTIONS.iter().find_map(|name| line.option(name).and_then(first)).or_else(|| first(&line.source))
}

/// The first address of a list; the interface of a link's own address is left out.
fn address(text: &str, port: u16) -> Option<SocketAddr> {
    let first = text.split(['/', ',', ';', '@', '%']).next()?;
    let plain = |text: &str| {
        let ip = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok()?;
        Some(SocketAddr::new(ip, port))
    };
    first.parse().ok().or_else(|| plain(first)).or_else(|| plain(first.strip_suffix(':')?))
}

#[cfg(test)]
mod tests {
    use super::{super::line, of};

    #[test]
    fn a_server_is_found_in_options_or_source() {
        let rows = [
            (("nfs4", "nas:/home", "rw,proto=tcp,addr=198.51.100.2"), Some("198.51.100.2:2049")),
            (("nfs", "nas:/", "rw,port=0,addr=2001:db8::7"), Some("[2001:db8::7]:2049")),
            (("nfs", "nas:/", "rw,port=3049,addr=198.51.100.2"), Some("198.51.100.2:3049")),
            (("nfs4", "nas:/", "rw,addr=fe80::1%eth0"), Some("[fe80::1]:2049")),
            (("cifs", "//nas/x", "rw,addr=198.51.100.3"), Some("198.51.100.3:445")),
            (("ceph", "198.51.100.4:6789,198.51.100.5:6789:/", "rw"), Some("198.51.100.4:6789")),
            (
                ("ceph", "me@a.b=/", "rw,mon_addr=198.51.100.4:3300/198.51.100.5:3300"),
                Some("198.51.100.4:3300"),
            ),
            (("nfs4", "nas:/home", "rw"), None),
        ];
        for ((fstype, source, options), expected) in rows {
            let found = of(&line(fstype, source, options, "/n"));
            assert_eq!(
                found,
                expected.map(|address| address.parse().expect("an address")),
                "{source} {options}"
            );
        }
    }
}
