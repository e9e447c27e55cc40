//! The cases that there are, by the names that the table prints, and how the two programs that hold them are told which
//! to run.

use anyhow::{Result, bail};

use super::{Hooks, Run};

/// Prefix of the names of the tests of the kernel programs alone, which are a program of their own.
pub(in crate::vm) const KERNEL_TESTS: &str = "kernel::";

/// All cases, by program.
#[derive(Clone, Debug)]
pub(in crate::vm) struct Cases {
    /// The tests of the kernel programs, without their prefix.
    kernel: Vec<String>,
    suite: Vec<String>,
}

/// A program that holds cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vm) enum Program {
    /// The tests of the kernel programs.
    Kernel,
    /// The suite's runner.
    Suite,
}

/// What a run asks of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::vm) struct Step {
    pub(in crate::vm) program: Program,
    /// Its cases as the program itself calls them.
    pub(in crate::vm) cases: Vec<String>,
    /// Words of its command line that choose them.
    pub(in crate::vm) words: Vec<String>,
}

impl Cases {
    /// Those that the programs list.
    ///
    /// # Errors
    /// When a program lists none.
    pub(in crate::vm) fn new(kernel: Vec<String>, suite: Vec<String>) -> Result<Self> {
        // Nobody would miss a program's cases if they were in no plan.
        for (program, names) in [("test program of the kernel side", &kernel), ("suite", &suite)] {
            if names.is_empty() {
                bail!("the {program} lists no case");
            }
        }
        Ok(Self { kernel, suite })
    }

    /// Names in which one of `parts` is found; no part is all of them.
    pub(super) fn matching(&self, parts: &[impl AsRef<str>]) -> Vec<String> {
        let hit = |name: &String| parts.is_empty() || parts.iter().any(|part| name.contains(part.as_ref()));
        let kernel = self.kernel.iter().map(|name| format!("{KERNEL_TESTS}{name}"));
        kernel.chain(self.suite.iter().cloned()).filter(hit).collect()
    }

    /// # Errors
    /// Names the first part that is in no case's name.
    pub(in crate::vm) fn check(&self, parts: &[String]) -> Result<()> {
        match parts.iter().find(|part| self.matching(&[part]).is_empty()) {
            Some(part) => bail!("no case is called anything like {part}"),
            None => Ok(()),
        }
    }

    /// The programs that hold cases of `run`.
    pub(in crate::vm) fn steps(&self, run: &Run) -> Vec<Step> {
        let step = |program: Program, all: &[String]| {
            let is_chosen = |name: &&String| run.cases.contains(&format!("{}{name}", program.prefix()));
            let cases: Vec<String> = all.iter().filter(is_chosen).cloned().collect();
            Step { program, words: words(&cases, all), cases }
        };
        let steps = [step(Program::Kernel, &self.kernel), step(Program::Suite, &self.suite)];
        steps.into_iter().filter(|step| !step.cases.is_empty()).collect()
    }
}

impl Program {
    /// Prefix of its cases' names in the table.
    pub(in crate::vm) const fn prefix(self) -> &'static str {
        match self {
            Self::Kernel => KERNEL_TESTS,
            Self::Suite => "",
        }
    }
}

impl Step {
    /// Its name in the plan and in the guest's report.
    pub(in crate::vm) fn name(&self, hooks: Hooks) -> String {
        let program = match self.program {
            Program::Kernel => "kernel",
            Program::Suite => "suite",
        };
        format!("{}/{program}", hooks.name())
    }
}

/// Words with which a test harness chooses `chosen` of `all`; none chooses all. It runs what has one of these words in its
/// name, so that a name that is part of another needs a word against the other. They are few: a program's command line
/// is among what the agent looks at.
fn words(chosen: &[String], all: &[String]) -> Vec<String> {
    if chosen.len() == all.len() {
        return Vec::new();
    }
    let is_whole =
        |group: &str| all.iter().filter(|name| name.starts_with(group)).all(|name| chosen.contains(name));
    let mut words: Vec<String> = Vec::new();
    for name in chosen {
        let word = group(name).filter(|group| is_whole(group)).unwrap_or(name);
        if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    let too_many = all.iter().filter(|&name| !chosen.contains(name) && has_one(name, &words));
    // One that is part of a chosen name cannot be left out, and runs for nobody.
    let skips = too_many.filter(|&name| !chosen.iter().any(|chosen| chosen.contains(name.as_str())));
    let skips: Vec<String> = skips.flat_map(|name| ["--skip".to_owned(), name.clone()]).collect();
    [words, skips].concat()
}

/// The part of a name that its family shares.
fn group(name: &str) -> Option<&str> {
    name.match_indices("::").next().and_then(|(at, mark)| name.get(..at + mark.len()))
}

fn has_one(name: &str, words: &[String]) -> bool {
    words.iter().any(|word| name.contains(word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::{Cases, Hooks, Run, Step, has_one, words};

    fn own(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// What a harness runs of `all`, given these words.
    fn run(words: &[String], all: &[String]) -> Vec<String> {
        let (mut filters, mut skips) = (Vec::new(), Vec::new());
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            if word == "--skip" { skips.extend(rest.next().cloned()) } else { filters.push(word.clone()) }
        }
        let runs = |name: &&String| (filters.is_empty() || has_one(name, &filters)) && !has_one(name, &skips);
        all.iter().filter(runs).cloned().collect()
    }

    #[test]
    fn a_harness_runs_what_was_chosen() {
        type Row<'a> = (&'a [&'a str], &'a [&'a str]);
        let all = own(&[
            "honest::git",
            "honest::git-clone",
            "load::ring",
            "opens",
            "opens_twice",
            "service::kill",
            "service::stop",
        ]);
        let rows: [Row<'_>; 6] = [
            (&["honest::git", "honest::git-clone", "load::ring"], &["honest::", "load::"]),
            (&["honest::git"], &["honest::git", "--skip", "honest::git-clone"]),
            (&["honest::git-clone", "load::ring"], &["honest::git-clone", "load::"]),
            (&["opens", "service::stop"], &["opens", "service::stop", "--skip", "opens_twice"]),
            (&["opens", "opens_twice"], &["opens", "opens_twice"]),
            (&["service::kill", "service::stop"], &["service::"]),
        ];
        for (chosen, expected) in rows {
            let (chosen, found) = (own(chosen), words(&own(chosen), &all));
            assert_eq!(found, own(expected));
            assert_eq!(run(&found, &all), chosen);
        }
        assert_eq!(words(&all, &all), [""; 0]);
    }

    #[test]
    fn a_filter_is_a_part_of_the_name_that_the_table_prints() {
        let cases = Cases::new(
            own(&["opens", "opens_through_io_uring"]),
            own(&["lifecycle::start-and-stop", "service::stop"]),
        )
        .unwrap();
        let rows: [(&[&str], &[&str]); 6] = [
            (&["stop"], &["lifecycle::start-and-stop", "service::stop"]),
            (&["opens_through"], &["kernel::opens_through_io_uring"]),
            (&["kernel::"], &["kernel::opens", "kernel::opens_through_io_uring"]),
            (&["el::opens_", "::start"], &["kernel::opens_through_io_uring", "lifecycle::start-and-stop"]),
            (&["nothing"], &[]),
            (
                &[],
                &[
                    "kernel::opens",
                    "kernel::opens_through_io_uring",
                    "lifecycle::start-and-stop",
                    "service::stop",
                ],
            ),
        ];
        for (parts, expected) in rows {
            assert_eq!(cases.matching(parts), expected, "{parts:?}");
        }
        assert!(cases.check(&own(&["stop", "opens"])).is_ok());
        let error = cases.check(&own(&["stop", "opsen"])).unwrap_err().to_string();
        assert_eq!(error, "no case is called anything like opsen");
        assert!(Cases::new(Vec::new(), own(&["a"])).is_err() && Cases::new(own(&["a"]), Vec::new()).is_err());
    }

    #[test]
    fn each_program_gets_its_own_cases() {
        let cases = Cases::new(own(&["opens", "sends"]), own(&["honest::scp", "opens"])).unwrap();
        let steps = |names: &[&str]| {
            let steps = cases.steps(&Run { hooks: Hooks::Auto, cases: own(names) });
            let text = |step: Step| [step.name(Hooks::Auto), step.cases.join(" "), step.words.join(" ")];
            steps.into_iter().map(text).collect::<Vec<_>>()
        };
        assert_eq!(steps(&["kernel::opens"]), [["auto/kernel", "opens", "opens"]]);
        assert_eq!(steps(&["opens"]), [["auto/suite", "opens", "opens"]]);
        assert_eq!(
            steps(&["kernel::opens", "kernel::sends", "honest::scp"]),
            [["auto/kernel", "opens sends", ""], ["auto/suite", "honest::scp", "honest::"]]
        );
    }
}
