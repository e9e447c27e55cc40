//! What each kernel made of the kernel programs: their sizes, programs by kernels.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    boot::Finished,
    grid::Grid,
    plan::{Boot, Hooks},
};

/// What `weir check --json` said in a run; the suite keeps it among its artifacts.
const CHECK: &str = "check.json";
/// Bytes of an instruction.
const INSTRUCTION: u32 = 8;

/// A program that a kernel took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    name: String,
    /// Bytes after the verifier's rewriting.
    xlated_bytes: Option<u32>,
    /// Instructions that the verifier walked through, which kernels tell since 5.16.
    verified_insns: Option<u32>,
}

/// Where the runs of a machine keep their answers: the file below `artifacts`, and its name there.
pub(super) fn files(artifacts: &Path, boot: &Boot) -> Vec<(PathBuf, PathBuf)> {
    let names = boot.runs.iter().map(|run| Path::new(run.hooks.name()).join(CHECK));
    names.map(|name| (artifacts.join(&name), name)).filter(|(file, _)| file.exists()).collect()
}

/// The programs of each run of a machine that asked for them.
pub(super) fn read(artifacts: &Path, boot: &Boot) -> Vec<(Hooks, Vec<Program>)> {
    let runs = boot.runs.iter().filter_map(|run| {
        let text = fs::read_to_string(artifacts.join(run.hooks.name()).join(CHECK)).ok()?;
        Some((run.hooks, parse(&text)))
    });
    runs.collect()
}

/// Programs in the answer, which has a key and its value on each line: this program is built before there is a
/// reader of JSON.
fn parse(text: &str) -> Vec<Program> {
    let mut programs = Vec::new();
    let mut program = Program::default();
    for line in text.lines().map(|line| line.trim().trim_end_matches(',')) {
        match line.split_once(": ") {
            Some(("\"name\"", name)) => name.trim_matches('"').clone_into(&mut program.name),
            Some(("\"xlated_bytes\"", number)) => program.xlated_bytes = number.parse().ok(),
            Some(("\"verified_insns\"", number)) => program.verified_insns = number.parse().ok(),
            Some(_) | None if line == "}" => {
                let program = std::mem::take(&mut program);
                if !program.name.is_empty() {
                    programs.push(program);
                }
            }
            Some(_) | None => {}
        }
    }
    programs
}

/// A row for each program and a column for each kernel and its hooks; nothing when no run asked.
pub(super) fn lines(finished: &[Finished]) -> Vec<String> {
    let mut grid = Grid::default();
    for one in finished {
        for (hooks, programs) in &one.programs {
            let cells = programs.iter().map(|one| (one.name.clone(), one.cell()));
            grid.add([one.boot.kernel.title(), hooks.name().to_owned()], cells.collect());
        }
    }
    grid.lines("instructions / instructions that the verifier walked through")
}

impl Program {
    fn cell(&self) -> String {
        let shown = |number: Option<u32>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
        format!(
            "{} / {}",
            shown(self.xlated_bytes.map(|bytes| bytes / INSTRUCTION)),
            shown(self.verified_insns)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Program, parse};

    fn program(name: &str, xlated_bytes: Option<u32>, verified_insns: Option<u32>) -> Program {
        Program { name: name.to_owned(), xlated_bytes, verified_insns }
    }

    #[test]
    fn programs_of_an_answer() {
        let text = r#"{
  "configuration": "good",
  "error": null,
  "programs": [
    {
      "attached": [
        "kprobe:udp_sendmsg"
      ],
      "name": "weir_send_udp",
      "sensor": "send",
      "verified_insns": 123456,
      "xlated_bytes": 4096
    },
    {
      "attached": [],
      "name": "weir_send_tcp",
      "sensor": "send",
      "verified_insns": null,
      "xlated_bytes": 800
    }
  ],
  "refused": [],
  "sensors": [
    {
      "hook": "kprobe",
      "sensor": "send"
    }
  ]
}"#;
        let expected =
            [program("weir_send_udp", Some(4096), Some(123_456)), program("weir_send_tcp", Some(800), None)];
        assert_eq!(parse(text), expected);
        assert_eq!(parse("weir: no such thing"), []);
    }

    #[test]
    fn a_number_that_no_kernel_told_is_not_made_up() {
        let cells = [(Some(800), Some(1234)), (Some(800), None), (None, None)];
        let cells = cells.map(|(bytes, verified)| program("weir_exit", bytes, verified).cell());
        assert_eq!(cells, ["100 / 1234", "100 / ?", "? / ?"]);
    }
}
