//! How much stack each kernel program takes with all that it calls, found out as the verifier does it. From 6.13 on large
//! frames have a place of their own on some machines, so that the one that builds may not notice.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SymbolKind};

use super::{INSTRUCTION, instructions};

/// `MAX_BPF_STACK`, bytes of a program and all that it calls.
const STACK_MAX: usize = 512;
/// `MAX_CALL_FRAMES`.
const FRAMES_MAX: usize = 8;
/// What a frame is rounded up to before 6.8, bytes.
const STEP: usize = 32;
/// Register 10, the frame's upper end.
const FRAME: u8 = 10;

/// A function: its section's number and its offset there.
type Place = (usize, usize);

/// What is known of a function.
#[derive(Default)]
struct Function {
    name: String,
    /// Bytes of its own.
    stack: usize,
    calls: Vec<Place>,
}

/// Refuses programs that the verifier would for their stack.
pub(crate) fn refuse_deep(bytes: &[u8]) -> Result<()> {
    let object = object::File::parse(bytes).context("the BPF object is no ELF file")?;
    let functions = functions(&object)?;
    for &place in functions.keys() {
        let mut chain = Vec::new();
        descend(&functions, place, &mut chain, 0)?;
    }
    Ok(())
}

fn descend<'f>(
    functions: &'f BTreeMap<Place, Function>,
    place: Place,
    chain: &mut Vec<&'f str>,
    above: usize,
) -> Result<()> {
    let function = functions.get(&place).context("a call leads nowhere")?;
    chain.push(&function.name);
    let depth = above + function.stack.max(1).next_multiple_of(STEP);
    ensure!(
        depth <= STACK_MAX && chain.len() <= FRAMES_MAX,
        "{} take {depth} bytes of stack, of which the kernel gives {STACK_MAX} and {FRAMES_MAX} frames",
        chain.join(" > ")
    );
    function.calls.iter().try_for_each(|&called| descend(functions, called, chain, depth))?;
    chain.pop();
    Ok(())
}

fn functions(object: &object::File<'_>) -> Result<BTreeMap<Place, Function>> {
    let mut functions = BTreeMap::new();
    for symbol in object.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text) {
        let Some(index) = symbol.section_index() else { continue };
        let section = object.section_by_index(index)?;
        let (start, size) = (usize::try_from(symbol.address())?, usize::try_from(symbol.size())?);
        let code = section.data()?.get(start..start + size).context("a function lies outside its section")?;
        let name = symbol.name().unwrap_or("?").to_owned();
        let mut function = Function { name, stack: stack(code), ..Function::default() };
        let targets: BTreeMap<u64, RelocationTarget> =
            section.relocations().map(|(offset, relocation)| (offset, relocation.target())).collect();
        for (number, &[opcode, registers, _, _, a, b, c, d]) in instructions(code) {
            // `BPF_JMP | BPF_CALL` of `BPF_PSEUDO_CALL`.
            if opcode != 0x85 || registers >> 4 != 1 {
                continue;
            }
            let offset = start + number * INSTRUCTION;
            // Slots from the instruction behind the call or, where the linker left a note, from what that names.
            let slots = i64::from(i32::from_ne_bytes([a, b, c, d])) + 1;
            let (section, base) = match targets.get(&u64::try_from(offset)?) {
                Some(&RelocationTarget::Symbol(symbol)) => {
                    let symbol = object.symbol_by_index(symbol)?;
                    let section = symbol.section_index().context("a call leads out of the object")?;
                    (section.0, i64::try_from(symbol.address())?)
                }
                Some(_) => continue,
                None => (index.0, i64::try_from(offset)?),
            };
            let target = base + slots * i64::try_from(INSTRUCTION)?;
            function.calls.push((section, usize::try_from(target)?));
        }
        functions.insert((index.0, start), function);
    }
    Ok(functions)
}

/// Bytes below the frame's end that a function uses: what it reads and writes there, and what it hands on a pointer to.
fn stack(code: &[u8]) -> usize {
    /// `BPF_MOV` of 64 bits from a register, `BPF_ADD` of 64 bits of a number.
    const COPY: u8 = 0xbf;
    const ADD: u8 = 0x07;
    let mut copies: BTreeMap<u8, i64> = BTreeMap::from([(FRAME, 0)]);
    let mut lowest = 0;
    for (_, &[opcode, registers, low, high, a, b, c, d]) in instructions(code) {
        let (to, from) = (registers & 15, registers >> 4);
        let offset = i64::from(i16::from_ne_bytes([low, high]));
        let number = i64::from(i32::from_ne_bytes([a, b, c, d]));
        let below = |register: u8| copies.get(&register).map_or(0, |at| at + offset);
        match (opcode, opcode & 7) {
            (COPY, _) => match copies.get(&from).copied() {
                Some(at) => {
                    copies.insert(to, at);
                }
                None => {
                    copies.remove(&to);
                }
            },
            (ADD, _) => {
                if let Some(at) = copies.get_mut(&to) {
                    *at += number;
                    lowest = lowest.min(*at);
                }
            }
            // `BPF_LDX` reads below its second register, `BPF_ST` and `BPF_STX` write below their first.
            (_, 1) => {
                lowest = lowest.min(below(from));
                copies.remove(&to);
            }
            (_, 2 | 3) => lowest = lowest.min(below(to)),
            _ => {}
        }
    }
    usize::try_from(-lowest).unwrap_or_default()
}
