//! Every way out of a process: how far does weir see it on this kernel? `weir check --probe` sends by each and compares.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::{
    coverage::Checked,
    harness::{Case, Context, Outcome},
    process::{self, Group},
    suite,
};

/// How long all ways may take.
const LIMIT: std::time::Duration = std::time::Duration::from_mins(2);

/// How far a way is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Blind,
    Seen,
    Attributed,
    Exact,
}

/// What `weir check --probe --json` says of a way.
#[derive(Debug, Deserialize)]
struct Probed {
    way: String,
    verdict: Option<Verdict>,
    sent: u64,
    counted: u64,
    not_here: String,
}

#[derive(Debug, Deserialize)]
struct Answer {
    ways: Vec<Probed>,
}

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![suite::case("egress::ways".to_owned(), every_way)]
}

fn every_way(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let checked = Checked::ask(weir, dir, None)?;
    let send = checked.sensors()?.iter().find(|sensor| sensor.name == "send").context("no sensor send")?;
    let mut command = weir.watching("check");
    command.args(["--probe", "--json"]);
    process::capture(&mut command, dir, "probe")?;
    let status = Group::spawn(&mut command)?.finish(LIMIT)?;
    let answer = fs::read_to_string(dir.join("probe.stdout"))?;
    ensure!(
        status.success(),
        "it ended with {status} and said {}",
        fs::read_to_string(dir.join("probe.stderr"))?
    );
    let answer: Answer = serde_json::from_str(&answer).with_context(|| format!("it answered {answer:?}"))?;
    let (mut notes, mut failures) = (Vec::new(), Vec::new());
    for Probed { way, verdict, sent, counted, not_here } in answer.ways {
        let Some(verdict) = verdict else {
            notes.push(format!("{way:<18} not here: {not_here}"));
            if is_everywhere(&way) {
                failures.push(format!("{way}: {not_here}"));
            }
            continue;
        };
        let line = format!("{way:<18} {verdict:?}: {counted} of {sent}");
        if verdict < wanted(&way, &send.hook) {
            failures.push(format!("{line}, and {} can do better", send.hook));
        }
        notes.push(line);
    }
    ensure!(failures.is_empty(), "{}\n({})", failures.join("\n"), notes.join(")\n("));
    Ok(Outcome::Passed(notes))
}

/// Ways that every kernel has, and that every hook of sends counts.
fn is_everywhere(way: &str) -> bool {
    (way.starts_with("tcp") && way != "tcp-ktls") || (way.starts_with("udp") && way != "udplite")
}

/// Whether a kernel is 5.12 or later.
fn is_new(release: &str) -> bool {
    let mut numbers = release.split('.').map(|number| number.parse().unwrap_or(0));
    let version: (u32, u32) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= (5, 12)
}

/// The least that a way must be seen, given the hook of sends.
fn wanted(way: &str, hook: &str) -> Verdict {
    let spliced = ["sendfile", "splice", "vmsplice"].contains(&way) || way.starts_with("io_uring");
    let raw = way.starts_with("icmp") || way.starts_with("ip-") || way.starts_with("ip6-");
    let inet = ["mptcp", "sctp", "tcp-ktls", "udplite"].contains(&way);
    match way {
        // No socket takes it.
        "tun" => Verdict::Blind,
        // A thread of the kernel's own sent in the place of the process until 5.12.
        "io_uring-sqpoll"
            if !fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| is_new(&release)) =>
        {
            Verdict::Blind
        }
        "unix" => Verdict::Seen,
        _ if hook.ends_with("sock_send_length") => Verdict::Exact,
        _ if is_everywhere(way) || spliced || raw => Verdict::Exact,
        _ if hook == "fexit:inet_sendmsg" && inet => Verdict::Exact,
        _ => Verdict::Blind,
    }
}
