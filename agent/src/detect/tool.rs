//! What tools do: from executable and arguments to a meaning.
//!
//! `identity` says which program a process really runs, `options` takes its arguments apart by the tool's own
//! table, the files of each family say what that means, and `rating` what it is worth. No step looks for
//! substrings in a command line.

pub(crate) mod identity;
mod options;
mod remote;
mod rating;
mod names;
mod copy;
mod http;
mod ftp;
mod socket;
mod tunnel;
mod cloud;
mod archive;
mod transform;
mod mail;
mod powershell;
mod mirror;
mod capture;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::{
    event::Bytes,
    interpreter::{Invocation, feeds},
    process::Process,
};

pub use names::Tool;
pub(crate) use names::known;
pub use rating::Rating;

/// What a command does with data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Sends data that it was told to send.
    Upload,
    /// Fetches data.
    Download,
    /// Sends what it is fed on standard input, or forwards.
    Relay,
    /// A session that a file or a pipe drives; files can go either way.
    Batch,
    /// A session with a person; files can go either way.
    Session,
    /// Offers data to whoever connects.
    Serve,
    /// Packs many files into one.
    Archive,
    /// Packs one file or stream.
    Compress,
    /// Encrypts.
    Encrypt,
    /// Rewrites bytes as text or otherwise.
    Encode,
    /// Cuts into pieces.
    Split,
    /// Copies bytes within this host.
    Copy,
    /// Has the system send copies of network traffic to another place.
    Mirror,
    /// Writes network traffic down.
    Capture,
    /// Runs program text that was encoded to hide it.
    EncodedCommand,
    /// Nothing leaves and nothing is prepared: unpack, list, decode, copy between local places.
    Local,
    /// Cannot be told from the arguments.
    Unknown,
}

impl Action {
    /// Whether data can leave this host by it: data that its caller has, on the way that the tool makes. A mirror carries
    /// what others send, is made by the system and counts as egress by itself; a script that makes one is no more a mover
    /// of files than one that sets a route.
    #[must_use]
    pub const fn sends(self) -> bool {
        match self {
            Self::Upload | Self::Relay | Self::Batch | Self::Session | Self::Serve => true,
            Self::Download
            | Self::Archive
            | Self::Compress
            | Self::Encrypt
            | Self::Encode
            | Self::Split
            | Self::Copy
            | Self::Mirror
            | Self::Capture
            | Self::EncodedCommand
            | Self::Local
            | Self::Unknown => false,
        }
    }
}

/// What a process's command line means.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The tool.
    pub tool: Tool,
    /// What it was told to do.
    pub action: Action,
    /// Host, URL authority or place on another host, as typed and without a password.
    pub remote: Option<Bytes>,
    /// Files named; at most [`OBJECTS_MAX`].
    pub objects: Vec<Bytes>,
    /// What that is worth; none where it is no evidence (a download, an unpacking).
    pub rating: Option<Rating>,
    /// One sentence for an operator.
    pub reason: Cow<'static, str>,
}

/// Files that a [`Command`] names at most.
pub const OBJECTS_MAX: usize = 16;

/// What the command line of `process` means; none where it runs no tool that can move, prepare or duplicate data.
#[must_use]
pub fn command(process: &Process) -> Option<Command> {
    let invocation = identity::behind_interpreter(process);
    // The caller's word for a program is believed only where the file's own name says nothing.
    let tool = known(invocation.name).or_else(|| known(invocation.called))?;
    let meaning = meaning(tool, &invocation, is_fed(process))?;
    let loopback = meaning.remote.is_some_and(remote::is_loopback);
    let rating = rating::rate(tool, meaning.action, loopback);
    Some(Command {
        tool,
        action: meaning.action,
        remote: meaning.remote.map(Bytes::from),
        objects: meaning.objects.into_iter().take(OBJECTS_MAX).map(Bytes::from).collect(),
        reason: rating::reason(tool, meaning.action, rating, meaning.remote),
        rating,
    })
}

/// Whether standard input carries data.
pub(crate) fn is_fed(process: &Process) -> bool {
    let [stdin, ..] = process.fds;
    feeds(stdin)
}

/// What a family file makes of a command line.
#[derive(Clone, Debug)]
struct Meaning<'a> {
    action: Action,
    remote: Option<&'a [u8]>,
    objects: Vec<&'a [u8]>,
}

impl<'a> Meaning<'a> {
    const fn new(action: Action) -> Self {
        Self { action, remote: None, objects: Vec::new() }
    }

    fn remote(mut self, remote: Option<&'a [u8]>) -> Self {
        self.remote = remote;
        self
    }

    fn objects(mut self, objects: impl IntoIterator<Item = &'a [u8]>) -> Self {
        self.objects.extend(objects);
        self
    }
}

/// None for an interpreter that is told to do nothing of interest.
fn meaning<'a>(tool: Tool, invocation: &Invocation<'a>, fed: bool) -> Option<Meaning<'a>> {
    let meaning = match tool {
        Tool::Scp => copy::scp(invocation),
        Tool::Sftp => copy::sftp(invocation, fed),
        Tool::Rsync => copy::rsync(invocation),
        Tool::Rclone => copy::rclone(invocation),
        Tool::Wormhole => copy::wormhole(invocation),
        Tool::Curl => http::curl(invocation),
        Tool::Wget => http::wget(invocation),
        Tool::Httpie => http::httpie(invocation, fed),
        Tool::WebServer => return http::web_server(invocation),
        Tool::Ftp => ftp::ftp(invocation, fed),
        Tool::FtpPut => ftp::ftp_put(invocation),
        Tool::Lftp => ftp::lftp(invocation, fed),
        Tool::Tftp => ftp::tftp(invocation, fed),
        Tool::Smbclient => ftp::smbclient(invocation, fed),
        Tool::Netcat => socket::netcat(invocation, fed),
        Tool::Socat => socket::socat(invocation),
        Tool::Telnet => socket::telnet(invocation, fed),
        Tool::Ssh => tunnel::ssh(invocation, fed),
        Tool::Openssl => tunnel::openssl(invocation, fed),
        Tool::Aws => cloud::aws(invocation),
        Tool::Gsutil => cloud::gsutil(invocation),
        Tool::Gcloud => cloud::gcloud(invocation),
        Tool::Azcopy => cloud::azcopy(invocation),
        Tool::Az => cloud::az(invocation),
        Tool::S3cmd => cloud::s3cmd(invocation),
        Tool::Minio => cloud::minio(invocation),
        Tool::Restic => cloud::restic(invocation),
        Tool::Borg => cloud::borg(invocation),
        Tool::Duplicity => cloud::duplicity(invocation),
        Tool::Tar => archive::tar(invocation),
        Tool::Zip => archive::zip(invocation),
        Tool::SevenZip => archive::seven_zip(invocation),
        Tool::Rar => archive::rar(invocation),
        Tool::Cpio => archive::cpio(invocation),
        Tool::Pax => archive::pax(invocation),
        Tool::Compressor => transform::compressor(invocation),
        Tool::Gpg => transform::gpg(invocation),
        Tool::Age => transform::age(invocation),
        Tool::Encoder => transform::encoder(invocation),
        Tool::Split => transform::split(invocation),
        Tool::Dd => transform::dd(invocation),
        Tool::Powershell => return powershell::powershell(invocation),
        Tool::Mail => mail::mail(invocation, fed),
        Tool::Mutt => mail::mutt(invocation, fed),
        Tool::Sendmail => mail::sendmail(invocation, fed),
        Tool::Swaks => mail::swaks(invocation),
        Tool::Tc => mirror::tc(invocation),
        Tool::Iptables => mirror::iptables(invocation),
        Tool::Nft => mirror::nft(invocation),
        Tool::OvsVsctl => mirror::ovs_vsctl(invocation),
        Tool::Tcpdump => capture::tcpdump(invocation),
        Tool::Tshark => capture::tshark(invocation),
        Tool::Dumpcap => capture::dumpcap(invocation),
    };
    Some(meaning)
}
