//! What a guest reports: lines of its own, and between them what test programs print.

use std::collections::BTreeMap;

/// Begins a line of the guest's own; `tests::guest` writes it.
const MARK: &str = "@guest ";

/// How a case ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Passed,
    /// With the reason.
    Skipped(String),
    /// With what was said about it.
    Failed(String),
}

/// What one step of the plan gave.
#[derive(Clone, Debug, Default)]
pub(super) struct Step {
    pub(super) cases: BTreeMap<String, Outcome>,
    /// Exit status of its program, or why it could not be run; none when it did not end.
    pub(super) end: Option<String>,
}

/// Everything that a guest reported.
#[derive(Clone, Debug, Default)]
pub(super) struct Report {
    pub(super) steps: BTreeMap<String, Step>,
    /// Modules that the kernel refused, and what else is worth a line.
    pub(super) notes: Vec<String>,
    /// The guest ran its whole plan.
    pub(super) done: bool,
    /// Why it could not.
    pub(super) error: Option<String>,
    /// The step that runs.
    step: Option<String>,
    /// The case whose result is awaited or was read last.
    case: Option<String>,
}

/// Something that happened, for the person who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A step began.
    Step(String),
    /// A case ended.
    Case(String, Outcome),
}

impl Report {
    /// Takes one line.
    pub(super) fn read(&mut self, line: &str) -> Option<News> {
        let line = line.trim_end();
        if let Some(own) = line.strip_prefix(MARK) {
            return self.read_own(own);
        }
        let step = self.steps.get_mut(self.step.as_ref()?)?;
        // A case's name stands before what it prints, its result after that.
        if let Some((name, rest)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            self.case = Some(name.to_owned());
            let news = outcome(rest).map(|outcome| step.conclude(name, outcome));
            // The reason of a skipped case follows on a line of its own.
            return news.filter(|news| !matches!(news, News::Case(_, Outcome::Skipped(_))));
        }
        // Something was printed between a name and its result.
        let alone = if line.contains(' ') { None } else { outcome(line) };
        if let (Some(outcome), Some(name)) = (alone, &self.case) {
            return Some(step.conclude(name, outcome));
        }
        if let Some((name, reason)) = line.strip_prefix("skipped: ").and_then(|rest| rest.split_once(": ")) {
            return Some(step.conclude(name, Outcome::Skipped(reason.to_owned())));
        }
        // Details of a failure are indented below it.
        if let (Some(detail), Some(name)) = (line.strip_prefix("    "), &self.case)
            && let Some(Outcome::Failed(said)) = step.cases.get_mut(name)
        {
            said.push_str(if said.is_empty() { "" } else { "\n" });
            said.push_str(detail);
        }
        // A test of Rust's own harness says why it failed in a section of its own at the end.
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.split(' ').next()) {
            self.case = Some(name.to_owned());
        } else if let (true, Some(name)) = (line.contains("panicked at "), &self.case)
            && let Some(Outcome::Failed(said)) = step.cases.get_mut(name)
        {
            line.clone_into(said);
        }
        None
    }

    fn read_own(&mut self, own: &str) -> Option<News> {
        let (kind, rest) = own.split_once(' ').unwrap_or((own, ""));
        match kind {
            "begin" => {
                self.steps.insert(rest.to_owned(), Step::default());
                self.step = Some(rest.to_owned());
                return Some(News::Step(rest.to_owned()));
            }
            "end" => {
                if let Some((name, status)) = rest.split_once(' ')
                    && let Some(step) = self.steps.get_mut(name)
                {
                    step.end = Some(status.to_owned());
                }
                self.step = None;
            }
            "done" => self.done = true,
            "error" => self.error = Some(rest.to_owned()),
            _ => self.notes.push(own.to_owned()),
        }
        None
    }
}

impl Step {
    fn conclude(&mut self, name: &str, outcome: Outcome) -> News {
        self.cases.insert(name.to_owned(), outcome.clone());
        News::Case(name.to_owned(), outcome)
    }
}

fn outcome(words: &str) -> Option<Outcome> {
    match words.split_whitespace().next()? {
        "ok" => Some(Outcome::Passed),
        "FAILED" => Some(Outcome::Failed(String::new())),
        "ignored" => Some(Outcome::Skipped(String::new())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_report() {
        let text = "\
@guest module 03-tls.ko: no such device\r
@guest begin auto\r
running 4 tests
test a::b ... ok (1.2 s)
    receiver read 12
test a::c ... FAILED (3.0 s)
    no alert
    (receiver read 12)
test a::d ... ignored
skipped: a::d: no zip here

test result: FAILED. 1 passed; 1 failed; 1 ignored
@guest end auto 101
@guest begin kernel
test sends ... says a word
and another
ok
test opens ... FAILED
---- opens stdout ----
thread 'opens' panicked at agent/tests/kernel.rs:1:2:
@guest end kernel 101
@guest done
";
        let mut report = Report::default();
        let news: Vec<News> = text.lines().filter_map(|line| report.read(line)).collect();
        assert!(report.done && report.error.is_none());
        assert_eq!(report.notes, ["module 03-tls.ko: no such device"]);
        let step = &report.steps["auto"];
        assert_eq!(step.end.as_deref(), Some("101"));
        assert_eq!(step.cases["a::b"], Outcome::Passed);
        assert_eq!(step.cases["a::c"], Outcome::Failed("no alert\n(receiver read 12)".to_owned()));
        assert_eq!(step.cases["a::d"], Outcome::Skipped("no zip here".to_owned()));
        assert_eq!(report.steps["kernel"].cases["sends"], Outcome::Passed);
        let Outcome::Failed(said) = &report.steps["kernel"].cases["opens"] else { panic!("{report:?}") };
        assert!(said.contains("kernel.rs:1:2"), "{said}");
        assert!(news.contains(&News::Step("kernel".to_owned())));
    }

    #[test]
    fn a_report_that_stops() {
        let mut report = Report::default();
        for line in ["@guest begin auto", "test a ... ok", "test b ... "] {
            report.read(line);
        }
        assert!(!report.done && report.steps["auto"].end.is_none());
        assert_eq!(report.steps["auto"].cases.len(), 1);
    }
}
