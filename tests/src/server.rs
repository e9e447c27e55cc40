//! Real servers in a world, each behind a counting relay.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    fixture::{self, Places},
    process::{self, Group},
    receiver::{Listen, Receiver, Serve},
    scenario::{Kind, Server},
    wait,
    world::World,
};

/// Added to a port for the real server behind the relay.
const BEHIND: u16 = 20_000;
const START: Duration = Duration::from_secs(10);

/// All receivers of a scenario, running.
#[derive(Debug)]
pub struct Servers {
    /// The counting front.
    pub receiver: Receiver,
    _behind: Vec<Group>,
}

impl Servers {
    /// Starts `servers` in `world` and waits until every one takes connections.
    ///
    /// # Errors
    /// Fails when one does not come up; its output is in `artifacts`.
    pub fn start(
        world: &World,
        helper: &Path,
        servers: &[Server],
        places: &Places,
        artifacts: &Path,
    ) -> Result<Self> {
        let mut listeners = Vec::new();
        let mut behind = Vec::new();
        let root = places.work.join("served");
        fs::create_dir_all(&root).context("cannot make the served folder")?;
        for server in servers {
            let local = SocketAddr::from(([127, 0, 0, 1], server.port + BEHIND));
            let serve = match server.kind {
                Kind::Sink => Serve::Sink,
                Kind::Udp => Serve::Udp,
                Kind::Dns => Serve::Dns,
                Kind::Names => Serve::Names,
                Kind::Tftp => Serve::Tftp,
                Kind::Ftp => Serve::Ftp,
                Kind::Smtp => Serve::Smtp,
                Kind::Http => Serve::Http { root: root.clone() },
                Kind::Ssh => {
                    behind.push(sshd(world, local, places, artifacts)?);
                    Serve::Relay { to: local }
                }
                Kind::Rsync => {
                    behind.push(rsyncd(world, local, places, artifacts)?);
                    Serve::Relay { to: local }
                }
                Kind::Tls => {
                    behind.push(tls(world, local, places, artifacts)?);
                    Serve::Relay { to: local }
                }
                Kind::Https => {
                    behind.push(https(world, local, places, artifacts)?);
                    Serve::Relay { to: local }
                }
                Kind::Nfs => {
                    behind.push(nfsd(world, local, places, artifacts)?);
                    Serve::Relay { to: local }
                }
            };
            let at = SocketAddr::from((world.server(), server.port));
            listeners.push(Listen { at, serve, rate: server.rate });
        }
        let receiver = Receiver::start(world, helper, &listeners, artifacts)?;
        Ok(Self { receiver, _behind: behind })
    }
}

/// Waits until something on this host serves at `address`, an address that belongs to one scenario.
///
/// # Errors
/// Fails when nothing does.
pub fn serves(address: Ipv4Addr) -> Result<()> {
    // As the table shows it, in the byte order of the machine.
    let shown = format!("{:08X}:", u32::from_ne_bytes(address.octets()));
    let what = format!("a service at {address}");
    wait::until(START, &what, || {
        let table = fs::read_to_string("/proc/net/tcp")?;
        Ok(listeners(&table).any(|local| local.starts_with(&shown)).then_some(()))
    })
}

fn sshd(world: &World, at: SocketAddr, places: &Places, artifacts: &Path) -> Result<Group> {
    let dir = places.work.join("sshd");
    fs::create_dir_all(&dir)?;
    fs::create_dir_all("/run/sshd").context("sshd's separation directory")?;
    let (host_key, user_key) = (dir.join("host_key"), places.work.join("id_ed25519"));
    fixture::ssh_key(&host_key)?;
    fixture::ssh_key(&user_key)?;
    let config = dir.join("sshd_config");
    let public = user_key.with_extension("pub");
    fs::write(
        &config,
        format!(
            "ListenAddress {at}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\n\
             PermitRootLogin yes\nPasswordAuthentication no\nUseDNS no\nSubsystem sftp internal-sftp\n",
            host_key.display(),
            public.display()
        ),
    )?;
    let known = format!("{} {}", world.server(), fs::read_to_string(host_key.with_extension("pub"))?);
    fs::write(places.work.join("known_hosts"), known)?;
    fs::write(
        places.work.join("ssh_config"),
        format!(
            "Host *\n  User root\n  BatchMode yes\n  IdentitiesOnly yes\n  IdentityFile {}\n  \
             UserKnownHostsFile {}\n",
            user_key.display(),
            places.work.join("known_hosts").display()
        ),
    )?;
    let program = process::find("sshd").context("no sshd")?;
    let mut command = world.command(program);
    command.args(["-D", "-e", "-f"]).arg(&config);
    process::capture(&mut command, artifacts, "sshd")?;
    listening(world, Group::spawn(&mut command)?, at, "sshd")
}

fn rsyncd(world: &World, at: SocketAddr, places: &Places, artifacts: &Path) -> Result<Group> {
    let dir = places.work.join("rsyncd");
    let drop = dir.join("drop");
    fs::create_dir_all(&drop)?;
    let config = dir.join("rsyncd.conf");
    fs::write(
        &config,
        format!(
            "use chroot = no\nreverse lookup = no\nuid = root\ngid = root\n[drop]\npath = {}\nread only = no\n",
            drop.display()
        ),
    )?;
    let mut command = world.command("rsync");
    command.args(["--daemon", "--no-detach", "--log-file=/dev/stderr", "--config"]).arg(&config);
    command.args(["--address", &at.ip().to_string(), "--port", &at.port().to_string()]);
    process::capture(&mut command, artifacts, "rsyncd")?;
    listening(world, Group::spawn(&mut command)?, at, "rsyncd")
}

/// The kernel's NFS server.
fn nfsd(world: &World, at: SocketAddr, places: &Places, artifacts: &Path) -> Result<Group> {
    let folder = places.work.join("exported");
    fs::create_dir_all(&folder)?;
    let mut command = world.command("/bin/sh");
    command.args(["-c", include_str!("server/nfsd.sh"), "nfsd", &at.port().to_string()]).arg(&folder);
    command.arg(at.ip().to_string());
    process::capture(&mut command, artifacts, "nfsd")?;
    listening(world, Group::spawn(&mut command)?, at, "nfsd")
}

/// A TLS server with HTTP inside: any web server's library does; Python's comes with its one package.
fn https(world: &World, at: SocketAddr, places: &Places, artifacts: &Path) -> Result<Group> {
    let (key, certificate) = certificate(places)?;
    let mut command = world.command("/usr/bin/python3");
    command.args(["-c", include_str!("server/https.py")]);
    command.args([&at.ip().to_string(), &at.port().to_string()]).arg(&certificate).arg(&key);
    process::capture(&mut command, artifacts, "https")?;
    listening(world, Group::spawn(&mut command)?, at, "https")
}

fn certificate(places: &Places) -> Result<(PathBuf, PathBuf)> {
    let (key, certificate) = (places.work.join("tls.key"), places.work.join("tls.crt"));
    let mut make = std::process::Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    make.args(["-days", "2", "-subj", "/CN=receiver", "-keyout"]).arg(&key).arg("-out").arg(&certificate);
    process::run(&mut make)?;
    Ok((key, certificate))
}

fn tls(world: &World, at: SocketAddr, places: &Places, artifacts: &Path) -> Result<Group> {
    let (key, certificate) = certificate(places)?;
    let mut command = world.command("openssl");
    command.args(["s_server", "-quiet", "-accept", &at.to_string(), "-key"]).arg(&key);
    command.arg("-cert").arg(&certificate);
    process::capture(&mut command, artifacts, "tls")?;
    // s_server ends a connection at the end of its input, so its input stays open as long as the guard.
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    listening(world, Group::spawn(&mut command)?, at, "tls")
}

/// Waits until the server listens, by asking the kernel: a trial connection would be counted by some servers.
fn listening(world: &World, mut group: Group, at: SocketAddr, name: &str) -> Result<Group> {
    wait::until(START, name, || {
        if let Some(status) = group.ended()? {
            anyhow::bail!("{name} ended with {status}");
        }
        Ok(listens(&fs::read_to_string(format!("/proc/{}/net/tcp", group.pid())), at).then_some(()))
    })
    .with_context(|| format!("in {}", world.name()))?;
    Ok(group)
}

fn listens(table: &io::Result<String>, at: SocketAddr) -> bool {
    let port = format!(":{:04X}", at.port());
    table.as_ref().is_ok_and(|table| listeners(table).any(|local| local.ends_with(&port)))
}

/// Local ends of the sockets in a table of `/proc/net` that listen.
fn listeners(table: &str) -> impl Iterator<Item = &str> {
    table.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (local, state) = (words.next()?, words.nth(1)?);
        (state == "0A").then_some(local)
    })
}
