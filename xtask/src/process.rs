//! Running other programs.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// A command that also finds what lies where an ordinary user's PATH does not lead: administration tools, and
/// the programs that `cargo install` makes.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(find(program).unwrap_or_else(|| program.into()));
    command.env("PATH", search_path());
    command
}

/// The cargo that runs this program, for the toolchain of this workspace.
pub(crate) fn cargo() -> Command {
    let mut cargo = command(&env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    cargo.current_dir(crate::workspace::root());
    cargo
}

/// A command that runs as root: as it is for root, else through sudo.
///
/// # Errors
/// When this user is not root and there is no sudo.
pub(crate) fn as_root(program: &str) -> Result<Command> {
    if is_root() {
        return Ok(command(program));
    }
    if find("sudo").is_none() {
        bail!("this needs root, and there is no sudo");
    }
    let mut sudo = command("sudo");
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        // Nobody is there to type a password.
        sudo.arg("--non-interactive");
    }
    sudo.arg(find(program).unwrap_or_else(|| program.into()));
    Ok(sudo)
}

/// Whether this program runs as root.
pub(crate) fn is_root() -> bool {
    // The kernel gives a process's own directory to its effective user.
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Where `program` is: a path is taken as it stands, a name is looked up.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Some(program.into()).filter(|path: &PathBuf| path.exists());
    }
    env::split_paths(&search_path()).map(|folder| folder.join(program)).find(|path| is_executable(path))
}

/// Runs with this terminal's input and output.
///
/// # Errors
/// When it cannot be started or ends in failure; names the command line.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot run {}", show(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", show(command));
    }
    Ok(())
}

/// Runs quietly and returns what it wrote to standard output.
///
/// # Errors
/// When it cannot be started or ends in failure; carries the line that tells why.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    Ok(String::from_utf8_lossy(&read_bytes(command)?).into_owned())
}

/// As [`read`], for output that is no text.
///
/// # Errors
/// When it cannot be started or ends in failure; carries the line that tells why.
pub(crate) fn read_bytes(command: &mut Command) -> Result<Vec<u8>> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {}", show(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}{}", show(command), output.status, last_words(&output.stderr));
    }
    Ok(output.stdout)
}

/// Runs quietly for at most `limit`, then ends it.
///
/// # Errors
/// When it cannot be started, ends in failure or takes longer; carries the line that tells why.
pub(crate) fn run_within(command: &mut Command, limit: Duration) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", show(command)))?;
    // Read aside, so that a talkative program never waits for a full pipe.
    let complaints = child.stderr.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut bytes = Vec::new();
            drop(pipe.read_to_end(&mut bytes));
            bytes
        })
    });
    let Some(status) = wait_within(&mut child, limit)? else {
        child.kill()?;
        child.wait()?;
        bail!("{} gave no answer within {} s", show(command), limit.as_secs());
    };
    if status.success() {
        return Ok(());
    }
    let complaints = complaints.and_then(|reader| reader.join().ok()).unwrap_or_default();
    bail!("{} ended with {status}{}", show(command), last_words(&complaints))
}

/// How `child` ended, if it does so within `limit`.
///
/// # Errors
/// When it cannot be asked.
pub(crate) fn wait_within(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let start = Instant::now();
    loop {
        let status = child.try_wait()?;
        if status.is_some() || start.elapsed() >= limit {
            return Ok(status);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until what a test expects of other processes holds.
#[cfg(test)]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The command line as a person would type it.
pub(crate) fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    std::iter::once(name)
        .chain(command.get_args())
        .map(|word| {
            let word = word.to_string_lossy();
            if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.into_owned() }
        })
        .collect::<Vec<_>>()
        .join(" ")
}

/// Where `cargo install` puts programs.
pub(crate) fn cargo_bin() -> Option<PathBuf> {
    let root = env::var_os("CARGO_INSTALL_ROOT")
        .or_else(|| env::var_os("CARGO_HOME"))
        .map(PathBuf::from)
        .or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    Some(root.join("bin"))
}

fn search_path() -> OsString {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut seen = BTreeSet::new();
    let folders = env::split_paths(&path)
        .chain(cargo_bin())
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .filter(|folder| seen.insert(folder.clone()));
    env::join_paths(folders).unwrap_or(path)
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// The line that tells why: the first that calls itself an error, else the last.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let error =
        lines.clone().find_map(|line| line.strip_prefix("error: ").or_else(|| line.strip_prefix("E: ")));
    error.or_else(|| lines.next_back()).map(|line| format!(": {line}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_end_as_they_end() {
        for (script, limit_ms, expected) in [
            ("exit 0", 10_000, Ok(())),
            ("echo first >&2; echo no such thing >&2; exit 3", 10_000, Err("exit status: 3: no such thing")),
            ("echo 'error: why' >&2; echo 7: frame >&2; exit 1", 10_000, Err("exit status: 1: why")),
            ("exec sleep 60", 100, Err("gave no answer within 0 s")),
        ] {
            let result = run_within(command("sh").args(["-c", script]), Duration::from_millis(limit_ms));
            match (result, expected) {
                (Ok(()), Ok(())) => {}
                (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{script}: {error}"),
                (result, _) => panic!("{script}: {result:?}"),
            }
        }
    }

    #[test]
    fn found_by_name_and_by_path() {
        assert!(find("sh").is_some_and(|path| path.is_absolute()));
        assert!(find("/bin/sh").is_some());
        assert!(find("no-such-program-anywhere").is_none() && find("/no/such/program").is_none());
    }
}
