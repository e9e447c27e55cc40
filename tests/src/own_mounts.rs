//! An agent in a mount namespace of its own, where its unit puts it: what it knows of the host's directories is as good
//! as in the host's.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use weir::event::{Fact, Open, Script, recording::Reader};

use crate::{
    agent::{self, Agent},
    harness::{Context, Outcome},
    process,
    veil::Veil,
    wait,
};

/// Scripts that end at once.
const SCRIPTS: u32 = 20;
/// A directory that is quiet by default, with many files in it.
const QUIET: &str = "/usr/bin";
/// Most files there that are read.
const FILES: usize = 100;
/// How the agent says that a script took too long.
const SLOW: &str = "took longer than";
/// How long an event may take to reach the recording.
const LIMIT: Duration = Duration::from_secs(20);
/// What was recorded reaches the file with each heartbeat.
const CONFIG: &str = "[alerts]\nheartbeat = \"1s\"\n";

/// Scripts that are gone before they are looked up are captured all the same; reads below a quiet prefix are quiet, but
/// for those from yet another mount namespace, where anything may be mounted there.
///
/// # Errors
/// Names what was lost and what was reported.
pub fn known(context: &Context, dir: &Path) -> Result<Outcome> {
    let files = quiet_files()?;
    let (first, rest) = files.split_first().context("no files")?;
    let agent = Agent::start(&context.weir()?.behind(Veil::over_nothing()?), dir, Some(CONFIG))?;
    let scripts = run_scripts(dir)?;
    // Judged once it is read, and recorded after that.
    read(first)?;
    read(&mark(dir, "judged")?)?;
    wait::until(LIMIT, "the read of the first file", || {
        // Before the first heartbeat not even its header is there.
        let recorded = Recorded::read(dir).unwrap_or_default();
        Ok(recorded.reads(dir).contains_key("judged").then_some(()))
    })?;
    rest.iter().try_for_each(read)?;
    let mut elsewhere = Command::new("wc");
    Veil::default().hang_before(elsewhere.arg("-c").args(rest));
    process::run(&mut elsewhere)?;
    agent.stop()?;

    let recorded = Recorded::read(dir)?;
    let checks = [recorded.captured(&scripts), recorded.quiet(files.len()), recorded.seen_elsewhere(rest)];
    let (notes, problems): (Vec<_>, Vec<_>) = checks.into_iter().partition(Result::is_ok);
    let problems: Vec<_> =
        problems.into_iter().filter_map(Result::err).map(|error| error.to_string()).collect();
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(Outcome::Passed(notes.into_iter().flatten().collect()))
}

/// Files of the quiet directory, each by one name. Scripts are never quiet: what has a suffix is left out.
fn quiet_files() -> Result<Vec<PathBuf>> {
    use std::os::unix::fs::MetadataExt as _;
    let entries = fs::read_dir(QUIET).with_context(|| format!("no {QUIET}"))?.flatten();
    let files = entries.filter(|entry| !entry.file_name().to_string_lossy().contains('.'));
    let files = files.filter(|entry| entry.metadata().is_ok_and(|file| file.is_file() && file.nlink() == 1));
    let files: Vec<_> = files.map(|entry| entry.path()).take(FILES).collect();
    ensure!(files.len() > FILES / 2, "only {} files in {QUIET}", files.len());
    Ok(files)
}

/// Runs scripts of one line each, one after the other; gives their texts by path.
fn run_scripts(dir: &Path) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for number in 0..SCRIPTS {
        let path = dir.join(format!("brief-{number}.sh"));
        let text = format!(": number {number}\n");
        fs::write(&path, &text)?;
        process::run(Command::new("sh").arg(&path))?;
        texts.insert(path.to_string_lossy().into_owned(), text);
    }
    Ok(texts)
}

/// A file whose read is reported, and tells that whatever came before it was looked at.
fn mark(dir: &Path, name: &str) -> Result<PathBuf> {
    let path = dir.join(name);
    fs::write(&path, "")?;
    Ok(path)
}

fn read(path: &PathBuf) -> Result<()> {
    File::open(path).map(drop).with_context(|| format!("cannot open {}", path.display()))
}

/// What an agent recorded so far.
#[derive(Default)]
struct Recorded {
    opens: Vec<(u32, Open)>,
    scripts: Vec<Script>,
}

impl Recorded {
    /// The last event may not be whole yet.
    fn read(dir: &Path) -> Result<Self> {
        let mut recorded = Self::default();
        let events = Reader::open(&agent::recording(dir)).context("cannot open the recording")?;
        for event in events.map_while(Result::ok) {
            let pid = event.process.pid;
            if let Fact::Open(open) = event.fact {
                recorded.opens.push((pid, *open));
            } else if let Fact::Script(script) = event.fact {
                recorded.scripts.push(*script);
            }
        }
        Ok(recorded)
    }

    /// Names of files in a directory that were opened for reading alone, and by whom.
    fn reads(&self, dir: &Path) -> BTreeMap<String, Vec<u32>> {
        let mut names = BTreeMap::<_, Vec<_>>::new();
        for (by, open) in &self.opens {
            let path = String::from_utf8_lossy(open.path.bytes.as_slice()).into_owned();
            let path = Path::new(&path);
            if open.read && !open.write && path.parent() == Some(dir) {
                names.entry(name(path)).or_default().push(*by);
            }
        }
        names
    }

    /// All of these texts were captured. A machine under load may take longer over some than the agent waits.
    fn captured(&self, texts: &BTreeMap<String, String>) -> Result<String> {
        let text = |script: &Script| String::from_utf8_lossy(script.text.as_slice()).into_owned();
        let (mut captured, mut slow, mut lost) = (0, 0, Vec::new());
        for (path, expected) in texts {
            let of_path = |script: &&Script| script.path.as_slice() == path.as_bytes();
            match self.scripts.iter().find(of_path) {
                Some(script) if text(script) == *expected => captured += 1,
                Some(script) if script.not_captured.contains(SLOW) => slow += 1,
                Some(script) => lost.push(format!("{path}: {}", script.not_captured)),
                None => lost.push(format!("{path}: no script")),
            }
        }
        let count = texts.len();
        ensure!(lost.is_empty(), "{} of {count} texts were lost: {}", lost.len(), lost.join(", "));
        ensure!(captured > slow, "only {captured} of {count} texts were captured in time");
        Ok(format!("{captured} of {count} texts captured"))
    }

    /// Of this process's reads below the quiet prefix one is reported, or two where the verdict expired just then.
    fn quiet(&self, files: usize) -> Result<String> {
        let reads = self.reads(Path::new(QUIET));
        let reported = reads.values().filter(|pids| pids.contains(&std::process::id())).count();
        ensure!(reported <= 2, "{reported} of {files} reads below {QUIET} were reported");
        Ok(format!("{reported} of {files} reads below {QUIET} reported"))
    }

    /// All reads of another process, in another mount namespace, are reported.
    fn seen_elsewhere(&self, files: &[PathBuf]) -> Result<String> {
        let (reads, here) = (self.reads(Path::new(QUIET)), std::process::id());
        let by_other =
            |file: &&PathBuf| reads.get(&name(file)).is_some_and(|pids| pids.iter().any(|pid| *pid != here));
        let seen = files.iter().filter(by_other).count();
        let count = files.len();
        ensure!(seen == count, "{seen} of {count} reads from another mount namespace were reported");
        Ok(format!("{seen} of {count} from another mount namespace"))
    }
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
