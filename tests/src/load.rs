//! A hundred processes that send at once: the ledger knows the bytes of each.

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, process::Command, time::Duration};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{
    agent::{self, Agent},
    fixture::Places,
    harness::{Context, Outcome},
    ledger::{self, Sent},
    process,
    receiver::Receipt,
    replay,
    scenario::{Kind, Server},
    server::Servers,
    story, wait,
    world::World,
};

/// Senders, each a process of its own.
const SENDERS: u32 = 100;
/// Bytes of each.
const BYTES: u64 = 10_000_000;
/// Bytes of each where processors are emulated: as many preemptions, in minutes less.
const EMULATED_BYTES: u64 = 2_000_000;
/// Where to.
const PORT: u16 = 9000;
/// How far the ledger's total may be from the receivers', as a fraction.
const WITHIN: f64 = 0.001;

/// A hundred processes send 10 MB each at once, or 2 MB on emulated processors.
///
/// # Errors
/// Fails when the total is off by more than 0.1 %, or when a process has not its own bytes.
pub fn hundred_senders(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let world = World::new()?;
    let places = Places::new(world.name())?;
    let plan = [Server { kind: Kind::Sink, port: PORT, rate: None }];
    let servers = Servers::start(&world, &context.helper, &plan, &places, dir)?;
    let agent = Agent::start(weir, dir, None)?;
    let to = SocketAddr::from((world.server(), PORT));
    let bytes = if wait::is_emulated() { EMULATED_BYTES } else { BYTES };
    let report = dir.join("senders");
    let mut command = Command::new(&context.helper);
    command.args(["send-all", &to.to_string(), &bytes.to_string(), &SENDERS.to_string()]).arg(&report);
    process::run(&mut command)?;
    let count = usize::try_from(SENDERS)?;
    let receipt = servers.receiver.settled(PORT, count, Duration::from_secs(30))?;
    let lines = agent.stop()?.lines;
    let sent = ledger::sent_to(&agent::recording(dir), to)?;
    let mut notes = compare(bytes, &senders(&report)?, &receipt, &sent)?;
    notes.extend(story::losses(&lines)?);
    replay::check(weir, &agent::recording(dir), &places.work, &lines)?;
    Ok(Outcome::Passed(notes))
}

/// Local address of each sender, by pid.
fn senders(report: &Path) -> Result<BTreeMap<u32, SocketAddr>> {
    let text = fs::read_to_string(report).context("no report of the senders")?;
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let pid = words.next().and_then(|pid| pid.parse().ok());
        let address = words.next().and_then(|address| address.parse().ok());
        pid.zip(address).with_context(|| format!("a sender's line {line:?}"))
    };
    text.lines().map(line).collect()
}

fn compare(
    bytes: u64,
    senders: &BTreeMap<u32, SocketAddr>,
    receipt: &Receipt,
    sent: &BTreeMap<u32, Sent>,
) -> Result<Vec<String>> {
    let arrived: BTreeMap<_, _> = receipt.closed.iter().copied().collect();
    let mut failures = Vec::new();
    for (pid, address) in senders {
        let read = arrived.get(address).copied().unwrap_or_default();
        ensure!(read == bytes, "the receiver read {read} from {address}: the check itself is broken");
        let said = sent.get(pid).map_or(0, |sent| sent.bytes);
        if said != read {
            failures.push(format!("pid {pid} sent {read}, the ledger has {said}"));
        }
    }
    let total: u64 = sent.values().map(|sent| sent.bytes).sum();
    #[expect(clippy::cast_precision_loss, reason = "a billion bytes are far below 2^52")]
    let off = (total as f64 - receipt.read as f64).abs() / receipt.read as f64;
    if off > WITHIN {
        failures.push(format!("the ledger's total is {total}, the receivers read {}", receipt.read));
    }
    if !failures.is_empty() {
        let shown = failures.len().min(5);
        let first = failures.get(..shown).unwrap_or_default().join("\n");
        bail!("{} of {SENDERS} processes differ\n{first}", failures.len());
    }
    Ok(vec![format!("receivers read {}, the ledger has {total}, {} processes", receipt.read, senders.len())])
}
