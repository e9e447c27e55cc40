//! Answers of name servers: arbitrary bytes, and the same bytes with a head that says that they answer one question.
#![no_main]

use libfuzzer_sys::fuzz_target;
use weir::event::dns::answer;

fuzz_target!(|bytes: &[u8]| {
    let _ = answer(bytes);
    let mut shaped = bytes.to_vec();
    if let Some(head) = shaped.get_mut(2..6) {
        head.copy_from_slice(&[0x81, 0x80, 0, 1]);
    }
    if let Ok(answer) = answer(&shaped) {
        assert!(answer.name.is_ascii() && answer.addresses.len() <= shaped.len() / 4);
    }
});
