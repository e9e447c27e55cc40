//! Builds the BPF object of `agent-ebpf` into `OUT_DIR`, from where the agent embeds it, mends the type names that
//! the kernel would not take, refuses the instructions and the depth of calls that the oldest supported kernel would, and
//! lists the places that are marked for functions of the kernel.

#[path = "build/stack.rs"]
mod stack;

use std::{env, fs, path::PathBuf, process::Command};

use agent_common::kfuncs::of_mark;
use anyhow::{Context as _, Result, bail, ensure};
use aya_build::{Package, Toolchain, build_ebpf};
use btf_rs::{Btf, BtfType as _, Type};
use object::{Object as _, ObjectSection as _, SectionKind};

/// Name of the object in `OUT_DIR`.
const OBJECT: &str = "weir-ebpf";
/// Name in `OUT_DIR` of the list of the object's marks.
const MARKS: &str = "marks";
/// What to do when the tools are not there.
const REMEDY: &str = "run `cargo xtask setup`, which installs it";
/// Bytes of a BPF instruction.
const INSTRUCTION: usize = 8;

fn main() -> Result<()> {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = manifest.parent().context("the agent lies below a workspace")?;
    let ebpf = workspace.join("agent-ebpf");
    let wire = workspace.join("agent-common");
    announce(&format!("rerun-if-changed={}", wire.display()));
    announce("rerun-if-env-changed=RUSTUP_TOOLCHAIN");

    require_linker()?;
    require_core_sources()?;

    // SAFETY: a build script has one thread. Stable Rust builds `core` for the BPF target under this switch.
    unsafe { env::set_var("RUSTC_BOOTSTRAP", "1") };
    // SAFETY: as above. The cargo that waits for this script holds the lock of the folder that it names.
    unsafe { env::remove_var("CARGO_BUILD_BUILD_DIR") };
    let toolchain = env::var("RUSTUP_TOOLCHAIN").unwrap_or_else(|_| "stable".to_owned());
    let root_dir = ebpf.to_str().context("the path of the workspace is not UTF-8")?;
    build_ebpf(
        [Package { name: "agent-ebpf", root_dir, ..Package::default() }],
        Toolchain::Custom(&toolchain),
    )
    .context("the kernel programs did not build")?;

    let object = PathBuf::from(variable("OUT_DIR")?).join(OBJECT);
    let mut bytes = fs::read(&object).with_context(|| format!("cannot read {}", object.display()))?;
    refuse_fetching_atomics(&bytes)?;
    stack::refuse_deep(&bytes)?;
    let marks = PathBuf::from(variable("OUT_DIR")?).join(MARKS);
    fs::write(&marks, list(&find_marks(&bytes)?))
        .with_context(|| format!("cannot write {}", marks.display()))?;
    mend_union_names(&mut bytes)?;
    fs::write(&object, bytes).with_context(|| format!("cannot write {}", object.display()))
}

fn variable(name: &str) -> Result<String> {
    env::var(name).with_context(|| format!("cargo did not set {name}"))
}

/// Says something to cargo.
fn announce(line: &str) {
    println!("cargo:{line}");
}

/// The linker that makes one BPF object of LLVM bitcode.
fn require_linker() -> Result<()> {
    let found = Command::new("bpf-linker").arg("--version").output();
    ensure!(found.is_ok_and(|output| output.status.success()), "bpf-linker is missing: {REMEDY}");
    Ok(())
}

/// `core` does not come compiled for the BPF target.
fn require_core_sources() -> Result<()> {
    let rustc = variable("RUSTC")?;
    let output = Command::new(&rustc)
        .args(["--print", "sysroot"])
        .output()
        .with_context(|| format!("cannot run {rustc}"))?;
    let sysroot = String::from_utf8(output.stdout).context("the sysroot's path is not UTF-8")?;
    let sources = PathBuf::from(sysroot.trim()).join("lib/rustlib/src/rust/library/core/Cargo.toml");
    ensure!(sources.is_file(), "the component rust-src is missing ({}): {REMEDY}", sources.display());
    Ok(())
}

/// Linux 5.10 knows atomic adds, and no atomic that hands back the old value (those came with 5.12).
fn refuse_fetching_atomics(bytes: &[u8]) -> Result<()> {
    for Code { name, instructions, .. } in code(bytes)? {
        if let Some(place) = fetching_atomic(instructions) {
            bail!("{name}: instruction {place} is a fetching atomic, which Linux 5.10 rejects");
        }
    }
    Ok(())
}

/// A section with code.
struct Code<'a> {
    name: String,
    /// Where it begins in the file.
    start: usize,
    instructions: &'a [u8],
}

/// The sections with code.
fn code(bytes: &[u8]) -> Result<Vec<Code<'_>>> {
    let object = object::File::parse(bytes).context("the BPF object is no ELF file")?;
    let sections = object.sections().filter(|section| section.kind() == SectionKind::Text);
    sections
        .map(|section| {
            let name = section.name().unwrap_or("?").to_owned();
            let (start, _) =
                section.file_range().with_context(|| format!("section {name} is not in the file"))?;
            let instructions = section.data().with_context(|| format!("cannot read section {name}"))?;
            Ok(Code { name, start: usize::try_from(start)?, instructions })
        })
        .collect()
}

/// Number of the first instruction that is an atomic with `BPF_FETCH` set.
fn fetching_atomic(code: &[u8]) -> Option<usize> {
    /// `BPF_STX | BPF_ATOMIC`, by 64 and by 32 bits.
    const ATOMICS: [u8; 2] = [0xdb, 0xc3];
    const FETCH: u8 = 0x01;
    let is_fetching =
        |[opcode, _, _, _, low, ..]: &[u8; INSTRUCTION]| ATOMICS.contains(opcode) && low & FETCH != 0;
    instructions(code).find(|(_, instruction)| is_fetching(instruction)).map(|(number, _)| number)
}

/// Where the object is marked for a function of the kernel: offset in the file, and which function.
fn find_marks(bytes: &[u8]) -> Result<Vec<(usize, usize)>> {
    /// `BPF_JMP | BPF_CALL`.
    const CALL: u8 = 0x85;
    /// Neither source nor destination: a call by number.
    const BY_NUMBER: u8 = 0;
    let mut marks = Vec::new();
    for section in code(bytes)? {
        for (number, &[opcode, registers, _, _, a, b, c, d]) in instructions(section.instructions) {
            if let (CALL, BY_NUMBER, Some(function)) =
                (opcode, registers, of_mark(u32::from_ne_bytes([a, b, c, d])))
            {
                marks.push((section.start + number * INSTRUCTION, function));
            }
        }
    }
    ensure!(!marks.is_empty(), "the calls of the kernel's functions did not come through the linker");
    Ok(marks)
}

/// The marks as an expression of Rust, for the agent to include.
fn list(marks: &[(usize, usize)]) -> String {
    let line = |(at, function): &(usize, usize)| {
        format!("    (0x{:04x}_{:04x}, {function}),\n", at >> 16, at & 0xffff)
    };
    format!("&[\n{}]\n", marks.iter().map(line).collect::<String>())
}

/// The instructions of a section, each with the number of its slot.
fn instructions(code: &[u8]) -> impl Iterator<Item = (usize, &[u8; INSTRUCTION])> {
    /// `BPF_LD | BPF_IMM | BPF_DW`: the one instruction of two slots.
    const WIDE: u8 = 0x18;
    let (slots, _) = code.as_chunks::<INSTRUCTION>();
    let mut second_slot = false;
    slots.iter().enumerate().filter(move |(_, [opcode, ..])| {
        let skipped = std::mem::replace(&mut second_slot, false);
        second_slot = !skipped && *opcode == WIDE;
        !skipped
    })
}

/// The linker turns Rust's names of structs into names that the kernel's type checker takes, and forgets unions:
/// `MaybeUninit<u8>`, in the global of aya-log, fails the whole object. Names keep their length.
fn mend_union_names(bytes: &mut [u8]) -> Result<()> {
    let file = object::File::parse(&*bytes).context("the BPF object is no ELF file")?;
    let section = file.section_by_name(".BTF").context("the BPF object has no type information")?;
    let (start, _) = section.file_range().context("the type information is not in the file")?;
    let data = section.data().context("cannot read the type information")?;
    let strings = usize::try_from(start)? + strings_offset(data)?;
    let btf = Btf::from_bytes(data).context("the type information is broken")?;
    let mut names = Vec::new();
    let (first, last) = btf.base().type_id_range();
    for id in first..=last {
        if let Type::Union(union) = btf.resolve_type_by_id(id)? {
            names.extend(union.get_name_offset());
        }
    }
    for name in names {
        let name =
            bytes.get_mut(strings + usize::try_from(name)?..).context("a name lies outside the file")?;
        for byte in name.iter_mut().take_while(|byte| **byte != 0) {
            if !byte.is_ascii_alphanumeric() {
                *byte = b'_';
            }
        }
    }
    Ok(())
}

/// Where the strings begin: `hdr_len` and `str_off` of `struct btf_header`.
fn strings_offset(data: &[u8]) -> Result<usize> {
    let word = |at: usize| -> Result<usize> {
        let bytes = data.get(at..at + 4).context("the type information is cut short")?;
        Ok(usize::try_from(u32::from_ne_bytes(bytes.try_into()?))?)
    };
    Ok(word(4)? + word(16)?)
}
