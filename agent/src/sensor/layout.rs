//! Offsets of kernel struct members, from the running kernel's own type information.

#[cfg(test)]
mod tests;

use std::path::Path;

use agent_common::kernel_layout::{ABSENT, KernelLayout, Member};
use btf_rs::{Btf, BtfType, Struct, Type};
use thiserror::Error;

/// Where the kernel shows its type information.
pub const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// What the running kernel looks like.
#[derive(Debug)]
pub struct Kernel {
    /// Offsets for the programs.
    pub layout: KernelLayout,
    /// Fields of the layout that this kernel does not have, and why.
    pub absent: Vec<(&'static str, MemberError)>,
    btf: Types,
}

/// The type information; opaque to `Debug`, which would print megabytes.
struct Types(Btf);

/// The kernel's type information could not be read.
#[derive(Debug, Error)]
#[error(
    "no type information of the kernel in {path}: {reason}; weir needs a kernel that was built with \
     CONFIG_DEBUG_INFO_BTF=y, as those of the large distributions are, and the host's /sys: boot such a kernel, or show \
     weir the host's /sys"
)]
pub struct LayoutError {
    path: String,
    reason: btf_rs::Error,
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
        let btf = Btf::from_file(path)
            .map_err(|reason| LayoutError { path: path.display().to_string(), reason })?;
        let mut layout = KernelLayout::UNKNOWN;
        let mut absent = Vec::new();
        for member in KernelLayout::MEMBERS {
            match resolve(&btf, member) {
                Ok(offset) => {
                    layout.set(member.field, offset);
                }
                Err(why) => absent.push((member.field, why)),
            }
        }
        Ok(Self { layout, absent, btf: Types(btf) })
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
        let Types(btf) = &self.btf;
        let found = btf.resolve_ids_by_name(name).unwrap_or_default();
        found.into_iter().find(|id| matches!(btf.resolve_type_by_id(*id), Ok(Type::Func(_))))
    }
}

impl std::fmt::Debug for Types {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Types")
    }
}

/// Byte offset of a member, by the first of its names that this kernel knows.
fn resolve(btf: &Btf, member: &Member) -> Result<u16, MemberError> {
    let container =
        structure(btf, member.container).ok_or_else(|| MemberError::NoStruct(member.container.to_owned()))?;
    let mut last = None;
    for path in member.paths {
        match offset(btf, &container, member.container, path) {
            Ok(offset) => return Ok(offset),
            Err(why) => last = Some(why),
        }
    }
    Err(last.unwrap_or_else(|| MemberError::NoStruct(member.container.to_owned())))
}

/// The definition of a struct.
fn structure(btf: &Btf, name: &str) -> Option<Struct> {
    btf.resolve_types_by_name(name).ok()?.into_iter().find_map(composite)
}

fn composite(found: Type) -> Option<Struct> {
    if let Type::Struct(found) | Type::Union(found) = found { Some(found) } else { None }
}

/// Offset of a path of members, separated by dots.
fn offset(btf: &Btf, container: &Struct, name: &str, path: &str) -> Result<u16, MemberError> {
    let full = || format!("{name}.{path}");
    let mut here = Some(container.clone());
    let mut bits = 0;
    for segment in path.split('.') {
        let found = here
            .as_ref()
            .and_then(|here| find(btf, here, segment))
            .ok_or_else(|| MemberError::NoMember { container: name.to_owned(), member: path.to_owned() })?;
        if found.bit_field {
            return Err(MemberError::BitField(full()));
        }
        bits += found.bits;
        here = found.composite;
    }
    let offset = u16::try_from(bits / 8).map_err(|_| MemberError::TooFar(full()))?;
    if offset == ABSENT { Err(MemberError::TooFar(full())) } else { Ok(offset) }
}

/// A member that was found.
struct Found {
    /// Offset from the struct that was searched.
    bits: u32,
    /// Whether it is a bit field.
    bit_field: bool,
    /// Its definition when it is a struct or a union itself.
    composite: Option<Struct>,
}

/// Finds a member by name, walking into anonymous structs and unions.
fn find(btf: &Btf, container: &Struct, name: &str) -> Option<Found> {
    for member in &container.members {
        let member_name = btf.resolve_name(member).unwrap_or_default();
        if member_name == name {
            return Some(Found {
                bits: member.bit_offset(),
                bit_field: member.bitfield_size().is_some_and(|size| size != 0)
                    || member.bit_offset() % 8 != 0,
                composite: definition(btf, member),
            });
        }
        if member_name.is_empty()
            && let Some(inner) = definition(btf, member)
            && let Some(found) = find(btf, &inner, name)
        {
            return Some(Found { bits: member.bit_offset() + found.bits, ..found });
        }
    }
    None
}

/// The struct or union behind a member, qualifiers and typedefs seen through.
fn definition(btf: &Btf, member: &dyn BtfType) -> Option<Struct> {
    let mut found = btf.resolve_chained_type(member).ok()?;
    loop {
        let qualified: &dyn BtfType = if let Type::Typedef(inner) = &found {
            inner
        } else if let Type::Const(inner) | Type::Volatile(inner) | Type::Restrict(inner) = &found {
            inner
        } else if let Type::TypeTag(inner) = &found {
            inner
        } else {
            return composite(found);
        };
        found = btf.resolve_chained_type(qualified).ok()?;
    }
}
