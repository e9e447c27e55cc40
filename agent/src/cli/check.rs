//! `weir check`: what this configuration and this kernel allow.

mod table;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;
use weir::{
    event::{Coverage, recording},
    probe::{self, Probed, ways},
    report::terminal,
    sensor::load::{self, LoadError, Loaded, Program, Unheeded, VerifierLog},
};

use super::KernelSide;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  weir check                        configuration and kernel
  weir check --config draft.toml    is this file good?
  weir check --hooks tracepoint     would weir run on tracepoints alone?
  weir check --probe                how far is each way out of a process seen here?
  weir check --programs             what weir runs in the kernel, where and how large
  weir check --verifier-logs logs   why the kernel refused a program, in full
  weir check --json                 the same for a program

Hooks are looked at by loading them, which needs root; the configuration is checked first.
Exit status: 0 when weir would run, 1 when it would not or would be blind, 2 when the configuration is not good, 3 when
this host does not allow weir to run (its kernel, or the rights that weir was given).")]
pub(crate) struct Arguments {
    #[command(flatten)]
    kernel_side: KernelSide,
    /// Show the kernel programs: where each is attached, its size, what the verifier had to walk through.
    #[arg(long)]
    programs: bool,
    /// Write the verifier's whole log of each program that it refused to a file in DIR; an older one is moved to FILE.1
    /// and so on.
    #[arg(long, value_name = "DIR")]
    verifier_logs: Option<PathBuf>,
    /// Send some bytes by each way out of a process, through the loopback device or in a network of its own, write a file in a
    /// mount namespace of its own, and say how far weir sees each: exact, attributed, seen or blind. Takes a few seconds.
    #[arg(long)]
    probe: bool,
    /// Send by one way, in the process that a probe starts for it.
    #[arg(long, hide = true, value_name = "WAY")]
    probe_way: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Sensors without which weir does not do its work.
const VITAL: [&str; 5] = ["fork", "exec", "exit", "open", "send"];
/// Lines of a verifier's log that are shown; the verdict is the last but the statistics.
const LAST_LINES: usize = 5;

pub(crate) fn main(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    if let Some(way) = &arguments.probe_way {
        show(writeln!(out, "{}", ways::said(way)))?;
        return Ok(ExitCode::SUCCESS);
    }
    let config = arguments.kernel_side.load();
    if let Err(error) = &config
        && arguments.json
    {
        show(writeln!(out, "{:#}", bad_configuration(error)))?;
    }
    let config = config?;
    if !arguments.json {
        show(writeln!(out, "configuration: good"))?;
    }
    // Loading and attaching is the only honest way to know; everything is detached again when this ends.
    let loaded = load::load(&config.sensor);
    let refused = loaded.as_ref().map_or_else(LoadError::verifier_logs, |loaded| &loaded.verifier_logs);
    let blind = loaded.as_ref().map(|loaded| blind(&loaded.coverage)).unwrap_or_default();
    let probed = match &loaded {
        Ok(loaded) if arguments.probe => Some(probe(loaded)?),
        Ok(_) | Err(_) => None,
    };
    if arguments.json {
        let runs = loaded.as_ref().map(|loaded| Runs {
            sensors: &loaded.coverage,
            unheeded: &loaded.unheeded,
            programs: &loaded.programs,
        });
        let mut report = report(&config.sensor.hooks.to_string(), runs, refused);
        if let (Some(probed), Some(object)) = (&probed, report.as_object_mut()) {
            object.insert("ways".to_owned(), json!(probed));
        }
        show(writeln!(out, "{report:#}"))?;
    } else {
        show(print_refused(&mut out, refused))?;
        if let Ok(loaded) = &loaded {
            show(print(&mut out, &loaded.coverage, &loaded.unheeded))?;
            if arguments.programs {
                show(table::print(&mut out, &loaded.programs))?;
            }
            if let Some(probed) = &probed {
                show(ways_table(&mut out, probed))?;
            }
            if let Some(kept) = load::kept_from_the_service(&loaded.coverage) {
                show(writeln!(out, "note: {kept}"))?;
            }
            let verdict = if blind.is_empty() {
                "weir would run".to_owned()
            } else {
                format!("weir would run, but blind: {} is off", blind.join(", "))
            };
            show(writeln!(out, "{verdict}"))?;
        }
    }
    // The report and its error come first: a directory that cannot be written must not take them away.
    let written =
        arguments.verifier_logs.as_deref().map_or(Ok(()), |directory| write_logs(directory, refused));
    let result = loaded.map(drop).map_err(anyhow::Error::from);
    if let (Err(error), Err(behind)) = (&result, &written) {
        super::say(error);
        super::say(behind);
        return Ok(ExitCode::from(super::status(error)));
    }
    result.and(written)?;
    Ok(if blind.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(super::FAILED) })
}

/// Sends by every way, each in a process of its own, which the programs look at as at any other.
fn probe(loaded: &Loaded) -> anyhow::Result<Vec<Probed>> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let sender = |way: &str| {
        let mut command = Command::new(&program);
        command.args(["check", "--probe-way", way]);
        command
    };
    Ok(probe::every_way(loaded, sender)?)
}

fn ways_table(out: &mut impl Write, probed: &[Probed]) -> io::Result<()> {
    writeln!(out, "way out             seen as     counted of sent bytes, in bulk and little by little")?;
    for Probed { way, verdict, runs, not_here } in probed {
        let runs: Vec<String> = runs.iter().map(|run| format!("{} of {}", run.counted, run.sent)).collect();
        match verdict {
            Some(verdict) => writeln!(out, "{way:<18}  {verdict:<10}  {}", runs.join(", "))?,
            None => writeln!(out, "{way:<18}  not here    {not_here}")?,
        }
    }
    Ok(())
}

/// Vital sensors that are off.
fn blind(coverage: &[Coverage]) -> Vec<&'static str> {
    let on = |name: &str| coverage.iter().any(|sensor| sensor.sensor == name && !sensor.hook.is_empty());
    VITAL.into_iter().filter(|name| !on(name)).collect()
}

/// Each program has a name of its own, so that its log has a file of its own.
fn write_logs(directory: &Path, refused: &[VerifierLog]) -> anyhow::Result<()> {
    if refused.is_empty() {
        tracing::info!("the verifier refused no program: nothing is written to {}", directory.display());
        return Ok(());
    }
    fs::create_dir_all(directory).with_context(|| format!("cannot make {}", directory.display()))?;
    for log in refused {
        let path = directory.join(format!("{}.log", log.program));
        recording::create(&path)
            .and_then(|mut file| file.write_all(log.text.as_bytes()))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// What runs in the kernel.
#[derive(Clone, Copy, Default)]
struct Runs<'l> {
    sensors: &'l [Coverage],
    unheeded: &'l [Unheeded],
    programs: &'l [Program],
}

/// `runs` is what runs in the kernel, or why nothing does.
fn report(hooks: &str, runs: Result<Runs<'_>, &LoadError>, refused: &[VerifierLog]) -> serde_json::Value {
    let good = runs.as_ref().ok();
    let refused = refused.iter().map(
        |log| json!({ "program": log.program, "sensor": log.sensor, "verifier": log.last_lines(LAST_LINES) }),
    );
    json!({
        "configuration": "good",
        "hooks": hooks,
        "sensors": good.map(|runs| runs.sensors),
        "blind": good.map(|runs| blind(runs.sensors)),
        "kept_from_the_service": good.and_then(|runs| load::kept_from_the_service(runs.sensors)),
        "unheeded": good.map(|runs| runs.unheeded),
        "programs": good.map(|runs| runs.programs),
        "refused": refused.collect::<Vec<_>>(),
        "error": runs.err().map(ToString::to_string),
    })
}

/// The object where there is nothing to look at the kernel with.
fn bad_configuration(error: &anyhow::Error) -> serde_json::Value {
    json!({ "configuration": "bad", "error": format!("{error:#}") })
}

/// A reader that has seen enough is no error.
fn show(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

fn print_refused(out: &mut impl Write, refused: &[VerifierLog]) -> io::Result<()> {
    for log in refused {
        writeln!(out, "the verifier refused {}, and said last:", log.program)?;
        for line in log.last_lines(LAST_LINES) {
            writeln!(out, "     {line}")?;
        }
    }
    Ok(())
}

fn print(out: &mut impl Write, sensors: &[Coverage], unheeded: &[Unheeded]) -> io::Result<()> {
    let colour = terminal::wants_colour(&io::stdout());
    let paint = |code: &str, text: &str| {
        if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    };
    let width = sensors.iter().map(|sensor| sensor.sensor.len()).max().unwrap_or_default();
    for sensor in sensors {
        let name = format!("{:width$}", sensor.sensor);
        if sensor.hook.is_empty() {
            writeln!(out, "{}  {}", paint("31", "off"), name)?;
        } else {
            writeln!(out, "{}   {}  {}", paint("32", "on"), name, sensor.hook)?;
        }
        if !sensor.gap.is_empty() {
            writeln!(out, "     {:width$}  {} {}", "", paint("33", "not seen:"), sensor.gap)?;
        }
        let asked = unheeded.iter().find(|unheeded| unheeded.sensor == sensor.sensor);
        if let Some(Unheeded { asked, .. }) = asked {
            let said = paint("33", "asked for:");
            writeln!(out, "     {:width$}  {said} {asked}, which this kernel does not allow", "")?;
        }
        if !sensor.reason.is_empty() {
            let why = if asked.is_some() { "why not" } else { "why not better" };
            writeln!(out, "     {:width$}  {why}: {}", "", sensor.reason)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use weir::config::Config;

    use super::{
        Coverage, LoadError, Runs, VITAL, VerifierLog, bad_configuration, json, print_refused, report,
        write_logs,
    };

    /// The log of a program that was refused.
    fn log(text: &str) -> VerifierLog {
        VerifierLog { program: "weir_exec_tp_btf", sensor: "exec", text: text.to_owned() }
    }

    #[test]
    fn the_object_says_what_is_blind() {
        let sensors = |off: &str| {
            let hook = |name: &str| if name == off { "" } else { "tp_btf" }.to_owned();
            let names = VITAL.iter().chain(&["connect"]);
            names
                .map(|name| Coverage { sensor: (*name).to_owned(), hook: hook(name), ..Coverage::default() })
                .collect::<Vec<_>>()
        };
        let rows = [("", json!([])), ("open", json!(["open"])), ("connect", json!([]))];
        for (off, expected) in rows {
            assert_eq!(
                report("auto", Ok(Runs { sensors: &sensors(off), ..Runs::default() }), &[])["blind"],
                expected,
                "{off}"
            );
        }
        let error = LoadError::Confidentiality { verifier_logs: vec![log("a\nb\n")] };
        let object = report("auto", Err(&error), error.verifier_logs());
        assert_eq!((&object["blind"], &object["sensors"]), (&json!(null), &json!(null)));
        assert_eq!(object["refused"][0]["verifier"], json!(["a", "b"]));
        let object = bad_configuration(&Config::parse("alert = 1", "weir.toml").unwrap_err().into());
        assert_eq!(object["configuration"], "bad");
        assert!(object["error"].as_str().unwrap().contains("weir.toml"), "{object}");
    }

    #[test]
    fn no_refused_program_makes_no_directory() {
        let directory = std::env::temp_dir().join(format!("weir-no-logs-{}", std::process::id()));
        write_logs(&directory, &[]).unwrap();
        assert!(!directory.exists());
    }

    #[test]
    fn refused_programs_are_shown_in_short_and_written_in_full() {
        let text = "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n";
        let logs = [log(text)];
        let mut shown = Vec::new();
        print_refused(&mut shown, &logs).unwrap();
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.contains("weir_exec_tp_btf") && shown.ends_with("line 6\n") && !shown.contains("line 1")
        );
        let directory = std::env::temp_dir().join(format!("weir-check-{}/logs", std::process::id()));
        write_logs(&directory, &logs).unwrap();
        let path = directory.join("weir_exec_tp_btf.log");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        // An older log is kept, and a link is not followed.
        write_logs(&directory, &[log("new\n")]).unwrap();
        assert_eq!(fs::read_to_string(directory.join("weir_exec_tp_btf.log.1")).unwrap(), text);
        fs::rename(&path, directory.join("target")).unwrap();
        symlink("target", &path).unwrap();
        assert!(write_logs(&directory, &logs).is_err());
        assert_eq!(fs::read_to_string(directory.join("target")).unwrap(), "new\n");
        fs::remove_dir_all(directory.parent().unwrap()).unwrap();
    }
}
