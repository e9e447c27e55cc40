//! Throughput of the pure part: a mixed stream of events through the pipeline, beside decoding the same stream
//! from a recording in the same run. `cargo xtask bench` prints the table.

use std::{hint::black_box, io::Write as _, path::Path as FilePath, time::Instant};

use weir::{
    alert::Record,
    config::Config,
    event::{
        Bytes, Direction, Event, Exec, Fact, FileKey, Flow, FlowWhat, Fork, Open, Path, ProcessKey, Started,
        recording::{Reader, Writer},
    },
    pipeline::Pipeline,
};

/// Processes that live and die in the stream; each gives about 20 events.
const PROCESSES: u32 = 10_000;
/// Repetitions; the median is reported.
const REPETITIONS: usize = 7;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let events = stream();
    let mut recording = Vec::new();
    let mut writer = Writer::new(FilePath::new("memory"), &mut recording)?;
    for event in &events {
        writer.write(event)?;
    }
    writer.flush()?;
    drop(writer);
    // Baseline and measurement alternate, so that both see the machine in the same mood.
    let (mut decode, mut step) = (Vec::new(), Vec::new());
    for _ in 0..REPETITIONS {
        let begin = Instant::now();
        for event in Reader::new(FilePath::new("memory"), recording.as_slice())? {
            black_box(event?);
        }
        decode.push(begin.elapsed().as_secs_f64());
        let mut pipeline = Pipeline::new(Config::default());
        let mut records: Vec<Record> = Vec::new();
        let begin = Instant::now();
        for event in &events {
            pipeline.step(event, &mut records);
            records.clear();
        }
        step.push(begin.elapsed().as_secs_f64());
        black_box(pipeline.totals());
    }
    let rate = |seconds: &mut Vec<f64>| {
        seconds.sort_by(f64::total_cmp);
        #[expect(clippy::cast_precision_loss, reason = "a rate with three digits")]
        let count = events.len() as f64;
        count / seconds.get(REPETITIONS / 2).copied().unwrap_or(f64::NAN)
    };
    let (decoded, stepped) = (rate(&mut decode), rate(&mut step));
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "row\tpipeline step beside decoding the recording\t{stepped:.0} events/s\t{decoded:.0} events/s\t{:.2}",
        stepped / decoded
    )?;
    Ok(())
}

/// Forks, execs, quiet and interesting opens, flows and exits, as a busy build host gives them.
fn stream() -> Vec<Event> {
    let key = |pid: u32| ProcessKey { pid, start_ticks: u64::from(pid) };
    let path = |text: String| Path { bytes: Bytes::from(text.as_str()), ..Path::default() };
    let mut events = Vec::new();
    let mut time = 1_000_000_000;
    let mut push = |process: ProcessKey, fact: Fact| {
        time += 50_000;
        events.push(Event { time, process, fact });
    };
    for pid in 1_000..1_000 + PROCESSES {
        push(key(999), Fact::Fork(Fork { child: key(pid), comm: "sh".into(), uid: 0 }));
        let exec = Exec {
            parent: key(999),
            exe: path("/usr/bin/cc1".to_owned()),
            argv: vec!["cc1".into(), "-O2".into(), "main.c".into()],
            ..Exec::default()
        };
        push(key(pid), Fact::Exec(Box::new(exec)));
        for number in 0..16_u32 {
            let name = match number {
                0 => format!("/home/build/doc/{pid}.pdf"),
                1 => format!("/tmp/cc{pid}.s"),
                2..=15 => format!("/home/build/src/file{}.h", (pid * 7 + number) % 5_000),
                16.. => String::new(),
            };
            let file = FileKey { dev: 1, ino: u64::from(pid) * 16 + u64::from(number), generation: 0 };
            let write = number == 1;
            let open = Open {
                file,
                path: path(name),
                size: 4_096,
                mode: 0o100_644,
                read: !write,
                write,
                ..Open::default()
            };
            push(key(pid), Fact::Open(Box::new(open)));
        }
        if pid % 4 == 0 {
            let flow = Flow {
                what: FlowWhat::Snapshot,
                socket: u64::from(pid),
                remote: Some(([198, 51, 100, 2], 443).into()),
                local: Some(([198, 51, 100, 1], 40_000).into()),
                family: 2,
                protocol: 6,
                sock_type: 1,
                direction: Direction::Out,
                net_ns: 1,
                since: 1,
                tx_bytes: 2_000,
                rx_bytes: 20_000,
                tx_calls: 2,
                rx_calls: 3,
            };
            push(key(pid), Fact::Flow(Box::new(flow)));
        }
        push(key(pid), Fact::Exit { code: 0 });
    }
    let started = Started { boot_id: "bench".to_owned(), ..Started::default() };
    events.insert(0, Event { time: 0, process: key(1), fact: Fact::Started(Box::new(started)) });
    events
}
