//! Ring records: arbitrary bytes, and the same bytes with a head that gets past the first checks.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::event::decode::decode;

/// Where `RecordHead` keeps its kind and length.
const KIND: std::ops::Range<usize> = 28..30;
const LEN: std::ops::Range<usize> = 32..36;

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    let mut shaped = bytes.to_vec();
    let len = u32::try_from(shaped.len()).unwrap_or(u32::MAX);
    if let Some(field) = shaped.get_mut(LEN) {
        field.copy_from_slice(&len.to_ne_bytes());
    }
    if let Some(field) = shaped.get_mut(KIND) {
        let kind = u16::from(field[0] % 8);
        field.copy_from_slice(&kind.to_ne_bytes());
    }
    let _ = decode(&shaped);
});
