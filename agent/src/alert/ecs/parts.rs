//! Parts of a line that several kinds of record share.

use std::net::IpAddr;

use agent_common::process::NS_PER_TICK;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{cutter::Cutter, schema};
use crate::{
    alert::{Destination, Host, Record, attack, entity_id},
    detect::{Object, Stage},
    event::{Bytes, ProcessKey, Remote, Script, ScriptOrigin},
    names::Domain,
    process::Process,
    score::{Via, Weighted},
};

/// RFC 3339, UTC, nanoseconds.
pub(super) fn time(wall_ns: i64) -> String {
    let stamp = Timestamp::from_nanosecond(i128::from(wall_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{stamp:.9}")
}

/// Four decimals: enough to recompute a score, and the same on every machine.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 10_000.0).round() / 10_000.0
}

/// `event.severity` of what is no alarm: low on the scale of Elastic's detection rules.
pub(super) const LOW: u32 = 21;

/// `event.severity` of an alert on that scale: low 21, medium 47, high 73, critical 99.
pub(super) fn severity(score: f64) -> u32 {
    if score >= 9.0 {
        99
    } else if score >= 7.0 {
        73
    } else if score >= 4.0 {
        47
    } else {
        LOW
    }
}

/// An id that a replay reproduces: 128 bits of the SHA-256 of what makes the record what it is.
pub(super) fn id(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map(|head| format!("{:032x}", u128::from_be_bytes(*head))).unwrap_or_default()
}

pub(super) fn process(
    host: &Host,
    boot_to_wall_ns: i64,
    process: &Process,
    parent: Option<&Process>,
    cutter: &mut Cutter,
) -> schema::Process {
    let mut shown = one_process(host, boot_to_wall_ns, process, cutter);
    shown.parent = parent.map(|parent| {
        let mut shown = one_process(host, boot_to_wall_ns, parent, cutter);
        shown.user = Some(user(parent, cutter));
        Box::new(shown)
    });
    shown
}

fn one_process(host: &Host, boot_to_wall_ns: i64, process: &Process, cutter: &mut Cutter) -> schema::Process {
    if process.argv_truncated {
        cutter.by_kernel("process.args");
    }
    schema::Process {
        pid: process.key.pid,
        entity_id: entity_id(host, process.key),
        name: name(process, cutter),
        executable: cutter.path("process.executable", &process.exe),
        command_line: cutter.bytes("process.command_line", &process.command_line()),
        args: cutter.arguments("process.args", &process.argv),
        args_count: process.argv.len(),
        working_directory: cutter.path("process.working_directory", &process.cwd),
        start: start(boot_to_wall_ns, process.key),
        end: process.ended.map(|ended| time(Record::wall(boot_to_wall_ns, ended))),
        user: None,
        parent: None,
    }
}

pub(super) fn name(process: &Process, cutter: &mut Cutter) -> String {
    cutter.bytes("process.name", &Bytes::from(process.name()))
}

/// When the process began; none where it is not known.
pub(super) fn start(boot_to_wall_ns: i64, key: ProcessKey) -> Option<String> {
    let boot_ns = key.start_ticks.checked_mul(NS_PER_TICK)?;
    (key.start_ticks > 0).then(|| time(Record::wall(boot_to_wall_ns, boot_ns)))
}

pub(super) fn user(process: &Process, cutter: &mut Cutter) -> schema::User {
    let ids = process.ids;
    let effective = (ids.euid != ids.uid).then(|| schema::Id { id: ids.euid.to_string() });
    let name = process.identity.user.as_ref().map(|name| cutter.text("user.name", name));
    schema::User { id: ids.uid.to_string(), name, effective }
}

pub(super) fn container(process: &Process, cutter: &mut Cutter) -> Option<schema::Id> {
    process.identity.container.as_ref().map(|id| schema::Id { id: cutter.text("container.id", id) })
}

pub(super) fn systemd(process: &Process, cutter: &mut Cutter) -> Option<schema::Systemd> {
    process.identity.unit.as_ref().map(|unit| schema::Systemd { unit: cutter.text("systemd.unit", unit) })
}

pub(super) fn traits(process: &Process) -> schema::Traits {
    schema::Traits {
        executable_deleted: process.exe_unlinked,
        older_than_agent: process.preexisting,
        unknown: process.unknown,
        login_uid: (process.ids.loginuid != u32::MAX).then_some(process.ids.loginuid),
    }
}

pub(super) fn file(path: &Bytes, size: Option<u64>, cutter: &mut Cutter) -> schema::File {
    let name = Bytes::from(path.file_name());
    schema::File { path: cutter.bytes("file.path", path), name: cutter.bytes("file.name", &name), size }
}

pub(super) fn end(remote: Remote, bytes: Option<u64>) -> schema::End {
    let ip = remote.ip();
    let address = ip.map(|ip| ip.to_string());
    schema::End { address, ip, port: ip.map(|_| remote.port()), domain: None, bytes }
}

/// The other end of a signal or of most of a story's bytes, with its first name. A medium has no other address than the
/// place where it is mounted.
pub(super) fn destination(
    (remote, place): (Remote, Option<&Bytes>),
    bytes: Option<u64>,
    domains: &[Domain],
    cutter: &mut Cutter,
) -> schema::End {
    let domain = domains.first().map(|domain| cutter.text("destination.domain", &domain.name));
    let end = end(remote, bytes);
    let place = || place.map(|place| cutter.bytes("destination.address", place));
    schema::End { domain, address: end.address.or_else(place), ..end }
}

/// Where most of a story's bytes went.
pub(super) fn largest(to: &Destination, cutter: &mut Cutter) -> schema::End {
    destination((to.remote, to.place.as_ref()), Some(to.bytes_out), &to.domains, cutter)
}

pub(super) fn domains(domains: &[Domain], cutter: &mut Cutter) -> Vec<schema::Domain> {
    let field = "weir.destinations.domains";
    cutter
        .short_list(field, domains)
        .iter()
        .map(|domain| schema::Domain {
            name: cutter.text(field, &domain.name),
            server: domain.server,
            vouched: domain.vouched,
        })
        .collect()
}

/// None for what is no network.
pub(super) fn network(remote: Remote, protocol: u16) -> Option<schema::Network> {
    let kind = match remote.ip() {
        Some(IpAddr::V4(_)) => Some("ipv4"),
        Some(IpAddr::V6(_)) => Some("ipv6"),
        None => None,
    };
    let transport = transport(protocol);
    (!transport.is_empty()).then(|| schema::Network {
        kind,
        transport,
        iana_number: protocol.to_string(),
        direction: "egress",
    })
}

/// `network.transport` of an `IPPROTO_*`: a name where there is a common one; nothing for what is written to a file system.
pub(super) fn transport(protocol: u16) -> String {
    let known = match protocol {
        0 => "",
        1 => "icmp",
        6 => "tcp",
        17 => "udp",
        33 => "dccp",
        58 => "ipv6-icmp",
        132 => "sctp",
        136 => "udplite",
        255 => "raw",
        262 => "mptcp",
        other => return other.to_string(),
    };
    known.to_owned()
}

/// Techniques of these signals, T1020 first, and their tactics.
pub(super) fn threat<'a>(signals: impl Iterator<Item = &'a Weighted>) -> schema::Threat {
    let mut threat = schema::Threat { framework: "MITRE ATT&CK", ..schema::Threat::default() };
    add_technique(&mut threat, "T1020", Stage::Egress);
    for weighted in signals {
        add_technique(&mut threat, weighted.signal.technique, weighted.signal.stage);
    }
    threat
}

fn add_technique(threat: &mut schema::Threat, id: &str, stage: Stage) {
    let base = attack::base(id);
    let tactic = attack::find(id).map_or(attack::tactic_of(stage), |technique| technique.tactic);
    add(&mut threat.tactic, tactic.id(), tactic.name(), "tactics");
    let name = |id: &str| attack::find(id).map_or("", |technique| technique.name);
    add(&mut threat.technique.own, base, name(base), "techniques");
    if base != id {
        add(&mut threat.technique.subtechnique, id, name(id), "techniques");
    }
}

fn add(named: &mut schema::Named, id: &str, name: &str, kind: &str) {
    if !named.id.iter().any(|known| known == id) {
        named.id.push(id.to_owned());
        named.name.push(name.to_owned());
        named.reference.push(format!("https://attack.mitre.org/{kind}/{}/", id.replace('.', "/")));
    }
}

pub(super) fn signal(
    host: &Host,
    boot_to_wall_ns: i64,
    weighted: &Weighted,
    subject: Option<&Process>,
    cutter: &mut Cutter,
) -> schema::Signal {
    let signal = &weighted.signal;
    schema::Signal {
        analytic: signal.analytic.id(),
        technique: signal.technique,
        data_component: signal.analytic.data_component(),
        stage: signal.stage,
        risk: rounded(signal.risk),
        decay: rounded(weighted.decay),
        trust: rounded(weighted.trust),
        weight: rounded(weighted.weight()),
        counts: None,
        via: match weighted.via {
            Via::Own => "own",
            Via::Lineage => "lineage",
            Via::Data => "data",
        },
        time: time(Record::wall(boot_to_wall_ns, signal.time)),
        reason: cutter.text("weir.signals.reason", &signal.reason),
        object: object(&signal.object, cutter),
        process: who(host, signal.subject, subject, cutter),
    }
}

fn object(object: &Object, cutter: &mut Cutter) -> schema::Object {
    let mut shown = schema::Object::default();
    match object {
        Object::Command(line) => {
            shown.command_line = Some(cutter.bytes("weir.signals.object.command_line", line));
        }
        Object::Script(path) => shown.script = Some(cutter.bytes("weir.signals.object.script", path)),
        Object::File(path) => shown.file = Some(cutter.bytes("weir.signals.object.file", path)),
        Object::Files(count) | Object::Shared(count) => shown.files = Some(*count),
        Object::Destination(remote) => shown.destination = Some(remote.to_string()),
        Object::Content(content) => shown.destination = Some(content.remote.to_string()),
    }
    shown
}

pub(super) fn who(
    host: &Host,
    key: ProcessKey,
    process: Option<&Process>,
    cutter: &mut Cutter,
) -> schema::Who {
    schema::Who {
        pid: key.pid,
        entity_id: entity_id(host, key),
        name: process.map(|process| name(process, cutter)),
    }
}

pub(super) fn script(host: &Host, process: &Process, script: &Script, cutter: &mut Cutter) -> schema::Script {
    schema::Script {
        process: who(host, process.key, Some(process), cutter),
        origin: match script.origin {
            ScriptOrigin::File => "file",
            ScriptOrigin::CommandLine => "command_line",
            ScriptOrigin::Stdin => "stdin",
        },
        path: cutter.bytes("weir.scripts.path", &script.path),
        size: script.size,
        sha256: cutter.text("weir.scripts.sha256", &script.sha256),
        text: cutter.script("weir.scripts.text", &script.text),
        not_captured: cutter.text("weir.scripts.not_captured", &script.not_captured),
    }
}
