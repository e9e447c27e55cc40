//! What each action of a tool is worth.
//!
//! `T1020.md` gives scp, rsync, curl 9, tar and zip -r 8, wget and encoded `PowerShell` 7, and names ftp and `7z a`
//! without a number. Those and the tools of their class are graded so that a tool made for moving files to another host
//! is 8 to 9, a general channel 6 to 8, a tool in everyday honest use (backup, mail, compression) 3 to 6. Traffic that is
//! duplicated leaves by itself from then on and is 8; a capture in a file is collection as many documents are, 6.

use crate::detect::{
    Stage,
    tool::{Action, Rating, Tool},
};

/// One row: for these tools (none named: for every other tool), this action.
pub(crate) struct Row(pub(crate) &'static [Tool], pub(crate) Action, pub(crate) Rating);

const fn transfer(risk: f64, technique: &'static str, reason: &'static str) -> Rating {
    Rating { risk, stage: Stage::Transfer, technique, reason }
}

const fn egress(risk: f64, technique: &'static str, reason: &'static str) -> Rating {
    Rating { risk, stage: Stage::Egress, technique, reason }
}

const fn collection(risk: f64, technique: &'static str, reason: &'static str) -> Rating {
    Rating { risk, stage: Stage::Collection, technique, reason }
}

const fn staging(risk: f64, technique: &'static str, reason: &'static str) -> Rating {
    Rating { risk, stage: Stage::Staging, technique, reason }
}

/// The table; the first row that fits holds. What has no row is no evidence: downloads, unpacking, local copies, a
/// shell on another host, a letter typed by a person, rules that move or drop packets, traffic shown on a terminal.
pub(crate) const ROWS: &[Row] = &[
    Row(
        &[Tool::Scp, Tool::Rsync],
        Action::Upload,
        transfer(9.0, "T1048.002", "copies files to another host"),
    ),
    Row(&[Tool::Curl], Action::Upload, transfer(9.0, "T1048", "sends data in a request")),
    Row(&[Tool::Wget, Tool::Httpie], Action::Upload, transfer(7.0, "T1048", "sends data in a request")),
    Row(&[Tool::Rclone], Action::Upload, transfer(9.0, "T1567.002", "copies files to remote storage")),
    Row(&[Tool::Tar], Action::Upload, transfer(9.0, "T1048.002", "writes an archive on another host")),
    Row(CLOUD, Action::Upload, transfer(8.0, "T1567.002", "copies files to cloud storage")),
    Row(SESSIONS, Action::Upload, transfer(8.0, "T1048.003", "copies files to another host")),
    Row(&[Tool::Wormhole], Action::Upload, transfer(8.0, "T1048.002", "sends files through a relay")),
    // Backups to another host are honest more often than not.
    Row(BACKUP, Action::Upload, transfer(6.0, "T1048.002", "backs files up to another host")),
    Row(MAIL, Action::Upload, transfer(7.0, "T1048.003", "mails a file")),
    // The program that runs ssh (rsync, scp, git) is rated itself.
    Row(&[Tool::Ssh], Action::Upload, transfer(5.0, "T1048.002", "carries another program's upload")),
    Row(&[], Action::Upload, transfer(6.0, "T1020", "sends data")),
    Row(
        &[Tool::Netcat, Tool::Socat],
        Action::Relay,
        transfer(8.0, "T1048.003", "passes data to another host"),
    ),
    Row(
        &[Tool::Openssl],
        Action::Relay,
        transfer(8.0, "T1048.002", "passes its input to another host over TLS"),
    ),
    Row(
        &[Tool::Ssh],
        Action::Relay,
        transfer(7.0, "T1048.002", "feeds its input to a command on another host"),
    ),
    Row(
        &[Tool::Telnet],
        Action::Relay,
        transfer(6.0, "T1048.003", "passes its input to another host in clear"),
    ),
    // Cron mails its output all day.
    Row(MAIL, Action::Relay, transfer(4.0, "T1048.003", "mails its input")),
    Row(&[], Action::Relay, transfer(6.0, "T1020", "passes its input to another host")),
    Row(&[Tool::Sftp], Action::Batch, transfer(8.0, "T1048.002", "runs a scripted file transfer")),
    Row(
        &[Tool::Ssh],
        Action::Batch,
        transfer(6.0, "T1048.002", "feeds its input to a shell on another host"),
    ),
    Row(&[], Action::Batch, transfer(8.0, "T1048.003", "runs a scripted file transfer")),
    Row(&[Tool::Sftp], Action::Session, transfer(5.0, "T1048.002", "opened a file-transfer session")),
    Row(SESSIONS, Action::Session, transfer(5.0, "T1048.003", "opened a file-transfer session")),
    Row(&[Tool::Netcat], Action::Session, transfer(4.0, "T1048.003", "opened a raw connection")),
    Row(&[Tool::Telnet, Tool::Openssl], Action::Session, transfer(2.0, "T1048", "opened a connection")),
    Row(&[], Action::Serve, transfer(6.0, "T1048", "offers data to whoever connects")),
    Row(
        &[Tool::Powershell],
        Action::EncodedCommand,
        transfer(7.0, "T1059.001", "runs program text encoded to hide it"),
    ),
    Row(
        &[Tool::Curl],
        Action::Unknown,
        transfer(5.0, "T1020", "takes options from a file that may make it send"),
    ),
    Row(
        &[Tool::Tar, Tool::Zip, Tool::SevenZip, Tool::Rar],
        Action::Archive,
        staging(8.0, "T1560.001", "packs files into an archive"),
    ),
    Row(BACKUP, Action::Archive, staging(4.0, "T1560.001", "backs files up")),
    Row(&[], Action::Archive, staging(7.0, "T1560.001", "packs files into an archive")),
    Row(&[Tool::Zip], Action::Compress, staging(6.0, "T1560.001", "packs a file")),
    // Log rotation and packaging compress all day.
    Row(&[], Action::Compress, staging(3.0, "T1560.001", "compresses data")),
    Row(&[], Action::Encrypt, staging(6.0, "T1560.001", "encrypts data")),
    Row(&[], Action::Encode, staging(4.0, "T1560.003", "rewrites data as text")),
    Row(&[], Action::Split, staging(5.0, "T1030", "cuts data into pieces")),
    Row(&[], Action::Copy, staging(3.0, "T1074.001", "copies raw data")),
    // Monitoring of one's own network is set up like this too, but seldom, and not beside collection and staging.
    Row(MIRRORS, Action::Mirror, egress(8.0, "T1020.001", "duplicates traffic to another place")),
    // Looking for a fault in the network is honest, and is the least that makes a stage strong.
    Row(CAPTURES, Action::Capture, collection(6.0, "T1040", "captures network traffic into a file")),
];

const CLOUD: &[Tool] =
    &[Tool::Aws, Tool::Gsutil, Tool::Gcloud, Tool::Azcopy, Tool::Az, Tool::S3cmd, Tool::Minio];
const SESSIONS: &[Tool] = &[Tool::Ftp, Tool::FtpPut, Tool::Lftp, Tool::Tftp, Tool::Smbclient];
const BACKUP: &[Tool] = &[Tool::Restic, Tool::Borg, Tool::Duplicity];
const MAIL: &[Tool] = &[Tool::Mail, Tool::Mutt, Tool::Sendmail, Tool::Swaks];
const MIRRORS: &[Tool] = &[Tool::Tc, Tool::Iptables, Tool::Nft, Tool::OvsVsctl];
const CAPTURES: &[Tool] = &[Tool::Tcpdump, Tool::Tshark, Tool::Dumpcap];
