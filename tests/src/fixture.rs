//! Files that scenarios work on, and the directories they live in.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::process;

/// Documents in a folder.
pub const DOCUMENTS: u32 = 60;
/// Bytes of each: 12 MB in all.
pub const DOCUMENT_BYTES: usize = 200_000;
const EXTENSIONS: [&str; 6] = ["pdf", "docx", "xlsx", "pptx", "jpg", "csv"];

/// Scripts, keys and documents live here.
const WORK: &str = "/srv";
/// The staging place of T1020's file access analytic.
const STAGE: &str = "/var/tmp";
/// Where the system's own helpers lie, which nobody but root installs.
const SYSTEM: &str = "/usr/libexec";

/// Directories of one scenario, removed with it.
#[derive(Debug)]
pub struct Places {
    /// Home of script, keys and documents.
    pub work: PathBuf,
    /// The folder of documents.
    pub docs: PathBuf,
    /// Prefix of staged files.
    pub stage: PathBuf,
}

impl Places {
    /// Makes the directories and the documents for a scenario called `name`.
    ///
    /// # Errors
    /// Fails when a file cannot be written.
    pub fn new(name: &str) -> Result<Self> {
        let work = Path::new(WORK).join(name);
        let places = Self { docs: work.join("documents"), stage: Path::new(STAGE).join(name), work };
        places.remove();
        fs::create_dir_all(&places.docs).context("cannot make the documents' folder")?;
        let mut random = Random::new(0x7765_6972);
        for (number, extension) in (0..DOCUMENTS).zip(EXTENSIONS.iter().cycle()) {
            let path = places.docs.join(format!("report-{number:02}.{extension}"));
            random.write_file(&path, DOCUMENT_BYTES)?;
        }
        Ok(places)
    }

    /// Writes an executable script and gives its path.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.work.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    fn remove(&self) {
        let name = self.work.file_name().unwrap_or_default().to_string_lossy().into_owned();
        remove_named(|entry| entry == name || entry.starts_with(&format!("{name}-")));
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes what dead runs left, and with `own` what this very process made.
pub fn sweep(own: bool) {
    remove_named(|entry| {
        let pid = entry.strip_prefix("weir-").and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        pid.is_some_and(|pid| {
            let alive = Path::new("/proc").join(pid.to_string()).exists();
            !alive || own && pid == std::process::id()
        })
    });
}

/// Removes entries of the places' parents that have one of these names.
fn remove_named(chosen: impl Fn(&str) -> bool) {
    for entry in [WORK, STAGE, SYSTEM].into_iter().flat_map(fs::read_dir).flatten().flatten() {
        if chosen(&entry.file_name().to_string_lossy()) {
            let path = entry.path();
            // What goes away by itself meanwhile needs no removal.
            let _ = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        }
    }
}

/// A folder that every user can reach, removed with its guard.
#[derive(Debug)]
pub struct Reachable(PathBuf);

impl Reachable {
    /// Makes it, with `name` in its name.
    ///
    /// # Errors
    /// Fails when it cannot be made.
    pub fn new(name: &str) -> Result<Self> {
        Self::below(WORK, name)
    }

    /// The same among the system's own helpers.
    ///
    /// # Errors
    /// As for [`Reachable::new`].
    pub fn of_system(name: &str) -> Result<Self> {
        Self::below(SYSTEM, name)
    }

    fn below(parent: &str, name: &str) -> Result<Self> {
        let path = Path::new(parent).join(format!("weir-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Reachable {
    fn drop(&mut self) {
        // Nothing depends on its going.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Incompressible bytes, the same every time (xorshift64*).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Starts from `seed`, which must not be 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.max(1))
    }

    /// The next eight bytes.
    #[must_use]
    pub fn eight(&mut self) -> [u8; 8] {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes()
    }

    /// `length` bytes.
    #[must_use]
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.eight());
        }
        bytes.truncate(length);
        bytes
    }

    /// Writes a file of `length` bytes.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub fn write_file(&mut self, path: &Path, length: usize) -> Result<()> {
        let write = || -> io::Result<()> { File::create(path)?.write_all(&self.bytes(length)) };
        let mut write = write;
        write().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Makes a key pair for SSH at `path`.
///
/// # Errors
/// Fails without `ssh-keygen`.
pub fn ssh_key(path: &Path) -> Result<()> {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "weir-test", "-f"]).arg(path);
    process::run(&mut command).map(drop)
}
