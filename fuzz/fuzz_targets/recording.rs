//! Recordings: arbitrary bytes, and the same bytes as the payload of a frame whose header and checksum are right.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use weir::event::recording::{MAGIC, Reader, VERSION};

fuzz_target!(|bytes: &[u8]| {
    read(bytes);
    let Ok(len) = u32::try_from(bytes.len()) else { return };
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&len.to_le_bytes());
    hasher.update(bytes);
    let frame = [
        MAGIC.as_slice(),
        &VERSION.to_le_bytes(),
        &len.to_le_bytes(),
        &hasher.finalize().to_le_bytes(),
        bytes,
    ];
    read(&frame.concat());
});

fn read(bytes: &[u8]) {
    if let Ok(reader) = Reader::new(Path::new("fuzz"), bytes) {
        for event in reader {
            std::hint::black_box(event.is_ok());
        }
    }
}
