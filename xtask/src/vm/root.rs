//! The guest's disk: a Debian of this machine's own release with the programs that the suite uses.

use std::{
    fs,
    path::{Path, PathBuf},
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
    let key = super::cache::key(&[codename.as_bytes(), PACKAGES.as_bytes(), SIZE.as_bytes()]);
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
    // What root made, root removes.
    drop(
        process::as_root("rm")
            .and_then(|mut rm| process::read(rm.args(["-rf", "--one-file-system"]).arg(&tree))),
    );
    result?;
    Ok(image)
}

fn install(codename: &str, arch: Arch, packages: &[&str], tree: &Path) -> Result<()> {
    let archive = debian_archive().context("this machine's apt sources name no Debian archive")?;
    let mut mmdebstrap = if arch.is_own() {
        process::as_root("mmdebstrap")?
    } else {
        let mut unshare = process::as_root("unshare")?;
        let name = format!("qemu-{}", arch.name());
        unshare.args(["--mount", "sh", "-c", WITH_EMULATION, "sh", &name, "mmdebstrap"]);
        unshare
    };
    mmdebstrap.arg(format!("--architectures={}", arch.debian()));
    mmdebstrap.args(["--mode=root", "--variant=essential", "--quiet"]);
    mmdebstrap.args(["--aptopt=APT::Sandbox::User \"root\""]);
    mmdebstrap.args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")));
    mmdebstrap.arg(format!("--include={}", packages.join(",")));
    process::read(mmdebstrap.arg(codename).arg(tree).arg(&archive.uri))?;
    Ok(())
}

/// Made beside its place and renamed: no half disk is ever taken for a whole one.
fn pack(tree: &Path, image: &Path) -> Result<()> {
    let partial = image.with_extension("partial");
    drop(fs::remove_file(&partial));
    let mut mke2fs = process::as_root("mke2fs")?;
    mke2fs.args(["-q", "-t", "ext4", "-O", "^has_journal", "-L", "guest", "-d"]).arg(tree);
    process::read(mke2fs.arg(&partial).arg(SIZE))?;
    fs::rename(&partial, image).with_context(|| format!("cannot make {}", image.display()))
}
