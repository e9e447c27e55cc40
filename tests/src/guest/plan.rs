//! The plan of a virtual machine: what to run, in order.
//!
//! ```text
//! init    /lib/systemd/systemd
//! step    suite
//! env     WEIR_HOOKS=kprobe
//! run     /opt/weir/scenarios    run    malicious
//! ```
//! Words are parted by tabs. `env` belongs to the step above it; `run` ends the step. With `init`, which may be
//! left out, the first process hands over to that program, and the steps are run below it.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

/// What a machine is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The program that takes over as the first process.
    pub(super) init: Option<String>,
    /// What to run.
    pub(super) steps: Vec<Step>,
}

/// One program to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) name: String,
    pub(super) environment: Vec<(String, String)>,
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

/// Reads the plan at `path`.
///
/// # Errors
/// Names the first line that means nothing.
pub(super) fn read(path: &Path) -> Result<Plan> {
    parse(&fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
}

fn parse(text: &str) -> Result<Plan> {
    let mut plan = Plan::default();
    let mut step = Step::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words[..] {
            ["init", program] if plan.init.is_none() => plan.init = Some(program.to_owned()),
            ["step", name] => step = Step { name: name.to_owned(), ..Step::default() },
            ["env", pair] if let Some((key, value)) = pair.split_once('=') => {
                step.environment.push((key.to_owned(), value.to_owned()));
            }
            ["run", program, ref arguments @ ..] if !step.name.is_empty() => {
                program.clone_into(&mut step.program);
                step.arguments = arguments.iter().map(|&word| word.to_owned()).collect();
                plan.steps.push(std::mem::take(&mut step));
            }
            _ => bail!("the plan's line {line:?} means nothing"),
        }
    }
    if !step.name.is_empty() {
        bail!("the plan's step {} runs nothing", step.name);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::{Plan, Step, parse};

    #[test]
    fn plans_are_read() {
        let text = "init\t/bin/i\nstep\ta\nenv\tK=v=w\nrun\t/bin/x\t-a\tb c\nstep\tb\nrun\ty\n";
        let strings = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let steps = vec![
            Step {
                name: "a".to_owned(),
                environment: vec![("K".to_owned(), "v=w".to_owned())],
                program: "/bin/x".to_owned(),
                arguments: strings(&["-a", "b c"]),
            },
            Step { name: "b".to_owned(), program: "y".to_owned(), ..Step::default() },
        ];
        let expected = Plan { init: Some("/bin/i".to_owned()), steps };
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, named) in [
            ("run\tx\n", "run"),
            ("step\ta\n", "runs nothing"),
            ("step\ta\nenv\tK\n", "K"),
            ("init\ta\ninit\tb\n", "b"),
            ("\n", "\"\""),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text:?}: {error}");
        }
    }
}
