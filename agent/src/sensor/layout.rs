//! Offsets of kernel struct members, from the running kernel's own type information.

#[cfg(test)]
mod tests;
mod types;

use std::{fs, path::Path};

use agent_common::kernel_layout::{ABSENT, KernelLayout, Member};
use thiserror::Error;

use self::types::{Composite, Types};

pub use self::types::TypesError;

/// Where the kernel shows its type information.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// Anonymous structs and unions within one another. `struct sk_buff` has four.
const NESTED_MAX: u32 = 16;

/// What the running kernel looks like.
#[derive(Debug)]
pub struct Kernel {
    /// Offsets for the programs.
    pub layout: KernelLayout,
    /// Fields of the layout that this kernel does not have, and why.
    pub absent: Vec<(&'static str, MemberError)>,
    types: Types,
}

/// The kernel's type information could not be read.
#[derive(Debug, Error)]
#[error(
    "no type information of the kernel in {path}: {reason}; weir needs a kernel that was built with \
     CONFIG_DEBUG_INFO_BTF=y, as those of the large distributions are, and the host's /sys: boot such a kernel, or show \
     weir the host's /sys"
)]
pub struct LayoutError {
    path: String,
    reason: TypesError,
}

/// A member has no offset.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MemberError {
    /// The kernel has no such struct.
    #[error("there is no struct {0}")]
    NoStruct(String),
    /// The struct has no such member.
    #[error("struct {container} has no member {member}")]
    NoMember {
        /// The struct.
        container: String,
        /// The path that was asked for.
        member: String,
    },
    /// The member is a bit field, which has no byte offset.
    #[error("{0} is a bit field")]
    BitField(String),
    /// The offset does not fit the layout's 16 bits.
    #[error("{0} lies too far into its struct")]
    TooFar(String),
}

impl Kernel {
    /// Reads the type information at `path` and resolves every member of the layout.
    ///
    /// # Errors
    ///
    /// [`LayoutError`] when the file is not there or is not type information. A missing member is no error: it is
    /// listed in [`Kernel::absent`].
    pub fn read(path: &Path) -> Result<Self, LayoutError> {
        let read = fs::read(path).map_err(TypesError::from).and_then(Types::parse);
        let types = read.map_err(|reason| LayoutError { path: path.display().to_string(), reason })?;
        let mut layout = KernelLayout::UNKNOWN;
        let mut absent = Vec::new();
        for member in KernelLayout::MEMBERS {
            match resolve(&types, member) {
                Ok(offset) => {
                    layout.set(member.field, offset);
                }
                Err(why) => absent.push((member.field, why)),
            }
        }
        Ok(Self { layout, absent, types })
    }

    /// Why a field of the layout is absent; `None` when it is there.
    #[must_use]
    pub fn why_absent(&self, field: &str) -> Option<&MemberError> {
        self.absent.iter().find(|(name, _)| *name == field).map(|(_, why)| why)
    }

    /// Whether the kernel proper has a function of this name.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        self.function(name).is_some()
    }

    /// Type of the kernel proper's function of this name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<u32> {
        self.types.function(name)
    }

    /// The type information itself.
    #[must_use]
    pub fn type_information(&self) -> &[u8] {
        self.types.bytes()
    }
}

/// Byte offset of a member, by the first of its names that this kernel knows.
fn resolve(types: &Types, member: &Member) -> Result<u16, MemberError> {
    let container = types
        .composite(member.container)
        .ok_or_else(|| MemberError::NoStruct(member.container.to_owned()))?;
    let mut last = None;
    for path in member.paths {
        match offset(types, container, member.container, path) {
            Ok(offset) => return Ok(offset),
            Err(why) => last = Some(why),
        }
    }
    Err(last.unwrap_or_else(|| MemberError::NoStruct(member.container.to_owned())))
}

/// Offset of a path of members, separated by dots.
fn offset(types: &Types, container: Composite, name: &str, path: &str) -> Result<u16, MemberError> {
    let full = || format!("{name}.{path}");
    let mut here = Some(container);
    let mut bits = 0;
    for segment in path.split('.') {
        let found = here
            .and_then(|here| find(types, here, segment, NESTED_MAX))
            .ok_or_else(|| MemberError::NoMember { container: name.to_owned(), member: path.to_owned() })?;
        if found.is_bit_field {
            return Err(MemberError::BitField(full()));
        }
        bits += found.bits;
        here = types.definition(found.id);
    }
    let offset = u16::try_from(bits / 8).map_err(|_| MemberError::TooFar(full()))?;
    if offset == ABSENT { Err(MemberError::TooFar(full())) } else { Ok(offset) }
}

/// Finds a member by name, walking into anonymous structs and unions, at most so many within one another.
fn find<'a>(types: &'a Types, container: Composite, name: &str, nested: u32) -> Option<types::Member<'a>> {
    types.members(container).find_map(|member| {
        if member.name == name.as_bytes() {
            return Some(member);
        }
        let inner = if member.name.is_empty() { types.definition(member.id) } else { None };
        let found = find(types, inner?, name, nested.checked_sub(1)?)?;
        Some(types::Member { bits: member.bits.checked_add(found.bits)?, ..found })
    })
}
