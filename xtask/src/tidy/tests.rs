//! Each rule on small trees: what it must find, and what it must leave alone.

use std::path::{Path, PathBuf};

use super::{
    Finding, RULES, hosts, source,
    tree::{File, Tree, is_standard},
};

/// A tree of one file.
fn one(path: &str, text: &str) -> Tree {
    tree(&[(path, text)])
}

fn tree(files: &[(&str, &str)]) -> Tree {
    Tree {
        files: files
            .iter()
            .map(|(path, text)| File::new(path, text.len() as u64, (*text).to_owned()))
            .collect(),
        lock_is_tracked: true,
        work_folders: vec![PathBuf::from("/build/here")],
        registry_hosts: ["packages.example".to_owned()].into(),
    }
}

/// Lines at which `rule` finds something.
fn found(rule: &str, tree: &Tree) -> Vec<usize> {
    let rule = RULES.iter().find(|known| known.name == rule).unwrap();
    (rule.check)(tree).into_iter().map(|finding: Finding| finding.line).collect()
}

#[test]
fn each_rule_finds_what_it_is_for_and_nothing_else() {
    let todo = concat!("TO", "DO");
    let rows: &[(&str, &str, &str, &[usize])] = &[
        ("module-files", "a/src/mod.rs", "", &[0]),
        ("module-files", "a/src/amod.rs", "", &[]),
        ("unfinished", "notes.md", &format!("one\n{todo}: two\n"), &[2]),
        ("unfinished", "notes.md", &format!("{todo}S and mktemp XXXXXX"), &[]),
        ("unfinished", "a.rs", "fn a() {\n    todo!()\n}", &[2]),
        ("unfinished", "a.rs", "// todo!()\nlet s = \"dbg!\"; let dbg = !dbg;", &[]),
        ("suppressions", "a.rs", "\n#[allow(dead_code)]\nfn a() {}", &[2]),
        ("suppressions", "a.rs", "#![cfg_attr(test, allow(dead_code))]", &[1]),
        ("suppressions", "a.rs", "#[expect(\n    dead_code\n)]\nfn a() {}", &[1]),
        ("suppressions", "a.rs", "#[expect(dead_code, reason = \"kept\")]\nfn a() { x.expect(\"y\") }", &[]),
        ("suppressions", "a.rs", "#[test]\n#[ignore = \"slow\"]\nfn a() {}", &[2]),
        (
            "suppressions",
            "a.rs",
            "// #[allow(x)]\nlet s = r#\"#[ignore]\"#;\n#[derive(Debug)] struct A;",
            &[],
        ),
        ("work-paths", "a.md", "see /build/here/file\nand /build/here-not or x/build/here", &[1]),
        ("registry-hosts", "a.sh", "fetch https://Packages.Example/x\n", &[1]),
        ("registry-hosts", "a.sh", "my-packages.example.org\nmypackages.example\n", &[]),
        ("registry-hosts", "Cargo.lock", "source = \"https://packages.example\"", &[]),
        ("inherited-lints", "a/Cargo.toml", "[package]\n[lints]\nworkspace = true\n", &[]),
        ("inherited-lints", "a/Cargo.toml", "[package]\nversion.workspace = true\n", &[0]),
        ("inherited-lints", "a/Cargo.toml", "[lints]\n[x]\nworkspace = true\n", &[0]),
        ("inherited-lints", "fuzz/Cargo.toml", "[package]\n[workspace]\n", &[]),
        ("readme-commands", "README.md", "# w\n```sh\ncargo xtask run\ncargo xtask test  # all\n```\n", &[]),
        (
            "readme-commands",
            "README.md",
            "```\nmake\n```\n```\ncargo xtask run\ncargo xtask test\n```",
            &[0, 0],
        ),
        ("readme-commands", "other.md", "", &[0, 0]),
    ];
    for (rule, path, text, lines) in rows {
        assert_eq!(found(rule, &one(path, text)), *lines, "{rule} on {path}: {text}");
    }
}

#[test]
fn sizes_are_limits_not_targets() {
    for (lines, expected) in [(500, vec![]), (501, vec![501])] {
        assert_eq!(found("file-length", &one("a.rs", &"x\n".repeat(lines))), expected, "{lines} lines");
    }
    for (bytes, expected) in [(1 << 20, vec![]), ((1 << 20) + 1, vec![0])] {
        assert_eq!(found("file-size", &one("a.bin", &"x".repeat(bytes))), expected, "{bytes} bytes");
    }
    let mut untracked = one("a", "");
    assert_eq!(found("lock-file", &untracked), []);
    untracked.lock_is_tracked = false;
    assert_eq!(found("lock-file", &untracked), [0]);
}

#[test]
fn modules_flow_one_way() {
    let lib = "//! mod zero\npub mod first;\npub mod second;\nmod third;\n";
    let rows: &[(&str, &str, &[usize])] = &[
        ("second.rs", "use crate::first::A;\nuse crate::second::B;", &[]),
        ("second.rs", "use crate::first::A;\n\nuse crate::third::B;", &[3]),
        ("second/deep.rs", "fn a() { crate::third::b() }", &[1]),
        ("first.rs", "use crate::{\n    first::{A, third},\n    second::B, third,\n};", &[1, 1]),
        ("first.rs", "/// [`crate::third`]\npub(crate) fn a() -> &'static str { \"crate::third\" }", &[]),
        ("first.rs", "#[cfg(test)]\nmod tests {\n    use crate::third;\n}\nuse crate::second;", &[5]),
        ("first.rs", "#[cfg(test)]\nmod tests;\nuse crate::second;", &[3]),
        ("first/tests.rs", "use crate::third;", &[]),
        ("main.rs", "use crate::third;", &[]),
        ("cli/run.rs", "use crate::third;", &[]),
    ];
    for (name, text, lines) in rows {
        let path = format!("agent/src/{name}");
        let tree = tree(&[("agent/src/lib.rs", lib), (&path, text)]);
        assert_eq!(found("module-flow", &tree), *lines, "{name}: {text}");
    }
    assert_eq!(found("module-flow", &one("other.rs", "")), [0], "a tree without the library");
}

#[test]
fn literals_and_comments_are_no_code() {
    let rows = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        (r#"f("a\"b", 'c', '\'', '"')"#, r#"f("    ", ' ', '  ', ' ')"#),
        ("r#\"a\"b\"# + br\"c\"", "r#\"   \"# + br\" \""),
        ("fn f<'a>(x: &'a str, y: &'static T) {}", "fn f<'a>(x: &'a str, y: &'static T) {}"),
        ("for\"x\"", "for\" \""),
        ("\"open", "\"    "),
        ("'é' \"é\"", "'  ' \"  \""),
        ("/* open", "       "),
    ];
    for (text, code) in rows {
        assert_eq!(source::code(text), code, "{text}");
    }
}

#[test]
fn hosts_are_read_from_what_clients_are_set_up_with() {
    let rows: &[(&str, &[&str])] = &[
        ("http://Mirror.example/debian", &["mirror.example"]),
        (
            "index = \"sparse+https://u:p@a.example:8080/i/\"\nb = 'https://b.example'",
            &["a.example", "b.example"],
        ),
        ("file:///etc/x http://localhost/ http://127.0.0.1:80/ plain.example", &[]),
    ];
    for (text, expected) in rows {
        assert_eq!(hosts::hosts_in(text), *expected, "{text}");
    }
    assert_eq!(
        hosts::index_hosts("index.registry.example-0123abcd"),
        ["index.registry.example", "registry.example"]
    );
    assert_eq!(hosts::index_hosts("registry.example-0123abcd"), ["registry.example"]);
    assert!(hosts::index_hosts("cache-0123").is_empty());
}

#[test]
fn folders_of_every_machine_may_be_named() {
    for (folder, standard) in [
        ("/", true),
        ("/tmp", true),
        ("/home/alice", true),
        ("/var/tmp", true),
        ("/usr/src", true),
        ("/build", false),
        ("/tmp/weir", false),
        ("/home/alice/weir", false),
    ] {
        assert_eq!(is_standard(Path::new(folder)), standard, "{folder}");
    }
}
