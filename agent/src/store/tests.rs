use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::event::{
    Bytes,
    state::{STATE_MAX, Witness},
};

/// A directory of its own, removed at the end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("weir-store-{}-{name}", std::process::id()));
        fs::create_dir(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
        Self(path)
    }

    fn store(&self) -> Store {
        Store::open(&self.0.join("state")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn state() -> State {
    State { boot_id: "boot".to_owned(), saved: 7, watched_ns: 9, ..State::default() }
}

#[test]
fn what_is_saved_is_found_again_and_nobody_else_may_read_it() {
    let place = Place::new("saved");
    let store = place.store();
    assert_eq!(store.load(), Found::Nothing);
    // What a crash left in the way.
    fs::write(place.0.join("state.new"), "half").unwrap();
    for _ in 0..2 {
        store.save(&encode(&state()).0).unwrap();
        assert_eq!(store.load(), Found::State(Box::new(state())));
    }
    assert_eq!(fs::metadata(store.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_trusted_is_refused_and_moved_aside() {
    type Spoil = fn(&Path, Vec<u8>);
    let rows: &[(&str, Spoil, &str)] = &[
        ("cut", |path, bytes| fs::write(path, &bytes[..bytes.len() - 1]).unwrap(), "the length"),
        (
            "bit",
            |path, mut bytes| {
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(path, bytes).unwrap();
            },
            "checksum",
        ),
        (
            "newer",
            |path, mut bytes| {
                bytes[8] = 99;
                fs::write(path, bytes).unwrap();
            },
            "a newer weir",
        ),
        (
            "older",
            |path, mut bytes| {
                bytes[8] = 0;
                fs::write(path, bytes).unwrap();
            },
            "an older weir",
        ),
        ("foreign", |path, _| fs::write(path, "something else").unwrap(), "no state"),
        ("empty", |path, _| fs::write(path, "").unwrap(), "no state"),
        (
            "writable",
            |path, bytes| {
                fs::write(path, bytes).unwrap();
                fs::set_permissions(path, fs::Permissions::from_mode(0o666)).unwrap();
            },
            "others may write",
        ),
        (
            "link",
            |path, bytes| {
                let other = path.with_extension("other");
                fs::write(&other, bytes).unwrap();
                fs::remove_file(path).unwrap();
                symlink(other, path).unwrap();
            },
            "symbolic link",
        ),
        (
            "directory",
            |path, _| {
                fs::remove_file(path).unwrap();
                fs::create_dir(path).unwrap();
            },
            "regular file",
        ),
    ];
    for (name, spoil, expected) in rows {
        let place = Place::new(name);
        let store = place.store();
        let bytes = encode(&state()).0;
        store.save(&bytes).unwrap();
        spoil(store.path(), bytes.clone());
        let Found::Refused(why) = store.load() else { panic!("{name} was taken") };
        assert!(why.contains(expected), "{name}: {why}");
        assert!(place.0.join("state.refused").symlink_metadata().is_ok(), "{name}");
        store.save(&bytes).unwrap();
        assert_eq!(store.load(), Found::State(Box::new(state())), "{name}");
    }
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let place = Place::new("open");
    fs::set_permissions(&place.0, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(Store::open(&place.0.join("state")), Err(StoreError::Unsafe { .. })));
    assert!(matches!(Store::open(&place.0.join("none/state")), Err(StoreError::Missing(_))));
}

#[test]
fn a_state_that_would_be_too_long_leaves_out_the_oldest() {
    let witness = |pid: u32| Witness {
        key: crate::event::ProcessKey { pid, start_ticks: 1 },
        argv: vec![Bytes::from(vec![b'x'; 100_000])],
        ..Witness::default()
    };
    let long = State { witnesses: (0..100).map(witness).collect(), ..state() };
    let (bytes, left_out) = encode(&long);
    assert!(bytes.len() <= STATE_MAX && left_out == 50, "{} {left_out}", bytes.len());
    let kept = decode(&bytes).unwrap();
    assert_eq!(kept.witnesses.first().unwrap().key.pid, 50);
}
