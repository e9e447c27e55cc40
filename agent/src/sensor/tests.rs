//! The sensor on the running kernel. Without the capabilities to load programs there is nothing to test.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
};

use tokio::time::{Instant, timeout_at};

use super::*;
use crate::event::{Direction, Flow, FlowWhat, Script};

/// How long anything may take on a test machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running sensor and what it has said so far.
struct Watch {
    sensor: Sensor,
    events: Vec<Event>,
    deadline: Instant,
}

impl Watch {
    /// Reads until an event is `wanted`; fails at the deadline.
    async fn until(&mut self, what: &str, wanted: impl Fn(&Event) -> bool) -> Event {
        let mut looked_at = 0;
        loop {
            if let Some(event) = self.events.iter().skip(looked_at).find(|event| wanted(event)) {
                return event.clone();
            }
            looked_at = self.events.len();
            let mut batch = Vec::new();
            let read = timeout_at(self.deadline, self.sensor.next(&mut batch)).await;
            read.unwrap_or_else(|_| panic!("{what}: not seen")).unwrap();
            assert!(!batch.is_empty());
            self.events.append(&mut batch);
        }
    }
}

/// Runs `test` with a sensor on this kernel.
fn watch<F: Future<Output = ()>>(test: impl FnOnce(Watch) -> F) {
    let config = Config::default();
    let loaded = match load::load(&config.sensor) {
        Ok(loaded) => loaded,
        Err(load::LoadError::NotPermitted { missing }) => {
            println!("not tested: {missing} is missing");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let sensor = Sensor::start(loaded, &config).unwrap();
        test(Watch { sensor, events: Vec::new(), deadline: Instant::now() + PATIENCE }).await;
    });
}

/// Sends `bytes` over loopback from another process (the agent's own traffic is not reported), closes, and
/// returns that process's id and the port once the receiver has them all.
fn send(bytes: usize) -> (u32, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; exec head -c {bytes} /dev/zero >&3");
    let mut child = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), bytes);
    child.wait().unwrap();
    (child.id(), port)
}

fn snapshot_of(event: &Event, process: u32) -> Option<&Flow> {
    let Fact::Flow(flow) = &event.fact else { return None };
    (flow.what == FlowWhat::Snapshot && event.process.pid == process).then_some(flow)
}

#[test]
fn the_first_events_are_the_start_and_the_processes() {
    watch(|mut watch| async move {
        let own = std::process::id();
        let seen = |event: &Event| matches!(event.fact, Fact::Seen(_)) && event.process.pid == own;
        watch.until("this process", seen).await;
        let Fact::Started(started) = &watch.events[0].fact else { panic!("not the start") };
        assert_eq!((started.agent.pid, started.boot_id.len()), (own, 36));
    });
}

#[test]
fn every_byte_is_in_the_ledger() {
    watch(|mut watch| async move {
        let sender = thread::spawn(|| send(3_000_001));
        watch
            .until("a connection", |event| matches!(&event.fact, Fact::Flow(flow) if flow.tx_bytes > 0))
            .await;
        let (pid, port) = sender.join().unwrap();
        let event = watch
            .until("the last snapshot", |event| {
                snapshot_of(event, pid).is_some_and(|flow| flow.tx_bytes == 3_000_001)
            })
            .await;
        let flow = snapshot_of(&event, pid).unwrap();
        assert_eq!(flow.remote, Some(([127, 0, 0, 1], port).into()));
        assert_eq!((flow.direction, flow.protocol), (Direction::Out, 6));
    });
}

#[test]
fn what_is_still_on_its_way_comes_at_the_stop() {
    watch(|mut watch| async move {
        let (pid, _) = send(70_000);
        let mut out = Vec::new();
        watch.sensor.drain_final("SIGTERM".to_owned(), &mut out).await.unwrap();
        let bytes: Vec<_> = out.iter().filter_map(|event| Some(snapshot_of(event, pid)?.tx_bytes)).collect();
        assert_eq!(bytes, [70_000]);
        assert_eq!(out.last().unwrap().fact, Fact::Stopping { reason: "SIGTERM".to_owned() });
    });
}

#[test]
fn a_backlog_at_the_stop_is_told_or_counted() {
    /// More than one pass of the reader takes.
    const WRITES: usize = 40_000;
    watch(|mut watch| async move {
        let file = std::env::temp_dir().join(format!("weir-backlog-{}", std::process::id()));
        let script = format!(
            "i=0; while [ $i -lt {WRITES} ]; do : >'{0}'; i=$((i+1)); done; rm '{0}'",
            file.display()
        );
        let mut child = Command::new("sh").args(["-c", &script]).stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        let mut out = Vec::new();
        watch.sensor.drain_final("SIGTERM".to_owned(), &mut out).await.unwrap();
        let writes = out.iter().filter(|event| {
            event.process.pid == pid && matches!(&event.fact, Fact::Open(open) if open.write)
        });
        let told: Vec<BootTime> = writes.map(|event| event.time).collect();
        let losses = out.iter().filter_map(|event| {
            let Fact::Loss(losses) = &event.fact else { return None };
            Some(losses.iter().map(|loss| loss.count).sum::<u64>())
        });
        let lost = usize::try_from(losses.sum::<u64>()).unwrap();
        assert!(told.len() + lost >= WRITES, "{} told, {lost} lost", told.len());
        assert!(told.is_sorted(), "events come by time");
    });
}

#[test]
fn facts_follow_their_event_and_a_sleeping_reader_wakes() {
    watch(|mut watch| async move {
        // On a quiet machine the reader sleeps by then; on a busy one this ends all the same.
        let calm = Instant::now() + Duration::from_secs(2);
        let mut batch = Vec::new();
        while timeout_at(
            calm,
            tokio::time::timeout(Duration::from_millis(200), watch.sensor.next(&mut batch)),
        )
        .await
        .is_ok_and(|read| read.is_ok())
        {}
        batch.clear();
        let mut child = Command::new("sh").args(["-c", "read x"]).stdin(Stdio::piped()).spawn().unwrap();
        let pid = child.id();
        let is_script = |event: &Event| event.process.pid == pid && matches!(event.fact, Fact::Script(_));
        let Fact::Script(script) = watch.until("the script", is_script).await.fact else {
            panic!("no script")
        };
        let Script { text, not_captured, .. } = *script;
        assert_eq!((text.to_string().as_str(), not_captured.as_str()), ("read x", ""));
        let at = watch.events.iter().position(is_script).unwrap();
        // Other processes' events may stand between them.
        let of_child = watch.events[..=at].iter().filter(|event| event.process.pid == pid);
        let of_child: Vec<&Event> = of_child.collect();
        let [.., exec, identity, _] = of_child.as_slice() else { panic!("too few events") };
        assert!(matches!(exec.fact, Fact::Exec(_)), "{exec:?}");
        assert!(
            matches!(&identity.fact, Fact::Identity(identity) if identity.user.as_deref() == Some("root"))
        );
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
        child.wait().unwrap();
        watch
            .until("its end", |event| {
                event.process.pid == pid && matches!(event.fact, Fact::Exit { code: 0 })
            })
            .await;
        let ordered = watch.events.windows(2).all(|pair| pair[0].time <= pair[1].time);
        assert!(ordered, "events come by time");
        drop(TcpStream::connect("127.0.0.1:1"));
    });
}
