//! Bad input through the command line: an error that names the place, a status that is not 0, never a panic.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};

use crate::{
    agent::{self, Agent},
    fixture::{Random, Reachable},
    harness::{Case, Context, Outcome},
    refused, replay, suite,
};

/// A configuration that must be refused.
struct Bad {
    name: &'static str,
    text: &'static str,
    /// What the message must contain, beside the file's name.
    says: &'static [&'static str],
}

const CONFIGURATIONS: [Bad; 8] = [
    Bad { name: "wrong-type", text: "[score]\nthreshold = \"high\"\n", says: &[":2:", "threshold"] },
    Bad { name: "unknown-key", text: "[score]\n\nthreshhold = 8.0\n", says: &[":3:", "threshhold"] },
    Bad { name: "unknown-table", text: "\n[scores]\nthreshold = 8.0\n", says: &[":2:", "scores"] },
    Bad { name: "no-toml", text: "[score]\nthreshold 8\n", says: &[":2:"] },
    Bad { name: "no-text", text: "[score]\nthreshold = \"\u{0}", says: &[":2:"] },
    Bad { name: "out-of-range", text: "[score]\nthreshold = 80.0\n", says: &[":2:", "threshold"] },
    Bad { name: "bad-glob", text: "[files.staging]\n\"/var/[tmp\" = 8.0\n", says: &[":2:", "/var/[tmp"] },
    Bad { name: "bad-network", text: "[network]\ninside = [\"10.0.0.0/99\"]\n", says: &[":2:", "inside"] },
];

/// Damage to a recording; gives the damaged bytes.
type Damage = fn(Vec<u8>) -> Vec<u8>;

/// Bytes before the first frame are magic and version.
const HEADER: usize = 12;

const RECORDINGS: [(&str, Damage); 11] = [
    ("empty", |_| Vec::new()),
    ("one-byte", |bytes| cut(bytes, 1)),
    ("half-header", |bytes| cut(bytes, HEADER / 2)),
    ("half-length", |bytes| cut(bytes, HEADER + 2)),
    ("half-first-frame", |bytes| cut(bytes, HEADER + 40)),
    ("last-byte-missing", |bytes| {
        let most = bytes.len() - 1;
        cut(bytes, most)
    }),
    ("random", |bytes| Random::new(9).bytes(bytes.len())),
    ("random-after-header", |bytes| {
        let mut damaged = cut(bytes, HEADER);
        damaged.extend(Random::new(10).bytes(100_000));
        damaged
    }),
    ("one-bit", |mut bytes| {
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        bytes
    }),
    ("endless-frame", |bytes| {
        let mut damaged = cut(bytes, HEADER);
        damaged.extend([0xff; 8]);
        damaged
    }),
    ("text", |_| b"{\"event\":{\"kind\":\"alert\"}}\n".repeat(100)),
];

/// Cases of this module.
#[must_use]
pub fn cases() -> Vec<Case> {
    vec![
        suite::case("robustness::configurations".to_owned(), configurations),
        suite::case("robustness::unreadable".to_owned(), unreadable),
        suite::case("robustness::recordings".to_owned(), recordings),
    ]
}

fn configurations(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let mut failures = Vec::new();
    for bad in &CONFIGURATIONS {
        let path = dir.join(format!("{}.toml", bad.name));
        fs::write(&path, bad.text)?;
        for subcommand in ["run", "check"] {
            let mut command = Command::new(weir);
            command.arg(subcommand).arg("--config").arg(&path);
            if subcommand == "run" {
                command.arg("--alerts").arg(dir.join("alerts.jsonl"));
            }
            let mut says = vec![path.to_string_lossy().into_owned()];
            says.extend(bad.says.iter().map(|part| (*part).to_owned()));
            failures.extend(
                refused::check(&mut command, &says, &format!("{subcommand} with {}", bad.name)).err(),
            );
        }
    }
    refused::verdict(&failures, CONFIGURATIONS.len())
}

fn unreadable(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    let (missing, folder) = (dir.join("missing.toml"), dir.join("folder.toml"));
    fs::create_dir(&folder)?;
    let mut rows: Vec<(&str, Command, PathBuf)> = Vec::new();
    for (name, path) in [("missing configuration", &missing), ("configuration that is a folder", &folder)] {
        let mut command = Command::new(weir);
        command.args(["run", "--config"]).arg(path).arg("--alerts").arg(dir.join("alerts.jsonl"));
        rows.push((name, command, path.clone()));
    }
    for (name, path) in
        [("missing recording", dir.join("missing.weir")), ("recording that is a folder", folder)]
    {
        let mut command = Command::new(weir);
        command.arg("replay").arg(&path).arg("--alerts").arg(dir.join("replayed.jsonl"));
        rows.push((name, command, path));
    }
    let place = Reachable::new("reachable")?;
    let secret = place.path().join("secret.toml");
    fs::write(&secret, "")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    let mut command = Command::new(replay::copied(weir, place.path())?);
    command.args(["check", "--config"]).arg(&secret).uid(65_534).gid(65_534).current_dir("/");
    rows.push(("configuration of another user", command, secret));
    let folder = PathBuf::from("/proc/no-such-folder");
    let mut command = Command::new(weir);
    command.arg("run").arg("--alerts").arg(folder.join("alerts.jsonl"));
    rows.push(("log that cannot be made", command, folder));
    let count = rows.len();
    let failures: Vec<_> = rows
        .into_iter()
        .filter_map(|(name, mut command, path)| {
            refused::check(&mut command, &[path.to_string_lossy().into_owned()], name).err()
        })
        .collect();
    refused::verdict(&failures, count)
}

fn recordings(context: &Context, dir: &Path) -> Result<Outcome> {
    let weir = context.weir()?;
    Agent::start(weir, dir, None)?.stop()?;
    let whole = fs::read(agent::recording(dir)).context("no recording")?;
    ensure!(whole.len() > 2 * HEADER + 80, "a recording of {} bytes", whole.len());
    let place = Reachable::new("reachable")?;
    let mut failures = Vec::new();
    for (name, damage) in RECORDINGS {
        let path = place.path().join(format!("{name}.weir"));
        fs::write(&path, damage(whole.clone()))?;
        let mut command = replay::unprivileged(weir, place.path(), &path)?;
        command.args(["--alerts", "-"]);
        let says = [path.to_string_lossy().into_owned()];
        failures.extend(refused::check(&mut command, &says, &format!("recording {name}")).err());
    }
    refused::verdict(&failures, RECORDINGS.len())
}

fn cut(mut bytes: Vec<u8>, length: usize) -> Vec<u8> {
    bytes.truncate(length);
    bytes
}
