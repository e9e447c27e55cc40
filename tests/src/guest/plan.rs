//! The plan of a virtual machine: what to run, in order.
//!
//! ```text
//! step    suite
//! env     WEIR_HOOKS=kprobe
//! run     /opt/weir/scenarios    run    malicious
//! ```
//! Words are parted by tabs. `env` belongs to the step above it; `run` ends the step.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

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
pub(super) fn read(path: &Path) -> Result<Vec<Step>> {
    parse(&fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
}

fn parse(text: &str) -> Result<Vec<Step>> {
    let mut steps = Vec::new();
    let mut step = Step::default();
    for line in text.lines() {
        let words: Vec<&str> = line.split('\t').collect();
        match words[..] {
            ["step", name] => step = Step { name: name.to_owned(), ..Step::default() },
            ["env", pair] if let Some((key, value)) = pair.split_once('=') => {
                step.environment.push((key.to_owned(), value.to_owned()));
            }
            ["run", program, ref arguments @ ..] if !step.name.is_empty() => {
                program.clone_into(&mut step.program);
                step.arguments = arguments.iter().map(|&word| word.to_owned()).collect();
                steps.push(std::mem::take(&mut step));
            }
            _ => bail!("the plan's line {line:?} means nothing"),
        }
    }
    if !step.name.is_empty() {
        bail!("the plan's step {} runs nothing", step.name);
    }
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use super::{Step, parse};

    #[test]
    fn plans_are_read() {
        let text = "step\ta\nenv\tK=v=w\nrun\t/bin/x\t-a\tb c\nstep\tb\nrun\ty\n";
        let strings = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let expected = [
            Step {
                name: "a".to_owned(),
                environment: vec![("K".to_owned(), "v=w".to_owned())],
                program: "/bin/x".to_owned(),
                arguments: strings(&["-a", "b c"]),
            },
            Step { name: "b".to_owned(), program: "y".to_owned(), ..Step::default() },
        ];
        assert_eq!(parse(text).unwrap(), expected);
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for (text, named) in
            [("run\tx\n", "run"), ("step\ta\n", "runs nothing"), ("step\ta\nenv\tK\n", "K"), ("\n", "\"\"")]
        {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{text:?}: {error}");
        }
    }
}
