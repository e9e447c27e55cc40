//! Kernels as Debian packages them, with the modules that a guest needs.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail};

use super::module;
use crate::{
    arch::Arch,
    console::{self, Mark},
    setup::Suite,
    workspace,
};

/// Suites of Debian, each with a kernel that its users run: its series as far as it is settled.
pub(super) const SUITES: [(&str, &str); 4] =
    [("5.10", "bullseye"), ("6.1", "bookworm"), ("6.12", "trixie"), ("newest", "sid")];

/// How long a fetched kernel is good without asking for a newer one.
const FRESH: Duration = Duration::from_hours(24);

/// A kernel that can be booted.
#[derive(Clone, Debug)]
pub(super) struct Kernel {
    pub(super) arch: Arch,
    /// As in "5.10".
    pub(super) series: String,
    /// As in "5.10.223-1", the version of the Debian package.
    pub(super) version: String,
    /// The compressed kernel.
    pub(super) image: PathBuf,
    /// Plain modules in the order in which they are to be loaded.
    pub(super) modules: Vec<PathBuf>,
}

impl Kernel {
    /// Its series, with the architecture where that is not this machine's own.
    pub(super) fn title(&self) -> String {
        title(&self.series, self.arch)
    }

    /// Its series as a number that can be compared; 0.0 for one that is none.
    pub(super) fn number(&self) -> (u32, u32) {
        let mut parts = self.series.split('.').map(|part| part.parse().unwrap_or_default());
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    }
}

/// What the kernel called `name` is called in titles.
pub(super) fn title(name: &str, arch: Arch) -> String {
    if arch.is_own() { name.to_owned() } else { format!("{name}-{}", arch.name()) }
}

/// Where kernels for `arch` are kept: a folder for each suite, and in it one for each version.
///
/// # Errors
/// When the target folder cannot be told.
pub(super) fn cache(arch: Arch) -> Result<PathBuf> {
    Ok(workspace::target()?.join("vm/kernels").join(arch.debian()))
}

/// The kernel of `suite` for `arch`, from the cache or the archive.
///
/// # Errors
/// When neither has it.
pub(super) fn fetch(suite: &str, arch: Arch) -> Result<Kernel> {
    let cache = cache(arch)?.join(format!("{suite}-{}", module::wanted_key()));
    let known = newest(&cache);
    if let Some(folder) = &known
        && age(folder).is_some_and(|age| age < FRESH)
    {
        return open(folder, arch);
    }
    match download(suite, arch, &cache) {
        Ok(kernel) => Ok(kernel),
        Err(error) => {
            let folder = known.with_context(|| format!("no kernel from {suite}: {error:#}"))?;
            console::step(Mark::Skipped, suite, format!("{error:#}; the kernel fetched before is used"));
            open(&folder, arch)
        }
    }
}

/// Name of the file that says that a folder is whole; its time is when the archive was asked.
const COMPLETE: &str = "complete";

fn age(folder: &Path) -> Option<Duration> {
    let asked = fs::metadata(folder.join(COMPLETE)).ok()?.modified().ok()?;
    SystemTime::now().duration_since(asked).ok()
}

/// The folder asked for last.
fn newest(cache: &Path) -> Option<PathBuf> {
    let folders = fs::read_dir(cache).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|folder| age(folder).is_some()).min_by_key(|folder| age(folder))
}

fn download(suite: &str, arch: Arch, cache: &Path) -> Result<Kernel> {
    let meta = format!("linux-image-cloud-{}", arch.debian());
    let archive = Suite::open(suite, Some(arch.debian()))?;
    let version = archive.versions(&meta)?.into_iter().next();
    let version = version.with_context(|| format!("{suite} has no {meta}"))?;
    let folder = cache.join(&version);
    if !folder.join(COMPLETE).exists() {
        console::step(Mark::Doing, "kernel", format!("{meta} {version} from {suite}"));
        drop(fs::remove_dir_all(&folder));
        let unpacked = folder.join("unpacked");
        fs::create_dir_all(&unpacked)?;
        for package in packages(&archive, &meta)? {
            archive.unpack(&package, &unpacked)?;
        }
        module::collect(&unpacked, &folder.join("modules"))?;
        fs::rename(find_image(&unpacked)?, folder.join("vmlinuz"))?;
        fs::remove_dir_all(&unpacked)?;
    }
    fs::write(folder.join(COMPLETE), "")?;
    open(&folder, arch)
}

/// The packages that hold parts of the kernel: since 7.x they are several.
fn packages(suite: &Suite, meta: &str) -> Result<Vec<String>> {
    let is_part = |name: &String| {
        ["linux-image-", "linux-binary-", "linux-modules-"].iter().any(|prefix| name.starts_with(prefix))
    };
    let mut found = BTreeSet::new();
    let mut open = vec![meta.to_owned()];
    while let Some(package) = open.pop() {
        for dependency in suite.dependencies(&package)?.into_iter().filter(is_part) {
            if found.insert(dependency.clone()) {
                open.push(dependency);
            }
        }
    }
    if found.is_empty() {
        bail!("{meta} names no package with a kernel");
    }
    Ok(found.into_iter().collect())
}

fn find_image(unpacked: &Path) -> Result<PathBuf> {
    let image = |folder: PathBuf| {
        let mut entries = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        entries
            .find(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"vmlinuz")))
    };
    let found = image(unpacked.join("boot")).or_else(|| image(module::folder(unpacked).ok()?));
    found.context("the packages hold no vmlinuz")
}

fn open(folder: &Path, arch: Arch) -> Result<Kernel> {
    let version = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Kernel {
        arch,
        series: series(&version),
        version,
        image: folder.join("vmlinuz"),
        modules: module::list(&folder.join("modules"))?,
    })
}

/// "6.12" of "6.12.117-1".
fn series(version: &str) -> String {
    let end = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
    version.get(..end).unwrap_or(version).to_owned()
}

/// A kernel for tests that boot none.
#[cfg(test)]
pub(super) fn sample(series: &str) -> Kernel {
    Kernel {
        arch: Arch::parse("own", None).unwrap(),
        series: series.to_owned(),
        version: format!("{series}.1-1"),
        image: "vmlinuz".into(),
        modules: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn series_of_versions() {
        for (version, expected) in [("5.10.223-1", "5.10"), ("7.2.13-1", "7.2"), ("7.2", "7.2"), ("", "")] {
            assert_eq!(super::series(version), expected);
        }
    }
}
