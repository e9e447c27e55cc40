//! Arguments made to confuse: nothing panics, nothing grows without bound.

use std::sync::Arc;

use super::super::{Action, OBJECTS_MAX, Tool, command, names::known};
use crate::{detect::testing, event::Bytes, process::Process};

const NAMES: &[&str] = &[
    "scp",
    "sftp",
    "rsync",
    "rclone",
    "wormhole",
    "curl",
    "wget",
    "http",
    "php",
    "ftp",
    "ncftpput",
    "lftp",
    "tftp",
    "smbclient",
    "nc",
    "socat",
    "telnet",
    "ssh",
    "openssl",
    "aws",
    "gsutil",
    "gcloud",
    "azcopy",
    "az",
    "s3cmd",
    "mc",
    "restic",
    "borg",
    "duplicity",
    "tar",
    "zip",
    "7z",
    "rar",
    "cpio",
    "pax",
    "gzip",
    "gpg",
    "age",
    "base64",
    "split",
    "dd",
    "pwsh",
    "mail",
    "mutt",
    "sendmail",
    "swaks",
    "tc",
    "iptables",
    "nft",
    "ovs-vsctl",
    "tcpdump",
    "tshark",
    "dumpcap",
    "xtables-nft-multi",
    "busybox",
    "coreutils",
    "ld-linux.so",
    "python3",
    "bash",
    "perl",
];

const PIECES: &[&[u8]] = &[
    b"",
    b"-",
    b"--",
    b"---",
    b"-=",
    b"--=",
    b"=",
    b"@",
    b":",
    b"::",
    b"[",
    b"[]",
    b"[]:",
    b"[:",
    b"x[",
    b"a@[",
    b"a@",
    b"/",
    b"//",
    b"://",
    b"x://",
    b"s3://",
    b"-T",
    b"-d",
    b"-d@",
    b"-F",
    b"-Fa=@\"",
    b"-Fa=@",
    b"-Fa=<",
    b"-e",
    b"-c",
    b"-f",
    b"-b",
    b"cp",
    b"s3",
    b"put",
    b"create",
    b"-o",
    b"--file=",
    b"--exclude",
    b"cf",
    b"cvzfCbgHIKLNTVXF",
    b"a",
    b"enc",
    b"s_client",
    b"-connect",
    b"if=",
    b"of=",
    b"\xff\xfe",
    b"\x00",
    b"\x1b[2J\n",
    b"h:p",
    b"--coreutils-prog=",
    b"--preload",
    b"-m",
    b"-s",
    b"-n",
    b"filter",
    b"add",
    b"mirred",
    b"egress",
    b"mirror",
    b"dev",
    b"-j",
    b"TEE",
    b"--gateway",
    b"dup",
    b"to",
    b"\"",
    b"#",
    b"\xffdup to",
    b"set",
    b"mirrors=",
    b"-w",
    b"-r",
];

fn with_arguments(name: &str, arguments: &[&[u8]]) -> Process {
    let mut process = testing::process(1, name);
    process.argv =
        std::iter::once(Bytes::from(name)).chain(arguments.iter().map(|&bytes| Bytes::from(bytes))).collect();
    process
}

#[test]
fn no_arguments_at_all() {
    for name in NAMES {
        let mut process = testing::process(1, name);
        process.argv = Arc::from([]);
        let _ = command(&process);
    }
    assert_eq!(command(&Process::default()), None);
}

#[test]
fn pairs_of_odd_arguments() {
    for name in NAMES {
        for first in PIECES {
            let _ = command(&with_arguments(name, &[first]));
            for second in PIECES {
                let _ = command(&with_arguments(name, &[first, second, b"x"]));
            }
        }
    }
}

#[test]
fn many_arguments_are_bounded() {
    let many = vec![&b"f"[..]; 5_000];
    for name in NAMES {
        if let Some(command) = command(&with_arguments(name, &many)) {
            assert!(command.objects.len() <= OBJECTS_MAX, "{name}");
        }
    }
}

#[test]
fn control_bytes_do_not_reach_the_reason() {
    let found = command(&with_arguments("scp", &[b"f", b"\x1b[2Jevil\nhost:/x"])).expect("a command");
    assert_eq!(found.action, Action::Upload);
    assert!(!found.reason.chars().any(crate::event::escape::is_hostile), "{}", found.reason);
}

#[test]
fn every_listed_name_is_a_tool() {
    assert_eq!(known(b"scp"), Some(Tool::Scp));
    for name in NAMES.iter().take_while(|name| **name != "xtables-nft-multi") {
        let tool = known(name.as_bytes()).expect(name);
        assert!(!tool.name().is_empty());
        assert_eq!(tool.bit().count_ones(), 1);
    }
}
