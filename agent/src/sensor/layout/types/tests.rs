use super::{CONST, Composite, FUNC, STRUCT, TYPEDEF, Types, TypesError};

const NAMES: &[u8] = b"\0inner\0outer\0a\0b\0call\0alias\0";

/// Offset of a name of [`NAMES`].
fn name(name: &str) -> u32 {
    let text = std::str::from_utf8(NAMES).expect("ASCII");
    let at = text.find(&format!("\0{name}\0")).expect("the name is there") + 1;
    u32::try_from(at).expect("a short text")
}

fn bytes(words: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0x9f, 0xeb, 1, 0];
    if cfg!(target_endian = "big") {
        bytes[..2].reverse();
    }
    let length = u32::try_from(words.len() * 4).expect("short");
    for word in [24, 0, length, length, u32::try_from(NAMES.len()).expect("short")].iter().chain(words) {
        bytes.extend(word.to_ne_bytes());
    }
    bytes.extend(NAMES);
    bytes
}

/// `struct inner { int a; }`, `typedef const struct inner alias`, `struct outer { alias b; unnamed struct inner; bit a:3 }`
/// and a function that is called `call`.
fn sample() -> Vec<u32> {
    #[rustfmt::skip]
    let words = vec![
        // 1: int.
        0, 1 << 24, 4, 32,
        // 2: struct inner.
        name("inner"), STRUCT << 24 | 1, 4, name("a"), 1, 0,
        // 3: const of it, 4: its other name.
        0, CONST << 24, 2,
        name("alias"), TYPEDEF << 24, 3,
        // 5: struct outer, with sizes of bit fields.
        name("outer"), 1 << 31 | STRUCT << 24 | 3, 12,
        name("b"), 4, 0,
        0, 2, 32,
        name("a"), 1, 3 << 24 | 64,
        // 6: a prototype, 7: a function.
        0, 13 << 24 | 1, 1, 0, 1,
        name("call"), FUNC << 24 | 1, 6,
    ];
    words
}

fn names_and_bits(types: &Types, of: Composite) -> Vec<(String, u32, bool)> {
    let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    types.members(of).map(|member| (name(member.name), member.bits, member.is_bit_field)).collect()
}

#[test]
fn structs_functions_and_members_are_found() {
    let types = Types::parse(bytes(&sample())).expect("well-formed");
    assert_eq!(types.function("call"), Some(7));
    assert_eq!((types.function("cal"), types.function("outer"), types.function("")), (None, None, None));
    let outer = types.composite("outer").expect("there is one");
    let expected = [("b".to_owned(), 0, false), (String::new(), 32, false), ("a".to_owned(), 64, true)];
    assert_eq!(names_and_bits(&types, outer), expected);
    let behind_the_alias = types.members(outer).next().and_then(|member| types.definition(member.id));
    assert_eq!(names_and_bits(&types, behind_the_alias.expect("a struct")), [("a".to_owned(), 0, false)]);
}

#[test]
fn what_is_cut_off_anywhere_is_refused_or_read_in_part() {
    let whole = bytes(&sample());
    for length in 0..whole.len() {
        let cut = Types::parse(whole[..length].to_vec());
        assert!(matches!(cut, Err(TypesError::Malformed(_))), "{length}");
    }
    // Words that are anything: no panic, and no endless chain of types.
    for at in 0..sample().len() {
        for value in [0, 1, 3, u32::MAX, 19 << 24 | 0xffff, TYPEDEF << 24] {
            let mut words = sample();
            words[at] = value;
            if let Ok(types) = Types::parse(bytes(&words)) {
                let found = types.composite("outer").map(|outer| types.members(outer).count());
                assert!(found.unwrap_or_default() <= 3, "{at} {value}");
                for id in 0..20 {
                    types.definition(id);
                }
            }
        }
    }
}

#[test]
fn a_kind_from_the_future_is_named() {
    let words = [0, 1 << 24, 4, 32, 0, 77 << 24, 0];
    let error = Types::parse(bytes(&words)).expect_err("nobody knows its length");
    assert_eq!(error.to_string(), "type 2 is of kind 77, which weir does not know");
}

#[test]
fn a_type_that_names_itself_ends() {
    let words = [name("alias"), TYPEDEF << 24, 1];
    let types = Types::parse(bytes(&words)).expect("well-formed");
    assert!(types.definition(1).is_none());
}
