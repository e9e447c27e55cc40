//! Copiers between hosts: the direction is told by which operand is remote.

use super::{
    Action, Invocation, Meaning,
    options::{Nothing, Opt, Parsed, Shape, Syntax},
    remote::{host_of_operand, split_scheme},
};

/// What sources and target say: to a remote is an upload, from a remote a download.
pub(super) fn direction<'a>(
    sources: &[&'a [u8]],
    target: &'a [u8],
    remote: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
) -> Meaning<'a> {
    if let Some(host) = remote(target) {
        let local = sources.iter().copied().filter(|source| remote(source).is_none());
        return Meaning::new(Action::Upload).remote(Some(host)).objects(local);
    }
    match sources.iter().find_map(|source| remote(source)) {
        Some(host) => Meaning::new(Action::Download).remote(Some(host)).objects([target]),
        None => Meaning::new(Action::Local).objects(sources.iter().copied()),
    }
}

fn of_operands<'a, M: Copy + PartialEq>(
    parsed: &Parsed<'a, M>,
    remote: impl Fn(&'a [u8]) -> Option<&'a [u8]>,
) -> Meaning<'a> {
    match parsed.sources_and_target() {
        Some((sources, target)) if !sources.is_empty() => direction(sources, target, remote),
        _ => Meaning::new(Action::Local),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Scp {
    Sink,
    Source,
}

const SCP: Syntax<Scp> = Syntax {
    options: &[Opt::flag(b't', "", Scp::Sink), Opt::flag(b'f', "", Scp::Source)],
    short_values: b"cDFiJloPSX",
    long_values: "",
    shape: Shape::Leading,
};

/// `-f` and `-t` are the other end of somebody's scp: it sends, it receives.
pub(super) fn scp<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = SCP.parse(invocation.arguments());
    if parsed.has(Scp::Source) {
        return Meaning::new(Action::Upload).objects(parsed.operands);
    }
    if parsed.has(Scp::Sink) {
        return Meaning::new(Action::Download).objects(parsed.operands);
    }
    of_operands(&parsed, host_of_operand)
}

#[derive(Clone, Copy, PartialEq)]
enum Sftp {
    Batch,
}

const SFTP: Syntax<Sftp> = Syntax {
    options: &[Opt::value(b'b', "", Sftp::Batch)],
    short_values: b"BcDFiJloPRSsX",
    long_values: "",
    shape: Shape::Leading,
};

/// A destination with a path fetches that path, unless a batch drives the session.
pub(super) fn sftp<'a>(invocation: &Invocation<'a>, fed: bool) -> Meaning<'a> {
    let parsed = SFTP.parse(invocation.arguments());
    let Some(destination) = parsed.operands.first().copied() else { return Meaning::new(Action::Local) };
    let with_path = host_of_operand(destination);
    let action = match parsed.value(Sftp::Batch) {
        Some(_) => Action::Batch,
        None if fed => Action::Batch,
        None if with_path.is_some() && split_scheme(destination).is_none() => Action::Download,
        None => Action::Session,
    };
    Meaning::new(action).remote(Some(with_path.unwrap_or(destination))).objects(parsed.value(Sftp::Batch))
}

#[derive(Clone, Copy, PartialEq)]
enum Rsync {
    Server,
    Sender,
    Daemon,
    DryRun,
    ListOnly,
}

const RSYNC: Syntax<Rsync> = Syntax {
    options: &[
        Opt::flag(0, "server", Rsync::Server),
        Opt::flag(0, "sender", Rsync::Sender),
        Opt::flag(0, "daemon", Rsync::Daemon),
        Opt::flag(b'n', "dry-run", Rsync::DryRun),
        Opt::flag(0, "list-only", Rsync::ListOnly),
    ],
    short_values: b"efBMT@",
    long_values: "rsh filter exclude include exclude-from include-from files-from rsync-path bwlimit \
     backup-dir suffix temp-dir compare-dest copy-dest link-dest partial-dir port password-file \
     log-file log-file-format out-format timeout contimeout modify-window max-size min-size \
     block-size max-delete max-alloc chmod chown usermap groupmap iconv compress-choice zc \
     compress-level zl skip-compress checksum-choice cc checksum-seed address sockopts outbuf \
     remote-option write-batch only-write-batch read-batch protocol info debug stop-after stop-at \
     early-input config dparam copy-as time-limit stderr",
    shape: Shape::Permuting,
};

/// `--server --sender` is the far end of somebody's pull: this host sends.
pub(super) fn rsync<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = RSYNC.parse(invocation.arguments());
    if parsed.has(Rsync::Server) {
        let action = if parsed.has(Rsync::Sender) { Action::Upload } else { Action::Download };
        return Meaning::new(action).objects(parsed.operands.into_iter().skip(1));
    }
    if parsed.has(Rsync::Daemon) {
        return Meaning::new(Action::Serve);
    }
    if parsed.has(Rsync::DryRun) || parsed.has(Rsync::ListOnly) {
        return Meaning::new(Action::Local);
    }
    of_operands(&parsed, host_of_operand)
}

#[derive(Clone, Copy, PartialEq)]
enum Rclone {
    DryRun,
}

const RCLONE: Syntax<Rclone> = Syntax {
    options: &[Opt::flag(b'n', "dry-run", Rclone::DryRun)],
    short_values: b"",
    long_values: "config transfers checkers bwlimit include include-from exclude exclude-from filter \
     filter-from files-from files-from-raw log-file log-level max-age min-age max-size min-size \
     max-depth max-transfer retries low-level-retries timeout contimeout stats tpslimit \
     user-agent backup-dir suffix compare-dest copy-dest buffer-size bind multi-thread-streams \
     order-by password-command cache-dir temp-dir drive-chunk-size s3-chunk-size \
     s3-upload-concurrency addr header header-upload",
    shape: Shape::Permuting,
};

/// A remote of rclone: `name:path` or `:backend:path`, no slash before the colon.
fn rclone_remote(operand: &[u8]) -> Option<&[u8]> {
    let stop = operand.iter().skip(1).position(|&byte| byte == b':' || byte == b'/')? + 1;
    (operand.first() != Some(&b'/') && operand.get(stop) == Some(&b':'))
        .then(|| operand.get(..stop))
        .flatten()
}

pub(super) fn rclone<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = RCLONE.parse(invocation.arguments());
    let Some((&verb, operands)) = parsed.operands.split_first() else { return Meaning::new(Action::Local) };
    match verb {
        _ if parsed.has(Rclone::DryRun) => Meaning::new(Action::Local),
        b"copy" | b"sync" | b"move" | b"copyto" | b"moveto" => match operands {
            [sources @ .., target] if !sources.is_empty() => direction(sources, target, rclone_remote),
            _ => Meaning::new(Action::Local),
        },
        b"bisync" => match operands.iter().find_map(|operand| rclone_remote(operand)) {
            Some(remote) => {
                let local = operands.iter().copied().filter(|operand| rclone_remote(operand).is_none());
                Meaning::new(Action::Upload).remote(Some(remote)).objects(local)
            }
            None => Meaning::new(Action::Local),
        },
        b"rcat" => {
            Meaning::new(Action::Upload).remote(operands.first().and_then(|target| rclone_remote(target)))
        }
        b"serve" => Meaning::new(Action::Serve).objects(operands.last().copied()),
        _ => Meaning::new(Action::Local),
    }
}

const WORMHOLE: Syntax<Nothing> = Syntax {
    options: &[],
    short_values: b"c",
    long_values: "code relay-url transit-helper relay pass ports port socks5 connect",
    shape: Shape::Permuting,
};

/// `send` sends, everything else receives.
pub(super) fn wormhole<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = WORMHOLE.parse(invocation.arguments());
    match parsed.operands.split_first() {
        Some((&(b"send" | b"tx"), files)) => Meaning::new(Action::Upload).objects(files.iter().copied()),
        _ => Meaning::new(Action::Download),
    }
}
