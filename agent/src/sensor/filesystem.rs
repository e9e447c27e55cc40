//! File systems that answer from this host.

/// Magic numbers, from `linux/magic.h` and the file systems' sources.
const LOCAL: [u32; 16] = [
    0xEF53,      // ext2, ext3, ext4
    0x5846_5342, // xfs
    0x9123_683E, // btrfs
    0x0102_1994, // tmpfs
    0x8584_58F6, // ramfs
    0x794C_7630, // overlay
    0xF2F5_2010, // f2fs
    0x2FC1_2FC1, // zfs
    0xCA45_1A4E, // bcachefs
    0x7371_7368, // squashfs
    0xE0F5_E1E2, // erofs
    0x9660,      // iso9660
    0x4D44,      // vfat
    0x2011_BAB0, // exfat
    0x3153_464A, // jfs
    0x5265_4973, // reiserfs
];

/// Whether a file system with this `s_magic` is one that cannot make its reader wait for another host or for a
/// process, as FUSE, NFS and CIFS can.
#[must_use]
pub fn is_local(magic: u32) -> bool {
    LOCAL.contains(&magic)
}
