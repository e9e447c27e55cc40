//! Disks that can be carried away.

use std::{
    fs,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use crate::{
    event::{Bytes, Leads, Mount},
    sensor::procfs::Mount as Line,
};

/// Where desktops mount what somebody plugs in.
const MEDIA: [&[u8]; 2] = [b"/media/", b"/run/media/"];
/// What a disk on which one of these is mounted is not.
const SYSTEM: [&[u8]; 8] = [b"/", b"/boot", b"/usr", b"/var", b"/home", b"/opt", b"/srv", b"/tmp"];
/// Parts of a device's path below `/sys` by which it can be pulled out.
const BUSES: [&str; 3] = ["/usb", "/mmc_host", "/firewire"];
/// Longest `fstab` that is read.
const FSTAB_MAX: usize = 1 << 20;
/// Layers of volumes below each other.
const LAYERS: u32 = 4;

/// Where disks are looked up.
#[derive(Clone, Debug)]
pub(super) struct Disks {
    /// `/sys/dev/block`.
    sysfs: PathBuf,
    fstab: PathBuf,
}

impl Default for Disks {
    fn default() -> Self {
        Self { sysfs: "/sys/dev/block".into(), fstab: "/etc/fstab".into() }
    }
}

impl Disks {
    /// Of a host of which nothing is known.
    #[cfg(test)]
    pub(super) fn nothing() -> Self {
        Self { sysfs: "/nonexistent".into(), fstab: "/nonexistent".into() }
    }

    /// Whether a disk can be pulled out, or one that a volume lies on.
    fn is_portable(&self, device: &str, layers: u32) -> bool {
        let disk = self.sysfs.join(device);
        let removable = ["removable", "../removable"]
            .iter()
            .find_map(|file| fs::read_to_string(disk.join(file)).ok())
            .is_some_and(|text| text.trim() == "1");
        let path = fs::canonicalize(&disk).unwrap_or_default();
        let path = path.to_string_lossy();
        if removable || BUSES.iter().any(|bus| path.contains(bus)) {
            return true;
        }
        let below = fs::read_dir(disk.join("slaves")).into_iter().flatten().flatten();
        layers > 0
            && below
                .filter_map(|slave| fs::read_to_string(slave.path().join("dev")).ok())
                .any(|device| self.is_portable(device.trim(), layers - 1))
    }

    /// Whether the host mounts something there by itself.
    fn is_fixed(&self, place: &[u8]) -> bool {
        let text = crate::sensor::procfs::read(&self.fstab, FSTAB_MAX).unwrap_or_default();
        let mut lines = text.split(|&byte| byte == b'\n');
        lines.any(|line| {
            let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
            fields.next().is_some_and(|first| !first.starts_with(b"#")) && fields.next() == Some(place)
        })
    }
}

/// Whether what is mounted lies on a disk that can be carried away: one that can be pulled out or, for what cannot be told
/// so, one that is mounted where desktops do that and the host itself does not.
pub(super) fn on_medium(line: &Line, mounts: &[Line], disks: &Disks) -> Option<Leads> {
    let source = line.source.strip_prefix("/dev/")?;
    let holds_system =
        |other: &&Line| other.dev == line.dev && other.whole && SYSTEM.contains(&&*other.place);
    if mounts.iter().any(|other| holds_system(&other)) {
        return None;
    }
    let numbers = if line.dev >> 20 == 0 {
        // The file system's own number is none of a disk (btrfs).
        let device = fs::metadata(Path::new("/dev").join(source)).ok();
        let device = device.filter(|device| device.file_type().is_block_device()).map(|device| device.rdev());
        device.map(|device| (libc::major(device), libc::minor(device)))
    } else {
        Some((line.dev >> 20, line.dev & 0xf_ffff))
    };
    let portable =
        numbers.is_some_and(|(major, minor)| disks.is_portable(&format!("{major}:{minor}"), LAYERS));
    let plugged = || MEDIA.iter().any(|place| line.place.starts_with(place)) && !disks.is_fixed(&line.place);
    (portable || plugged()).then_some(Leads::Medium)
}

/// The same of a file system that nobody sees mounted any more, by its device and the path of a file there.
pub(super) fn guess(dev: u32, path: &[u8], disks: &Disks) -> Option<Mount> {
    let (major, minor) = (dev >> 20, dev & 0xf_ffff);
    let place = MEDIA.iter().find_map(|media| {
        let rest = path.strip_prefix(*media)?;
        // Below /run/media everybody has a folder of his own.
        let depth = if *media == MEDIA[0] { 1 } else { 2 };
        let end = rest.split(|&byte| byte == b'/').take(depth).map(|name| name.len() + 1).sum::<usize>();
        path.get(..media.len() + end - 1)
    });
    let leads = major != 0 && (place.is_some() || disks.is_portable(&format!("{major}:{minor}"), LAYERS));
    let place = Bytes::from(place.unwrap_or_default());
    leads.then_some(Mount { dev, place, of_host: false, leads: Leads::Medium })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::{super::line, *};

    /// A host whose disk 8:0 is fixed, 8:17 a partition of a stick, 8:33 one of a disk on USB, 253:0 a volume on 8:17.
    fn host() -> (PathBuf, Disks) {
        let root = std::env::temp_dir().join(format!("weir-medium-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        let (sysfs, devices) = (root.join("block"), root.join("devices"));
        fs::create_dir_all(&sysfs).unwrap();
        let disks = [
            ("8:0", "pci/ata1/sda", "0"),
            ("8:17", "pci/ata2/sdb/sdb1", "1"),
            ("8:33", "pci/usb3/sdc/sdc1", "0"),
            ("253:0", "virtual/dm-0", "0"),
        ];
        for (number, path, removable) in disks {
            let path = devices.join(path);
            fs::create_dir_all(path.join("slaves")).unwrap();
            let disk =
                if number == "8:0" || number == "253:0" { path.as_path() } else { path.parent().unwrap() };
            fs::write(disk.join("removable"), removable).unwrap();
            fs::write(path.join("dev"), format!("{number}\n")).unwrap();
            symlink(&path, sysfs.join(number)).unwrap();
        }
        symlink(devices.join("pci/ata2/sdb/sdb1"), devices.join("virtual/dm-0/slaves/sdb1")).unwrap();
        fs::write(root.join("fstab"), "# /dev/x /media/y\n/dev/sda  /media/data ext4 defaults 0 2\n")
            .unwrap();
        let fstab = root.join("fstab");
        (root, Disks { sysfs, fstab })
    }

    #[test]
    fn a_disk_that_can_be_pulled_out_is_a_medium() {
        let (root, disks) = host();
        let rows = [
            ((8, 0), "/data", false),
            ((8, 0), "/media/x", true),
            ((8, 0), "/media/y", true),
            ((8, 0), "/media/data", false),
            ((8, 17), "/mnt", true),
            ((8, 17), "/home", false),
            ((8, 33), "/backup", true),
            ((253, 0), "/mnt", true),
        ];
        for ((major, minor), place, expected) in rows {
            let line = Line { dev: major << 20 | minor, ..line("ext4", "/dev/x", "rw", place) };
            let found = on_medium(&line, std::slice::from_ref(&line), &disks);
            assert_eq!(found.is_some(), expected, "{major}:{minor} at {place}");
        }
        let guessed = [
            (7 << 20, "/media/stick/a/b", Some("/media/stick")),
            (7 << 20, "/run/media/ann/stick/b", Some("/run/media/ann/stick")),
            (7 << 20, "/media/b", Some("/media/b")),
            (7 << 20, "/srv/b", None),
            (8 << 20 | 0x11, "/srv/b", Some("")),
            (40, "/media/stick/a", None),
        ];
        for (dev, path, expected) in guessed {
            let found = guess(dev, path.as_bytes(), &disks).map(|mount| mount.place);
            assert_eq!(found, expected.map(Bytes::from), "{path}");
        }
        let memory = line("tmpfs", "tmpfs", "rw", "/media/x");
        assert_eq!(on_medium(&memory, &[], &disks), None);
        fs::remove_dir_all(root).unwrap();
    }
}
