//! A suite of Debian's archive that this machine's apt need not know.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use super::{
    apt,
    origin::{self, Origin},
    sources::{self, Source},
};
use crate::{process, workspace::Scratch};

/// The keyring of Debian's archive, when the machine's own source names none.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Read through a configuration of its own, so that the machine's apt learns of no new suite. Its packages are
/// verified with the keys that the machine trusts already.
pub(crate) struct Suite {
    options: [String; 2],
    /// Lists and packages.
    _folder: Scratch,
}

impl Suite {
    /// Fetches the package lists of the suite called `name` from the archive of this machine's own release, for
    /// the machine's own architecture or another.
    ///
    /// # Errors
    /// When this machine's apt knows no Debian archive, or the suite cannot be reached or verified.
    pub(crate) fn open(name: &str, architecture: Option<&str>) -> Result<Self> {
        let archive = archive().context("this machine's apt sources name no Debian archive")?;
        let folder = Scratch::make(&format!("suite-{name}"))?;
        let configuration = configure(folder.path(), &archive, name, architecture)?;
        let suite = Self { options: ["-c".to_owned(), configuration], _folder: folder };
        // Without the setting a suite that is not there is a warning.
        let strict = ["-o", "APT::Update::Error-Mode=any", "update"];
        process::read(process::command("apt-get").args(&suite.options).args(strict))
            .with_context(|| format!("cannot fetch the package lists of {name} from {}", archive.uri))?;
        Ok(suite)
    }

    /// Options with which apt's programs look into this suite.
    pub(crate) fn options(&self) -> &[String] {
        &self.options
    }

    /// Versions of `package`, newest first.
    ///
    /// # Errors
    /// When apt cannot be run.
    pub(crate) fn versions(&self, package: &str) -> Result<Vec<String>> {
        apt::versions(package, &self.options)
    }

    /// Names of the packages that `package` cannot do without.
    ///
    /// # Errors
    /// When there is no such package.
    pub(crate) fn dependencies(&self, package: &str) -> Result<Vec<String>> {
        let mut apt_cache = process::command("apt-cache");
        let list = process::read(apt_cache.args(&self.options).args(["depends", "--important", package]))?;
        Ok(parse_dependencies(&list))
    }

    /// Downloads the newest version of `package` and unpacks it into `folder`.
    ///
    /// # Errors
    /// When apt or dpkg fails.
    pub(crate) fn unpack(&self, package: &str, folder: &Path) -> Result<()> {
        let scratch = Scratch::make(package)?;
        apt::download(package, &self.options, scratch.path(), folder)
    }
}

/// Where this machine's own release comes from.
pub(crate) fn archive() -> Option<Source> {
    debian_archive(&sources::machine(), &codename(), &origin::known())
}

/// Code name of this machine's release; empty when it tells none.
pub(crate) fn codename() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let value = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).unwrap_or_default();
    value.trim_matches('"').to_owned()
}

/// The archive that holds the machine's own release. Vendors name their suites as Debian does: of several sources the
/// one is taken that is most surely Debian's, and of these the first.
fn debian_archive(sources: &[Source], codename: &str, known: &[Origin]) -> Option<Source> {
    let names = [codename, "stable", "oldstable", "testing", "unstable", "sid"];
    sources
        .iter()
        .filter(|source| !source.uri.starts_with("cdrom:") && names.contains(&source.suite.as_str()))
        .min_by_key(|source| origin::trust(source, known))
        .cloned()
}

/// Writes an apt configuration that knows one suite and keeps its lists and packages in `folder`.
fn configure(folder: &Path, archive: &Source, suite: &str, architecture: Option<&str>) -> Result<String> {
    for name in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(name))?;
    }
    let keyring = archive.signed_by.as_deref().unwrap_or(KEYRING);
    let option = if Path::new(keyring).exists() { format!("[signed-by={keyring}] ") } else { String::new() };
    let list = folder.join("one-suite.list");
    fs::write(&list, format!("deb {option}{} {suite} main\n", archive.uri))?;
    let configuration = folder.join("apt.conf");
    let shown = folder.display();
    let architecture = architecture
        .map(|name| format!("APT::Architecture \"{name}\";\nAPT::Architectures {{ \"{name}\"; }};\n"))
        .unwrap_or_default();
    fs::write(
        &configuration,
        format!(
            r#"Dir::Etc::sourcelist "{}";
Dir::Etc::sourceparts "-";
Dir::State::lists "{shown}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{shown}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
{architecture}"#,
            list.display()
        ),
    )?;
    Ok(configuration.display().to_string())
}

/// Lines such as `  Depends: kmod` and ` |PreDepends: initramfs-tools`.
fn parse_dependencies(list: &str) -> Vec<String> {
    list.lines()
        .filter_map(|line| line.trim_start_matches([' ', '|']).split_once("Depends: "))
        .filter(|(kind, _)| matches!(*kind, "" | "Pre"))
        .map(|(_, package)| package.trim().to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_is_the_one_of_the_release() {
        type Source<'a> = (&'a str, &'a str);
        let vendor = ("http://vendor.example/apt", "stable");
        let imitator = ("http://vendor.example/apt", "bookworm");
        let debian = ("http://mirror.example/debian", "bookworm");
        let rolling = ("http://mirror.example/debian", "sid");
        let others = [
            ("http://node.example/apt", "nodistro"),
            ("http://mirror.example/security", "bookworm-security"),
            ("cdrom:[Debian]/", "bookworm"),
        ];
        let says =
            "http://mirror.example/debian/ bookworm Debian\nhttp://mirror.example/debian/ sid Debian\n";
        let vendors =
            "http://vendor.example/apt/ stable Vendor\nhttp://vendor.example/apt/ bookworm Vendor\n";
        // Sources beside the others, the machine's code name, the origins that apt knows, and the archive.
        let rows: [(&[Source<'_>], &str, &str, Option<Source<'_>>); 8] = [
            (&[debian], "bookworm", "", Some(debian)),
            (&[debian], "noble", says, None),
            (&[vendor, debian], "bookworm", says, Some(debian)),
            (&[imitator, debian], "bookworm", says, Some(debian)),
            (&[imitator, debian], "bookworm", vendors, Some(debian)),
            (&[rolling], "forky", says, Some(rolling)),
            (&[vendor, rolling], "forky", says, Some(rolling)),
            // Somebody's own mirror, signed again, is better than none.
            (&[imitator], "bookworm", vendors, Some(imitator)),
        ];
        for (own, codename, known, expected) in rows {
            let sources: Vec<_> = others
                .iter()
                .chain(own)
                .map(|&(uri, suite)| super::Source {
                    uri: uri.to_owned(),
                    suite: suite.to_owned(),
                    signed_by: None,
                })
                .collect();
            let archive = debian_archive(&sources, codename, &origin::parse(known));
            let found = archive.as_ref().map(|source| (source.uri.as_str(), source.suite.as_str()));
            assert_eq!(found, expected, "{own:?} {codename} {known:?}");
        }
    }

    #[test]
    fn dependencies_are_read() {
        let list = "linux-image\n  PreDepends: linux-base\n  Depends: kmod\n |Depends: dracut\n    tiny\n  Breaks: old\n";
        assert_eq!(parse_dependencies(list), ["linux-base", "kmod", "dracut"]);
    }
}
