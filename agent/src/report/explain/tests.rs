//! Explanations of the sample alerts. `WEIR_BLESS=1 cargo test -p agent explain` rewrites the golden one.

use std::{env, fs, path::Path};

use super::*;
use crate::{
    alert::{Action, Alert, Body, ecs, sample},
    event::escape::is_hostile,
};

fn told(alert: Alert) -> Told {
    let line = ecs::line(&sample::record(Body::Alert(Box::new(alert))), true);
    Told::parse(&line).unwrap().unwrap()
}

#[test]
fn the_golden_explanation() {
    let drawn =
        draw(&told(sample::alert(Action::Closed, 3, 12_000_456)), Style { colour: false, width: 100 });
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/golden/explained.txt");
    if env::var_os("WEIR_BLESS").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &drawn).unwrap();
    }
    assert_eq!(
        drawn,
        fs::read_to_string(&path).unwrap_or_default(),
        "WEIR_BLESS=1 rewrites {}",
        path.display()
    );
}

#[test]
fn no_line_is_wider_than_the_terminal_nor_hostile() {
    let rows: [(Alert, &[usize]); 3] = [
        (sample::alert(Action::Opened, 1, 5_000_000), &[40, 80, 140]),
        (sample::hostile(), &[40, 80, 140]),
        (sample::monstrous(), &[40]),
    ];
    for (alert, widths) in rows {
        let told = told(alert);
        for &width in widths {
            let drawn = draw(&told, Style { colour: false, width });
            for line in drawn.lines() {
                assert!(cells(line) <= width, "{} columns of {width}: {line}", cells(line));
            }
            let hostile = drawn.chars().find(|character| *character != '\n' && is_hostile(*character));
            assert_eq!(hostile, None);
        }
    }
}

#[test]
fn colours_change_nothing_but_colours() {
    let told = told(sample::alert(Action::Updated, 2, 5_000_000));
    let plain = draw(&told, Style { colour: false, width: 80 });
    let painted = draw(&told, Style { colour: true, width: 80 });
    assert!(painted.contains("\u{1b}[1;31m"));
    let mut stripped = String::new();
    for (index, part) in painted.split("\u{1b}[").enumerate() {
        stripped.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn half_lives_read_well() {
    for (seconds, expected) in [(1800.0, "30 min"), (90.0, "90 s"), (3600.0, "60 min")] {
        assert_eq!(half_life(seconds), expected);
    }
}
