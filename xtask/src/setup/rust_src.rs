//! The source of Rust's library: `core` is compiled from it for the BPF target.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};

use super::{Missing, Mode, apt, suite::Suite};
use crate::{
    console::{self, Mark},
    process,
    workspace::Scratch,
};

const NAME: &str = "rust-src";

/// rustup retries for minutes when its server cannot be reached.
const RUSTUP_LIMIT: Duration = Duration::from_secs(20);

/// Debian's suites that may hold the compiler's version, beside those that the machine's apt knows.
const SUITES: [&str; 5] = ["trixie-backports", "forky-backports", "sid", "forky", "trixie"];

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
    let folder = Scratch::make(NAME)?;
    unpack_into_sysroot(compiler, &version, &[], &folder)
}

fn by_other_suites(compiler: &Compiler) -> Result<()> {
    require_apt()?;
    for name in SUITES {
        let Ok(suite) = Suite::open(name, None) else { continue };
        if let Some(version) = fitting(&suite.versions(NAME)?, &compiler.version) {
            console::step(Mark::Doing, NAME, format!("{version} from {name}"));
            let folder = Scratch::make(NAME)?;
            return unpack_into_sysroot(compiler, &version, suite.options(), &folder);
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
fn unpack_into_sysroot(
    compiler: &Compiler,
    version: &str,
    options: &[String],
    folder: &Scratch,
) -> Result<()> {
    let unpacked = folder.path().join("unpacked");
    apt::download(&format!("{NAME}={version}"), options, folder.path(), &unpacked)?;
    let unpacked = unpacked.join(format!("usr/src/rustc-{}/library", compiler.version));
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
}
