//! Clients of object stores and backup programs: the direction is told by which place is remote.

use super::{
    Action, Invocation, Meaning,
    copy::direction,
    options::{Opt, Parsed, Shape, Syntax},
    remote::{host_of_operand, host_of_url, split_scheme},
};

#[derive(Clone, Copy, PartialEq)]
enum Store {
    DryRun,
    Body,
    Bucket,
    Repository,
    File,
}

/// Options of the store clients that copy like `cp`.
const STORE: Syntax<Store> = Syntax {
    options: &[
        Opt::flag(0, "dryrun", Store::DryRun),
        Opt::flag(0, "dry-run", Store::DryRun),
        Opt::value(0, "body", Store::Body),
        Opt::value(0, "bucket", Store::Bucket),
        Opt::value(0, "repo", Store::Repository),
        Opt::value(0, "file", Store::File),
    ],
    short_values: b"ohcju",
    long_values: "profile region endpoint-url output query color ca-bundle cli-read-timeout \
     cli-connect-timeout cli-binary-format exclude include acl storage-class sse sse-c-key \
     sse-kms-key-id content-type metadata expires grants page-size expected-size cache-control \
     key config config-dir project account configuration format zone ssh-key-file scp-flag port \
     from-to include-pattern exclude-pattern cap-mbps name container-name account-name \
     account-key connection-string sas-token source destination subscription access_key \
     secret_key host host-bucket bucket-location mime-type limit-rate attr tags older-than \
     newer-than limit-upload credentials-file log",
    shape: Shape::Permuting,
};

fn parse<'a>(invocation: &Invocation<'a>) -> Parsed<'a, Store> {
    STORE.parse(invocation.arguments())
}

/// A copy among places, of which those with a bucket scheme are remote.
fn copy<'a>(places: &[&'a [u8]]) -> Meaning<'a> {
    let bucket = |place: &'a [u8]| split_scheme(place).and_then(|_| host_of_url(place));
    match places {
        [sources @ .., target] if !sources.is_empty() => {
            // From store to store nothing passes this host.
            if bucket(target).is_some() && sources.iter().all(|source| bucket(source).is_some()) {
                return Meaning::new(Action::Unknown).remote(bucket(target));
            }
            direction(sources, target, bucket)
        }
        [source] if bucket(source).is_some() => Meaning::new(Action::Download).remote(bucket(source)),
        _ => Meaning::new(Action::Local),
    }
}

/// `aws s3 cp|sync|mv`, `aws s3api put-object`; s5cmd has the same verbs without `s3`.
pub(super) fn aws<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = parse(invocation);
    match parsed.operands.as_slice() {
        _ if parsed.has(Store::DryRun) => Meaning::new(Action::Local),
        [b"s3", b"cp" | b"sync" | b"mv", places @ ..] | [b"cp" | b"sync" | b"mv", places @ ..] => {
            copy(places)
        }
        [b"pipe", target, ..] => Meaning::new(Action::Upload).remote(host_of_url(target)),
        [b"s3api", b"put-object" | b"upload-part", ..] => Meaning::new(Action::Upload)
            .remote(parsed.value(Store::Bucket))
            .objects(parsed.values(Store::Body)),
        [b"s3api", b"get-object", ..] => Meaning::new(Action::Download).remote(parsed.value(Store::Bucket)),
        _ => Meaning::new(Action::Local),
    }
}

/// `gsutil [-m] cp|mv|rsync`.
pub(super) fn gsutil<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    match parse(invocation).operands.as_slice() {
        [b"cp" | b"mv" | b"rsync", places @ ..] => copy(places),
        _ => Meaning::new(Action::Local),
    }
}

/// `gcloud storage cp|mv|rsync`, `gcloud compute scp`.
pub(super) fn gcloud<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    match parse(invocation).operands.as_slice() {
        [b"storage", b"cp" | b"mv" | b"rsync", places @ ..] => copy(places),
        [b"compute", b"scp", sources @ .., target] if !sources.is_empty() => {
            direction(sources, target, host_of_operand)
        }
        _ => Meaning::new(Action::Local),
    }
}

/// `azcopy copy|cp|c|sync|s`.
pub(super) fn azcopy<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    match parse(invocation).operands.as_slice() {
        [b"copy" | b"cp" | b"c" | b"sync" | b"s", places @ ..] => copy(places),
        _ => Meaning::new(Action::Local),
    }
}

/// `az storage blob|file upload[-batch]`, `download[-batch]`.
pub(super) fn az<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = parse(invocation);
    match parsed.operands.as_slice() {
        [b"storage", _, b"upload" | b"upload-batch", ..] => {
            Meaning::new(Action::Upload).objects(parsed.values(Store::File))
        }
        [b"storage", _, b"download" | b"download-batch", ..] => Meaning::new(Action::Download),
        _ => Meaning::new(Action::Local),
    }
}

/// `s3cmd put|get|sync`.
pub(super) fn s3cmd<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = parse(invocation);
    match parsed.operands.as_slice() {
        _ if parsed.has(Store::DryRun) => Meaning::new(Action::Local),
        [b"put" | b"get" | b"sync" | b"cp" | b"mv", places @ ..] => copy(places),
        _ => Meaning::new(Action::Local),
    }
}

/// `mc cp|mv|mirror|put|pipe`. A place of `MinIO` is `alias/bucket`, which looks like a relative path; a path
/// from the root, from `.` or `~`, or a bare name is local. Midnight Commander has the same name and no verbs.
pub(super) fn minio<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let alias = |place: &'a [u8]| match place {
        [b'/' | b'.' | b'~', ..] => None,
        _ => place.iter().position(|&byte| byte == b'/').and_then(|at| place.get(..at)),
    };
    match parse(invocation).operands.as_slice() {
        [b"cp" | b"mv" | b"mirror" | b"put" | b"get", sources @ .., target] if !sources.is_empty() => {
            direction(sources, target, alias)
        }
        [b"pipe", target, ..] => Meaning::new(Action::Upload).remote(alias(target)),
        _ => Meaning::new(Action::Local),
    }
}

const RESTIC: Syntax<Store> = Syntax {
    options: &[Opt::value(b'r', "repo", Store::Repository), Opt::flag(b'n', "dry-run", Store::DryRun)],
    short_values: b"peoH",
    long_values: "password-file password-command exclude exclude-file iexclude files-from tag host time \
     cache-dir cacert limit-upload limit-download option target key-hint repository-file",
    shape: Shape::Permuting,
};

/// A repository `scheme:place` is remote; one that the environment names is not known here.
pub(super) fn restic<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = RESTIC.parse(invocation.arguments());
    let remote = parsed.value(Store::Repository).and_then(host_of_operand);
    match parsed.operands.split_first() {
        _ if parsed.has(Store::DryRun) => Meaning::new(Action::Local),
        Some((&b"backup", files)) => {
            let action = if remote.is_some() { Action::Upload } else { Action::Archive };
            Meaning::new(action).remote(remote).objects(files.iter().copied())
        }
        Some((&(b"restore" | b"dump"), _)) if remote.is_some() => {
            Meaning::new(Action::Download).remote(remote)
        }
        _ => Meaning::new(Action::Local),
    }
}

const BORG: Syntax<Store> = Syntax {
    options: &[Opt::value(b'r', "repo", Store::Repository), Opt::flag(b'n', "dry-run", Store::DryRun)],
    short_values: b"eCco",
    long_values: "exclude exclude-from pattern patterns-from compression comment timestamp rsh remote-path \
     lock-wait checkpoint-interval chunker-params files-cache umask remote-ratelimit \
     upload-ratelimit upload-buffer encryption",
    shape: Shape::Permuting,
};

/// `borg create [host:path|ssh://host/path]::archive files`.
pub(super) fn borg<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = BORG.parse(invocation.arguments());
    let places = parsed.operands.get(1..).unwrap_or_default();
    let place = parsed.value(Store::Repository).or_else(|| places.first().copied()).unwrap_or_default();
    // The `::` before the archive's name is no host's colon.
    let repository =
        place.windows(2).position(|pair| pair == b"::").and_then(|at| place.get(..at)).unwrap_or(place);
    let remote = host_of_operand(repository);
    match parsed.operands.first() {
        _ if parsed.has(Store::DryRun) => Meaning::new(Action::Local),
        Some(&b"create") => {
            let action = if remote.is_some() { Action::Upload } else { Action::Archive };
            Meaning::new(action).remote(remote).objects(places.iter().copied().skip(1))
        }
        Some(&b"extract") if remote.is_some() => Meaning::new(Action::Download).remote(remote),
        _ => Meaning::new(Action::Local),
    }
}

const DUPLICITY: Syntax<Store> = Syntax {
    options: &[Opt::flag(0, "dry-run", Store::DryRun)],
    short_values: b"tr",
    long_values: "encrypt-key sign-key include exclude include-filelist exclude-filelist archive-dir tempdir \
     volsize full-if-older-than name log-file verbosity time restore-time file-to-restore \
     path-to-restore ssh-options num-retries",
    shape: Shape::Permuting,
};

/// `[full|incremental|backup] directory url` sends, `[restore] url directory` fetches; `file:` is local.
pub(super) fn duplicity<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = DUPLICITY.parse(invocation.arguments());
    let places = match parsed.operands.as_slice() {
        [b"full" | b"incr" | b"inc" | b"incremental" | b"backup" | b"restore", places @ ..] | places => {
            places
        }
    };
    match places {
        _ if parsed.has(Store::DryRun) => Meaning::new(Action::Local),
        [source, target] if split_scheme(target).is_some() => match host_of_url(target) {
            Some(remote) => Meaning::new(Action::Upload).remote(Some(remote)).objects([*source]),
            None => Meaning::new(Action::Archive).objects([*source]),
        },
        [source, _] if host_of_url(source).is_some() => {
            Meaning::new(Action::Download).remote(host_of_url(source))
        }
        _ => Meaning::new(Action::Local),
    }
}
