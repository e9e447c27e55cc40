//! Events through the pipeline, on one core.

use std::time::Instant;

use anyhow::Result;
use weir::{
    config::Config,
    event::{
        Direction, Event, Exec, Fact, FileKey, Flow, FlowWhat, Fork, Open, Path, ProcessKey,
        recording::{Reader, Writer},
    },
    pipeline::Pipeline,
};

use crate::method::{Row, median};

pub(crate) const NAME: &str = "pipeline, events of a mixed recording";
/// Processes of the recording, one behind the other.
const PROCESSES: u32 = 20_000;
/// Opens of each.
const OPENS: u64 = 12;
/// Readings of its flow.
const READINGS: u64 = 6;
const REPETITIONS: usize = 7;
/// Events a second.
const BUDGET: f64 = 2_000_000.0;

fn key(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: 100 + u64::from(pid) }
}

fn path(text: &str) -> Path {
    Path { bytes: text.into(), ..Path::default() }
}

/// Programs that start, read what programs read, a document among it, write a file, send a little and end.
fn mixed() -> Vec<Event> {
    let mut events = Vec::new();
    let mut time = 1_000_000_000_000;
    let mut tell = |pid: u32, fact: Fact| {
        time += 50_000;
        events.push(Event { time, process: key(pid), fact });
    };
    tell(0, Fact::Started(Box::default()));
    for number in 0..PROCESSES {
        let pid = 1_000 + number;
        let child = key(pid);
        tell(1, Fact::Fork(Fork { child, comm: "sh".into(), uid: 1_000 }));
        let exec = Exec {
            parent: key(1),
            exe: path("/usr/bin/python3.11"),
            argv: vec!["python3".into(), "/opt/app/main.py".into()],
            argv_total: 24,
            cwd: path("/opt/app"),
            ..Exec::default()
        };
        tell(pid, Fact::Exec(Box::new(exec)));
        for open in 0..OPENS {
            let (name, write) = match open {
                0 => (format!("/home/ann/documents/{}.pdf", number % 500), false),
                1 => (format!("/var/lib/app/{number}.out"), true),
                _ => (format!("/opt/app/lib/module{open}.py"), false),
            };
            let file = FileKey { dev: 1, ino: u64::from(number) * OPENS + open, generation: 0 };
            let open = Open {
                file,
                path: path(&name),
                size: 20_000,
                mode: 0o100_644,
                read: !write,
                write,
                ..Open::default()
            };
            tell(pid, Fact::Open(Box::new(open)));
        }
        for reading in 1..=READINGS {
            let flow = Flow {
                what: if reading == 1 { FlowWhat::Active } else { FlowWhat::Snapshot },
                socket: u64::from(pid),
                remote: Some(([198, 51, 100, u8::try_from(number % 200).unwrap_or_default()], 443).into()),
                local: Some(([10, 0, 0, 1], 40_000).into()),
                family: 2,
                protocol: 6,
                sock_type: 1,
                direction: Direction::Out,
                net_ns: 1,
                since: 1,
                tx_bytes: reading * 1_000,
                rx_bytes: reading * 3_000,
                tx_calls: reading,
                rx_calls: reading,
            };
            tell(pid, Fact::Flow(Box::new(flow)));
        }
        tell(pid, Fact::Exit { code: 0 });
    }
    events
}

/// Events a second, beside reading the same recording from memory.
pub(crate) fn row() -> Result<Row> {
    let events = mixed();
    let mut bytes = Vec::new();
    let mut writer = Writer::new(std::path::Path::new("memory"), &mut bytes)?;
    events.iter().try_for_each(|event| writer.write(event))?;
    writer.flush()?;
    drop(writer);
    #[expect(clippy::cast_precision_loss, reason = "a count of events is far below 2^52")]
    let rate = |since: Instant| events.len() as f64 / since.elapsed().as_secs_f64();
    let (mut judged, mut read) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let since = Instant::now();
        let mut pipeline = Pipeline::new(Config::default());
        let mut records = Vec::new();
        for event in &events {
            pipeline.step(event, &mut records);
            records.clear();
        }
        judged.push(rate(since));
        let since = Instant::now();
        let reader = Reader::new(std::path::Path::new("memory"), bytes.as_slice())?;
        let mut count = 0_usize;
        for event in reader {
            std::hint::black_box(event?);
            count += 1;
        }
        anyhow::ensure!(count == events.len(), "{count} events of {}", events.len());
        read.push(rate(since));
    }
    let ratios: Vec<f64> = judged.iter().zip(&read).map(|(judged, read)| read / judged).collect();
    let value = median(&judged);
    Ok(Row {
        name: NAME.to_owned(),
        value: format!("{value:.0} events/s"),
        baseline: format!("{:.0} events/s read", median(&read)),
        ratios,
        budget: Some(format!(">= {BUDGET:.0} events/s")),
        holds: Some(value >= BUDGET),
        noise: false,
    })
}
