//! What a machine of each architecture is made of.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{arch::Arch, process};

/// The machine.
impl Arch {
    /// The program that emulates it.
    pub(super) fn emulator(self) -> String {
        format!("qemu-system-{}", self.name())
    }

    /// Board and processor.
    pub(super) const fn board(self) -> [&'static str; 4] {
        match self {
            Self::X86_64 => ["-machine", "q35", "-cpu", "max"],
            // One that is common in servers. Emulating the newest costs more, since it signs pointers, and kernels
            // before 5.12 do not boot on it.
            Self::Aarch64 => ["-machine", "virt", "-cpu", "neoverse-n1"],
        }
    }

    /// The first serial port, as the kernel's console.
    pub(super) const fn console(self) -> &'static str {
        match self {
            Self::X86_64 => "ttyS0",
            Self::Aarch64 => "ttyAMA0",
        }
    }

    /// The second serial port.
    pub(super) const fn second_port(self) -> &'static str {
        match self {
            Self::X86_64 => "isa-serial",
            // The board has one port of its own.
            Self::Aarch64 => "pci-serial",
        }
    }

    /// The second serial port, as the guest sees it: where it reports.
    pub(super) const fn report(self) -> &'static str {
        match self {
            Self::X86_64 => "/dev/ttyS1",
            // It counts from the first of its own kind.
            Self::Aarch64 => "/dev/ttyS0",
        }
    }
}

/// Its programs on this machine.
impl Arch {
    /// A command that runs `program`, emulated where that is needed.
    pub(super) fn run(self, program: &Path) -> Command {
        if self.is_own() {
            return process::command(&program.display().to_string());
        }
        let mut command = process::command(&format!("qemu-{}-static", self.name()));
        command.arg("-L").arg(self.sysroot()).arg(program);
        command
    }

    /// A command that copies a program without its debugging information.
    pub(super) fn strip(self) -> Command {
        if self.is_own() {
            process::command("strip")
        } else {
            process::command(&format!("{}-strip", self.gnu()))
        }
    }

    /// The shared libraries that `program` needs: the place of each, without the first slash, and the file here.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(super) fn libraries(self, program: &Path) -> Result<Vec<(String, PathBuf)>> {
        let folder = self.sysroot().join("lib");
        let mut ldd = if self.is_own() {
            process::command("ldd")
        } else {
            let mut loader = self.run(&folder.join(self.loader()));
            loader.arg("--list");
            loader
        };
        let list = process::read(ldd.arg(program))?;
        let paths = list.split_whitespace().filter_map(|word| word.strip_prefix('/'));
        if self.is_own() {
            return Ok(paths.map(|path| (path.to_owned(), Path::new("/").join(path))).collect());
        }
        // Packages for building elsewhere keep all in one folder, which a system of its own calls /lib.
        let names = paths.filter_map(|path| path.rsplit('/').next());
        Ok(names.map(|name| (format!("lib/{name}"), folder.join(name))).collect())
    }

    /// Where Debian's packages for building elsewhere put its files.
    fn sysroot(self) -> PathBuf {
        Path::new("/usr").join(self.gnu())
    }

    /// What loads shared libraries.
    const fn loader(self) -> &'static str {
        match self {
            Self::X86_64 => "ld-linux-x86-64.so.2",
            Self::Aarch64 => "ld-linux-aarch64.so.1",
        }
    }
}
