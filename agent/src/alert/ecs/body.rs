//! The line of each kind of record.

use std::sync::Arc;

use super::{SCHEMA, cutter::Cutter, formula, message, parts, schema, story};
use crate::{
    alert::{Action, Alert, Body, Host, Record, SignalLine, Totals, attack},
    detect::{Analytic, Object, Stage},
    event::{Coverage, Loss, ProcessKey},
    process::Process,
    score::Verdict,
};

/// The line for `record` as far as the bounds of `cutter` allow.
pub(super) fn line(record: &Record, cutter: &mut Cutter) -> schema::Line {
    let mut line = match &record.body {
        Body::Alert(alert) => of_alert(record, alert, cutter),
        Body::Signal(signal) => of_signal(record, signal, cutter),
        Body::Start { coverage } => of_start(record, coverage, cutter),
        Body::Stop { reason, totals } => {
            let mut line = of_state(record, "stop", "end");
            line.weir.reason = Some(cutter.text("weir.reason", reason));
            line.weir.totals = Some(of_totals(*totals));
            line
        }
        Body::Heartbeat { totals } => {
            let mut line = of_state(record, "heartbeat", "info");
            line.weir.totals = Some(of_totals(*totals));
            line
        }
        Body::Gap { losses } => of_gap(record, losses, cutter),
    };
    line.timestamp = parts::time(record.wall_ns);
    line.message = cutter.text("message", &message::message(&record.body));
    line.ecs.version = "8.17.0";
    line.event.module = "weir";
    line.host = of_host(&record.host, cutter);
    line.agent =
        schema::Agent { kind: "weir", version: cutter.text("agent.version", &record.host.agent_version) };
    line.weir.schema = SCHEMA;
    line.weir.cut = cutter.account();
    line
}

fn of_host(host: &Host, cutter: &mut Cutter) -> schema::Host {
    let name = cutter.text("host.name", &host.name);
    schema::Host {
        hostname: name.clone(),
        name,
        os: schema::Os { kind: "linux", kernel: cutter.text("host.os.kernel", &host.kernel) },
        boot: schema::Id { id: cutter.text("host.boot.id", &host.boot_id) },
    }
}

fn of_alert(record: &Record, alert: &Alert, cutter: &mut Cutter) -> schema::Line {
    let host = &record.host;
    let largest = alert.destinations.first();
    let (action, kinds) = match alert.action {
        Action::Opened => ("opened", vec!["info", "start"]),
        Action::Updated => ("updated", vec!["info"]),
        Action::Closed => ("closed", vec!["info", "end"]),
    };
    schema::Line {
        event: schema::Event {
            kind: "alert",
            category: vec!["intrusion_detection", "network"],
            kinds,
            action,
            id: cutter.text("event.id", &alert.id),
            dataset: "weir.alert",
            severity: Some(parts::severity(alert.verdict.score)),
            risk_score: Some(parts::rounded(alert.verdict.score)),
            risk_score_norm: Some(parts::rounded(alert.verdict.score * 10.0)),
            start: Some(parts::time(alert.opened_wall_ns)),
            end: (alert.action == Action::Closed).then(|| parts::time(record.wall_ns)),
            ..schema::Event::default()
        },
        rule: Some(schema::Rule {
            id: "T1020",
            name: "Automated exfiltration",
            category: "Exfiltration",
            ruleset: "weir",
        }),
        threat: Some(parts::threat(alert.verdict.signals.iter())),
        process: Some(parts::process(
            host,
            alert.boot_to_wall_ns,
            &alert.process,
            alert.parent.as_deref(),
            cutter,
        )),
        user: Some(parts::user(&alert.process, cutter)),
        source: alert.source.map(|local| parts::end(local.into(), largest.map(|to| to.bytes_out))),
        destination: largest.map(|to| parts::largest(to, cutter)),
        network: largest.and_then(|to| parts::network(to.remote, to.protocol)),
        file: alert.files.first().map(|file| parts::file(&file.path, Some(file.size), cutter)),
        container: parts::container(&alert.process, cutter),
        systemd: parts::systemd(&alert.process, cutter),
        weir: of_story(host, alert, cutter),
        ..schema::Line::default()
    }
}

fn of_story(host: &Host, alert: &Alert, cutter: &mut Cutter) -> schema::Weir {
    let verdict = &alert.verdict;
    let find = |key: ProcessKey| -> Option<&Process> {
        let mut story = alert.chain.iter().map(|link| &link.process).chain([&alert.process]);
        story.find(|process| process.key == key).map(Arc::as_ref)
    };
    let files: Vec<_> = cutter
        .list("weir.files", &alert.files)
        .iter()
        .map(|file| schema::Collected {
            path: cutter.bytes("weir.files.path", &file.path),
            size: file.size,
            why: cutter.text("weir.files.why", &file.why),
        })
        .collect();
    let unlisted = alert.files.len() - files.len();
    schema::Weir {
        revision: Some(alert.revision),
        score: Some(parts::rounded(verdict.score)),
        cap: Some(parts::rounded(verdict.cap)),
        uncapped: Some(parts::rounded(verdict.uncapped)),
        stages: Some(of_stages(verdict)),
        proof: verdict.proof.map(|content| schema::Proof {
            kind: content.kind,
            bytes_carried: content.carried,
            bytes_out: content.sent,
        }),
        bytes_collected: Some(alert.bytes_collected),
        bytes_out: Some(alert.bytes_out),
        destinations: Some(
            cutter
                .list("weir.destinations", &alert.destinations)
                .iter()
                .map(|to| schema::Destination {
                    ip: to.remote.ip(),
                    port: to.remote.ip().map(|_| to.remote.port()),
                    transport: parts::transport(to.protocol),
                    mount: to.place.as_ref().map(|place| cutter.bytes("weir.destinations.mount", place)),
                    bytes_out: to.bytes_out,
                    domains: parts::domains(&to.domains, cutter),
                })
                .collect(),
        ),
        signals: Some(
            cutter
                .list("weir.signals", &verdict.signals)
                .iter()
                .enumerate()
                .map(|(index, weighted)| {
                    let subject = find(weighted.signal.subject);
                    let before = verdict.signals.get(..index).unwrap_or_default();
                    let counts = Some(formula::counts(weighted, before));
                    let shown = parts::signal(host, alert.boot_to_wall_ns, weighted, subject, cutter);
                    schema::Signal { counts, ..shown }
                })
                .collect(),
        ),
        formula: Some(formula::of(alert)),
        chain: Some(story::chain(host, alert, cutter)),
        graph: Some(story::graph(host, alert, cutter)),
        files: Some(files),
        files_more: Some(alert.files_more.saturating_add(unlisted as u64)),
        scripts: Some(of_scripts(host, alert, cutter)),
        process: Some(parts::traits(&alert.process)),
        trusted_by: Some(of_texts("weir.trusted_by", &alert.trusted_by, cutter)),
        coverage: Some(of_texts("weir.coverage", &alert.coverage, cutter)),
        ..schema::Weir::default()
    }
}

fn of_scripts(host: &Host, alert: &Alert, cutter: &mut Cutter) -> Vec<schema::Script> {
    let mut keys: Vec<ProcessKey> = Vec::new();
    let mut scripts = Vec::new();
    let members = alert.chain.iter().filter(|link| !link.launcher);
    for process in members.map(|link| &link.process).chain([&alert.process]) {
        if let Some(script) = &process.script
            && !keys.contains(&process.key)
        {
            keys.push(process.key);
            scripts.push((process, script));
        }
    }
    let shown = cutter.short_list("weir.scripts", &scripts).iter();
    shown.map(|(process, script)| parts::script(host, process, script, cutter)).collect()
}

fn of_stages(verdict: &Verdict) -> schema::Stages {
    let mut stages = schema::Stages::default();
    for (stage, strength) in &verdict.stages {
        let strength = Some(parts::rounded(*strength));
        match stage {
            Stage::Collection => stages.collection = strength,
            Stage::Staging => stages.staging = strength,
            Stage::Transfer => stages.transfer = strength,
            Stage::Egress => stages.egress = strength,
        }
    }
    stages
}

fn of_signal(record: &Record, line: &SignalLine, cutter: &mut Cutter) -> schema::Line {
    let host = &record.host;
    let signal = &line.signal.signal;
    let (category, kind) = match signal.analytic {
        Analytic::CommandExecution | Analytic::ScriptExecution => ("process", "info"),
        Analytic::FileAccess | Analytic::SensitiveFileAccess | Analytic::MassFileAccess => ("file", "access"),
        Analytic::ConnectionCreation | Analytic::UnnamedDestination | Analytic::Family => {
            ("network", "connection")
        }
        Analytic::TrafficFlow | Analytic::TrafficContent | Analytic::Duplication => ("network", "info"),
        Analytic::Protocol | Analytic::NameTunnel => ("network", "protocol"),
    };
    let remote = signal.object.remote();
    let file = match &signal.object {
        Object::File(path) | Object::Script(path) => Some(path),
        Object::Destination(_)
        | Object::Content(_)
        | Object::Command(_)
        | Object::Files(_)
        | Object::Shared(_) => None,
    };
    let identity = [
        host.boot_id.as_str(),
        signal.analytic.id(),
        &crate::alert::entity_id(host, signal.subject),
        &signal.time.to_string(),
        &format!("{:?}", signal.object),
    ];
    schema::Line {
        event: schema::Event {
            kind: "signal",
            category: vec![category],
            kinds: vec![kind],
            action: "signal",
            id: parts::id(&identity),
            dataset: "weir.signal",
            // What it is worth is the risk's to say; a rule on severity is meant to wake somebody.
            severity: Some(parts::LOW),
            risk_score: Some(parts::rounded(signal.risk)),
            risk_score_norm: Some(parts::rounded(signal.risk * 10.0)),
            start: Some(parts::time(Record::wall(line.boot_to_wall_ns, signal.time))),
            ..schema::Event::default()
        },
        rule: Some(schema::Rule {
            id: signal.analytic.id(),
            name: attack::rule_name(signal.analytic),
            category: signal.analytic.data_component(),
            ruleset: "weir",
        }),
        threat: Some(parts::threat(std::iter::once(&line.signal))),
        process: Some(parts::process(
            host,
            line.boot_to_wall_ns,
            &line.process,
            line.parent.as_deref(),
            cutter,
        )),
        user: Some(parts::user(&line.process, cutter)),
        destination: remote
            .map(|remote| parts::destination((remote, line.place.as_ref()), None, &line.domains, cutter)),
        file: file.map(|path| parts::file(path, None, cutter)),
        container: parts::container(&line.process, cutter),
        systemd: parts::systemd(&line.process, cutter),
        weir: schema::Weir {
            score: Some(parts::rounded(line.score)),
            signals: Some(vec![parts::signal(
                host,
                line.boot_to_wall_ns,
                &line.signal,
                Some(&line.process),
                cutter,
            )]),
            scripts: line
                .process
                .script
                .as_ref()
                .map(|script| vec![parts::script(host, &line.process, script, cutter)]),
            process: Some(parts::traits(&line.process)),
            ..schema::Weir::default()
        },
        ..schema::Line::default()
    }
}

fn of_start(record: &Record, coverage: &[Coverage], cutter: &mut Cutter) -> schema::Line {
    let mut line = of_state(record, "start", "start");
    let mut gaps = Vec::new();
    let mut sensors = Vec::new();
    for sensor in cutter.list("weir.sensors", coverage) {
        let shown = schema::Sensor {
            name: cutter.text("weir.sensors.sensor", &sensor.sensor),
            hook: cutter.text("weir.sensors.hook", &sensor.hook),
            gap: cutter.text("weir.sensors.gap", &sensor.gap),
            reason: cutter.text("weir.sensors.reason", &sensor.reason),
        };
        if !shown.gap.is_empty() {
            gaps.push(format!("{}: {}", shown.name, shown.gap));
        }
        sensors.push(shown);
    }
    line.weir.coverage = Some(gaps);
    line.weir.sensors = Some(sensors);
    line
}

fn of_gap(record: &Record, losses: &[Loss], cutter: &mut Cutter) -> schema::Line {
    let mut line = of_state(record, "gap", "info");
    let losses = cutter.list("weir.losses", losses).iter();
    line.weir.losses = Some(
        losses
            .map(|loss| schema::Lost { what: cutter.text("weir.losses.what", &loss.what), count: loss.count })
            .collect(),
    );
    line
}

fn of_state(record: &Record, action: &'static str, kind: &'static str) -> schema::Line {
    let identity = [record.host.boot_id.as_str(), action, &record.wall_ns.to_string()];
    schema::Line {
        event: schema::Event {
            kind: "state",
            category: vec!["host"],
            kinds: vec![kind],
            action,
            id: parts::id(&identity),
            dataset: "weir.state",
            ..schema::Event::default()
        },
        ..schema::Line::default()
    }
}

fn of_totals(totals: Totals) -> schema::Totals {
    schema::Totals {
        events: totals.events,
        signals: totals.signals,
        alerts: totals.alerts,
        open_alerts: totals.open_alerts,
        lost: totals.lost,
        evicted: totals.evicted,
        bytes_out: totals.bytes_out,
        processes: totals.processes,
        flows: totals.flows,
    }
}

fn of_texts(field: &'static str, texts: &[String], cutter: &mut Cutter) -> Vec<String> {
    cutter.list(field, texts).iter().map(|text| cutter.text(field, text)).collect()
}
