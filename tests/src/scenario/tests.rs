use std::collections::BTreeSet;

use super::{Set, of};

const ALL: [Set; 3] = [Set::Core, Set::Suite, Set::Quality];

#[test]
fn every_file_fits_and_every_name_is_unique() {
    let scenarios = of(&ALL).expect("scenario files");
    let names: BTreeSet<_> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    assert_eq!(names.len(), scenarios.len());
    for scenario in &scenarios {
        let name = &scenario.name;
        let scripted = scenario.script.starts_with("#!") && !scenario.script_name.is_empty();
        let empty = scenario.script.is_empty() && scenario.script_name.is_empty();
        assert!(scripted || (empty && scenario.peer.is_some()), "{name}: no #! line, and no peer");
        assert!(!scenario.source.is_empty() && !scenario.tells.is_empty(), "{name}: no source");
        let Some(alert) = &scenario.alert else {
            assert!(name.starts_with("honest::"), "{name}: no alert expected");
            continue;
        };
        assert!(!name.starts_with("honest::"), "{name}: an alert expected");
        let counted = alert.port.is_some_and(|port| scenario.serves(port));
        assert!(counted || alert.bytes_within.is_none(), "{name}: nobody counts at the port");
        assert!(counted || alert.opened.is_none(), "{name}: nobody tells when");
        let band = alert.band.unwrap_or([8.0, 10.0]);
        assert!(band[0] <= band[1] && band[0] >= 8.0, "{name}: the band {band:?} holds what is no alert");
    }
}

#[test]
fn there_are_enough_of_both_kinds() {
    let scenarios = of(&[Set::Core, Set::Quality]).expect("scenario files");
    let (malicious, honest): (Vec<_>, Vec<_>) =
        scenarios.iter().partition(|scenario| scenario.alert.is_some());
    assert!(malicious.len() >= 40, "{}", malicious.len());
    assert!(honest.len() >= 30, "{}", honest.len());
}
