//! Stories whose destinations have names.

use super::{Scene, alerts, archive_and_upload, run};
use crate::{
    alert::{Alert, Body},
    config::Config,
    detect::Analytic,
    names::Domain,
};

const RULE: &str = "[[trust]]\nname = \"backup\"\ndestinations = [\"*.example.net\"]\n";
/// A process that begins after the agent: in a scene the pid is the start time, too.
const YOUNG: u32 = 281_000;
const ADDRESS: &str = "198.51.100.2";

fn alerts_with(scene: &Scene, config: &str) -> Vec<Alert> {
    let records = run(scene, Config::parse(config, "test").unwrap());
    records
        .into_iter()
        .filter_map(|record| if let Body::Alert(alert) = record.body { Some(*alert) } else { None })
        .collect()
}

#[test]
fn a_rule_by_name_covers_what_only_that_name_has() {
    let rows: &[(&[(&str, &str)], bool)] = &[
        (&[("10.0.0.1", "a.example.net")], true),
        (&[("10.6.6.6", "a.example.net")], false),
        (&[("10.0.0.1", "a.example.net"), ("10.0.0.1", "drop.example")], false),
        (&[], false),
    ];
    for (answers, silent) in rows {
        let mut scene = Scene::with_names();
        for (server, name) in *answers {
            scene.answer(server, name, ADDRESS);
        }
        archive_and_upload(&mut scene);
        scene.stop();
        assert_eq!(alerts_with(&scene, RULE).is_empty(), *silent, "{answers:?}");
    }
}

#[test]
fn an_alert_names_its_destination() {
    let mut scene = Scene::with_names();
    scene.answer("10.0.0.1", "drop.example", ADDRESS);
    scene.answer("10.6.6.6", "forged.example", ADDRESS);
    archive_and_upload(&mut scene);
    scene.stop();
    let alerts = alerts(&scene);
    let domains = &alerts.first().unwrap().destinations.first().unwrap().domains;
    let server = |domain: &Domain| domain.server.map(|server| server.to_string()).unwrap_or_default();
    let shown: Vec<(&str, String, bool)> =
        domains.iter().map(|domain| (&*domain.name, server(domain), domain.vouched)).collect();
    assert_eq!(
        shown,
        [("drop.example", "10.0.0.1".into(), true), ("forged.example", "10.6.6.6".into(), false)]
    );
}

#[test]
fn an_address_without_a_name_is_evidence_once_names_are_seen() {
    let rows = [
        (16, 1_801, "", true),
        (15, 1_801, "", false),
        (16, 1_000, "", false),
        (16, 1_801, "dns_unread", false),
        (16, 1_801, "dns_dropped", false),
        // What anybody can bring about, and what tells more of itself.
        (16, 1_801, "dns_unread_elsewhere", true),
        (16, 1_801, "dns_dropped_elsewhere", true),
        (16, 1_801, "dns_cut", true),
    ];
    for (names, seconds, lost, told) in rows {
        let mut scene = Scene::with_names();
        for number in 0..names {
            scene.answer("10.0.0.1", &format!("{number}.example"), "198.51.100.9");
        }
        scene.wait(seconds);
        if !lost.is_empty() {
            scene.lose(lost);
        }
        scene.spawn(10, YOUNG, "/opt/tool", &["tool"]);
        scene.connect(YOUNG, 7, "198.51.100.2:443");
        scene.connect(YOUNG, 8, "198.51.100.9:443");
        scene.stop();
        let config = Config::parse("[alerts]\nsignal_risk = 0\n", "test").unwrap();
        let found: Vec<String> = run(&scene, config)
            .into_iter()
            .filter_map(
                |record| if let Body::Signal(line) = record.body { Some(line.signal.signal) } else { None },
            )
            .filter(|signal| signal.analytic == Analytic::UnnamedDestination)
            .map(|signal| signal.reason.into_owned())
            .collect();
        let expected = if told {
            vec!["connected to 198.51.100.2:443, an address that no name server named"]
        } else {
            vec![]
        };
        assert_eq!(found, expected, "{names} names, {seconds} s, {lost}");
    }
}
