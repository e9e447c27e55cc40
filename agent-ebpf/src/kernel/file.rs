//! Files, inodes and superblocks.

use agent_common::{
    file::{FileKey, S_IFMT},
    process::{FMODE_READ, FMODE_WRITE, FdRecord},
};

pub(crate) use agent_common::file::{S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG};

use super::{layout, member, path, read};

/// `FMODE_PATH`: opened with `O_PATH`, which gives no access to data.
const FMODE_PATH: u32 = 0x4000;
/// `FMODE_NOACCOUNT`: a file that the kernel opened for itself; the second open of an overlay (5.10 to 6.5), and the
/// real file under an overlay or a FUSE passthrough (6.6 and later, beside `FMODE_BACKING`, whose bit has moved since).
const FMODE_NOACCOUNT: u32 = 0x2000_0000;

/// `SB_KERNMOUNT`.
const SB_KERNMOUNT: u64 = 1 << 22;

/// An open file.
#[derive(Clone, Copy)]
pub(crate) struct File {
    pub(crate) address: u64,
    pub(crate) inode: u64,
    /// `f_mode`.
    pub(crate) fmode: u32,
    /// `i_mode`.
    pub(crate) mode: u16,
}

impl File {
    /// Reads what decides whether the rest is worth reading.
    #[inline(always)]
    pub(crate) fn at(address: u64) -> Option<Self> {
        let inode = read(address, layout!(file_inode))?;
        Some(Self {
            address,
            inode,
            fmode: read(address, layout!(file_mode))?,
            mode: read(inode, layout!(inode_mode))?,
        })
    }

    /// Whether it stands for another open that is reported itself, or gives no access to data.
    #[inline(always)]
    pub(crate) fn is_shadow(&self) -> bool {
        self.fmode & (FMODE_PATH | FMODE_NOACCOUNT) != 0
    }

    /// Type bits of the inode.
    #[inline(always)]
    pub(crate) fn kind(&self) -> u16 {
        self.mode & S_IFMT
    }

    /// Access bits as the wire has them.
    #[inline(always)]
    pub(crate) fn access(&self) -> u16 {
        self.fmode as u16 & (FMODE_READ | FMODE_WRITE)
    }

    /// Number of the device that it is (`i_rdev`).
    #[inline(always)]
    pub(crate) fn device(&self) -> u32 {
        read(self.inode, layout!(inode_rdev)).unwrap_or(0)
    }

    /// `super_block` of the inode.
    #[inline(always)]
    pub(crate) fn superblock(&self) -> Option<u64> {
        read(self.inode, layout!(inode_sb))
    }

    /// Whether it lies on a mount of the kernel's own, where memory has the form of files (memfd, System V).
    #[inline(always)]
    pub(crate) fn is_internal(superblock: u64) -> bool {
        read::<u64>(superblock, layout!(sb_flags)).unwrap_or(0) & SB_KERNMOUNT != 0
    }

    /// Identity of the file.
    #[inline(always)]
    pub(crate) fn key(&self, superblock: u64) -> Option<FileKey> {
        Some(FileKey {
            ino: read(self.inode, layout!(inode_ino))?,
            dev: read(superblock, layout!(sb_dev))?,
            generation: read(self.inode, layout!(inode_generation)).unwrap_or(0),
        })
    }

    /// Mount and dentry.
    #[inline(always)]
    pub(crate) fn path(&self) -> Option<path::Path> {
        path::at(member(self.address, layout!(file_path))?)
    }
}

/// Magic number of a file system.
#[inline(always)]
pub(crate) fn magic(superblock: u64) -> Option<u32> {
    read::<u64>(superblock, layout!(sb_magic)).map(|magic| magic as u32)
}

/// The last bytes of a file's name that any filter looks at.
#[derive(Clone, Copy)]
pub(crate) struct Leaf {
    name: u64,
    length: u32,
}

impl Leaf {
    /// Name of a dentry.
    #[inline(always)]
    pub(crate) fn of(dentry: u64) -> Option<Self> {
        Some(Self {
            name: read(dentry, layout!(dentry_name))?,
            length: read(dentry, layout!(dentry_name_len))?,
        })
    }

    /// The whole name when it has at most 8 bytes, zeros behind it.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<[u8; 8]> {
        if self.length > 8 {
            return None;
        }
        let bytes: u64 = read(self.name, 0)?;
        let unused = 64 - 8 * self.length;
        let kept = if self.length == 0 { 0 } else { u64::from_le(bytes) << unused >> unused };
        Some(kept.to_le_bytes())
    }

    /// The last four bytes; `None` when the name is shorter.
    #[inline(always)]
    pub(crate) fn suffix(&self) -> Option<[u8; 4]> {
        if self.length < 4 || self.length > 255 {
            return None;
        }
        read(self.name + u64::from(self.length) - 4, 0)
    }
}

/// What a descriptor is; zeros when it is closed. A sub-program: an exec asks sixteen times.
#[inline(never)]
pub(crate) fn describe(address: u64, out: &mut FdRecord) -> u64 {
    *out = FdRecord::default();
    let Some(file) = File::at(address) else {
        return 0;
    };
    out.ino = read(file.inode, layout!(inode_ino)).unwrap_or(0);
    let superblock = file.superblock().unwrap_or(0);
    out.dev = read(superblock, layout!(sb_dev)).unwrap_or(0);
    out.magic = magic(superblock).unwrap_or(0);
    out.rdev = file.device();
    out.mode = file.mode;
    out.fmode = file.access();
    1
}
