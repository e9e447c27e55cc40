//! The files, which are part of the binary.

use super::Set;

macro_rules! file {
    ($set:ident, $name:literal) => {
        ($name, Set::$set, include_str!(concat!("../../scenarios/", $name)))
    };
}

/// Name, when its scenarios are run, text.
pub(super) const FILES: &[(&str, Set, &str)] = &[
    file!(Core, "malicious.toml"),
    file!(Core, "honest.toml"),
    file!(Core, "names.toml"),
    file!(Suite, "load.toml"),
    file!(Suite, "shares.toml"),
    file!(Quality, "web.toml"),
    file!(Quality, "ssh.toml"),
    file!(Quality, "mail-ftp.toml"),
    file!(Quality, "dns-udp.toml"),
    file!(Quality, "archives.toml"),
    file!(Quality, "living-off-the-land.toml"),
    file!(Quality, "groups.toml"),
    file!(Quality, "webshell.toml"),
    file!(Quality, "supply-chain.toml"),
    file!(Quality, "ransomware.toml"),
    file!(Quality, "again.toml"),
    file!(Quality, "honest-packages.toml"),
    file!(Quality, "honest-vcs.toml"),
    file!(Quality, "honest-backups.toml"),
    file!(Quality, "honest-services.toml"),
    file!(Quality, "honest-desktop.toml"),
    file!(Quality, "honest-edges.toml"),
    file!(Quality, "content.toml"),
    file!(Quality, "duplication.toml"),
    file!(Quality, "evasions.toml"),
    file!(Quality, "beyond.toml"),
];
