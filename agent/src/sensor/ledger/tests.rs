use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::*;

const SECOND: u64 = 1_000_000_000;
const INTERVAL: Duration = Duration::from_millis(500);
const TICK: u64 = 500_000_000;

/// Maps in memory, shared with the test that plays the kernel.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Maps>>);

#[derive(Default)]
struct Maps {
    epoch: u64,
    flows: BTreeMap<FlowKey, FlowValue>,
    overflow: BTreeMap<WireKey, FlowValue>,
}

impl Table for Memory {
    fn set_epoch(&mut self, epoch: u64) -> Result<(), MapError> {
        self.0.borrow_mut().epoch = epoch;
        Ok(())
    }
    fn flow(&self, key: &FlowKey) -> Result<Option<FlowValue>, MapError> {
        Ok(self.0.borrow().flows.get(key).copied())
    }
    fn flows(&self) -> Result<Vec<(FlowKey, FlowValue)>, MapError> {
        Ok(self.0.borrow().flows.iter().map(|(&key, &value)| (key, value)).collect())
    }
    fn remove_flow(&mut self, key: &FlowKey) -> Result<(), MapError> {
        self.0.borrow_mut().flows.remove(key);
        Ok(())
    }
    fn overflow(&self, process: &WireKey) -> Result<Option<FlowValue>, MapError> {
        Ok(self.0.borrow().overflow.get(process).copied())
    }
    fn overflows(&self) -> Result<Vec<(WireKey, FlowValue)>, MapError> {
        Ok(self.0.borrow().overflow.iter().map(|(&key, &value)| (key, value)).collect())
    }
    fn remove_overflow(&mut self, process: &WireKey) -> Result<(), MapError> {
        self.0.borrow_mut().overflow.remove(process);
        Ok(())
    }
}

fn key(pid: u32, cookie: u64) -> FlowKey {
    FlowKey { process: WireKey { start_ticks: 1, pid, _pad: 0 }, cookie, ..FlowKey::default() }
}

fn process(pid: u32) -> ProcessKey {
    ProcessKey { pid, start_ticks: 1 }
}

struct Bench {
    memory: Memory,
    ledger: Ledger<Memory>,
}

impl Bench {
    fn new() -> Self {
        let memory = Memory::default();
        Self { ledger: Ledger::new(memory.clone(), INTERVAL, 0), memory }
    }

    /// The kernel counts sent bytes.
    fn send(&self, key: FlowKey, bytes: u64, sock_type: u16) {
        let mut maps = self.memory.0.borrow_mut();
        let value = maps.flows.entry(key).or_default();
        value.tx_bytes += bytes;
        value.sock_type = sock_type;
    }

    fn has(&self, key: FlowKey) -> bool {
        self.memory.0.borrow().flows.contains_key(&key)
    }

    /// Drains at `now`; (pid, bytes sent) of each snapshot.
    fn drain(&mut self, now: u64) -> Vec<(u32, u64)> {
        shown(self.ledger.drain(now, |_| true).unwrap())
    }
}

fn shown(events: Vec<Event>) -> Vec<(u32, u64)> {
    let show = |event: Event| {
        let Fact::Flow(flow) = event.fact else { panic!("not a flow") };
        (event.process.pid, flow.tx_bytes)
    };
    events.into_iter().map(show).collect()
}

#[test]
fn an_announced_flow_is_read_until_it_rests() {
    let mut bench = Bench::new();
    assert_eq!(bench.ledger.next_due(), 60 * SECOND);
    bench.send(key(1, 10), 100, SOCK_STREAM);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), SECOND);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), SECOND + 1);
    assert_eq!(bench.ledger.next_due(), SECOND + TICK);
    assert_eq!(bench.drain(SECOND), []);
    assert_eq!(bench.drain(SECOND + TICK), [(1, 100)]);
    assert_eq!(bench.memory.0.borrow().epoch, 1);
    // Counted by a program that still saw the old epoch: not announced, and read all the same.
    bench.send(key(1, 10), 5, SOCK_STREAM);
    assert_eq!(bench.drain(SECOND + 2 * TICK), [(1, 105)]);
    assert_eq!(bench.drain(SECOND + 3 * TICK), []);
    assert_eq!(bench.ledger.next_due(), 60 * SECOND);
}

#[test]
fn a_closed_flow_is_read_soon_and_deleted_late() {
    let mut bench = Bench::new();
    for pid in [1, 2] {
        bench.send(key(pid, 10), 100, SOCK_STREAM);
        bench.ledger.note(FlowWhat::Active, &key(pid, 10), 0);
    }
    bench.send(key(1, 11), 7, SOCK_STREAM);
    bench.ledger.note(FlowWhat::Active, &key(1, 11), 0);
    assert_eq!(bench.drain(TICK), [(1, 100), (2, 100), (1, 7)]);
    assert_eq!(bench.drain(2 * TICK), []);

    bench.send(key(2, 10), 1, SOCK_STREAM);
    bench.ledger.note(FlowWhat::Closed, &key(0, 10), SECOND);
    assert_eq!(bench.drain(SECOND + TICK), [(2, 101)]);
    bench.send(key(1, 10), 2, SOCK_STREAM);
    assert_eq!(bench.drain(6 * SECOND - 1), [], "the last read comes with the deletion");
    assert!(bench.has(key(1, 10)));
    assert_eq!(bench.drain(6 * SECOND), [(1, 102)]);
    assert_eq!([key(1, 10), key(2, 10), key(1, 11)].map(|key| bench.has(key)), [false, false, true]);
}

#[test]
fn a_flow_that_moves_again_is_not_deleted() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, SOCK_STREAM);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), 0);
    bench.ledger.note(FlowWhat::Closed, &key(1, 10), SECOND);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), 2 * SECOND);
    bench.drain(7 * SECOND);
    assert!(bench.has(key(1, 10)));
}

#[test]
fn flows_of_an_exited_process_are_deleted() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, 2);
    bench.send(key(2, 10), 1, 2);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), 0);
    bench.ledger.note(FlowWhat::Active, &key(2, 10), 0);
    bench.ledger.note_exit(process(1), SECOND);
    assert_eq!(bench.drain(6 * SECOND), [(1, 1), (2, 1)]);
    assert_eq!([key(1, 10), key(2, 10)].map(|key| bench.has(key)), [false, true]);
}

#[test]
fn the_sweep_finds_what_nobody_announced() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, SOCK_STREAM);
    bench.send(key(2, 11), 2, SOCK_STREAM);
    bench.ledger.note(FlowWhat::Closed, &key(0, 10), SECOND);
    assert_eq!(bench.drain(60 * SECOND), [(1, 1), (2, 2)]);
    // The close of the first was seen before anybody knew the flow.
    assert_eq!(bench.drain(120 * SECOND), []);
    assert_eq!(bench.drain(125 * SECOND), []);
    assert_eq!([key(1, 10), key(2, 11)].map(|key| bench.has(key)), [false, true]);
}

#[test]
fn the_sweep_deletes_for_processes_whose_end_was_lost() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, SOCK_STREAM);
    bench.send(key(2, 11), 1, SOCK_STREAM);
    bench.ledger.drain(60 * SECOND, |key| key != process(1)).unwrap();
    bench.ledger.drain(65 * SECOND, |_| true).unwrap();
    assert_eq!([key(1, 10), key(2, 11)].map(|key| bench.has(key)), [false, true]);
}

#[test]
fn silent_datagram_flows_are_deleted_and_streams_are_not() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, 2);
    bench.send(key(1, 11), 1, SOCK_STREAM);
    bench.drain(60 * SECOND);
    bench.drain(180 * SECOND);
    assert!(bench.has(key(1, 10)));
    bench.drain(240 * SECOND);
    bench.drain(245 * SECOND);
    assert_eq!([key(1, 10), key(1, 11)].map(|key| bench.has(key)), [false, true]);
}

#[test]
fn silent_connections_make_room_in_a_crowded_ledger() {
    let mut bench = Bench::new();
    let keys = |count: usize| (0_u64..).take(count).map(|cookie| key(1, 100 + cookie));
    for key in keys(CROWDED) {
        bench.send(key, 1, SOCK_STREAM);
    }
    bench.drain(60 * SECOND);
    bench.send(key(2, 1), 1, SOCK_STREAM);
    for minute in 2..=10 {
        bench.send(key(2, 1), 1, SOCK_STREAM);
        assert_eq!(bench.drain(minute * 60 * SECOND), [(2, minute)]);
    }
    let events = bench.ledger.drain(11 * 60 * SECOND, |_| true).unwrap();
    let closed = events.iter().filter(|event| {
        matches!(&event.fact, Fact::Flow(flow) if flow.what == FlowWhat::Closed && event.process.pid == 1)
    });
    assert_eq!((closed.count(), events.len()), (CROWDED, CROWDED));
    bench.drain(11 * 60 * SECOND + 5 * SECOND);
    assert_eq!((keys(CROWDED).filter(|&key| bench.has(key)).count(), bench.has(key(2, 1))), (0, true));
}

#[test]
fn overflow_is_read_while_it_moves_and_deleted_with_its_process() {
    let mut bench = Bench::new();
    let owner = key(3, 0).process;
    let value = FlowValue { tx_bytes: 9, family: 2, remote: [1; 16], remote_port: 5, ..FlowValue::default() };
    bench.memory.0.borrow_mut().overflow.insert(owner, value);
    bench.ledger.note_overflow(0);
    let events = bench.ledger.drain(TICK, |_| true).unwrap();
    let Fact::Flow(flow) = &events[0].fact else { panic!("not a flow") };
    assert_eq!((events[0].process.pid, flow.tx_bytes, flow.remote, flow.socket), (3, 9, None, 0));
    assert_eq!(bench.drain(2 * TICK), []);
    assert_eq!(bench.ledger.next_due(), 60 * SECOND, "it rests");
    bench.memory.0.borrow_mut().overflow.get_mut(&owner).unwrap().tx_bytes = 10;
    bench.ledger.note_exit(process(3), 2 * SECOND);
    assert_eq!(bench.drain(7 * SECOND), [(3, 10)]);
    assert!(bench.memory.0.borrow().overflow.is_empty());
}

#[test]
fn the_stop_reads_everything() {
    let mut bench = Bench::new();
    bench.send(key(1, 10), 1, SOCK_STREAM);
    bench.send(key(2, 11), 2, 2);
    bench.ledger.note(FlowWhat::Active, &key(1, 10), 0);
    bench.drain(TICK);
    bench.send(key(1, 10), 1, SOCK_STREAM);
    assert_eq!(shown(bench.ledger.drain_all(SECOND).unwrap()), [(1, 2), (2, 2)]);
}

#[test]
fn a_flow_that_is_gone_is_forgotten() {
    let mut bench = Bench::new();
    bench.ledger.note(FlowWhat::Active, &key(1, 10), 0);
    assert_eq!(bench.drain(TICK), []);
    assert_eq!(bench.ledger.tracked.processes().count(), 0);
}
