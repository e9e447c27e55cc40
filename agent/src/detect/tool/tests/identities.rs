//! Which program a process really runs.

use super::super::{
    Action::{self, Archive, Download, Relay, Upload},
    Tool::{self, Aws, Curl, Encoder, Gcloud, Gsutil, Netcat, S3cmd, Scp, Tar, WebServer, Wget},
    command,
};
use crate::{detect::testing, event::Bytes, process::Process};

const TEE: (Tool, Action) = (Tool::Iptables, Action::Mirror);

#[test]
fn executable_before_argv0() {
    type Row = (&'static str, &'static str, Option<(Tool, Action)>);
    let rows: &[Row] = &[
        // What the caller says is not believed where the file has a name of its own.
        ("/usr/bin/curl", "ls -T f http://h/", Some((Curl, Upload))),
        ("/usr/bin/curl", "'' -T f http://h/", Some((Curl, Upload))),
        // A copy under a name that says nothing keeps its argv[0] or is left to provenance.
        ("/tmp/x", "curl -T f http://h/", Some((Curl, Upload))),
        ("/tmp/x", "x -T f http://h/", None),
        // Alternatives resolve to the file behind the link.
        ("/usr/bin/nc.openbsd", "| nc h 1", Some((Netcat, Relay))),
        ("/usr/bin/bsdtar", "tar cf a d", Some((Tar, Archive))),
        ("/usr/bin/xz", "unxz f", Some((Tool::Compressor, Action::Local))),
        // Multi-call binaries.
        ("/bin/busybox", "wget --post-file f http://h/", Some((Wget, Upload))),
        ("/bin/busybox", "busybox wget http://h/", Some((Wget, Download))),
        ("/bin/busybox", "busybox tar czf a d", Some((Tar, Archive))),
        ("/bin/busybox.static", "busybox.static tar -c d", Some((Tar, Archive))),
        ("/bin/busybox", "busybox --list", None),
        ("/bin/busybox", "busybox httpd -f", Some((WebServer, Action::Serve))),
        ("/usr/sbin/httpd", "httpd -DFOREGROUND", None),
        ("/bin/toybox", "| toybox netcat h 1", Some((Netcat, Relay))),
        ("/usr/bin/coreutils", "base64 f", Some((Encoder, Action::Encode))),
        ("/usr/bin/coreutils", "coreutils --coreutils-prog=base64 f", Some((Encoder, Action::Encode))),
        ("/usr/bin/coreutils", "coreutils base64 f", Some((Encoder, Action::Encode))),
        ("/usr/sbin/xtables-nft-multi", "iptables -A F -j TEE --gateway 192.0.2.9", Some(TEE)),
        ("/usr/sbin/xtables-nft-multi", "/sbin/ip6tables-nft -A F -j TEE --gateway 2001:db8::9", Some(TEE)),
        ("/usr/sbin/xtables-legacy-multi", "iptables-legacy -A F -j TEE --gateway 192.0.2.9", Some(TEE)),
        (
            "/usr/sbin/xtables-nft-multi",
            "xtables-nft-multi iptables -A F -j TEE --gateway 192.0.2.9",
            Some(TEE),
        ),
        ("/usr/sbin/xtables-nft-multi", "x main4 -A F -j TEE --gateway 192.0.2.9", Some(TEE)),
        ("/usr/sbin/xtables-nft-multi", "iptables -L", Some((Tool::Iptables, Action::Local))),
        ("/usr/sbin/xtables-nft-multi", "iptables-save", None),
        ("/usr/sbin/xtables-nft-multi", "iptables-restore -n", None),
        ("/usr/sbin/xtables-nft-multi", "iptables-translate -A F -j TEE --gateway 192.0.2.9", None),
        ("/usr/sbin/xtables-nft-multi", "xtables-nft-multi", None),
        ("/usr/sbin/xtables-nft-multi", "", None),
        // Behind the dynamic loader.
        ("/lib64/ld-linux-x86-64.so.2", "ld.so /usr/bin/curl -T f http://h/", Some((Curl, Upload))),
        ("/lib64/ld-linux-x86-64.so.2", "x --library-path /l /usr/bin/scp f h:", Some((Scp, Upload))),
        ("/lib/ld-musl-x86_64.so.1", "ld /bin/busybox tar c d", Some((Tar, Archive))),
        // Behind an interpreter.
        ("/usr/bin/python3.11", "python3 /usr/bin/aws s3 cp f s3://b", Some((Aws, Upload))),
        ("/usr/bin/python3", "python3 -S /sdk/lib/gcloud.py storage cp f gs://b", Some((Gcloud, Upload))),
        ("/usr/bin/python3", "python3 -Es /usr/bin/gsutil cp gs://b/f .", Some((Gsutil, Download))),
        ("/usr/bin/python3", "python3 -m awscli s3 cp f s3://b", Some((Aws, Upload))),
        ("/usr/bin/perl", "perl -w /usr/bin/swaks --to a@b", Some((Tool::Swaks, Relay))),
        ("/usr/bin/python3", "python3 -W ignore s3cmd put f s3://b", Some((S3cmd, Upload))),
        ("/usr/bin/bash", "bash -e backup.sh curl -T", None),
        ("/usr/bin/bash", "bash -c 'curl -T f http://h/'", None),
        ("/usr/bin/python3", "python3 -c 'curl' -T f", None),
        ("/usr/bin/bash", "-bash", None),
        ("/usr/bin/php", "php index.php -S", None),
        ("/usr/bin/php", "php -r x -- -S", None),
        ("/usr/bin/php", "php -l -Sx", None),
        ("/usr/bin/php", "php -S 0.0.0.0:80 router.php", Some((WebServer, Action::Serve))),
        // What a runtime's subcommand runs, not the subcommand.
        ("/usr/bin/bun", "bun run /usr/bin/swaks --to a@b", Some((Tool::Swaks, Relay))),
        ("/usr/bin/lua", "lua -e x=1 /usr/bin/swaks --to a@b", Some((Tool::Swaks, Relay))),
        ("/usr/bin/pwsh", "pwsh -File x.ps1 -enc", None),
        ("/usr/bin/pwsh", "pwsh -Command ls -enc", None),
        ("/usr/bin/pwsh", "pwsh x.ps1", None),
        ("/usr/bin/pwsh", "pwsh -v -enc x", None),
    ];
    for (exe, line, expected) in rows {
        let found = command(&testing::process_of(1, exe, line)).map(|command| (command.tool, command.action));
        assert_eq!(found, *expected, "{exe}: {line}");
    }
}

#[test]
fn typed_name_where_the_executable_is_unknown() {
    let mut process = testing::process_of(1, "", "c -T f http://h/");
    process.filename = Bytes::from("/usr/bin/curl");
    assert_eq!(command(&process).map(|command| command.tool), Some(Curl));
    let unknown = Process { filename: Bytes::default(), ..testing::process_of(1, "", "curl -T f http://h/") };
    assert_eq!(command(&unknown).map(|command| command.tool), Some(Curl));
}
