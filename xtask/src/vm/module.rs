//! Kernel modules: which ones a guest needs, in what order, uncompressed.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::process;

/// What guests need where it is not built in: disks, networks, shares of files, and the ways out that tests use.
const WANTED: [&str; 13] = [
    "virtio_pci",
    "virtio_blk",
    "ext4",
    "veth",
    "tun",
    "tls",
    "overlay",
    "sctp",
    "vsock",
    "vsock_loopback",
    "nfs",
    "nfsv4",
    "nfsd",
];

/// A key of the choice of modules.
pub(super) fn wanted_key() -> String {
    super::cache::key(&WANTED.map(str::as_bytes))
}

/// The folder that holds the modules of the only kernel below `unpacked`.
///
/// # Errors
/// When there is none.
pub(super) fn folder(unpacked: &Path) -> Result<PathBuf> {
    let places = ["usr/lib/modules", "lib/modules"].map(|place| unpacked.join(place));
    let entries = places.iter().filter_map(|place| fs::read_dir(place).ok()).flatten();
    let found =
        entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.join("kernel").is_dir());
    found.context("the packages hold no modules")
}

/// Writes the wanted modules below `unpacked`, and those that they need, to `to`, uncompressed, with the place in
/// the loading order before each name. What the kernel has not or has built in is left out.
///
/// # Errors
/// When one cannot be read or uncompressed.
pub(super) fn collect(unpacked: &Path, to: &Path) -> Result<()> {
    let mut known = BTreeMap::new();
    index(&folder(unpacked)?.join("kernel"), &mut known)?;
    let mut order = Vec::new();
    for name in WANTED {
        visit(name, &known, &mut order)?;
    }
    fs::create_dir_all(to)?;
    for (at, (name, bytes)) in order.iter().enumerate() {
        fs::write(to.join(format!("{at:02}-{name}.ko")), bytes)?;
    }
    Ok(())
}

/// The modules in `folder` in their loading order.
///
/// # Errors
/// When it cannot be read.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut modules: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    modules.sort();
    Ok(modules)
}

/// Name of each module below `folder`, as the kernel writes it, and its file.
fn index(folder: &Path, known: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            index(&entry.path(), known)?;
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            known.insert(name.replace('-', "_"), entry.path());
        }
    }
    Ok(())
}

/// Puts a module behind those that it depends on.
fn visit(name: &str, known: &BTreeMap<String, PathBuf>, order: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let name = name.replace('-', "_");
    let Some(path) = known.get(&name) else { return Ok(()) };
    if order.iter().any(|(loaded, _)| *loaded == name) {
        return Ok(());
    }
    let bytes = read(path)?;
    for dependency in depends(&bytes) {
        visit(&dependency, known, order)?;
    }
    order.push((name, bytes));
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("ko") => return fs::read(path).with_context(|| format!("cannot read {}", path.display())),
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => bail!("{} is compressed in a way that is not known here", path.display()),
    };
    process::read_bytes(process::command(program).args(["-dc"]).arg(path))
}

/// What a module says that it depends on: the string `depends=a,b` of its `.modinfo` section.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module.get(at + KEY.len()..).unwrap_or_default();
    let value = value.split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::depends;

    #[test]
    fn dependencies_of_modules() {
        let rows: [(&[u8], &[&str]); 4] = [
            (
                b"\x7fELF\0license=GPL\0depends=libcrc32c,udp_tunnel\0name=sctp\0",
                &["libcrc32c", "udp_tunnel"],
            ),
            (b"\0depends=\0name=veth\0", &[]),
            (b"\0depends=cut", &["cut"]),
            (b"nothing", &[]),
        ];
        for (module, expected) in rows {
            assert_eq!(depends(module), expected);
        }
    }
}
