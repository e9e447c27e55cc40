//! What a guest reports: lines of its own, and between them what test programs print.

use std::collections::BTreeMap;

use super::{console::Console, ways};

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
    /// Details of the case [`ways::CASE`], which passed.
    pub(super) ways: Vec<String>,
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
    /// A panic's own words go on.
    panics: bool,
    /// Steps that began or ended, and results.
    moves: u64,
}

/// Lines of a panic's own words that are kept: a verifier's last ones are among them.
const PANIC: usize = 60;

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
            self.moves += 1;
            // The reason of a skipped case follows on a line of its own.
            return news.filter(|news| !matches!(news, News::Case(_, Outcome::Skipped(_))));
        }
        // Something was printed between a name and its result.
        let alone = if line.contains(' ') { None } else { outcome(line) };
        if let (Some(outcome), Some(name)) = (alone, &self.case) {
            self.moves += 1;
            return Some(step.conclude(name, outcome));
        }
        // Lists of names follow the results, indented as details are.
        if matches!(line, "failures:" | "successes:")
            || ["failures, artifacts in ", "test result: "].iter().any(|heading| line.starts_with(heading))
        {
            (self.case, self.panics) = (None, false);
            return None;
        }
        if let Some((name, reason)) = line.strip_prefix("skipped: ").and_then(|rest| rest.split_once(": ")) {
            return Some(step.conclude(name, Outcome::Skipped(reason.to_owned())));
        }
        // A test of Rust's own harness says why it failed in a section of its own at the end.
        if let Some(name) = line.strip_prefix("---- ").and_then(|rest| rest.split(' ').next()) {
            (self.case, self.panics) = (Some(name.to_owned()), false);
            return None;
        }
        let name = self.case.as_ref()?;
        let outcome = step.cases.get_mut(name)?;
        if name == ways::CASE && *outcome == Outcome::Passed {
            step.ways.extend(line.strip_prefix("    ").map(str::to_owned));
        }
        let Outcome::Failed(said) = outcome else { return None };
        if line.starts_with("thread '") && line.contains("panicked at ") {
            self.panics = true;
            line.clone_into(said);
        } else if self.panics
            && (line == "stack backtrace:" || line.starts_with("note: run with `RUST_BACKTRACE"))
        {
            self.panics = false;
        } else if self.panics {
            if !line.is_empty() && said.lines().count() < PANIC {
                add_line(said, line);
            }
        } else if let Some(detail) = line.strip_prefix("    ") {
            // Details of a failure are indented below it.
            add_line(said, detail);
        }
        None
    }

    /// Sets it against the machine's console, once the machine has ended. Whatever the guest reported: what its kernel
    /// says counts, also after the last case, and then the `trouble` that the machine was ended for.
    pub(super) fn weigh(&mut self, console: &mut Console, trouble: Option<String>) {
        let said = console.diagnose().or(trouble).or(self.error.take());
        // Last: a machine that did not begin has better words for that.
        self.error = said.or_else(|| console.silence());
    }

    /// Counts what happens: it grows with each step that begins or ends, and each result.
    pub(super) fn moves(&self) -> u64 {
        self.moves
    }

    /// What the guest is at, whose last line has not ended and reads `begun`.
    pub(super) fn running(&self, begun: &str) -> String {
        if let Some((name, _)) = begun.strip_prefix("test ").and_then(|rest| rest.split_once(" ...")) {
            return name.to_owned();
        }
        let Some(step) = &self.step else { return "the machine".to_owned() };
        let has_ended =
            |case: &String| self.steps.get(step).is_some_and(|step| step.cases.contains_key(case));
        self.case.clone().filter(|case| !has_ended(case)).unwrap_or_else(|| format!("step {step}"))
    }

    fn read_own(&mut self, own: &str) -> Option<News> {
        let (kind, rest) = own.split_once(' ').unwrap_or((own, ""));
        self.moves += 1;
        match kind {
            "begin" => {
                (self.case, self.panics) = (None, false);
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

fn add_line(said: &mut String, line: &str) {
    said.push_str(if said.is_empty() { "" } else { "\n" });
    said.push_str(line);
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
    use crate::workspace::Scratch;

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
test egress::ways ... ok (3.0 s)
    tcp  Exact: 1 of 1
test a::e ... FAILED (1.0 s)
    no word

failures, artifacts in /var/log/weir-tests:
    a::c
    a::e

test result: FAILED. 1 passed; 1 failed; 1 ignored
@guest end auto 101
@guest begin kernel
test sends ... says a word
and another
ok
test opens ... FAILED

successes:

---- sends stdout ----
    says

failures:

---- opens stdout ----

thread 'opens' panicked at agent/tests/kernel.rs:1:2:
assertion `left == right` failed: inode_size
  left: 1
 right: 2
note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace


failures:
    opens

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s
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
        assert_eq!(step.ways, ["tcp  Exact: 1 of 1"]);
        assert_eq!(step.cases["a::d"], Outcome::Skipped("no zip here".to_owned()));
        assert_eq!(report.steps["kernel"].cases["sends"], Outcome::Passed);
        assert_eq!(step.cases["a::e"], Outcome::Failed("no word".to_owned()));
        let panic = "thread 'opens' panicked at agent/tests/kernel.rs:1:2:\nassertion `left == right` failed: \
                     inode_size\n  left: 1\n right: 2";
        assert_eq!(report.steps["kernel"].cases["opens"], Outcome::Failed(panic.to_owned()));
        assert!(news.contains(&News::Step("kernel".to_owned())));
    }

    #[test]
    fn the_console_counts_whatever_was_reported() {
        type Row<'a> = (&'a str, Option<&'a str>, Option<&'a str>, Option<&'a str>);
        let scratch = Scratch::make("weigh").unwrap();
        let path = scratch.path().join("console.log");
        let first = "[    0.000000] Linux version 6.1.0 (x@y)\n";
        let rows: [Row<'_>; 6] = [
            (first, None, None, None),
            ("", None, None, Some("the guest's console is not heard: ")),
            ("", None, Some("the guest ended early"), Some("the guest ended early")),
            ("", Some("the guest hung"), None, Some("the guest hung")),
            (first, Some("the guest hung"), Some("no disk"), Some("the guest hung")),
            (
                "Linux version 6\nOops: 0\n",
                Some("the guest hung"),
                Some("no disk"),
                Some("the guest's kernel oopsed"),
            ),
        ];
        for (log, trouble, error, expected) in rows {
            std::fs::write(&path, log).unwrap();
            let mut report = Report { done: true, error: error.map(str::to_owned), ..Report::default() };
            report.weigh(&mut Console::new(&path), trouble.map(str::to_owned));
            let found = report.error.as_deref();
            let fits = match (found, expected) {
                (Some(found), Some(expected)) => found.starts_with(expected),
                (found, expected) => found == expected,
            };
            assert!(fits, "{log:?} {trouble:?} {error:?}: {found:?}");
        }
    }

    #[test]
    fn a_report_that_stops() {
        let mut report = Report::default();
        let rows = [
            ("@guest module x.ko: no", "", "the machine"),
            ("@guest begin auto", "", "step auto"),
            ("test a ... ok", "", "step auto"),
            ("", "test b ... ", "b"),
            ("test b ... says", "", "b"),
        ];
        let mut moves = 0;
        for (line, begun, running) in rows {
            report.read(line);
            assert_eq!(report.running(begun), running, "{line}");
            assert_eq!(report.moves() > moves, !line.is_empty(), "{line}");
            moves = report.moves();
        }
        assert!(!report.done && report.steps["auto"].end.is_none());
        assert_eq!(report.steps["auto"].cases.len(), 1);
    }
}
