//! Disks that can be carried away.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    event::{Bytes, Leads, Mount},
    sensor::procfs::{Mount as Line, unescape},
};

/// Where desktops mount what somebody plugs in.
const MEDIA: [&[u8]; 2] = [b"/media/", b"/run/media/"];
/// A disk with one of these on it is no medium, whatever it looks like: many systems lie on a card or a stick.
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
    /// `/sys/class/block`.
    class: PathBuf,
    fstab: PathBuf,
}

impl Default for Disks {
    fn default() -> Self {
        Self { sysfs: "/sys/dev/block".into(), class: "/sys/class/block".into(), fstab: "/etc/fstab".into() }
    }
}

impl Disks {
    /// Of a host of which nothing is known.
    #[cfg(test)]
    pub(super) fn nothing() -> Self {
        Self { sysfs: "/nonexistent".into(), class: "/nonexistent".into(), fstab: "/nonexistent".into() }
    }

    /// Whether a disk can be pulled out, or one that a volume lies on.
    fn is_portable(&self, device: &str) -> bool {
        self.whole(device, LAYERS).iter().any(|disk| {
            let removable = fs::read_to_string(disk.join("removable")).is_ok_and(|text| text.trim() == "1");
            let path = disk.to_string_lossy();
            removable || BUSES.iter().any(|bus| path.contains(bus))
        })
    }

    /// Numbers of the device that a file system lies on, which are those of the file system itself or, where these are
    /// none of a device (btrfs), those of what was mounted.
    fn device(&self, dev: u32, source: &str) -> Option<String> {
        if dev >> 20 != 0 {
            return Some(format!("{}:{}", dev >> 20, dev & 0xf_ffff));
        }
        let numbers = |device: &Path| Some(fs::read_to_string(device.join("dev")).ok()?.trim().to_owned());
        let Some(volume) = source.strip_prefix("mapper/") else {
            return numbers(&self.class.join(source.rsplit('/').next()?));
        };
        let all = fs::read_dir(&self.class).ok()?.flatten();
        let is_it = |device: &Path| {
            fs::read_to_string(device.join("dm/name")).is_ok_and(|name| name.trim() == volume)
        };
        all.map(|entry| entry.path()).find(|device| is_it(device)).and_then(|device| numbers(&device))
    }

    /// The disks that a device is a part of, or a volume on, by their folders below `/sys`.
    fn whole(&self, device: &str, layers: u32) -> Vec<PathBuf> {
        let link = self.sysfs.join(device);
        let Ok(path) = fs::canonicalize(&link) else { return Vec::new() };
        if link.join("partition").exists() {
            return path.parent().map(Path::to_owned).into_iter().collect();
        }
        let below = fs::read_dir(link.join("slaves")).into_iter().flatten().flatten();
        let below = below.filter_map(|slave| fs::read_to_string(slave.path().join("dev")).ok());
        let mut disks: Vec<PathBuf> = if layers == 0 {
            Vec::new()
        } else {
            below.flat_map(|device| self.whole(device.trim(), layers - 1)).collect()
        };
        if disks.is_empty() {
            disks.push(path);
        }
        disks
    }

    /// Whether the host mounts something there by itself.
    fn is_fixed(&self, place: &[u8]) -> bool {
        let text = crate::sensor::procfs::read(&self.fstab, FSTAB_MAX).unwrap_or_default();
        let mut lines = text.split(|&byte| byte == b'\n');
        lines.any(|line| {
            let mut fields = line.split(u8::is_ascii_whitespace).filter(|field| !field.is_empty());
            fields.next().is_some_and(|first| !first.starts_with(b"#"))
                && fields.next().is_some_and(|field| unescape(field) == place)
        })
    }
}

/// Whether what is mounted lies on a disk that can be carried away: one that can be pulled out or, for what cannot be told
/// so, one that is mounted where desktops do that and the host itself does not. The disk that the system is on stays.
pub(super) fn on_medium(line: &Line, mounts: &[Line], disks: &Disks) -> Option<Leads> {
    let source = line.source.strip_prefix("/dev/")?;
    let plugged = MEDIA.iter().any(|place| line.place.starts_with(place)) && !disks.is_fixed(&line.place);
    let device = disks.device(line.dev, source);
    if !plugged && !device.as_deref().is_some_and(|device| disks.is_portable(device)) {
        return None;
    }
    let whole =
        |device: Option<String>| device.map(|device| disks.whole(&device, LAYERS)).unwrap_or_default();
    let own = whole(device);
    let shares_disk = |other: &Line| {
        let source = other.source.strip_prefix("/dev/");
        let others = whole(source.and_then(|source| disks.device(other.dev, source)));
        own.iter().any(|disk| others.contains(disk))
    };
    let mut system = mounts.iter().filter(|other| SYSTEM.contains(&&*other.place));
    (!system.any(|other| other.dev == line.dev || shares_disk(other))).then_some(Leads::Medium)
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
    let leads = major != 0 && (place.is_some() || disks.is_portable(&format!("{major}:{minor}")));
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
        let (sysfs, devices, class) = (root.join("block"), root.join("devices"), root.join("class"));
        fs::create_dir_all(&sysfs).unwrap();
        fs::create_dir_all(&class).unwrap();
        let disks = [
            ("8:0", "pci/ata1/sda", "0"),
            ("8:17", "pci/ata2/sdb/sdb1", "1"),
            ("8:33", "pci/usb3/sdc/sdc1", "0"),
            ("8:34", "pci/usb3/sdc/sdc2", "0"),
            ("253:0", "virtual/dm-0", "0"),
        ];
        for (number, path, removable) in disks {
            let path = devices.join(path);
            fs::create_dir_all(path.join("slaves")).unwrap();
            let disk =
                if number == "8:0" || number == "253:0" { path.as_path() } else { path.parent().unwrap() };
            fs::write(disk.join("removable"), removable).unwrap();
            fs::write(path.join("dev"), format!("{number}\n")).unwrap();
            if disk != path {
                fs::write(path.join("partition"), "1").unwrap();
            }
            symlink(&path, sysfs.join(number)).unwrap();
            symlink(&path, class.join(path.file_name().unwrap())).unwrap();
        }
        symlink(devices.join("pci/ata2/sdb/sdb1"), devices.join("virtual/dm-0/slaves/sdb1")).unwrap();
        let table = "# /dev/x /media/y\n/dev/sda  /media/da\\040ta ext4 defaults 0 2\n";
        fs::write(root.join("fstab"), table).unwrap();
        let fstab = root.join("fstab");
        fs::create_dir_all(devices.join("virtual/dm-0/dm")).unwrap();
        fs::write(devices.join("virtual/dm-0/dm/name"), "vault\n").unwrap();
        (root, Disks { sysfs, class, fstab })
    }

    #[test]
    fn a_disk_that_can_be_pulled_out_is_a_medium() {
        let (root, disks) = host();
        let rows = [
            ((8, 0), "/data", false),
            ((8, 0), "/media/x", true),
            ((8, 0), "/media/y", true),
            ((8, 0), "/media/da ta", false),
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
        // The same with another file system that is mounted: by the numbers and the sources of both.
        let rows = [
            ((0x80_0021, "/dev/sdc1"), (0x80_0022, "/dev/sdc2"), false),
            ((40, "/dev/sdc1"), (41, "/dev/sdc2"), false),
            ((40, "/dev/sdc1"), (0x80_0000, "/dev/sda"), true),
            ((40, "/dev/mapper/vault"), (0x80_0000, "/dev/sda"), true),
            ((40, "/dev/mapper/vault"), (41, "/dev/sdb1"), false),
            ((40, "/dev/mapper/other"), (0x80_0000, "/dev/sda"), false),
        ];
        for ((dev, source), (root, of_root), expected) in rows {
            let line = |dev, source, place| Line { dev, ..line("btrfs", source, "rw", place) };
            let mounts = [line(root, of_root, "/"), line(dev, source, "/mnt")];
            let found = on_medium(&mounts[1], &mounts, &disks);
            assert_eq!(found.is_some(), expected, "{source} beside {of_root}");
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
