//! The object of the kernel programs within a program that carries it: an ELF file of 64 bits, lowest byte first, for
//! the machine BPF (System V ABI, chapters "Object Files"; the field offsets are those of `Elf64_Ehdr`, `Elf64_Shdr` and
//! `Elf64_Sym`).

use std::ops::Range;

/// An ELF file of 64 bits with the lowest byte first.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
/// `e_machine` of BPF.
const BPF: u64 = 247;
/// `sh_type` of a table of symbols.
const SYMBOLS: u64 = 2;
/// Bytes of a section's header, and of a symbol.
const SECTION: usize = 64;
const SYMBOL: usize = 24;
/// `r0 = r9`, which reads a register that nothing was written to at a program's begin.
const SPOILED: [u8; 8] = [0xbf, 0x90, 0, 0, 0, 0, 0, 0];

/// Puts an instruction that no verifier takes at the begin of `program`; none when `bytes` carry no such program.
pub(super) fn spoil(bytes: &mut [u8], program: &str) -> Option<()> {
    let place = begins_with(bytes, &MAGIC).find_map(|at| find(bytes, at, program))?;
    bytes.get_mut(place)?.copy_from_slice(&SPOILED);
    Some(())
}

/// Every place at which `words` stand.
fn begins_with<'b>(bytes: &'b [u8], words: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    bytes.windows(words.len()).enumerate().filter(move |(_, window)| *window == words).map(|(at, _)| at)
}

/// Where the first instruction of `program` stands, in the object that begins at `at`.
fn find(bytes: &[u8], at: usize, program: &str) -> Option<Range<usize>> {
    let object = bytes.get(at..)?;
    if number(object, 18, 2)? != BPF {
        return None;
    }
    let (sections, count) = (offset(object, 40, 8)?, offset(object, 60, 2)?);
    let section = |index: usize| object.get(sections + index.checked_mul(SECTION)?..);
    let symbols = (0..count).filter_map(section).find(|section| number(section, 4, 4) == Some(SYMBOLS))?;
    let names = offset(section(offset(symbols, 40, 4)?)?, 24, 8)?;
    let table = object.get(offset(symbols, 24, 8)?..)?.get(..offset(symbols, 32, 8)?)?;
    let symbol = table.chunks_exact(SYMBOL).find(|symbol| {
        let name = offset(symbol, 0, 4).and_then(|name| object.get(names + name..));
        name.and_then(|name| name.strip_prefix(program.as_bytes()))
            .is_some_and(|rest| rest.starts_with(b"\0"))
    })?;
    let code = offset(section(offset(symbol, 6, 2)?)?, 24, 8)?;
    let start = at + code + offset(symbol, 8, 8)?;
    Some(start..start + SPOILED.len())
}

/// The number of `length` bytes at `at`.
fn number(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at + length)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn offset(bytes: &[u8], at: usize, length: usize) -> Option<usize> {
    usize::try_from(number(bytes, at, length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{SPOILED, spoil};

    /// An object behind some other bytes: header, code, names, symbols, section headers.
    fn carrier() -> Vec<u8> {
        let mut object = vec![0; 64];
        let mut put = |at: usize, bytes: &[u8]| {
            object.resize(object.len().max(at + bytes.len()), 0);
            object[at..at + bytes.len()].copy_from_slice(bytes);
        };
        put(0, b"\x7fELF\x02\x01");
        put(18, &247u16.to_le_bytes());
        put(40, &300u64.to_le_bytes());
        put(60, &4u16.to_le_bytes());
        // Code at 64: another program of 8 bytes, then ours. Names at 100. Symbols at 200.
        put(64, &[1; 24]);
        put(100, b"\0weir_a_long\0weir_a\0");
        for (at, name, value) in [(200, 1u32, 0u64), (224, 13, 8)] {
            put(at, &name.to_le_bytes());
            put(at + 6, &1u16.to_le_bytes());
            put(at + 8, &value.to_le_bytes());
        }
        // Type, place and size of the sections 1 to 3, and the names that belong to the symbols.
        for (index, kind, place, size) in [(1, 1u32, 64u64, 24u64), (2, 3, 100, 20), (3, 2, 200, 48)] {
            let at = 300 + index * 64;
            put(at + 4, &kind.to_le_bytes());
            put(at + 24, &place.to_le_bytes());
            put(at + 32, &size.to_le_bytes());
            put(at + 40, &2u32.to_le_bytes());
            put(at + 63, &[0]);
        }
        let mut carrier = b"\x7fELF\x02\x01 no object".to_vec();
        carrier.resize(128, 0);
        carrier.extend(object);
        carrier
    }

    #[test]
    fn the_first_instruction_of_a_program_is_spoiled() {
        let before = carrier();
        let mut after = before.clone();
        spoil(&mut after, "weir_a").unwrap();
        let changed: Vec<usize> = (0..before.len()).filter(|&at| before[at] != after[at]).collect();
        assert_eq!(changed, (128 + 72..128 + 80).collect::<Vec<_>>());
        assert_eq!(after[128 + 72..128 + 80], SPOILED);
    }

    #[test]
    fn what_is_not_there_is_not_spoiled() {
        for (bytes, program) in
            [(carrier(), "weir_b"), (carrier()[..400].to_vec(), "weir_a"), (Vec::new(), "weir_a")]
        {
            let mut after = bytes.clone();
            assert!(spoil(&mut after, program).is_none());
            assert_eq!(bytes, after);
        }
    }
}
