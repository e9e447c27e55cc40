//! The kernel side, loaded, with its records and maps as they are.

use std::{
    collections::VecDeque,
    fs,
    ops::{Deref, DerefMut},
    os::unix::fs::MetadataExt as _,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use agent_common::{
    counters::Counter,
    net::{FlowKey, FlowValue},
    record::RecordHead,
};
use aya::maps::{HashMap, MapData, PerCpuArray, RingBuf};
use weir::{
    config::{Hooks, Sensor},
    sensor::load::{LoadError, Loaded, load},
};
use zerocopy::FromBytes;

/// How long a record may take to come.
const DEADLINE: Duration = Duration::from_secs(10);

/// The programs on the chosen rungs, for one test at a time: the tests run in one process, and every sensor sees all of
/// it. Loaded once, since that takes seconds where processors are emulated.
static SHARED: Mutex<Option<Kernel>> = Mutex::new(None);

/// Says that a test cannot run here, so that it counts as skipped.
pub(super) fn skip(test: &str, why: &str) {
    println!("skipped: {test}: {why}");
}

/// The rungs to begin with.
fn hooks() -> Hooks {
    let chosen = std::env::var("WEIR_HOOKS").unwrap_or_default();
    if chosen.is_empty() { Hooks::default() } else { chosen.parse().expect("WEIR_HOOKS") }
}

pub(super) struct Kernel {
    pub(super) loaded: Loaded,
    rings: [RingBuf<MapData>; 2],
    pub(super) backlog: VecDeque<Vec<u8>>,
}

/// The loaded kernel side, while a test has it to itself.
pub(super) struct Turn(MutexGuard<'static, Option<Kernel>>);

impl Deref for Turn {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        self.0.as_ref().expect("a turn begins with a loaded kernel side")
    }
}

impl DerefMut for Turn {
    fn deref_mut(&mut self) -> &mut Kernel {
        self.0.as_mut().expect("a turn begins with a loaded kernel side")
    }
}

impl Kernel {
    /// The loaded sensor; `None` without the rights.
    pub(super) fn load(test: &str) -> Option<Turn> {
        let mut turn = Self::turn(test)?;
        let kernel = turn.get_or_insert_with(|| Self::load_by(load));
        kernel.forget_records();
        Some(Turn(turn))
    }

    /// As above, loaded anew by a function that has the machine to itself.
    pub(super) fn load_alone(
        test: &str,
        load: impl FnOnce(&Sensor) -> Result<Loaded, LoadError>,
    ) -> Option<Turn> {
        let mut turn = Self::turn(test)?;
        *turn = None;
        *turn = Some(Self::load_by(load));
        Some(Turn(turn))
    }

    fn turn(test: &str) -> Option<MutexGuard<'static, Option<Self>>> {
        if fs::metadata("/proc/self").map(|me| me.uid()).ok() != Some(0) {
            skip(test, "loading kernel programs needs root");
            return None;
        }
        // A test that failed leaves a sensor that works.
        Some(SHARED.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn load_by(load: impl FnOnce(&Sensor) -> Result<Loaded, LoadError>) -> Self {
        let config = Sensor {
            hooks: hooks(),
            lifecycle_ring: 1 << 22,
            bulk_ring: 1 << 22,
            drain_interval: Duration::from_millis(500),
            content: true,
        };
        let mut loaded = load(&config).expect("the kernel programs load");
        for sensor in &loaded.coverage {
            println!("{sensor:?}");
        }
        for refused in &loaded.verifier_logs {
            let lines: Vec<&str> = refused.text.lines().collect();
            println!("{}: {}", refused.program, lines[lines.len().saturating_sub(40)..].join("\n"));
        }
        let mut ring = |name| RingBuf::try_from(loaded.ebpf.take_map(name).expect("a map")).expect("a ring");
        let rings = [ring("weir_lifecycle"), ring("weir_bulk")];
        Self { loaded, rings, backlog: VecDeque::new() }
    }

    /// Other tests did things of the same kind.
    fn forget_records(&mut self) {
        for ring in &mut self.rings {
            while ring.next().is_some() {}
        }
        self.backlog.clear();
    }

    /// What a sensor runs on; empty when it is off.
    pub(super) fn hook(&self, sensor: &str) -> &str {
        let found = self.loaded.coverage.iter().find(|covered| covered.sensor == sensor);
        found.map_or("", |covered| covered.hook.as_str())
    }

    pub(super) fn runs(&self, sensor: &str) -> bool {
        !self.hook(sensor).is_empty()
    }

    /// The first record of a kind, past or to come, of which `wanted` is true; fails at the deadline.
    pub(super) fn wait<R: FromBytes>(
        &mut self,
        kind: u16,
        what: &str,
        wanted: impl Fn(&R, &[u8]) -> bool,
    ) -> (R, Vec<u8>) {
        let end = Instant::now() + DEADLINE;
        loop {
            for ring in &mut self.rings {
                while let Some(item) = ring.next() {
                    self.backlog.push_back(item.to_vec());
                }
            }
            for record in &self.backlog {
                let (head, _) = RecordHead::read_from_prefix(record).expect("a head");
                assert_eq!(head.len as usize, record.len(), "length of a record of kind {}", head.kind);
                if head.kind != kind {
                    continue;
                }
                let (fixed, tail) = R::read_from_prefix(record).expect("a fixed part");
                if wanted(&fixed, tail) {
                    return (fixed, tail.to_vec());
                }
            }
            assert!(Instant::now() < end, "no record: {what}; {} others came", self.backlog.len());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub(super) fn counter(&self, counter: Counter) -> u64 {
        let map = self.loaded.ebpf.map("weir_counters").expect("a map");
        let counters: PerCpuArray<_, u64> = PerCpuArray::try_from(map).expect("counters");
        counters.get(&(counter as u32), 0).expect("a slot").iter().sum()
    }

    /// Whether the programs know a socket by this name.
    pub(super) fn knows_socket(&self, name: u64) -> bool {
        let sockets = self.loaded.ebpf.map("weir_sockets").expect("a map");
        let sockets: HashMap<_, u64, u8> = HashMap::try_from(sockets).expect("a hash map");
        sockets.get(&name, 0).is_ok()
    }

    /// Entries of the ledger.
    pub(super) fn ledger(&self, wanted: impl Fn(&FlowKey, &FlowValue) -> bool) -> Vec<(FlowKey, FlowValue)> {
        let map = self.loaded.ebpf.map("weir_ledger").expect("a map");
        let ledger: HashMap<_, FlowKey, FlowValue> = HashMap::try_from(map).expect("the ledger");
        ledger
            .iter()
            .map(|entry| entry.expect("an entry"))
            .filter(|(key, value)| wanted(key, value))
            .collect()
    }
}
