//! What each kernel made of the kernel programs: their sizes, programs by kernels.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use super::{
    boot::Finished,
    plan::{Boot, Hooks},
};
use crate::console as terminal;

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

/// Prints a row for each program and a column for each kernel and its hooks; nothing when no run asked.
pub(super) fn print(finished: &[Finished]) {
    let mut columns: Vec<([String; 2], &[Program])> = Vec::new();
    for one in finished {
        for (hooks, programs) in &one.programs {
            let heading = [one.boot.kernel.title(), hooks.name().to_owned()];
            // A service's programs, and those of a second machine with one kernel, are the same.
            if !columns.iter().any(|(known, _)| *known == heading) {
                columns.push((heading, programs));
            }
        }
    }
    for line in lines(&columns) {
        terminal::line(&line);
    }
}

fn lines(columns: &[([String; 2], &[Program])]) -> Vec<String> {
    let names: BTreeSet<&str> =
        columns.iter().flat_map(|(_, all)| *all).map(|one| one.name.as_str()).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let mut rows = [vec![String::new(); 2], names.iter().map(|&name| name.to_owned()).collect()].concat();
    for (heading, programs) in columns {
        let cells: BTreeMap<&str, String> =
            programs.iter().map(|one| (one.name.as_str(), one.cell())).collect();
        let cells = names.iter().map(|name| cells.get(name).cloned().unwrap_or_else(|| "-".to_owned()));
        add_column(&mut rows, &heading.iter().cloned().chain(cells).collect::<Vec<_>>());
    }
    let title = "\ninstructions / instructions that the verifier walked through".to_owned();
    [title].into_iter().chain(rows.into_iter().map(|row| row.trim_end().to_owned())).collect()
}

fn add_column(rows: &mut [String], cells: &[String]) {
    let before = rows.iter().map(String::len).max().unwrap_or_default();
    let width = cells.iter().map(String::len).max().unwrap_or_default();
    for (row, cell) in rows.iter_mut().zip(cells) {
        *row = format!("{row:<before$}  {cell:>width$}");
    }
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
    use super::{Program, lines, parse};

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
    fn a_row_for_each_program() {
        let old = [program("weir_send_tcp", Some(800), None)];
        let new = [program("weir_send_tcp", Some(88), Some(1234)), program("weir_exit", None, None)];
        let heading = |words: [&str; 2]| words.map(str::to_owned);
        assert_eq!(
            lines(&[(heading(["5.10", "kprobe"]), &old), (heading(["6.12", "auto"]), &new)]).join("\n"),
            [
                "",
                "instructions / instructions that the verifier walked through",
                "                  5.10       6.12",
                "                kprobe       auto",
                "weir_exit            -      ? / ?",
                "weir_send_tcp  100 / ?  11 / 1234",
            ]
            .join("\n")
        );
        assert!(lines(&[]).is_empty() && lines(&[(heading(["5.10", "auto"]), &[])]).is_empty());
    }
}
