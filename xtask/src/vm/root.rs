//! The guest's disk: a Debian of this machine's own release with the programs that the suite uses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    arch::Arch,
    console::{self, Mark},
    process,
    setup::{debian_archive, debian_codename},
    workspace::{self, Scratch},
};

/// Debian packages beside the essential ones.
const PACKAGES: &str = include_str!("packages.txt");

/// Bytes of the disk. The file has holes where nothing was written.
const SIZE: &str = "1536M";

/// What no test reads.
const LEFT_OUT: [&str; 4] =
    ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"];

/// How mmdebstrap makes the tree.
const BOOTSTRAP: [&str; 4] =
    ["--mode=root", "--variant=essential", "--quiet", "--aptopt=APT::Sandbox::User \"root\""];
/// How mke2fs makes the disk of it.
const FORMAT: [&str; 7] = ["-q", "-t", "ext4", "-O", "^has_journal", "-L", "guest"];

/// Runs a command while this machine runs programs of the architecture that `$1` names to `binfmt_misc`, which
/// stays as it was.
const WITH_EMULATION: &str = r#"
set -e
formats=/proc/sys/fs/binfmt_misc
name=$1
shift
[ -e $formats/register ] || mount -t binfmt_misc binfmt_misc $formats
if [ ! -e "$formats/$name" ]; then
    trap 'echo -1 >"$formats/$name"' EXIT
    cat "/usr/lib/binfmt.d/$name.conf" >$formats/register
fi
"$@"
"#;

/// Path of an ext4 image for `arch`, made if it is not there yet; its name tells what it holds.
///
/// # Errors
/// When there is no root, no archive, or a package cannot be had.
pub(super) fn image(arch: Arch) -> Result<PathBuf> {
    let codename = debian_codename();
    let packages: Vec<&str> =
        PACKAGES.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let texts = [&codename, PACKAGES, SIZE].into_iter().chain(LEFT_OUT).chain(BOOTSTRAP).chain(FORMAT);
    let key = super::cache::key(&texts.map(str::as_bytes).collect::<Vec<_>>());
    let folder = workspace::target()?.join("vm/root").join(arch.debian());
    let image = folder.join(format!("{codename}-{key}.ext4"));
    if image.exists() {
        return Ok(image);
    }
    console::step(
        Mark::Doing,
        "guest's disk",
        format!("Debian {codename} {} with {}", arch.debian(), packages.join(" ")),
    );
    fs::create_dir_all(&folder)?;
    let scratch = Scratch::make("root")?;
    let tree = scratch.path().join("tree");
    let result = install(&codename, arch, &packages, &tree).and_then(|()| pack(&tree, &image));
    // What root made, root removes; the next run says what stays.
    drop(workspace::remove_as_root(&tree));
    result?;
    Ok(image)
}

fn install(codename: &str, arch: Arch, packages: &[&str], tree: &Path) -> Result<()> {
    let archive = debian_archive().context("this machine's apt sources name no Debian archive")?;
    let mut mmdebstrap = if arch.is_own() {
        confined("mmdebstrap")?
    } else {
        let mut shell = confined("sh")?;
        shell.args(["-c", WITH_EMULATION, "sh", &format!("qemu-{}", arch.name()), "mmdebstrap"]);
        shell
    };
    mmdebstrap.arg(format!("--architectures={}", arch.debian()));
    mmdebstrap.args(BOOTSTRAP);
    mmdebstrap.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    mmdebstrap.arg(format!("--include={}", packages.join(",")));
    process::read(mmdebstrap.arg(codename).arg(tree).arg(&archive.uri))?;
    Ok(())
}

/// A command that runs as root, and with which all that it mounted and started ends, however it or this program ends:
/// its mounts are seen by nobody else, and its processes have a first one, which the kernel ends them with. (Behind a
/// sudo it outlives this program; its mounts go with it all the same.)
fn confined(program: &str) -> Result<Command> {
    let mut command = process::as_root("setpriv")?;
    command.args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--"]);
    command.arg(program);
    Ok(command)
}

/// Made beside its place and renamed: no half disk is ever taken for a whole one.
fn pack(tree: &Path, image: &Path) -> Result<()> {
    let partial = image.with_extension("partial");
    drop(fs::remove_file(&partial));
    let mut mke2fs = process::as_root("mke2fs")?;
    mke2fs.args(FORMAT).arg("-d").arg(tree);
    process::read(mke2fs.arg(&partial).arg(SIZE))?;
    fs::rename(&partial, image).with_context(|| format!("cannot make {}", image.display()))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path, process::Stdio};

    use super::confined;
    use crate::{
        process::{self, eventually},
        workspace::Scratch,
    };

    #[test]
    fn what_is_killed_leaves_no_mount_and_no_process() {
        if !process::is_root() {
            println!("skipped: what_is_killed_leaves_no_mount_and_no_process: needs root");
            return;
        }
        let scratch = Scratch::make("confined").unwrap();
        let place = scratch.path().display().to_string();
        // The pid outside is what tells of it in this program's /proc.
        let script = format!(
            "mount -t tmpfs none '{place}' && touch '{place}/inside' && (setsid sleep 7777.25 & wait)"
        );
        let mut child = confined("sh")
            .unwrap()
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sleeping = || {
            let processes = fs::read_dir("/proc").unwrap().flatten();
            processes
                .filter(|entry| {
                    fs::read(entry.path().join("cmdline")).is_ok_and(|words| words == b"sleep\x007777.25\0")
                })
                .count()
        };
        eventually("it mounts and sleeps", || sleeping() == 1);
        assert!(!Path::new(&place).join("inside").exists(), "its mount is seen here");
        child.kill().unwrap();
        child.wait().unwrap();
        eventually("its process ends", || sleeping() == 0);
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        assert!(!mounts.contains(&place), "{mounts}");
    }
}
