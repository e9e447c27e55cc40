//! Programs and files that Debian packages bring.

use super::{Missing, Mode, Part, apt};
use crate::{
    console::{self, Mark},
    process,
};

/// One line of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Program {
    part: Part,
    /// A program's name, or a file's absolute path.
    name: &'static str,
    package: &'static str,
    /// The unit that comes with it and that only its program is wanted from.
    service: Option<&'static str>,
}

/// Brings what `parts` need; returns what is missing in the end.
pub(super) fn ensure(parts: &[Part], mode: Mode) -> Vec<Missing> {
    let needed: Vec<Program> =
        list().into_iter().flatten().filter(|program| parts.contains(&program.part)).collect();
    let mut absent = Vec::new();
    for program in &needed {
        if let Some(path) = process::find(program.name) {
            mode.present(program.package, &path.display().to_string());
        } else {
            console::step(Mark::Missing, program.package, program.name);
            absent.push(*program);
        }
    }
    if absent.is_empty() || !mode.installs() {
        return missing(&absent);
    }
    let mut packages: Vec<&str> = absent.iter().map(|program| program.package).collect();
    packages.dedup();
    if let Err(error) = apt::install(&packages) {
        console::step(Mark::Refused, "apt", format!("{error:#}"));
    }
    absent.retain(|program| match process::find(program.name) {
        Some(path) => {
            console::step(Mark::Ok, program.package, path.display());
            program.service.into_iter().for_each(disable);
            false
        }
        None => true,
    });
    missing(&absent)
}

/// A machine that is to build and test is not to offer a new service after its next start.
fn disable(service: &str) {
    if process::find("systemctl").is_none() {
        return;
    }
    let disabled = process::as_root("systemctl")
        .and_then(|mut systemctl| process::read(systemctl.args(["--quiet", "disable", service])));
    match disabled {
        Ok(_) => console::step(Mark::Ok, service, "left disabled"),
        Err(error) => console::step(Mark::Failed, service, format!("still enabled: {error:#}")),
    }
}

fn missing(absent: &[Program]) -> Vec<Missing> {
    if absent.is_empty() {
        return Vec::new();
    }
    let join = |words: Vec<&str>| words.join(" ");
    vec![Missing {
        what: join(absent.iter().map(|program| program.name).collect()),
        manual: format!(
            "sudo apt-get update && sudo apt-get install {}",
            join(absent.iter().map(|program| program.package).collect())
        ),
    }]
}

/// The list's lines; `None` for one that cannot be read, which a test forbids.
fn list() -> Vec<Option<Program>> {
    include_str!("programs.txt")
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(parse)
        .collect()
}

fn parse(line: &'static str) -> Option<Program> {
    let mut words = line.split_whitespace();
    let part = match words.next()? {
        "build" => Part::Build,
        "test" => Part::Test,
        "quality" => Part::Quality,
        "fuzz" => Part::Fuzz,
        "vm" => Part::Vm,
        "vm-x86_64" => Part::VmX86_64,
        "vm-aarch64" => Part::VmAarch64,
        "cross-aarch64" => Part::CrossAarch64,
        _ => return None,
    };
    let program = Program { part, name: words.next()?, package: words.next()?, service: words.next() };
    words.next().is_none().then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_read() {
        let list = list();
        assert!(list.iter().all(Option::is_some), "{list:?}");
        assert!(list.contains(&Some(Program {
            part: Part::Build,
            name: "cc",
            package: "gcc",
            service: None
        })));
    }

    #[test]
    fn other_lines_are_not() {
        for line in ["", "build cc", "run cc gcc", "build cc gcc gcc.service more"] {
            assert_eq!(parse(line), None, "{line}");
        }
    }
}
