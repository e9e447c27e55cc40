//! The tools and the names under which systems install them.

/// A tool that moves data, prepares it for moving, or copies network traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Tool {
    /// OpenSSH's copy, and putty's.
    Scp,
    /// Its file-transfer session.
    Sftp,
    /// rsync.
    Rsync,
    /// rclone.
    Rclone,
    /// magic-wormhole, croc: ad-hoc transfers through a relay.
    Wormhole,
    /// curl.
    Curl,
    /// GNU wget, wget2, busybox's.
    Wget,
    /// `HTTPie` and xh.
    Httpie,
    /// One-line web servers of script languages.
    WebServer,
    /// Any ftp client with a session.
    Ftp,
    /// ncftpput.
    FtpPut,
    /// lftp.
    Lftp,
    /// tftp.
    Tftp,
    /// Samba's client.
    Smbclient,
    /// Any netcat.
    Netcat,
    /// socat.
    Socat,
    /// telnet.
    Telnet,
    /// ssh with a remote command.
    Ssh,
    /// openssl's client and ciphers.
    Openssl,
    /// AWS command line, s5cmd.
    Aws,
    /// Google Cloud Storage, first client.
    Gsutil,
    /// Google Cloud command line.
    Gcloud,
    /// Azure's copier.
    Azcopy,
    /// Azure command line.
    Az,
    /// s3cmd.
    S3cmd,
    /// `MinIO`'s client.
    Minio,
    /// restic.
    Restic,
    /// Borg.
    Borg,
    /// duplicity.
    Duplicity,
    /// Any tar.
    Tar,
    /// zip.
    Zip,
    /// Any 7-Zip.
    SevenZip,
    /// rar.
    Rar,
    /// cpio.
    Cpio,
    /// pax.
    Pax,
    /// gzip, xz, zstd, bzip2 and their kin.
    Compressor,
    /// `GnuPG`.
    Gpg,
    /// age, rage.
    Age,
    /// base64, xxd and their kin.
    Encoder,
    /// split.
    Split,
    /// dd.
    Dd,
    /// `PowerShell`.
    Powershell,
    /// mail, mailx.
    Mail,
    /// mutt.
    Mutt,
    /// sendmail and what replaces it.
    Sendmail,
    /// swaks.
    Swaks,
    /// iproute2's traffic control.
    Tc,
    /// iptables of either protocol and kind.
    Iptables,
    /// nftables.
    Nft,
    /// Open vSwitch's configuration.
    OvsVsctl,
    /// tcpdump.
    Tcpdump,
    /// Wireshark's capture and analysis in a terminal.
    Tshark,
    /// Wireshark's capture.
    Dumpcap,
}

/// Every tool in order, its common name, and all names that mean it, the common one included.
const NAMES: &[(Tool, &str, &[&str])] = &[
    (Tool::Scp, "scp", &["scp", "pscp"]),
    (Tool::Sftp, "sftp", &["sftp", "psftp"]),
    (Tool::Rsync, "rsync", &["rsync", "openrsync"]),
    (Tool::Rclone, "rclone", &["rclone"]),
    (Tool::Wormhole, "wormhole", &["wormhole", "wormhole-rs", "croc"]),
    (Tool::Curl, "curl", &["curl", "curl.openssl", "curl.gnutls"]),
    (Tool::Wget, "wget", &["wget", "wget2", "wget.gnu"]),
    (Tool::Httpie, "httpie", &["http", "https", "httpie", "xh", "xhs"]),
    (
        Tool::WebServer,
        "a one-line web server",
        &["http.server", "SimpleHTTPServer", "uploadserver", "pyftpdlib", "php", "httpd"],
    ),
    (Tool::Ftp, "ftp", &["ftp", "tnftp", "netkit-ftp", "inetutils-ftp", "pftp", "ncftp"]),
    (Tool::FtpPut, "ftpput", &["ncftpput", "ftpput"]),
    (Tool::Lftp, "lftp", &["lftp"]),
    (Tool::Tftp, "tftp", &["tftp", "atftp", "tftp-hpa", "inetutils-tftp"]),
    (Tool::Smbclient, "smbclient", &["smbclient"]),
    (Tool::Netcat, "netcat", &["nc", "ncat", "netcat", "nc.openbsd", "nc.traditional", "nc6"]),
    (Tool::Socat, "socat", &["socat", "socat1", "socat2"]),
    (Tool::Telnet, "telnet", &["telnet", "telnet.netkit", "telnet-ssl", "inetutils-telnet"]),
    (Tool::Ssh, "ssh", &["ssh", "slogin", "plink", "dbclient"]),
    (Tool::Openssl, "openssl", &["openssl"]),
    (Tool::Aws, "aws", &["aws", "awscli", "s5cmd"]),
    (Tool::Gsutil, "gsutil", &["gsutil"]),
    (Tool::Gcloud, "gcloud", &["gcloud"]),
    (Tool::Azcopy, "azcopy", &["azcopy"]),
    (Tool::Az, "az", &["az", "azure.cli"]),
    (Tool::S3cmd, "s3cmd", &["s3cmd"]),
    (Tool::Minio, "mc", &["mc", "mcli"]),
    (Tool::Restic, "restic", &["restic"]),
    (Tool::Borg, "borg", &["borg", "borg1", "borg2"]),
    (Tool::Duplicity, "duplicity", &["duplicity"]),
    (Tool::Tar, "tar", &["tar", "gtar", "bsdtar", "star"]),
    (Tool::Zip, "zip", &["zip"]),
    (Tool::SevenZip, "7z", &["7z", "7za", "7zr", "7zz", "7zzs"]),
    (Tool::Rar, "rar", &["rar"]),
    (Tool::Cpio, "cpio", &["cpio", "bsdcpio"]),
    (Tool::Pax, "pax", &["pax"]),
    (
        Tool::Compressor,
        "a compressor",
        &[
            "gzip", "gunzip", "zcat", "pigz", "unpigz", "xz", "unxz", "xzcat", "pixz", "lzma", "unlzma",
            "zstd", "unzstd", "zstdcat", "zstdmt", "pzstd", "bzip2", "bunzip2", "bzcat", "pbzip2", "lbzip2",
            "lz4", "unlz4", "lz4cat", "lzop", "lzip", "plzip", "brotli", "compress",
        ],
    ),
    (Tool::Gpg, "gpg", &["gpg", "gpg1", "gpg2"]),
    (Tool::Age, "age", &["age", "rage"]),
    (
        Tool::Encoder,
        "an encoder",
        &["base64", "gbase64", "base32", "basenc", "xxd", "uuencode", "hexdump", "od"],
    ),
    (Tool::Split, "split", &["split", "gsplit", "csplit"]),
    (Tool::Dd, "dd", &["dd", "gdd", "dcfldd"]),
    (Tool::Powershell, "PowerShell", &["pwsh", "pwsh-preview", "powershell", "powershell.exe", "pwsh.exe"]),
    (
        Tool::Mail,
        "mail",
        &["mail", "mailx", "s-nail", "nail", "bsd-mailx", "mail.mailutils", "heirloom-mailx"],
    ),
    (Tool::Mutt, "mutt", &["mutt", "neomutt"]),
    (
        Tool::Sendmail,
        "sendmail",
        &[
            "sendmail",
            "msmtp",
            "ssmtp",
            "exim4",
            "exim",
            "sendmail.postfix",
            "sendmail.exim",
            "nullmailer-inject",
        ],
    ),
    (Tool::Swaks, "swaks", &["swaks"]),
    (Tool::Tc, "tc", &["tc"]),
    (
        Tool::Iptables,
        "iptables",
        &["iptables", "iptables-nft", "iptables-legacy", "ip6tables", "ip6tables-nft", "ip6tables-legacy"],
    ),
    (Tool::Nft, "nft", &["nft"]),
    (Tool::OvsVsctl, "ovs-vsctl", &["ovs-vsctl"]),
    (Tool::Tcpdump, "tcpdump", &["tcpdump"]),
    (Tool::Tshark, "tshark", &["tshark"]),
    (Tool::Dumpcap, "dumpcap", &["dumpcap"]),
];

/// [`Tool::bit`] has no more; a test keeps the table whole and in the order of the tools.
const _: () = assert!(NAMES.len() <= u64::BITS as usize);

impl Tool {
    /// The tool's name for showing.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(tool, ..)| *tool == self).map_or("", |(_, name, _)| name)
    }

    /// A bit of its own, so that a set of tools is an integer.
    pub(crate) const fn bit(self) -> u64 {
        1 << (self as u64)
    }
}

/// The tool that a program's name means.
pub(crate) fn known(name: &[u8]) -> Option<Tool> {
    NAMES
        .iter()
        .find(|(.., names)| names.iter().any(|known| known.as_bytes() == name))
        .map(|(tool, ..)| *tool)
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn the_table_has_every_tool_in_order_and_no_name_twice() {
        for (index, (tool, common, _)) in NAMES.iter().enumerate() {
            assert_eq!(*tool as usize, index, "{common}");
        }
        let mut all: Vec<&str> = NAMES.iter().flat_map(|(.., names)| *names).copied().collect();
        all.sort_unstable();
        let count = all.len();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
