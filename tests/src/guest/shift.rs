//! Type information of the kernel that tells a wrong place of a struct's member, in a machine that is to show what then
//! happens (Documentation/bpf/btf.rst of the kernel).

use std::{ffi::CString, fs, ops::Range};

use anyhow::{Context, Result};

use crate::mount;

/// Where the kernel shows its type information, and where the changed copy lies.
const BTF: &str = "/sys/kernel/btf/vmlinux";
const COPY: &str = "/run/shifted-btf";
/// Bits by which a member seems to lie behind its place.
const SHIFT: u32 = 64;
/// `BTF_KIND_STRUCT`.
const STRUCT: u32 = 4;

/// Covers the kernel's type information with a copy in which `member` of `container` lies elsewhere.
///
/// # Errors
/// Fails when there is no such member.
pub(super) fn member(container: &str, member: &str) -> Result<()> {
    let mut bytes = fs::read(BTF).with_context(|| format!("cannot read {BTF}"))?;
    shift(&mut bytes, container, member).context("there is no such member")?;
    fs::write(COPY, bytes)?;
    mount::mount(&CString::new(COPY)?, &CString::new(BTF)?, None, libc::MS_BIND, c"")?;
    Ok(())
}

/// Adds to the offset of a member; none when the type information has no such member.
fn shift(bytes: &mut [u8], container: &str, member: &str) -> Option<()> {
    let place = find(bytes, container, member)?;
    let offset = number(bytes, place.start)? + SHIFT;
    bytes.get_mut(place)?.copy_from_slice(&offset.to_ne_bytes());
    Some(())
}

/// Where the offset of a member stands. The header's length, and places and lengths after it: of types, of names.
fn find(bytes: &[u8], container: &str, member: &str) -> Option<Range<usize>> {
    let field = |at: usize| usize::try_from(number(bytes, at)?).ok();
    let begin = field(4)?;
    let (mut at, names) = (begin + field(8)?, begin + field(16)?);
    let end = at + field(12)?;
    let is_named = |at: usize, name: &str| {
        let found = field(at).and_then(|name| bytes.get(names + name..));
        found
            .and_then(|found| found.strip_prefix(name.as_bytes()))
            .is_some_and(|rest| rest.starts_with(b"\0"))
    };
    while at < end {
        let info = number(bytes, at + 4)?;
        let (kind, count) = (info >> 24 & 0x1f, usize::try_from(info & 0xffff).ok()?);
        let details = at + 12;
        if kind == STRUCT && is_named(at, container) {
            let mut members = (0..count).map(|index| details + 12 * index);
            if let Some(found) = members.find(|&found| is_named(found, member)) {
                return Some(found + 8..found + 12);
            }
        }
        at = details + details_of(kind, count)?;
    }
    None
}

/// Bytes behind the common part of a type.
fn details_of(kind: u32, count: usize) -> Option<usize> {
    Some(match kind {
        // Pointer, forward declaration, typedef, volatile, const, restrict, function, float, type tag.
        2 | 7..=12 | 16 | 18 => 0,
        // Integer, variable, declaration tag.
        1 | 14 | 17 => 4,
        // Array.
        3 => 12,
        // Struct, union, section, enumeration of 64 bits.
        4 | 5 | 15 | 19 => 12 * count,
        // Enumeration, prototype.
        6 | 13 => 8 * count,
        _ => return None,
    })
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::shift;

    /// An integer, a union `a` and a struct `a` with members `b` and `c`, a pointer, and a struct `c`.
    fn information() -> Vec<u8> {
        let types: [&[u32]; 5] = [
            &[1, 1 << 24, 4, 32],
            &[3, 5 << 24 | 1, 4, 5, 1, 0],
            &[3, 4 << 24 | 2, 16, 5, 1, 0, 7, 1, 64],
            &[0, 2 << 24, 1],
            &[7, 4 << 24 | 1, 4, 3, 1, 32],
        ];
        let types: Vec<u32> = types.concat();
        let names = b"\0i\0a\0b\0c\0";
        let length = |words: usize| u32::try_from(words * 4).unwrap();
        let header = [
            0x0001_eb9f,
            24,
            0,
            length(types.len()),
            length(types.len()),
            u32::try_from(names.len()).unwrap(),
        ];
        let words = header.iter().chain(&types).flat_map(|word| word.to_ne_bytes());
        words.chain(names.iter().copied()).collect()
    }

    #[test]
    fn one_member_moves() {
        let rows = [
            ("a", "c", Some((64, 128))),
            ("a", "b", Some((0, 64))),
            ("c", "a", Some((32, 96))),
            ("c", "b", None),
        ];
        for (container, member, expected) in rows {
            let before = information();
            let mut after = before.clone();
            assert_eq!(
                shift(&mut after, container, member).is_some(),
                expected.is_some(),
                "{container}.{member}"
            );
            let number = |bytes: &[u8]| u32::from_ne_bytes(bytes.try_into().unwrap());
            let words = before.chunks_exact(4).zip(after.chunks_exact(4));
            let changed: Vec<_> =
                words.filter(|(old, new)| old != new).map(|(old, new)| (number(old), number(new))).collect();
            assert_eq!(changed, Vec::from_iter(expected), "{container}.{member}");
        }
    }

    #[test]
    fn what_is_cut_short_is_left_alone() {
        let whole = information();
        for length in 0..whole.len() {
            let mut cut = whole[..length].to_vec();
            if shift(&mut cut, "c", "a").is_none() {
                assert_eq!(cut, whole[..length]);
            }
        }
    }
}
