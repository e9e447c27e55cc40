//! Rows of text and what must become of it.

use std::{io::Write, net::IpAddr, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use super::{super::Hooks, *};

const EXAMPLE: &str = include_str!("../../../../packaging/weir.toml");

fn problems(text: &str) -> Vec<String> {
    match Config::parse(text, "w.toml") {
        Err(ConfigError::Invalid { problems }) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

fn table(text: &str) -> toml::Table {
    toml::from_str(text).unwrap()
}

#[test]
fn built_in_configuration_has_no_problem() {
    let (config, problems) = resolve::resolve(written::Written::default());
    assert_eq!(problems, vec![]);
    assert_eq!(config.volume.ports, [21, 22, 53, 443]);
    assert_eq!((config.volume.port_bytes, config.volume.any_bytes), (5_000_000, 10_000_000));
    assert_eq!(config.alerts.path, PathBuf::from("/var/log/weir/alerts.jsonl"));
    assert_eq!(config.alerts.rotate_age, Duration::from_hours(30 * 24));
    assert_eq!(config.sensor.drain_interval, Duration::from_millis(250));
    assert_eq!(config.sensor.hooks, Hooks::default());
}

#[test]
fn source_is_complete_and_means_the_same() {
    let changed = r#"
        [files.staging]
        "/tmp/**" = 0
        "/data/out/**" = 7
        [[trust]]
        name = "b"
        users = ["backup"]
        daily_bytes = 5
    "#;
    for text in ["", changed] {
        let first = Config::parse(text, "a").unwrap();
        let second = Config::parse(&first.source, "b").unwrap();
        assert_eq!(first.source, second.source);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
    let keys = table(&Config::default().source);
    assert!(keys["alerts"]["keep"].is_integer());
    assert!(keys["files"]["sensitive"]["/etc/shadow"].is_float());
}

#[test]
fn example_is_the_built_in_configuration() {
    assert_eq!(Config::parse(EXAMPLE, "weir.toml").unwrap().source, Config::default().source);
    let lines = EXAMPLE.lines().filter(|line| *line != "#" && !line.starts_with("# "));
    let uncommented: Vec<&str> = lines.map(|line| line.strip_prefix('#').unwrap_or(line)).collect();
    assert_eq!(table(&uncommented.join("\n")), table(&Config::default().source));
}

#[test]
fn trust_rule_of_the_example_parses() {
    let lines = EXAMPLE.lines().skip_while(|line| *line != "#   [[trust]]");
    let rule: Vec<&str> = lines.filter_map(|line| line.strip_prefix("#   ")).collect();
    let config = Config::parse(&rule.join("\n"), "weir.toml").unwrap();
    let trust = &config.trust[0];
    assert_eq!((trust.name.as_str(), trust.ports.as_slice()), ("nightly backup", [443].as_slice()));
    assert!(trust.executable.as_ref().unwrap().is_match("/opt/backup/bin/run"));
    assert!(!trust.executable.as_ref().unwrap().is_match("/opt/backup/bin/deeper/run"));
    let inside: IpAddr = "2001:db8:7::1".parse().unwrap();
    assert!(trust.destinations.iter().any(|net| net.contains(&inside)));
    assert_eq!(trust.daily_bytes, Some(50_000_000_000));
    assert!(trust.domains.iter().any(|domain| domain.matches("a.backup.example.net")));
}

#[test]
fn risks_of_paths() {
    let files = Config::default().files;
    let risk = |rated: &crate::config::Rated, path: &str| {
        rated.globs.matches(path).into_iter().map(|index| rated.risks[index].1).fold(0.0, f64::max)
    };
    let rows: &[(&str, f64, f64)] = &[
        ("/media/exfil/a/b.tgz", 9.0, 0.0),
        ("/var/tmp/a.tgz", 8.0, 0.0),
        ("/home/alice/Downloads/a.pdf", 5.0, 0.0),
        ("/home/alice/b/Downloads/a.pdf", 0.0, 0.0),
        ("/tmp/a", 5.0, 0.0),
        ("/dev/shm/.x/a", 7.0, 0.0),
        ("/var/www/html/x.tar", 6.0, 0.0),
        ("/var/www/html/index.html", 0.0, 0.0),
        ("/etc/shadow", 0.0, 9.0),
        ("/etc/passwd", 0.0, 0.0),
        ("/root/.ssh/id_ed25519", 0.0, 8.0),
        ("/home/alice/.ssh/id_ed25519.pub", 0.0, 0.0),
        ("/var/lib/jenkins/.ssh/id_rsa", 0.0, 8.0),
        ("/etc/ssh/ssh_host_rsa_key", 0.0, 7.0),
        ("/etc/ssh/ssh_host_rsa_key.pub", 0.0, 0.0),
        ("/etc/ssl/private/a.key", 0.0, 7.0),
        ("/etc/ssl/certs/ca.pem", 0.0, 0.0),
        ("/home/a/.aws/credentials", 0.0, 8.0),
        ("/home/a/.mozilla/firefox/x.default/logins.json", 0.0, 7.0),
        ("/home/a/.config/google-chrome/Default/Login Data", 0.0, 7.0),
        ("/srv/dump/all.sql.gz", 0.0, 7.0),
        ("/proc/1234/environ", 0.0, 4.0),
        ("/proc/1234/mem", 0.0, 8.0),
        ("/proc/1234/status", 0.0, 0.0),
        ("/dev/sda", 0.0, 4.0),
        ("/dev/null", 0.0, 0.0),
    ];
    for (path, staging, sensitive) in rows {
        assert_eq!(
            (risk(&files.staging, path), risk(&files.sensitive, path)),
            (*staging, *sensitive),
            "{path}"
        );
    }
}

#[test]
fn tables_of_risks_add_to_the_built_in_ones() {
    let text = "[files.staging]\n\"/tmp/**\" = 0\n\"/var/tmp/**\" = 3\n\"/data/**\" = 10\n";
    let staging = Config::parse(text, "a").unwrap().files.staging;
    let risk =
        |path: &str| staging.globs.matches(path).into_iter().map(|index| staging.risks[index].1).next();
    let built_in = Config::default().files.staging.risks.len();
    assert_eq!(
        [risk("/tmp/a"), risk("/var/tmp/a"), risk("/data/a"), risk("/dev/shm/a")],
        [None, Some(3.0), Some(10.0), Some(7.0)]
    );
    assert_eq!(staging.risks.len(), built_in);
}

#[test]
fn other_hooks_are_in_the_source_too() {
    let hooks = "kprobe,open=tracepoint".parse().unwrap();
    let config = Config::default().with_hooks(hooks);
    let again = Config::parse(&config.source, "source").unwrap();
    assert_eq!((config.sensor.hooks, again.sensor.hooks), (hooks, hooks));
    assert_eq!(
        again.with_hooks(Hooks::default()).source,
        Config::default().with_hooks(Hooks::default()).source
    );
}

#[test]
fn problems_name_place_key_found_and_expected() {
    let rows: &[(&str, &[&str])] = &[
        (
            "[alerts]\nkeep = \"ten\"\n",
            &["w.toml:2:8: alerts.keep: found the text \"ten\", expected a whole number"],
        ),
        (
            "[alerts]\nsignals = 1\n",
            &["2:11: alerts.signals: found the whole number 1, expected `true` or `false`"],
        ),
        ("alerts = 3\n", &["1:10: alerts: found the whole number 3, expected a table"]),
        (
            "[score]\nthrshold = 5\n",
            &["2:1: score.thrshold: found an unknown key; did you mean `threshold`?"],
        ),
        ("[scores]\n", &["1:2: scores: found an unknown key; did you mean `score`?"]),
        ("[network]\nzzz = 1\n", &["2:1: network.zzz: found an unknown key, expected one of inside"]),
        (
            "[volume]\nports = [22, \"x\"]\n",
            &["2:14: volume.ports[1]: found the text \"x\", expected a whole number"],
        ),
        (
            "[volume]\nports = [0]\n",
            &["2:10: volume.ports: found 0, expected a whole number from 1 to 65535"],
        ),
        (
            "[volume]\nport_bytes = -1\n",
            &["2:14: volume.port_bytes: found -1, expected a whole number from 1 to"],
        ),
        ("[score]\nthreshold = 11\n", &["2:13: score.threshold: found 11, expected a number from 0.1 to 10"]),
        ("[score]\nthreshold = nan\n", &["2:13: score.threshold: found NaN, expected a number"]),
        (
            "[score]\nhalf_life = \"soon\"\n",
            &["2:13: score.half_life: found \"soon\", expected a time like \"250ms\""],
        ),
        ("[sensor]\ndrain_interval = \"1ms\"\n", &["found \"1ms\", expected a time from 10ms to 60s"]),
        (
            "[sensor]\nhooks = \"magic\"\n",
            &["2:9: sensor.hooks: found \"magic\", expected \"auto\", \"tracepoint\""],
        ),
        ("[sensor]\nbulk_ring = 100000\n", &["found 100000, expected a power of two; the next is 131072"]),
        (
            "[files.staging]\n\"/a/{b\" = 3\n",
            &["2:1: files.staging.\"/a/{b\": found \"/a/{b\", expected a glob; "],
        ),
        ("[files.staging]\n\"a/*\" = 3\n", &["found \"a/*\", expected a glob that begins with / or **/"]),
        (
            "[files.staging]\n\"/a/*\" = 30\n",
            &["2:10: files.staging.\"/a/*\": found 30, expected a number from 0 to 10"],
        ),
        (
            "[files.staging]\n\"/a/*\" = \"x\"\n",
            &["2:10: files.staging./a/*: found the text \"x\", expected a number"],
        ),
        ("[files]\nquiet = [\"/usr/*\"]\n", &["files.quiet: found \"/usr/*\", expected a directory"]),
        (
            "[files]\ndocument_extensions = [\".pdf\"]\n",
            &["found \".pdf\", expected an extension without its dot"],
        ),
        (
            "[network]\ninside = [\"10.0.0.0/33\"]\n",
            &["2:11: network.inside: found \"10.0.0.0/33\", expected a network"],
        ),
        (
            "[network]\nresolvers = [\"dns.example\"]\n",
            &["2:14: network.resolvers: found \"dns.example\", expected an address"],
        ),
        (
            "[[trust]]\nname = \"x\"\ndestinations = [\"10.0.0.0/33\", \"a.*.net\", \"b\u{fc}.net\", \"10.0.0.256\", \"a b\", \"[::1]\"]\n",
            &[
                "3:17: trust[0].destinations: found \"10.0.0.0/33\", expected a network",
                "3:32: trust[0].destinations: found \"a.*.net\", expected a network, an address, a place that begins with / or a name with *",
                "3:43: trust[0].destinations: found \"bü.net\", expected a network, an address, a place that begins with / or a name in its ASCII",
                "3:53: trust[0].destinations: found \"10.0.0.256\", expected a network, an address, a place that begins with / or a name whose last label is no number",
                "3:67: trust[0].destinations: found \"a b\", expected",
                "3:74: trust[0].destinations: found \"[::1]\", expected a network like",
            ],
        ),
        ("[[trust]]\nname = \"x\"\n", &["1:1: trust[0]: found no condition"]),
        ("[[trust]]\nusers = [\"x\"]\n", &["1:1: trust[0]: found no name"]),
        ("[[trust]]\nname = \"x\"\nusers = [\"\"]\n", &["3:10: trust[0].users: found an empty text"]),
        (
            "[[trust]]\nname = \"x\"\ndestinations = [\"/\", \"/mnt//x\", \"/10.0.0.0/8\", \"/media/*\"]\n",
            &[
                "3:17: trust[0].destinations: found \"/\", expected a place like",
                "3:22: trust[0].destinations: found \"/mnt//x\", expected a place like",
                "3:33: trust[0].destinations: found \"/10.0.0.0/8\", expected a place like",
            ],
        ),
        ("[trust]\nname = \"x\"\n", &["trust: found a table, expected tables, each headed"]),
        (
            "[[trust]]\nname = \"x\"\nuser = [\"a\"]\n",
            &["3:1: trust[0].user: found an unknown key; did you mean `users`?"],
        ),
        ("[alerts\n", &["w.toml:1:8: "]),
        ("[alerts]\nkeep = 1\nkeep = 2\n", &["w.toml:3:1: duplicate key\n  3 | keep = 2\n    | ^^^^"]),
        (
            "[alerts]\nkeep = true\npth = \"x\"\n[score]\nthreshold = \"x\"\n",
            &[
                "2:8: alerts.keep",
                "3:1: alerts.pth: found an unknown key; did you mean `path`?",
                "5:13: score.threshold",
            ],
        ),
        (
            "[alerts]\nkeep = 0\npath = \"x\"\n[network]\ninside = [\"a\", \"b\"]\n",
            &["2:8: alerts.keep", "3:8: alerts.path", "5:11: network.inside", "5:16: network.inside"],
        ),
    ];
    for (text, expected) in rows {
        let found = problems(text);
        assert_eq!(found.len(), expected.len(), "{text}\n{found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found.contains(expected), "{text}\nfound    {found}\nexpected {expected}");
        }
    }
}

#[test]
fn the_line_is_quoted_and_marked() {
    let rows = [
        ("[alerts]\nkeep = \"ten\"\n", "\n  2 | keep = \"ten\"\n    |        ^^^^^"),
        ("[alerts]\r\nkeep = \"ten\"\r\n", "\n  2 | keep = \"ten\"\n    |        ^^^^^"),
        ("[alerts]\n\"\\u001b[2J\" = 1", "\n  2 | \"\\u001b[2J\" = 1\n    | ^^^^^^^^^^^"),
    ];
    for (text, expected) in rows {
        let found = problems(text).join("\n");
        assert!(found.ends_with(expected), "{found}");
        assert!(!found.contains('\u{1b}'));
    }
    let long = format!("[alerts]\npath = [{}]\n", "1,".repeat(4000));
    assert!(problems(&long).iter().all(|problem| problem.len() < 600));
}

#[test]
fn files_that_cannot_be_read() {
    let directory = std::env::temp_dir().join(format!("weir-config-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let write = |name: &str, content: &[u8], mode: u32| {
        let path = directory.join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(content).unwrap();
        file.set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
        path
    };
    let rows = [
        (directory.join("none.toml"), "none.toml: cannot read the configuration: No such file"),
        (directory.clone(), "Is a directory (os error 21); name the file, not its directory"),
        (write("open.toml", b"", 0o666), "open.toml: mode 0666 lets every user change"),
        (write("large.toml", &vec![b'#'; MAX_BYTES + 1], 0o600), "large.toml: the file is larger than"),
        (
            write("latin.toml", b"[alerts]\n# \xe9t\xe9\n", 0o600),
            "latin.toml:2:3: found the byte 0xe9, expected UTF-8",
        ),
        (write("bad.toml", b"[alert]\n", 0o600), "bad.toml:1:2: alert: found an unknown key"),
    ];
    for (path, expected) in rows {
        let found = Config::load(Some(&path)).unwrap_err().to_string();
        assert!(found.contains(expected), "found    {found}\nexpected {expected}");
    }
    let good = write("good.toml", b"[alerts]\nkeep = 3\n", 0o600);
    assert_eq!(Config::load(Some(&good)).unwrap().alerts.keep, 3);
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn garbage_never_panics() {
    let mut state = 0x9e37_79b9_u32;
    let alphabet = "[]{}=.\"'#\n\\ax0-é\u{1b}alerts trust score files staging";
    let characters: Vec<char> = alphabet.chars().collect();
    for _ in 0..2000 {
        let mut text = String::new();
        for _ in 0..24 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push(characters[(state >> 16) as usize % characters.len()]);
        }
        let _ = Config::parse(&text, "w.toml");
    }
    for cut in (0..EXAMPLE.len()).step_by(397) {
        let _ = Config::parse(&EXAMPLE[..EXAMPLE.floor_char_boundary(cut)], "w.toml");
    }
}
