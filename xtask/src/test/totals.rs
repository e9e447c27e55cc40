//! What test programs print about their results, summed up.

use std::fmt;

/// Results of any number of suites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Totals {
    pub(crate) fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    /// Nothing failed, and something ran.
    pub(crate) fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

/// The plain line that other programs look for.
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// Reads the output of test programs that run one after the other.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    totals: Totals,
    /// Tests of the current program that said so themselves when they could not run.
    said_skipped: u64,
}

impl Suite {
    pub(crate) fn read(&mut self, line: &str) {
        let line = line.trim_end();
        // With one thread, the test's name stands before what the test prints.
        let printed = match line.strip_prefix("test ") {
            Some(rest) => rest.split_once(" ... ").map_or("", |(_, printed)| printed),
            None => line,
        };
        if printed.starts_with("skipped: ") {
            self.said_skipped += 1;
        } else if let Some(result) = line.strip_prefix("test result: ") {
            self.close(parse_result(result));
        }
    }

    pub(crate) fn finish(mut self) -> Totals {
        // A program that ended without a result.
        self.close(Totals::default());
        self.totals
    }

    /// The harness counts a test that gave up early as passed; it was skipped.
    fn close(&mut self, mut result: Totals) {
        let unaccounted = self.said_skipped.saturating_sub(result.skipped);
        result.passed = result.passed.saturating_sub(unaccounted);
        result.skipped += unaccounted;
        self.totals.add(result);
        self.said_skipped = 0;
    }
}

/// `ok. 5 passed; 0 failed; 1 ignored; ...`.
fn parse_result(text: &str) -> Totals {
    let mut totals = Totals::default();
    for part in text.split([';', '.']) {
        let mut words = part.split_whitespace();
        let (Some(number), Some(kind)) = (words.next().and_then(|word| word.parse().ok()), words.next())
        else {
            continue;
        };
        match kind {
            "passed" => totals.passed = number,
            "failed" => totals.failed = number,
            "ignored" => totals.skipped = number,
            _ => {}
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_summed() {
        let rows: [(&str, &str); 7] = [
            ("", "0 passed, 0 failed, 0 skipped"),
            (
                "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.12s",
                "5 passed, 0 failed, 1 skipped",
            ),
            (
                "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n\
                 test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "9 passed, 1 failed, 0 skipped",
            ),
            (
                "skipped: curl_upload: not root\nskipped: scp: not root\n\
                 test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "1 passed, 0 failed, 2 skipped",
            ),
            (
                "test scp ... skipped: scp: not root\nok\n\
                 test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "0 passed, 0 failed, 1 skipped",
            ),
            (
                "skipped: scp: not root\n\
                 test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
                "3 passed, 0 failed, 1 skipped",
            ),
            ("test skipped: x ... ok\nsays skipped: no\n", "0 passed, 0 failed, 0 skipped"),
        ];
        for (output, expected) in rows {
            let mut suite = Suite::default();
            output.lines().for_each(|line| suite.read(line));
            assert_eq!(suite.finish().to_string(), expected, "{output}");
        }
    }

    #[test]
    fn no_test_is_no_success() {
        for (passed, failed, skipped, success) in
            [(1, 0, 0, true), (1, 0, 5, true), (0, 0, 0, false), (0, 0, 5, false), (9, 1, 0, false)]
        {
            assert_eq!(
                Totals { passed, failed, skipped }.is_success(),
                success,
                "{passed} {failed} {skipped}"
            );
        }
    }
}
