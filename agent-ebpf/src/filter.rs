//! Which opens are worth a record. The order is by price: the cheapest verdict first.

use agent_common::{
    counters::Counter,
    file::{DEVICE_FUSE, DEVICE_TUN, DirKey, FileKey},
    limits::SEEN_OPENS,
    process::{FMODE_WRITE, ProcessKey},
};
use aya_ebpf::helpers::generated::bpf_ktime_get_boot_ns;

use crate::{
    emit::count,
    kernel::{
        file::{File, Leaf, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFREG},
        tuning,
    },
    maps::{QUIET_DIRS, SEEN, WRITTEN},
};

/// procfs.
const PROC: u32 = 0x9fa0;

/// Whether a file system holds views of the kernel and no data.
#[inline(always)]
fn is_pseudo(magic: u32) -> bool {
    matches!(
        magic,
        0x6265_6572 // sysfs
            | 0x0027_e0eb // cgroup
            | 0x6367_7270 // cgroup2
            | 0x7472_6163 // tracefs
            | 0x6462_6720 // debugfs
            | 0x7363_6673 // securityfs
            | 0xcafe_4a11 // bpf
            | 0x0000_1cd1 // devpts
            | 0x534f_434b // sockfs
            | 0x0904_1934 // anon_inode
            | 0xf97c_ff8c // selinuxfs
            | 0x4341_5d53 // smackfs
            | 0x6e73_6673 // nsfs
            | 0x5049_4446 // pidfs
            | 0x6265_6570 // configfs
            | 0x6573_5543 // fusectl
            | 0x6165_676c // pstore
            | 0xde5e_81e4 // efivarfs
            | 0x4249_4e4d // binfmt_misc
            | 0x1980_0202 // mqueue
            | 0x6759_6969 // rpc_pipefs
            | 0x444d_4142 // dma-buf
    )
}

/// Whether a procfs file shows another process's memory, secrets or descriptors. A file reached through
/// `/proc/PID/root` or `/proc/PID/fd` is no procfs file: it is judged by where it really is.
#[inline(always)]
fn is_revealing(leaf: Leaf) -> bool {
    let Some(name) = leaf.short() else {
        return false;
    };
    matches!(&name, b"mem\0\0\0\0\0" | b"environ\0" | b"maps\0\0\0\0" | b"fd\0\0\0\0\0\0")
}

/// First verdict: place and type. A pipe without a name is opened by `/proc/PID/fd` alone; of character devices those
/// count that are ways to somewhere else.
#[inline(always)]
pub(crate) fn in_scope(magic: u32, file: &File, leaf: Leaf) -> bool {
    if magic == PROC {
        return (file.kind() == S_IFREG || file.kind() == S_IFDIR) && is_revealing(leaf);
    }
    let is_way = || file.kind() == S_IFCHR && matches!(file.device(), DEVICE_TUN | DEVICE_FUSE);
    (matches!(file.kind(), S_IFREG | S_IFBLK | S_IFIFO) || is_way()) && !is_pseudo(magic)
}

/// Whether the name is that of a script, so that an interpreter reading it is never quiet.
#[inline(always)]
fn is_script(leaf: Leaf) -> bool {
    let Some(suffix) = leaf.suffix() else {
        return false;
    };
    let [_, a, b, c] = suffix;
    matches!(&suffix, b".ps1" | b".bat" | b".php" | b".lua")
        || matches!(&[a, b, c], b".sh" | b".py" | b".pl" | b".rb")
        || [a, b, c] == *b".js"
}

/// Marks a regular file that is opened for writing; tells whether it was marked before.
#[inline(always)]
pub(crate) fn mark_written(file: &File, key: &FileKey) -> bool {
    if file.kind() != S_IFREG {
        return false;
    }
    let before = WRITTEN.get_ptr(key).is_some();
    if !before && file.access() & FMODE_WRITE != 0 && WRITTEN.insert(key, 1, 0).is_err() {
        count(Counter::WrittenMarkFailed, 1);
    }
    before
}

/// Second verdict: a plain read in a directory that the agent called quiet. Not in a mount namespace beside the
/// host's, where anybody can put any directory in the place of a quiet one.
#[inline(always)]
pub(crate) fn is_quiet(file: &File, written_before: bool, mnt_ns: u32, parent: DirKey, leaf: Leaf) -> bool {
    file.kind() == S_IFREG
        && mnt_ns != 0
        && mnt_ns == tuning!(host_mnt_ns)
        && file.access() & FMODE_WRITE == 0
        && !written_before
        && QUIET_DIRS.get_ptr(parent).is_some()
        && !is_script(leaf)
}

/// What makes two opens the same for the agent.
pub(crate) struct Fingerprint {
    slot: u32,
    value: u64,
}

impl Fingerprint {
    /// Of an open by `process`. The clock's high bits are in it, so that a repeat is reported about once a
    /// minute (2^36 ns = 69 s). The seed's halves begin and end it: without them nobody can compute a collision, nor
    /// which slots an open takes.
    #[inline(always)]
    pub(crate) fn of(process: &ProcessKey, key: &FileKey, access: u16, size: u64, ctime: u64) -> Self {
        // SAFETY: the helper has no precondition.
        let minute = unsafe { bpf_ktime_get_boot_ns() } >> 36;
        let [a, b, c, d] = tuning!(seed);
        let mut value = mix(join(a, b), process.start_ticks ^ u64::from(process.pid) << 32);
        value = mix(value, key.ino);
        value = mix(value, u64::from(key.dev) << 32 | u64::from(key.generation));
        value = mix(value, size);
        value = mix(value, ctime);
        value = mix(value, minute << 2 | u64::from(access));
        value = mix(value, join(c, d));
        Self { slot: (value >> 40) as u32 & (SEEN_OPENS - 1), value }
    }

    /// Whether the last open remembered in its slot is this one.
    #[inline(always)]
    pub(crate) fn is_repeat(&self) -> bool {
        SEEN.get(self.slot) == Some(&self.value)
    }

    /// Remembers it. Only after the record was submitted: what was dropped must be tried again.
    #[inline(always)]
    pub(crate) fn remember(&self) {
        if let Some(slot) = SEEN.get_ptr_mut(self.slot) {
            // SAFETY: a slot of an array map; a racing writer can but cause a second record.
            unsafe { slot.write_volatile(self.value) };
        }
    }
}

/// A name for something of the kernel's by its address, which the name does not tell.
#[inline(always)]
pub(crate) fn name_of(address: u64) -> u64 {
    let [a, b, ..] = tuning!(seed);
    mix(join(a, b), address)
}

/// What stands for a process within this second (2^30 ns); nobody can compute whose is the same.
#[inline(always)]
pub(crate) fn mark_of_now(process: &ProcessKey) -> u64 {
    // SAFETY: the helper has no precondition.
    let second = unsafe { bpf_ktime_get_boot_ns() } >> 30;
    let [a, b, c, d] = tuning!(seed);
    let value = mix(join(c, d), process.start_ticks ^ u64::from(process.pid) << 32);
    mix(mix(value, second), join(a, b))
}

/// Both halves as one word.
#[inline(always)]
fn join(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

/// One round of a multiplicative hash (the constant is 2^64 over the golden ratio).
#[inline(always)]
fn mix(state: u64, word: u64) -> u64 {
    let mixed = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 29
}
