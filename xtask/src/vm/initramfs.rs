//! The first file system of a guest: an archive in the kernel's "newc" format of cpio, which it unpacks into
//! memory (Documentation/driver-api/early-userspace/buffer-format.rst of the kernel).

use std::{
    collections::BTreeSet,
    fs,
    io::{self, Write},
    path::Path,
};

use anyhow::{Context, Result};

const FOLDER: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const DATA: u32 = 0o100_644;
const CHARACTER_DEVICE: u32 = 0o020_600;

/// An archive that is being written.
pub(super) struct Archive<W> {
    out: W,
    folders: BTreeSet<String>,
    entries: u32,
}

impl<W: Write> Archive<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, folders: BTreeSet::new(), entries: 0 }
    }

    /// Adds an executable file at `path`, which begins without a slash, and the folders that lead to it.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub(super) fn bytes(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        self.parents(path)?;
        self.entry(path, PROGRAM, (0, 0), bytes).with_context(|| format!("cannot pack {path}"))
    }

    /// Adds the file `source` at `path`.
    ///
    /// # Errors
    /// When it cannot be read, or the archive cannot be written.
    pub(super) fn file(&mut self, path: &str, source: &Path) -> Result<()> {
        let bytes = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        self.bytes(path, &bytes)
    }

    /// Adds the file `source` at `path`, as one that is no program.
    ///
    /// # Errors
    /// When it cannot be read, or the archive cannot be written.
    pub(super) fn data(&mut self, path: &str, source: &Path) -> Result<()> {
        let bytes = fs::read(source).with_context(|| format!("cannot read {}", source.display()))?;
        self.parents(path)?;
        self.entry(path, DATA, (0, 0), &bytes).with_context(|| format!("cannot pack {path}"))
    }

    /// Adds a character device.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub(super) fn device(&mut self, path: &str, major: u32, minor: u32) -> Result<()> {
        self.parents(path)?;
        Ok(self.entry(path, CHARACTER_DEVICE, (major, minor), &[])?)
    }

    /// Writes the end and returns where the archive was written to.
    ///
    /// # Errors
    /// When the archive cannot be written.
    pub(super) fn finish(mut self) -> Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            let folder = path.get(..at).unwrap_or_default();
            if self.folders.insert(folder.to_owned()) {
                self.entry(folder, FOLDER, (0, 0), &[])?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), bytes: &[u8]) -> io::Result<()> {
        self.entries += 1;
        let number = self.entries;
        let (major, minor) = device;
        let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        let name = path.len() + 1;
        // Magic, inode, mode, uid, gid, links, time, size, device of the file, device that it is, name, check.
        write!(
            self.out,
            "070701{number:08x}{mode:08x}{0:08x}{0:08x}{1:08x}{0:08x}{size:08x}{0:08x}{0:08x}{major:08x}{minor:08x}{name:08x}{0:08x}",
            0, 1
        )?;
        self.out.write_all(path.as_bytes())?;
        self.out.write_all(b"\0")?;
        // The header has 110 bytes; name and content end at multiples of four.
        self.pad(110 + name)?;
        self.out.write_all(bytes)?;
        self.pad(bytes.len())
    }

    fn pad(&mut self, length: usize) -> io::Result<()> {
        let zeros = [0; 3];
        self.out.write_all(zeros.get(..length.wrapping_neg() % 4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use super::*;
    use crate::process;

    #[test]
    fn cpio_reads_it() {
        let mut archive = Archive::new(Vec::new());
        archive.bytes("init", b"#!").unwrap();
        archive.bytes("a/b/c", b"12345").unwrap();
        archive.bytes("a/b/empty", b"").unwrap();
        archive.device("dev/console", 5, 1).unwrap();
        let bytes = archive.finish().unwrap();
        assert_eq!(bytes.len() % 4, 0);
        if process::find("cpio").is_none() {
            println!("skipped: cpio_reads_it: no cpio here");
            return;
        }
        let mut cpio = process::command("cpio")
            .args(["-itv", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        cpio.stdin.take().unwrap().write_all(&bytes).unwrap();
        let output = cpio.wait_with_output().unwrap();
        let list = String::from_utf8_lossy(&output.stdout).into_owned();
        let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next_back()).collect();
        assert_eq!(names, ["init", "a", "a/b", "a/b/c", "a/b/empty", "dev", "dev/console"], "{list}");
        assert!(
            list.contains("-rwxr-xr-x   1 root     root            5") && list.contains("5,   1"),
            "{list}"
        );
    }
}
