//! Every weight of evidence and every constant of the formula, each with its reason.
//!
//! A risk goes from 0 to 10. Where `T1020.md` gives one it stands here unchanged; the others are graded against those.
//! The risks of staging places and of sensitive files are the configuration's; those of tools have a table of their own
//! (`tools`). ARCHITECTURE.md shows the tables, and a test keeps both alike.

pub(crate) mod tools;
#[cfg(test)]
mod tests;

/// A constant as ARCHITECTURE.md shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Weight {
    /// What has it, in words.
    pub of: &'static str,
    /// Its value.
    pub value: f64,
    /// Why it is no other.
    pub why: &'static str,
}

/// Declares constants and the table of all of them at once, so that none is without a reason.
macro_rules! weights {
    ($($name:ident = $value:literal, $of:literal, $why:literal;)+) => {
        $(#[doc = concat!("Weight of: ", $of, ". ", $why, ".")] pub const $name: f64 = $value;)+
        /// All of them, in the order of the stages and then of the formula.
        pub const ALL: &[Weight] = &[$(Weight { of: $of, value: $value, why: $why }),+];
    };
}

weights! {
    MASS = 6.0, "many documents read, at the configured count",
        "T1020 names it without a number; the least that makes a stage strong, since indexers and backups do it too";
    MASS_BURST = 6.0, "two fifths of that count within a second",
        "no hand does that: a program goes through a folder";
    MASS_STEP = 1.0, "each doubling of that count",
        "a folder of a thousand documents is no accident any more";
    MASS_MAX = 9.0, "many documents at most",
        "the greatest risk that T1020 gives";
    MASS_INDEXER = 2.0, "many documents read by a search index or virus scanner",
        "its work";

    SCRIPT_POWERSHELL = 9.0, "a `.ps1` that runs a mover", "T1020";
    SCRIPT_SHELL = 8.0, "a `.sh`, or a script of another shell", "T1020";
    SCRIPT_BATCH = 7.0, "a `.bat`", "T1020";
    SCRIPT_OTHER = 7.0, "a script in another language, or without an extension",
        "T1020 names `.py` without a number; as `.bat`";
    SCRIPT_STDIN = 6.0, "a script from standard input",
        "it left no file, as in `curl ... | sh`";
    SCRIPT_TEXT = 5.0, "script text on the command line",
        "cron, ssh and `system(3)` start those all day";
    SCRIPT_ABOVE_MOVER = 2.0, "a script above the mover that it runs, at most",
        "one that mails its output is no theft; the widest step of T1020 is wget (7) in a `.ps1` (9)";
    TOOL_TO_LOOPBACK = 3.0, "a tool whose remote end is this host, at most",
        "the data makes a hop and has not left";

    CARRIER = 7.0, "questions to name servers or ICMP messages that carry data, as a means of transfer",
        "no honest program needs long ones by the dozen; mail filters come near";

    CONNECTION = 1.0, "a new connection outside",
        "most programs make one";
    CONNECTION_WEB = 2.0, "to port 443 or a configured one",
        "T1020's first class of ports, of which this is the everyday one";
    CONNECTION_FILES = 3.0, "to port 21, 22, or 53 by TCP",
        "the others of that class: made for files, or unusual";
    CONNECTION_FIRST = 2.0, "where this program never connected before, on top",
        "news, but every update brings some";
    UNNAMED = 0.5, "to an address that no name server named",
        "tips scales; beside a connection for files and a lopsided exchange it makes no stage strong (0.398)";
    VOLUME_PORTS = 8.0, "more than 5,000,000 bytes out to ports of the first class", "T1020";
    VOLUME_ANY = 9.0, "more than 10,000,000 bytes out to any port", "T1020";
    LOPSIDED = 3.0, "ten times as much sent as received, from 1,000,000 bytes on",
        "backups, streams and uploads look alike";

    PROTOCOL_OTHER = 3.0, "another protocol than the port is for, as SSH to 443",
        "VPNs and gateways do it to get through; with a lopsided exchange it makes egress strong (0.376)";
    PROTOCOL_UNKNOWN = 2.0, "no protocol that is known, to a port of one",
        "games and messengers have protocols of their own";
    PROTOCOL_NOISE = 1.0, "bytes without any pattern there, on top",
        "encrypted by something else than the protocol of the port";
    PROTOCOL_NAMES = 6.0, "what is no question, to port 53",
        "nothing honest does that: the least that makes a stage strong";
    NAME_TUNNEL = 8.0, "many long names asked for below one domain, none twice",
        "as the first volume that T1020 names; hashes that virus scanners look up are as long, and they read no secrets";

    FAMILY_UNCOUNTED = 6.0, "a socket of `AF_XDP`, whose bytes no hook counts",
        "it stands for bytes that nobody knows: the least that makes a stage strong, and few programs have one";
    FAMILY_OTHER = 3.0, "a socket of another family than IP that leaves this host",
        "rare, and its bytes count where hooks see them";
    TUNNEL = 3.0, "the device of tunnels, into which packets are written that no socket sends",
        "VPNs have one, and what they carry was counted where it was sent";
    CAPTURE = 3.0, "a socket that sees every packet",
        "DHCP clients and network managers have one, too";
    DUPLICATION = 6.0, "1,000,000 bytes sent while such a socket is open",
        "the least that makes a stage strong: what was sent may be something else";
    DUPLICATION_PARITY = 9.0, "as many bytes sent as were captured, from a third on",
        "the copy itself, or the half of it that is not its own traffic";
    CAPTURED = 6.0, "captured traffic that goes outside, as collected data",
        "as many documents";

    CONTENT_PARITY = 10.0, "as many bytes sent as were taken",
        "the theft itself; no other comparison is as seldom right by chance (1 % each)";
    CONTENT_ENCODED = 9.0, "as many as base64, base32 or hexadecimal makes of them",
        "three windows instead of one";
    CONTENT_COMPRESSED = 7.0, "from half of what was taken up to it",
        "a wide window (8 % by chance): strong, but it lifts no cap";
    CONTENT_SECRETS = 7.0, "as many bytes as the secrets of others that a sender carries",
        "few bytes say little: strong, but it lifts no cap";
    CONTENT_SECRETS_ALL = 1.0, "three secrets or more of them, on top",
        "programs use one secret; who gathers has several";

    EVIDENCE = 0.7, "share of a risk that counts as probability",
        "no single analytic is ever certain: a lone risk of 9 stays below 7, and two stages of 8 reach 8.1, so that the cap decides about them and not luck";
    STRONG = 0.4, "strength from which a stage counts towards the cap",
        "a risk of 6 reaches it; a file in `/tmp` (5) does not, nor do connections and a lopsided exchange together, so that egress needs volume or proof";
    PROVES = 0.5, "weight of sent content from which it lifts the cap",
        "parity (0.70) and encoding (0.63) do, for a quarter of an hour; what is proven by less (0.49) needs a third stage";
    CAP_ONE_STAGE = 5.0, "score with at most one strong stage",
        "one signal alone wakes nobody";
    CAP_TWO_STAGES = 7.9, "score with two strong stages, or with more but without egress",
        "below the threshold: an alert says that data left";
    SCORE_MAX = 10.0, "highest score", "the scale";
    TRUSTED = 0.1, "evidence that a trust rule covers",
        "it stays visible, and a stage of risk 10 drops to 0.07";
}
