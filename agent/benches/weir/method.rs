//! How it is measured: configurations shuffled inside each repetition, each divided by that repetition's own baseline, the
//! median and the range of the ratios, and a second run without anything that must come to the same.

use std::{collections::BTreeMap, fmt, thread, time::Duration};

use anyhow::{Context as _, Result, ensure};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::{
    agent::Agent,
    floor::Floor,
    work::{self, Bench, Budget, Work},
};

const REPETITIONS: usize = 7;
/// How far the medians of two runs without weir may be apart.
const NOISE: f64 = 0.02;
/// How long an agent is looked at that has nothing to do, seconds.
const IDLE_S: f64 = 5.0;
/// Rows about the agent itself, with their budgets.
const READY: (&str, f64) = ("start until it watches", 500.0);
const IDLE: (&str, f64) = ("processor time of an idle agent", 0.001);
const MEMORY: (&str, f64) = ("private memory", 40.0);

/// One thing that was measured.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) baseline: String,
    /// Value by baseline, one a repetition; of what is a rate the other way round: more is always worse.
    pub(crate) ratios: Vec<f64>,
    pub(crate) budget: Option<String>,
    pub(crate) holds: Option<bool>,
    /// Two runs without weir differ too much to say anything.
    pub(crate) noise: bool,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ratio = |value: f64| format!("{value:.3}");
        let mut sorted = self.ratios.clone();
        sorted.sort_by(f64::total_cmp);
        let spread = sorted.first().zip(sorted.last());
        let spread = spread.map_or_else(|| "-".to_owned(), |(low, high)| format!("{low:.3} to {high:.3}"));
        let middle = if sorted.is_empty() { "-".to_owned() } else { ratio(median(&sorted)) };
        let holds = match self.holds {
            _ if self.noise => "noise",
            Some(true) => "yes",
            Some(false) => "no",
            None => "-",
        };
        let budget = self.budget.as_deref().unwrap_or("-");
        write!(
            f,
            "row\t{}\t{}\t{}\t{middle}\t{spread}\t{budget}\t{holds}",
            self.name, self.value, self.baseline
        )
    }
}

/// The one in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A configuration of a repetition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Beside {
    Nothing,
    NothingAgain,
    /// Programs that only count, on the same hooks.
    Floor,
    Weir,
}

/// Orders that a shuffle may give; each repetition takes the next.
const ORDERS: [[Beside; 4]; 8] = {
    use Beside::{Floor, Nothing, NothingAgain, Weir};
    [
        [Nothing, Weir, NothingAgain, Floor],
        [Floor, NothingAgain, Weir, Nothing],
        [Weir, Nothing, Floor, NothingAgain],
        [NothingAgain, Floor, Nothing, Weir],
        [Floor, Weir, NothingAgain, Nothing],
        [Nothing, NothingAgain, Floor, Weir],
        [Weir, Floor, Nothing, NothingAgain],
        [NothingAgain, Nothing, Weir, Floor],
    ]
};

/// Rows that need root: workloads with and without weir, and weir itself.
pub(crate) fn rows(wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Row>> {
    let chosen: Vec<&Work> = work::ALL.iter().filter(|work| wanted(work.name)).collect();
    let itself = [READY, IDLE, MEMORY].into_iter().any(|(name, _)| wanted(name));
    if chosen.is_empty() && !itself {
        return Ok(Vec::new());
    }
    let mut cpus = CpuSet::new();
    cpus.set(thread::available_parallelism()?.get() - 1);
    sched_setaffinity(None, &cpus).context("cannot stay on one processor")?;
    let mut bench = Bench::new()?;
    let mut measured: BTreeMap<(Beside, &str), Vec<f64>> = BTreeMap::new();
    let (mut ready, mut idle, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for (repetition, order) in ORDERS.iter().cycle().take(REPETITIONS).enumerate() {
        eprintln!("repetition {} of {REPETITIONS}", repetition + 1);
        for &beside in order {
            let agent = (beside == Beside::Weir).then(Agent::start).transpose()?;
            let floor = (beside == Beside::Floor).then(Floor::start).transpose()?;
            for work in &chosen {
                let value = work.measure(&mut bench).with_context(|| work.name.to_owned())?;
                measured.entry((beside, work.name)).or_default().push(value);
            }
            if let Some(floor) = floor {
                ensure!(floor.runs()? > 0, "the counting programs never ran");
            }
            if let Some(agent) = agent {
                ready.push(agent.ready_s * 1e3);
                memory.push(agent.private_mib()?);
                if itself {
                    let before = agent.cpu_s()?;
                    thread::sleep(Duration::from_secs_f64(IDLE_S));
                    idle.push((agent.cpu_s()? - before) / IDLE_S);
                }
            }
        }
    }
    let of = |beside, work: &Work| measured.get(&(beside, work.name)).cloned().unwrap_or_default();
    let mut rows: Vec<Row> = chosen
        .iter()
        .map(|work| {
            let (bare, again) = (of(Beside::Nothing, work), of(Beside::NothingAgain, work));
            let floor = of(Beside::Floor, work);
            compare(work, &of(Beside::Weir, work), &floor, [&bare, &again])
        })
        .collect();
    let own = |(name, budget): (&str, f64), values: &[f64], unit: &str, by: f64| Row {
        name: name.to_owned(),
        value: format!("{:.1} {unit}", median(values) * by),
        baseline: "-".to_owned(),
        ratios: Vec::new(),
        budget: Some(format!("<= {} {unit}", budget * by)),
        holds: Some(median(values) <= budget),
        noise: false,
    };
    if itself {
        rows.extend([
            own(READY, &ready, "ms", 1.0),
            own(IDLE, &idle, "%", 100.0),
            own(MEMORY, &memory, "MiB", 1.0),
        ]);
    }
    Ok(rows)
}

fn compare(work: &Work, weir: &[f64], floor: &[f64], [bare, again]: [&[f64]; 2]) -> Row {
    let by = |values: &[f64]| values.iter().zip(bare).map(|(value, bare)| value / bare).collect::<Vec<_>>();
    let ratios = by(weir);
    let floor = median(&by(floor));
    let most = match work.budget {
        Budget::Bare(most) => most,
        Budget::Floor(points) => floor + points / 100.0,
        Budget::Both(most, points) => most.min(floor + points / 100.0),
    };
    Row {
        name: work.name.to_owned(),
        value: format!("{:.0} ns", median(weir)),
        baseline: format!("{:.0} ns, floor {floor:.3}", median(bare)),
        budget: Some(format!("<= {most:.3}")),
        holds: Some(median(&ratios) <= most),
        noise: (median(&by(again)) - 1.0).abs() > NOISE,
        ratios,
    }
}
