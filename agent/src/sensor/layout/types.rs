//! The kernel's type information (BTF), as far as the agent asks for it: functions, structs and their members.
//!
//! The format is the kernel's `Documentation/bpf/btf.rst` and `include/uapi/linux/btf.h`. One pass notes where each type
//! begins; everything else is read where it lies when somebody asks. A kernel has 100,000 types and 10 MB of names, and a
//! library that made a map of them took half of the agent's start for the sake of a hundred answers.

#[cfg(test)]
mod tests;

use std::{fmt, io, ops::Range};

use thiserror::Error;

/// `BTF_MAGIC`, in the byte order of the machine.
const MAGIC: u16 = 0xeb9f;
const VERSION: u8 = 1;
/// Length of `struct btf_header` at its shortest.
const HEADER: usize = 24;
/// Length of `struct btf_type`, which begins every type, and of what follows it.
const COMMON: usize = 12;
const MEMBER: usize = 12;

const STRUCT: u32 = 4;
const UNION: u32 = 5;
const TYPEDEF: u32 = 8;
const VOLATILE: u32 = 9;
const CONST: u32 = 10;
const RESTRICT: u32 = 11;
const FUNC: u32 = 12;
const TYPE_TAG: u32 = 18;

/// Types behind types (`const volatile typedef ...`) that are followed.
const DEPTH: usize = 32;

/// The type information of a kernel.
pub(super) struct Types {
    /// The whole of it.
    bytes: Vec<u8>,
    /// Where the types begin; the first is type 1, as 0 is `void`.
    begins: Vec<u32>,
    /// Types of the kernel's functions.
    functions: Vec<u32>,
    /// Types of its structs and unions.
    composites: Vec<u32>,
    names: Range<usize>,
}

/// A struct or a union.
#[derive(Clone, Copy, Debug)]
pub(super) struct Composite {
    members: usize,
    count: usize,
    /// Whether members' offsets carry the sizes of bit fields.
    has_sizes: bool,
}

/// A member of a struct or a union.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Member<'a> {
    /// Empty for an anonymous struct or union.
    pub(super) name: &'a [u8],
    /// Its type.
    pub(super) id: u32,
    /// Offset from the struct's begin.
    pub(super) bits: u32,
    /// Whether it is a bit field.
    pub(super) is_bit_field: bool,
}

/// The type information could not be read.
#[derive(Debug, Error)]
pub enum TypesError {
    /// The file.
    #[error(transparent)]
    Unreadable(#[from] io::Error),
    /// The file is not what it should be.
    #[error("it is no type information that weir can read ({0})")]
    Malformed(&'static str),
    /// A type of a kind whose length weir does not know, so that no type after it can be found.
    #[error("type {id} is of kind {kind}, which weir does not know")]
    UnknownKind {
        /// The type.
        id: usize,
        /// Its kind.
        kind: u32,
    },
}

impl Types {
    /// Finds the types in `bytes`.
    ///
    /// # Errors
    ///
    /// [`TypesError`] when they are not all there, or one is of a kind that weir does not know.
    pub(super) fn parse(bytes: Vec<u8>) -> Result<Self, TypesError> {
        let header = Header::read(&bytes)?;
        let mut types = Self {
            bytes,
            begins: Vec::new(),
            functions: Vec::new(),
            composites: Vec::new(),
            names: header.names,
        };
        let Range { start: mut at, end } = header.types;
        while at < end {
            let id = types.begins.len() + 1;
            let info = types.word(at + 4).ok_or(TypesError::Malformed("the last type is cut off"))?;
            let kind = kind(info);
            let rest = rest(kind, count(info)).ok_or(TypesError::UnknownKind { id, kind })?;
            let (Ok(begin), Ok(number)) = (u32::try_from(at), u32::try_from(id)) else {
                return Err(TypesError::Malformed("it is too long"));
            };
            types.begins.push(begin);
            match kind {
                FUNC => types.functions.push(number),
                STRUCT | UNION => types.composites.push(number),
                _ => {}
            }
            at += COMMON + rest;
        }
        if at == end { Ok(types) } else { Err(TypesError::Malformed("the last type is cut off")) }
    }

    /// What was parsed.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The kernel's function of this name.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        self.find(&self.functions, name)
    }

    /// The struct or union of this name.
    pub(super) fn composite(&self, name: &str) -> Option<Composite> {
        self.definition(self.find(&self.composites, name)?)
    }

    /// The struct or union that a type is, qualifiers and other names of it seen through.
    pub(super) fn definition(&self, mut id: u32) -> Option<Composite> {
        for _ in 0..DEPTH {
            let begin = self.begin(id)?;
            let info = self.word(begin + 4)?;
            match kind(info) {
                STRUCT | UNION => {
                    let has_sizes = info >> 31 == 1;
                    return Some(Composite { members: begin + COMMON, count: count(info), has_sizes });
                }
                TYPEDEF | VOLATILE | CONST | RESTRICT | TYPE_TAG => id = self.word(begin + 8)?,
                _ => return None,
            }
        }
        None
    }

    /// Members in the order of their declaration.
    pub(super) fn members(&self, of: Composite) -> impl Iterator<Item = Member<'_>> {
        let member = move |number: usize| {
            let at = of.members + number * MEMBER;
            let (name, id, offset) = (self.word(at)?, self.word(at + 4)?, self.word(at + 8)?);
            let (bits, size) = if of.has_sizes { (offset & 0x00ff_ffff, offset >> 24) } else { (offset, 0) };
            Some(Member { name: self.name(name)?, id, bits, is_bit_field: size != 0 || bits % 8 != 0 })
        };
        (0..of.count).map_while(member)
    }

    fn find(&self, among: &[u32], name: &str) -> Option<u32> {
        let is_named = |id: &u32| {
            let offset = self.begin(*id).and_then(|begin| self.word(begin));
            offset.is_some_and(|offset| self.is_named(offset, name.as_bytes()))
        };
        among.iter().copied().find(is_named)
    }

    /// Where a type begins. Not in the type information of this kernel: `None`.
    fn begin(&self, id: u32) -> Option<usize> {
        let index = usize::try_from(id).ok()?.checked_sub(1)?;
        self.begins.get(index).and_then(|begin| usize::try_from(*begin).ok())
    }

    fn word(&self, at: usize) -> Option<u32> {
        word(&self.bytes, at)
    }

    /// Names from an offset on, each ended by a zero.
    fn names_from(&self, offset: u32) -> Option<&[u8]> {
        self.bytes.get(self.names.clone())?.get(usize::try_from(offset).ok()?..)
    }

    fn is_named(&self, offset: u32, name: &[u8]) -> bool {
        let rest = self.names_from(offset).and_then(|names| names.strip_prefix(name));
        rest.is_some_and(|rest| rest.first() == Some(&0))
    }

    fn name(&self, offset: u32) -> Option<&[u8]> {
        self.names_from(offset)?.split(|byte| *byte == 0).next()
    }
}

/// It would print megabytes.
impl fmt::Debug for Types {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Types").field("types", &self.begins.len()).finish_non_exhaustive()
    }
}

/// Where the types and their names lie.
struct Header {
    types: Range<usize>,
    names: Range<usize>,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, TypesError> {
        let short = TypesError::Malformed("it is too short");
        let Some(&[magic_0, magic_1, version, _flags]) = bytes.first_chunk() else { return Err(short) };
        if u16::from_ne_bytes([magic_0, magic_1]) != MAGIC {
            return Err(TypesError::Malformed("it does not begin as such"));
        }
        if version != VERSION {
            return Err(TypesError::Malformed("it is of a later version"));
        }
        let field = |number: usize| word(bytes, 4 * number).and_then(|value| usize::try_from(value).ok());
        let fields = (field(1), field(2), field(3), field(4), field(5));
        let (Some(length), Some(types), Some(types_length), Some(names), Some(names_length)) = fields else {
            return Err(short);
        };
        let part = |offset: usize, part_length: usize| {
            let begin = length.checked_add(offset)?;
            let part = begin..begin.checked_add(part_length)?;
            (length >= HEADER && part.end <= bytes.len()).then_some(part)
        };
        match (part(types, types_length), part(names, names_length)) {
            (Some(types), Some(names)) => Ok(Self { types, names }),
            _ => Err(short),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

/// `BTF_INFO_KIND`; older kernels have zeros in its upper two bits.
fn kind(info: u32) -> u32 {
    info >> 24 & 0x7f
}

/// `BTF_INFO_VLEN`, likewise.
fn count(info: u32) -> usize {
    usize::try_from(info & 0x00ff_ffff).unwrap_or(usize::MAX)
}

/// Bytes of a type behind its common part; `None` for a kind that is not known.
fn rest(kind: u32, count: usize) -> Option<usize> {
    match kind {
        // Pointer, forward, typedef, volatile, const, restrict, function, float, type tag.
        2 | 7 | 8..=12 | 16 | 18 => Some(0),
        // Integer, variable, declaration tag.
        1 | 14 | 17 => Some(4),
        // Array.
        3 => Some(12),
        // Enumeration, function prototype.
        6 | 13 => count.checked_mul(8),
        // Struct, union, section, enumeration of 64 bits.
        4 | 5 | 15 | 19 => count.checked_mul(12),
        _ => None,
    }
}
