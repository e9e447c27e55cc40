//! Whose archives the machine's apt sources are, as their release files say.

use super::sources::Source;
use crate::process;

/// What Debian's release files say in `Origin`.
const DEBIAN: &str = "Debian";
/// What apt is to print of each index that it knows (apt-get(8), `indextargets`): where it lies, the suite as the source
/// names it, and the origin.
const FORMAT: &str = "$(REPO_URI) $(RELEASE) $(ORIGIN)";
/// In the name of each keyring that Debian signs its archive with.
const KEYRING: &str = "debian-archive";

/// One archive and suite, and who says that it is theirs.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Origin {
    uri: String,
    suite: String,
    owner: String,
}

/// How sure it is that a source is Debian's own, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trust {
    /// Its release file says so.
    Says,
    /// It is signed with Debian's key; its release file was not fetched yet.
    Signed,
    Unknown,
    /// Its release file says otherwise: a vendor's, or a mirror that somebody signed again.
    Other,
}

/// Of the archives whose lists apt has; nothing when it has none.
pub(super) fn known() -> Vec<Origin> {
    let mut apt_get = process::command("apt-get");
    apt_get.args(["indextargets", "--format", FORMAT, "Created-By: Packages"]);
    process::read(&mut apt_get).map(|text| parse(&text)).unwrap_or_default()
}

/// How sure it is that `source` is Debian's.
pub(super) fn trust(source: &Source, known: &[Origin]) -> Trust {
    let is_it =
        |one: &&Origin| plain(&one.uri) == plain(&source.uri) && plain(&one.suite) == plain(&source.suite);
    match known.iter().find(is_it) {
        Some(one) if one.owner == DEBIAN => Trust::Says,
        Some(_) => Trust::Other,
        None if source.signed_by.as_ref().is_some_and(|keyring| keyring.contains(KEYRING)) => Trust::Signed,
        None => Trust::Unknown,
    }
}

/// apt adds a slash to what a source may write without one.
fn plain(name: &str) -> &str {
    name.trim_end_matches('/')
}

/// A line an index, as [`FORMAT`] has it; the origin may be of several words.
pub(super) fn parse(text: &str) -> Vec<Origin> {
    let origin = |line: &str| {
        let mut words = line.splitn(3, ' ').map(str::to_owned);
        Some(Origin { uri: words.next()?, suite: words.next()?, owner: words.next()?.trim().to_owned() })
    };
    text.lines().filter_map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_believed_before_keys() {
        let known = parse(
            "http://mirror.example/debian/ bookworm Debian\nhttp://vendor.example/apt/ stable A Vendor\nhalf a\n",
        );
        assert_eq!(known.len(), 2);
        let debians_key = "/usr/share/keyrings/debian-archive-keyring.gpg";
        for (uri, suite, signed_by, expected) in [
            ("http://mirror.example/debian", "bookworm", None, Trust::Says),
            ("http://mirror.example/debian/", "bookworm", Some("/k.gpg"), Trust::Says),
            ("http://mirror.example/debian", "trixie", None, Trust::Unknown),
            ("http://vendor.example/apt", "stable", Some(debians_key), Trust::Other),
            ("http://other.example/debian", "stable", Some(debians_key), Trust::Signed),
            ("http://other.example/debian", "stable", Some("/k.gpg"), Trust::Unknown),
        ] {
            let source = Source {
                uri: uri.to_owned(),
                suite: suite.to_owned(),
                signed_by: signed_by.map(str::to_owned),
            };
            assert_eq!(trust(&source, &known), expected, "{uri} {suite}");
        }
    }
}
