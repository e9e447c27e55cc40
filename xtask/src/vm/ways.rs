//! How far each way out of a process is seen, ways by kernels: what the case that sends by each of them found.

use std::collections::BTreeMap;

use super::{
    boot::Finished,
    grid::Grid,
    plan::{Hooks, Step},
    results::Report,
};

/// The case; `tests::egress` writes a line for each way.
pub(super) const CASE: &str = "egress::ways";

/// A verdict for each way.
pub(super) type Ways = BTreeMap<String, String>;

/// What each run found.
pub(super) fn read(report: &Report, expected: &[(Hooks, Vec<Step>)]) -> Vec<(Hooks, Ways)> {
    let of = |(hooks, steps): &(Hooks, Vec<Step>)| {
        let steps = steps.iter().filter_map(|asked| report.steps.get(&asked.name(*hooks)));
        (*hooks, steps.flat_map(|step| step.ways.iter()).filter_map(|line| way(line)).collect())
    };
    expected.iter().map(of).collect()
}

/// A way's name and how far it is seen: `exact`, `attributed`, `seen`, `blind`, or `-` where it cannot be taken.
fn way(line: &str) -> Option<(String, String)> {
    let (name, said) = line.split_once(' ')?;
    let said = said.trim_start();
    if said.starts_with("not here: ") {
        return Some((name.to_owned(), "-".to_owned()));
    }
    let (verdict, numbers) = said.split_once(": ")?;
    numbers.contains(" of ").then(|| (name.to_owned(), verdict.to_lowercase()))
}

/// A row for each way and a column for each kernel and its hooks; nothing when no run looked.
pub(super) fn lines(finished: &[Finished]) -> Vec<String> {
    let mut grid = Grid::default();
    for one in finished {
        for (hooks, ways) in &one.ways {
            grid.add([one.boot.kernel.title(), hooks.name().to_owned()], ways.clone());
        }
    }
    grid.lines("ways out of a process, and how far each is seen (-: cannot be taken there)")
}

#[cfg(test)]
mod tests {
    use super::way;

    #[test]
    fn ways_of_a_report() {
        let rows = [
            ("tcp                Exact: 400000 of 400000", Some(("tcp", "exact"))),
            ("tun                Blind: 0 of 400000", Some(("tun", "blind"))),
            ("vsock              not here: Cannot assign requested address", Some(("vsock", "-"))),
            ("lost: program_runs_missed 2", None),
            ("", None),
        ];
        for (line, expected) in rows {
            let found = way(line);
            let found = found.as_ref().map(|(name, verdict)| (name.as_str(), verdict.as_str()));
            assert_eq!(found, expected, "{line}");
        }
    }
}
