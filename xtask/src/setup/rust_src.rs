//! The source of Rust's library: `core` is compiled from it for the BPF target.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{
    Missing, Mode, apt,
    sources::{self, Source},
};
use crate::{
    console::{self, Mark},
    process, workspace,
};

const NAME: &str = "rust-src";

/// rustup retries for minutes when its server cannot be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);

/// Debian's suites that may hold the compiler's version, beside those that the machine's apt knows.
const SUITES: [&str; 5] = ["trixie-backports", "forky-backports", "sid", "forky", "trixie"];

/// The keyring of Debian's archive, when the machine's own source names none.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Brings the source; returns it if it is missing in the end.
pub(super) fn ensure(mode: Mode) -> Option<Missing> {
    let missing = || Missing { what: NAME.to_owned(), manual: "rustup component add rust-src".to_owned() };
    let compiler = match Compiler::look() {
        Ok(compiler) => compiler,
        Err(error) => {
            console::step(Mark::Refused, NAME, format!("{error:#}"));
            return Some(missing());
        }
    };
    if compiler.has_source() {
        mode.present(NAME, &compiler.library().display().to_string());
        return None;
    }
    console::step(Mark::Missing, NAME, compiler.library().display());
    if !mode.installs() {
        return Some(missing());
    }
    for (name, install) in [
        ("rustup", by_rustup as fn(&Compiler) -> Result<()>),
        ("this machine's apt suites", by_own_suites),
        ("Debian's other suites", by_other_suites),
    ] {
        console::step(Mark::Doing, NAME, format!("from {name}"));
        match install(&compiler) {
            Ok(()) if compiler.has_source() => {
                console::step(Mark::Ok, NAME, compiler.library().display());
                return None;
            }
            Ok(()) => console::step(Mark::Failed, NAME, "it is not where the compiler looks for it"),
            Err(error) => console::step(Mark::Skipped, NAME, format!("{error:#}")),
        }
    }
    Some(missing())
}

/// The compiler that the source must fit.
struct Compiler {
    /// As in "1.95.0".
    version: String,
    sysroot: PathBuf,
}

impl Compiler {
    fn look() -> Result<Self> {
        let rustc = |option: &str| process::read(process::command("rustc").arg(option));
        let answer = rustc("--version")?;
        let version = answer.split_whitespace().nth(1).context("rustc tells no version")?.to_owned();
        let sysroot = PathBuf::from(rustc("--print=sysroot")?.trim());
        Ok(Self { version, sysroot })
    }

    fn library(&self) -> PathBuf {
        self.sysroot.join("lib/rustlib/src/rust/library")
    }

    fn has_source(&self) -> bool {
        self.library().join("core/src/lib.rs").is_file() && self.library().join("Cargo.lock").is_file()
    }
}

fn by_rustup(_: &Compiler) -> Result<()> {
    if process::find("rustup").is_none() {
        bail!("there is no rustup");
    }
    process::run_within(process::command("rustup").args(["component", "add", NAME]), RUSTUP_LIMIT)
}

fn by_own_suites(compiler: &Compiler) -> Result<()> {
    require_apt()?;
    let version = fitting(&apt::versions(NAME, &[])?, &compiler.version)
        .with_context(|| format!("none has {NAME} {}", compiler.version))?;
    let folder = Scratch::make()?;
    unpack_into_sysroot(compiler, &version, &[], &folder)
}

/// Through a configuration of its own, so that the machine's apt learns of no new suite. The packages are verified
/// with the keys that the machine trusts already.
fn by_other_suites(compiler: &Compiler) -> Result<()> {
    require_apt()?;
    let archive = debian_archive(&sources::machine(), &codename())
        .context("this machine's apt sources name no Debian archive")?;
    for suite in SUITES {
        let folder = Scratch::make()?;
        let configuration = private_configuration(&folder.0, &archive, suite)?;
        let options = ["-c", configuration.as_str()];
        if process::read(process::command("apt-get").args(options).arg("update")).is_err() {
            continue;
        }
        if let Some(version) = fitting(&apt::versions(NAME, &options)?, &compiler.version) {
            console::step(Mark::Doing, NAME, format!("{version} from {suite}"));
            return unpack_into_sysroot(compiler, &version, &options, &folder);
        }
    }
    bail!("none of {} has {NAME} {}, or they cannot be reached", SUITES.join(", "), compiler.version)
}

fn require_apt() -> Result<()> {
    if process::find("apt-get").is_none() {
        bail!("there is no apt");
    }
    Ok(())
}

/// The Debian version that packages exactly `version`: `core` of another one does not compile.
fn fitting(debian_versions: &[String], version: &str) -> Option<String> {
    debian_versions
        .iter()
        .find(|debian| {
            debian
                .strip_prefix(version)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '~', '-']))
        })
        .cloned()
}

/// Copied beside its place, then renamed: no half library is ever taken for a whole one.
fn unpack_into_sysroot(compiler: &Compiler, version: &str, options: &[&str], folder: &Scratch) -> Result<()> {
    apt::download(NAME, version, options, &folder.0)?;
    let unpacked = folder.0.join(format!("unpacked/usr/src/rustc-{}/library", compiler.version));
    if !unpacked.is_dir() {
        bail!("{NAME} {version} holds no {}", unpacked.display());
    }
    let library = compiler.library();
    let partial = library.with_extension("partial");
    let place = library.parent().context("the sysroot has no parent")?;
    for (program, words) in [
        ("mkdir", vec![Path::new("-p"), place]),
        ("rm", vec![Path::new("-rf"), &partial]),
        ("cp", vec![Path::new("-rT"), &unpacked, &partial]),
        ("mv", vec![Path::new("-T"), &partial, &library]),
    ] {
        let own = process::read(process::command(program).args(&words));
        // A distribution's compiler lies where only root writes.
        if let Err(error) = own {
            if process::is_root() {
                return Err(error);
            }
            process::run(process::as_root(program)?.args(&words))?;
        }
    }
    Ok(())
}

/// The archive that holds the machine's own release.
fn debian_archive(sources: &[Source], codename: &str) -> Option<Source> {
    let names = [codename, "stable", "oldstable", "testing", "unstable"];
    sources
        .iter()
        .find(|source| !source.uri.starts_with("cdrom:") && names.contains(&source.suite.as_str()))
        .cloned()
}

fn codename() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    value.trim_matches('"').to_owned()
}

/// Writes an apt configuration that knows one suite and keeps its lists and packages in `folder`.
fn private_configuration(folder: &Path, archive: &Source, suite: &str) -> Result<String> {
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let keyring = archive.signed_by.as_deref().unwrap_or(KEYRING);
    let option = if Path::new(keyring).exists() { format!("[signed-by={keyring}] ") } else { String::new() };
    let list = folder.join("one-suite.list");
    fs::write(&list, format!("deb {option}{} {suite} main\n", archive.uri))?;
    let configuration = folder.join("apt.conf");
    let shown = folder.display();
    fs::write(
        &configuration,
        format!(
            r#"Dir::Etc::sourcelist "{}";
Dir::Etc::sourceparts "-";
Dir::State::lists "{shown}/lists";
Dir::Cache "{shown}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#,
            list.display()
        ),
    )?;
    Ok(configuration.display().to_string())
}

/// A folder that is gone when this value is.
struct Scratch(PathBuf);

impl Scratch {
    fn make() -> Result<Self> {
        let folder = workspace::target()?.join(format!("rust-src-{}", std::process::id()));
        drop(fs::remove_dir_all(&folder));
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_compilers_version_fits() {
        let known = ["1.96.1+dfsg1-1~bpo13+1", "1.95.0+dfsg1-1~bpo13+1", "1.95.01-1", "1.95.0.1-1"]
            .map(str::to_owned);
        for (version, expected) in [
            ("1.95.0", Some("1.95.0+dfsg1-1~bpo13+1")),
            ("1.96.1", Some("1.96.1+dfsg1-1~bpo13+1")),
            ("1.95", None),
            ("1.9", None),
        ] {
            assert_eq!(fitting(&known, version).as_deref(), expected, "{version}");
        }
    }

    #[test]
    fn the_archive_is_the_one_of_the_release() {
        let source =
            |uri: &str, suite: &str| Source { uri: uri.to_owned(), suite: suite.to_owned(), signed_by: None };
        let sources = [
            source("http://vendor.example/apt", "nodistro"),
            source("http://mirror.example/security", "bookworm-security"),
            source("cdrom:[Debian]/", "bookworm"),
            source("http://mirror.example/debian", "bookworm"),
        ];
        for (codename, expected) in [("bookworm", Some("http://mirror.example/debian")), ("noble", None)] {
            let archive = debian_archive(&sources, codename).map(|source| source.uri);
            assert_eq!(archive.as_deref(), expected, "{codename}");
        }
    }
}
