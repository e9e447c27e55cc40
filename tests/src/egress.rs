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
    runs: Vec<Run>,
    not_here: String,
}

/// A process that sent, in bulk or little by little.
#[derive(Debug, Deserialize)]
struct Run {
    shape: String,
    sent: u64,
    counted: u64,
}

impl Run {
    /// How far the count is off, in parts of what was sent.
    #[expect(clippy::cast_precision_loss, reason = "some hundred thousand bytes")]
    fn error(&self) -> f64 {
        self.counted.abs_diff(self.sent) as f64 / self.sent.max(1) as f64
    }
}

/// How far off a count may be on each way, and in the median of all.
const WORST: f64 = 0.01;
const MEDIAN: f64 = 0.001;

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
    let mut errors = Vec::new();
    for Probed { way, verdict, runs, not_here } in answer.ways {
        let Some(verdict) = verdict else {
            notes.push(format!("{way:<18} not here: {not_here}"));
            if is_everywhere(&way) {
                failures.push(format!("{way}: {not_here}"));
            }
            continue;
        };
        let counts = runs.iter().map(|run| format!("{} of {} ({})", run.counted, run.sent, run.shape));
        let line = format!("{way:<18} {verdict:?}: {}", counts.collect::<Vec<_>>().join(", "));
        if wanted(&way, &send.hook) == Verdict::Exact {
            errors.extend(runs.iter().map(Run::error));
        }
        if verdict < wanted(&way, &send.hook) {
            failures.push(format!("{line}, and {} can do better", send.hook));
        }
        notes.push(line);
    }
    errors.sort_by(f64::total_cmp);
    let median = errors.get(errors.len() / 2).copied().unwrap_or(1.0);
    let worst = errors.last().copied().unwrap_or(1.0);
    notes.push(format!(
        "byte error of {} runs on ways that are counted: {:.4} % at worst, {:.4} % in the median",
        errors.len(),
        worst * 100.0,
        median * 100.0
    ));
    if worst > WORST || median > MEDIAN {
        failures.push(format!("counts are off by up to {worst}, in the median by {median}"));
    }
    ensure!(failures.is_empty(), "{}\n({})", failures.join("\n"), notes.join(")\n("));
    Ok(Outcome::Passed(notes))
}

/// Ways that every kernel has, and that every hook of sends counts.
fn is_everywhere(way: &str) -> bool {
    (way.starts_with("tcp") && way != "tcp-ktls") || (way.starts_with("udp") && !way.starts_with("udplite"))
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
    let way = way.strip_suffix('6').unwrap_or(way);
    let inet = ["mptcp", "sctp", "tcp-ktls", "udplite"].contains(&way);
    match way {
        // No socket takes it, or none that counts or leaves the host: that there is one is told.
        "tun" | "xdp" | "smc" | "bluetooth" | "rds" | "unix" => Verdict::Seen,
        // A thread of the kernel's own sent in the place of the process until 5.12.
        "io_uring-sqpoll"
            if !fs::read_to_string("/proc/sys/kernel/osrelease").is_ok_and(|release| is_new(&release)) =>
        {
            Verdict::Blind
        }
        _ if hook.ends_with("sock_send_length") => Verdict::Exact,
        _ if is_everywhere(way) || spliced || raw || way == "file" => Verdict::Exact,
        _ if hook == "fexit:inet_sendmsg" && inet => Verdict::Exact,
        _ => Verdict::Blind,
    }
}
