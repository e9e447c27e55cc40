//! Texts of procfs. Names in them are bytes: a process may call itself anything, `)` and newlines included.

use crate::event::Bytes;

/// `PF_KTHREAD` in the flags of `stat`.
const KERNEL_THREAD: u64 = 0x20_0000;

/// What the agent takes from `/proc/PID/stat`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) comm: Bytes,
    pub(super) parent: u32,
    pub(super) session: u32,
    pub(super) kernel_thread: bool,
    pub(super) start_ticks: u64,
    /// `cmdline`, which comes from another file and later.
    pub(super) line: Vec<u8>,
}

/// Parses `stat`: the name stands between the first `(` and the last `)`; fields are counted from there.
pub(super) fn stat(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?;
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let fields: Vec<_> = rest.split_ascii_whitespace().collect();
    // The field after the name is number 3 in proc(5).
    let field = |number: usize| fields.get(number - 3);
    Some(Stat {
        comm: comm.into(),
        parent: field(4)?.parse().ok()?,
        session: field(6)?.parse().unwrap_or_default(),
        kernel_thread: field(9)?.parse::<u64>().ok()? & KERNEL_THREAD != 0,
        start_ticks: field(22)?.parse().ok()?,
        line: Vec::new(),
    })
}

/// Real and effective user id and real group id from `status`.
pub(super) fn ids(status: &[u8]) -> Option<[u32; 3]> {
    let line = |name: &[u8]| {
        let line = status.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        Some(std::str::from_utf8(line).ok()?.split_ascii_whitespace().map_while(|id| id.parse::<u32>().ok()))
    };
    let mut uids = line(b"Uid:")?;
    Some([uids.next()?, uids.next()?, line(b"Gid:")?.next()?])
}

/// A file that holds one number.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// The number in `pipe:[4026]`.
pub(super) fn inode(target: &[u8], kind: &[u8]) -> Option<u64> {
    let number = target.strip_prefix(kind)?.strip_prefix(b":[")?.strip_suffix(b"]")?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// Mount id and, since 5.14, inode number from `fdinfo`.
pub(super) fn fdinfo(text: &[u8]) -> Option<(u32, Option<u64>)> {
    let text = String::from_utf8_lossy(text);
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    Some((value("mnt_id:")?.parse().ok()?, value("ino:").and_then(|ino| ino.parse().ok())))
}

/// A mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its id, unique on the host.
    pub id: u32,
    /// `s_dev` of the file system.
    pub dev: u32,
    /// Its root is mounted there, not a folder of it.
    pub whole: bool,
    /// Where it is mounted.
    pub place: Vec<u8>,
    /// Type of the file system, `nfs4` or `fuse.sshfs`.
    pub fstype: String,
    /// What is mounted: a device, or a server and what it exports.
    pub source: String,
    /// Options of the file system, separated by commas.
    pub options: String,
}

impl Mount {
    /// The value of an option.
    #[must_use]
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options.split(',').find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// Parses `mountinfo`; lines that make no sense are left out.
pub(super) fn mountinfo(text: &[u8]) -> Vec<Mount> {
    text.split(|&byte| byte == b'\n').filter_map(mount).collect()
}

fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = number(fields.next()?)?;
    let (major, minor) = std::str::from_utf8(fields.nth(1)?).ok()?.split_once(':')?;
    let dev = device(major.parse().ok()?, minor.parse().ok()?);
    let whole = fields.next()? == b"/";
    let place = unescape(fields.next()?);
    let mut of_file_system = fields.skip_while(|&field| field != b"-").skip(1);
    let mut text = || of_file_system.next().map(|field| String::from_utf8_lossy(field).into_owned());
    let fstype = text()?;
    let (source, options) = (text().unwrap_or_default(), text().unwrap_or_default());
    Some(Mount { id, dev, whole, place, fstype, source, options })
}

/// A name in which spaces, tabs, newlines and backslashes are written `\ooo`, in three octal digits.
#[must_use]
pub fn unescape(field: &[u8]) -> Vec<u8> {
    let mut name = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = (first == b'\\').then(|| after.split_at_checked(3)).flatten();
        let byte =
            escaped.and_then(|(digits, _)| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        let (byte, after) = byte.zip(escaped).map_or((first, after), |(byte, (_, after))| (byte, after));
        name.push(byte);
        rest = after;
    }
    name
}

/// A device number as the kernel holds it.
pub(super) fn device(major: u32, minor: u32) -> u32 {
    major << 20 | minor
}
