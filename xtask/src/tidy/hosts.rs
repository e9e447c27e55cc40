//! Registry hosts: where packages come from is the machine's business, never the repository's.
//!
//! The names are not written here either; they are those that this machine's own package clients are set up for.

use std::{collections::BTreeSet, env, fs, path::PathBuf};

use super::{
    Finding,
    source::{line_at, whole},
    tree::Tree,
};
use crate::setup;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    // cargo itself writes the registry's address into its lock file.
    for file in tree.files.iter().filter(|file| !file.path.ends_with("Cargo.lock")) {
        let text = file.text.to_ascii_lowercase();
        for host in &tree.registry_hosts {
            findings.extend(
                whole(&text, host, |character| character.is_ascii_alphanumeric() || character == '-').map(
                    |at| Finding::new(&file.path, line_at(&text, at), format!("a registry's host: {host}")),
                ),
            );
        }
    }
    findings
}

/// The hosts that apt, cargo, pip and npm of this machine fetch from.
pub(super) fn of_this_machine() -> BTreeSet<String> {
    let home = env::home_dir().unwrap_or_default();
    let cargo = env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
    let mut texts = setup::apt_uris();
    for file in [
        cargo.join("config.toml"),
        cargo.join("config"),
        "/etc/pip.conf".into(),
        home.join(".config/pip/pip.conf"),
        home.join(".pip/pip.conf"),
        "/etc/npmrc".into(),
        home.join(".npmrc"),
    ] {
        texts.extend(fs::read_to_string(file));
    }
    let variables = env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
    texts.extend(
        variables
            .filter(|(name, _)| {
                let name = name.to_ascii_uppercase();
                ["CARGO_REGISTR", "CARGO_SOURCE", "PIP_", "NPM_CONFIG_"]
                    .iter()
                    .any(|start| name.starts_with(start))
            })
            .filter_map(|(_, value)| value.into_string().ok()),
    );
    let mut hosts: BTreeSet<String> = texts.iter().flat_map(|text| hosts_in(text)).collect();
    hosts.extend(cargo_indexes(&cargo.join("registry/index")));
    hosts
}

/// Hosts of the addresses in `text`.
pub(super) fn hosts_in(text: &str) -> Vec<String> {
    text.match_indices("://")
        .filter_map(|(at, mark)| {
            let rest = text.get(at + mark.len()..)?;
            let authority = rest.split(['/', '"', '\'', '?', '#']).next()?.split_whitespace().next()?;
            let host = authority.rsplit('@').next()?.split(':').next()?;
            // A name of one part or a number is a place in somebody's own network.
            let named = host.contains('.') && host.chars().any(|character| character.is_ascii_alphabetic());
            named.then(|| host.to_ascii_lowercase())
        })
        .collect()
}

/// cargo names the folder of each index after its host and a hash.
fn cargo_indexes(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.flat_map(|name| index_hosts(&name)).collect()
}

/// The host of an index and, when that is only its service for indexes, the registry's own name.
pub(super) fn index_hosts(folder: &str) -> Vec<String> {
    let Some((host, _)) = folder.rsplit_once('-').filter(|(host, _)| host.contains('.')) else {
        return Vec::new();
    };
    let registry = host.strip_prefix("index.").filter(|registry| registry.contains('.'));
    std::iter::once(host).chain(registry).map(str::to_owned).collect()
}
