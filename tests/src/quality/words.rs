//! The analytics of T1020 as they are written, over the same events: command names and their options, lists of paths,
//! bytes of single connections. They know no stories, so that any one of them is an alert.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
};

use serde::Serialize;
use weir::{
    config::Network,
    event::{Direction, Event, Exec, Fact, Flow, ProcessKey, ScriptOrigin},
};

/// T1020 tells what has at least this risk.
const TOLD: u8 = 8;
/// Network Connection Creation, analytic 1.
const PORTS: [u16; 4] = [21, 22, 443, 53];
/// The same: risk 8 above this on one of the ports.
const PORT_BYTES: u64 = 5_000_000;
/// The same: risk 9 above this on any.
const ANY_BYTES: u64 = 10_000_000;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// Which analytic: `DS0017`, `DS0012`, `DS0022` or `DS0029`.
    pub analytic: &'static str,
    /// Its risk score.
    pub risk: u8,
    /// What it was found in.
    pub what: String,
}

/// What the analytics find in the events of `members`, at risk 8 and above.
#[must_use]
pub fn findings(events: &[Event], members: &BTreeSet<ProcessKey>) -> Vec<Finding> {
    let mut reader = Reader::default();
    for event in events {
        reader.read(event, members);
    }
    let mut findings = reader.finish();
    findings.retain(|finding| finding.risk >= TOLD);
    findings.sort();
    findings.dedup();
    findings
}

#[derive(Default)]
struct Reader {
    findings: Vec<Finding>,
    /// The script whose process this is, or whose process it was forked from.
    scripts: HashMap<ProcessKey, String>,
    /// Bytes out by socket and peer, each ledger entry with its greatest sum.
    sent: BTreeMap<(u64, Option<SocketAddr>), Connection>,
}

#[derive(Default)]
struct Connection {
    outgoing: bool,
    bytes: BTreeMap<(ProcessKey, u64), u64>,
}

impl Reader {
    fn read(&mut self, event: &Event, members: &BTreeSet<ProcessKey>) {
        if !members.contains(&event.process) {
            return;
        }
        if let Fact::Fork(fork) = &event.fact {
            if let Some(script) = self.scripts.get(&event.process).cloned() {
                self.scripts.insert(fork.child, script);
            }
        } else if let Fact::Exec(exec) = &event.fact {
            self.exec(event.process, exec);
        } else if let Fact::Script(script) = &event.fact {
            if script.origin == ScriptOrigin::File {
                self.scripts.insert(event.process, script.path.show().into_owned());
            }
        } else if let Fact::Open(open) = &event.fact {
            let path = open.path.bytes.show();
            if let Some(risk) = path_risk(&path) {
                self.find("DS0022", risk, path.into_owned());
            }
        } else if let Fact::Flow(flow) = &event.fact {
            self.flow(event.process, flow);
        }
    }

    fn exec(&mut self, process: ProcessKey, exec: &Exec) {
        let words: Vec<_> = exec.argv.iter().map(|word| word.show()).collect();
        let name =
            String::from_utf8_lossy(exec.argv.first().map_or(b"", |word| word.file_name())).into_owned();
        let option = words.get(1).map_or("", |word| word.as_ref());
        let command = format!("{name} {option}");
        if let Some(risk) = command_risk(&name, &command) {
            self.find("DS0017", risk, command);
        }
        let script = exec.script.as_ref().map(|script| script.show().into_owned());
        // What a script starts still has the script's name from its fork; a program of its own is no script's.
        if let Some(from) = self.scripts.remove(&process)
            && ["scp", "rsync", "ftp", "curl", "wget"].contains(&name.as_str())
            && let Some(risk) = script_risk(&from)
        {
            self.find("DS0012", risk, format!("{from}: {name}"));
        }
        if let Some(script) = script {
            self.scripts.insert(process, script);
        }
    }

    fn flow(&mut self, process: ProcessKey, flow: &Flow) {
        let connection = self.sent.entry((flow.socket, flow.remote)).or_default();
        connection.outgoing |= flow.direction != Direction::In;
        let most = connection.bytes.entry((process, flow.since)).or_default();
        *most = flow.tx_bytes.max(*most);
    }

    fn finish(mut self) -> Vec<Finding> {
        let network = Network { inside: Vec::new(), resolvers: Vec::new() };
        for ((_, remote), connection) in std::mem::take(&mut self.sent) {
            let Some(remote) = remote.filter(|remote| !network.is_inside(remote.ip())) else { continue };
            let bytes: u64 = connection.bytes.values().sum();
            let port = connection.outgoing && PORTS.contains(&remote.port());
            if let Some(risk) = volume_risk(port, bytes) {
                self.find("DS0029", risk, format!("{bytes} bytes to {remote}"));
            }
        }
        self.findings
    }

    fn find(&mut self, analytic: &'static str, risk: u8, what: String) {
        self.findings.push(Finding { analytic, risk, what });
    }
}

/// Command Execution, analytic 1: `scp`, `rsync` and `curl` are names, the others a name with its option. `ftp` and
/// `7z a` are in its list and have no risk.
fn command_risk(name: &str, command: &str) -> Option<u8> {
    match (name, command) {
        ("scp" | "rsync" | "curl", _) => Some(9),
        (_, "tar -cf" | "zip -r") => Some(8),
        ("wget", _) => Some(7),
        _ => None,
    }
}

/// File Access, analytic 1; Splunk's `*` also stands for slashes. `/home/*/Downloads/*` is in its list and has no risk.
fn path_risk(path: &str) -> Option<u8> {
    if path.starts_with("/media/exfil/") { Some(9) } else { path.starts_with("/var/tmp/").then_some(8) }
}

/// Script Execution, analytic 1; `*.py` is in its list and has no risk.
fn script_risk(path: &str) -> Option<u8> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "ps1" => Some(9),
        "sh" => Some(8),
        "bat" => Some(7),
        _ => None,
    }
}

/// Network Connection Creation, analytic 1.
fn volume_risk(port: bool, bytes: u64) -> Option<u8> {
    if bytes > ANY_BYTES { Some(9) } else { (port && bytes > PORT_BYTES).then_some(8) }
}

#[cfg(test)]
mod tests;
