//! Paths: from the leaf to the root of the mount namespace.

use agent_common::{
    file::{PATH_FAULT, PATH_TRUNCATED, PATH_UNREACHABLE, PathInfo},
    limits::{PATH_DEPTH_MAX, PATH_MAX, RECORD_MAX},
};
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;

use super::{layout, mask, peek, read};

/// Bound of a cursor into a scratch area.
pub(crate) const CURSOR_MASK: u32 = RECORD_MAX as u32 - 1;
/// Bound of a file name: `NAME_MAX` of the kernel.
const NAME_MASK: u32 = 0xff;
/// Components, and the mount points among them.
const STEPS: usize = PATH_DEPTH_MAX + 8;

/// A `path` of the kernel: `vfsmount` and `dentry`.
#[derive(Clone, Copy)]
pub(crate) struct Path {
    pub(crate) mount: u64,
    pub(crate) dentry: u64,
}

/// The `path` at an address.
#[inline(always)]
pub(crate) fn at(path: u64) -> Option<Path> {
    Some(Path { mount: read(path, layout!(path_mnt))?, dentry: read(path, layout!(path_dentry))? })
}

/// Writes the names of `path` into `scratch` from `start` on, leaf first, each ended by `/`.
#[inline(always)]
pub(crate) fn append(scratch: *mut u8, start: u64, path: Path, namespace: u64) -> PathInfo {
    let packed = walk(scratch, start, path.mount, path.dentry, namespace);
    PathInfo { len: packed as u16, flags: (packed >> 16) as u16 }
}

/// The walk; the length is in the low 16 bits, the flags above. A sub-program, so that its cost is paid once in
/// the object and its stack is its own.
///
/// The verifier follows every way through every turn of the loop unless two ways meet in the same state. So there
/// are few branches, and what is carried from turn to turn has the same bounds in each: `peek`, and a cursor that
/// is masked again.
#[inline(never)]
fn walk(scratch: *mut u8, start: u64, vfsmount: u64, leaf: u64, namespace: u64) -> u64 {
    let start = mask::<CURSOR_MASK>(start);
    let mut cursor = start;
    let mut dentry = leaf;
    let mut mount = vfsmount.wrapping_sub(u64::from(layout!(mount_mnt)));
    let mut root: u64 = peek(vfsmount, layout!(vfsmount_root));
    let mut flags = PATH_TRUNCATED;
    for _ in 0..STEPS {
        let parent: u64 = peek(dentry, layout!(dentry_parent));
        if dentry == root {
            let above: u64 = peek(mount, layout!(mount_parent));
            if above == mount {
                let owner: u64 = peek(mount, layout!(mount_ns));
                flags = if owner == namespace { 0 } else { PATH_UNREACHABLE };
                break;
            }
            dentry = peek(mount, layout!(mount_mountpoint));
            mount = above;
            root = peek(above + u64::from(layout!(mount_mnt)), layout!(vfsmount_root));
            continue;
        }
        let length: u32 = peek(dentry, layout!(dentry_name_len));
        let length = mask::<NAME_MASK>(u64::from(length));
        let end = cursor + length + 1;
        if end > start + PATH_MAX as u64 {
            break;
        }
        if parent == 0 || !copy(scratch, cursor, peek(dentry, layout!(dentry_name)), length) {
            flags = PATH_FAULT;
            break;
        }
        cursor = mask::<CURSOR_MASK>(end);
        if dentry == parent {
            // A name of its own below no root: a memfd, or a file found by its handle alone.
            flags = PATH_UNREACHABLE;
            break;
        }
        dentry = parent;
    }
    cursor - start | u64::from(flags) << 16
}

/// Copies `length` bytes of a name to `cursor` and ends them with `/`.
#[inline(always)]
fn copy(scratch: *mut u8, cursor: u64, name: u64, length: u64) -> bool {
    let place = scratch.wrapping_add(mask::<CURSOR_MASK>(cursor) as usize);
    let size = mask::<NAME_MASK>(length);
    // SAFETY: the scratch area reaches past every cursor by more than a name; the helper checks the source.
    let copied = unsafe { bpf_probe_read_kernel(place.cast(), size as u32, name as *const _) };
    let end = scratch.wrapping_add(mask::<CURSOR_MASK>(cursor + length) as usize);
    // SAFETY: as above, the cursor is bounded by the mask.
    unsafe { end.write(b'/') };
    copied == 0
}
