//! State of an earlier run: arbitrary bytes, and the same bytes as the payload of a file whose header and checksum are
//! right; what decodes goes into a pipeline.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::{
    config::Config,
    event::{Event, Fact, ProcessKey, Started},
    pipeline::Pipeline,
    store::{VERSION, decode, encode},
};

fuzz_target!(|bytes: &[u8]| {
    let _ = decode(bytes);
    let Ok(len) = u32::try_from(bytes.len()) else { return };
    let file = [
        b"WEIRSTAT".as_slice(),
        &VERSION.to_le_bytes(),
        &len.to_le_bytes(),
        &crc32fast::hash(bytes).to_le_bytes(),
        bytes,
    ];
    let Ok(state) = decode(&file.concat()) else { return };
    let mut pipeline = Pipeline::new(Config::default());
    for fact in [Fact::Started(Box::new(Started::default())), Fact::State(Box::new(state))] {
        let event = Event { time: 1 << 40, process: ProcessKey::HOST, fact };
        pipeline.step(&event, &mut Vec::new());
    }
    assert!(decode(&encode(&pipeline.state()).0).is_ok());
});
