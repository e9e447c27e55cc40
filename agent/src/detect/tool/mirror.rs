//! Traffic that is duplicated: tc, iptables, nft, Open vSwitch.
//!
//! Only what makes a mirror is one. Redirection alone moves packets to another device and is how shaping with ifb works;
//! a rule that is deleted, checked or listed copies nothing.

use std::net::IpAddr;

use super::{
    Action, Invocation, Meaning,
    options::{Opt, Shape, Syntax},
};

/// Whether `word` stands for `full` as iproute2 reads words: any beginning of it will do.
fn abbreviates(word: &[u8], full: &[u8]) -> bool {
    !word.is_empty() && full.starts_with(word)
}

fn is_one_of(word: &[u8], full: &[&[u8]]) -> bool {
    full.iter().any(|full| abbreviates(word, full))
}

/// Options of tc that take a value; they come before the object.
const TC_VALUES: &[&[u8]] = &[b"-netns", b"-cf", b"-conf"];
/// Commands of a filter and of an action that make one.
const TC_MAKES: &[&[u8]] = &[b"add", b"change", b"replace"];

/// `tc [options] filter|actions add ... mirred egress|ingress mirror dev X`; each word but `mirred` may be cut short.
pub(super) fn tc<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let mut words = invocation.arguments();
    let object = loop {
        match words.next() {
            Some([b'-']) => {}
            Some(option) if abbreviates(option, b"-batch") => return Meaning::new(Action::Unknown),
            Some(option) if is_one_of(option, TC_VALUES) => {
                words.next();
            }
            Some([b'-', ..]) => {}
            Some(object) => break object,
            None => return Meaning::new(Action::Local),
        }
    };
    let makes = is_one_of(object, &[b"filter", b"actions"])
        && words.next().is_some_and(|command| is_one_of(command, TC_MAKES));
    let words: Vec<&[u8]> = if makes { words.collect() } else { Vec::new() };
    let mirrors = words.split(|word| *word == b"mirred").skip(1).any(mirred_mirrors);
    Meaning::new(if mirrors { Action::Mirror } else { Action::Local })
}

const MIRRED_ACTIONS: &[&[u8]] = &[b"mirror", b"redirect"];

/// What follows `mirred`, as tc reads it: the direction, then `mirror` and the device among words that it does not look
/// at, up to the next action.
fn mirred_mirrors(words: &[&[u8]]) -> bool {
    let mut words = words.iter().copied().take_while(|word| !abbreviates(word, b"action"));
    words.next().is_some_and(|direction| is_one_of(direction, &[b"egress", b"ingress"]))
        && words.find(|word| is_one_of(word, MIRRED_ACTIONS)).is_some_and(|word| word.starts_with(b"m"))
        && words.any(|word| is_one_of(word, &[b"dev", b"blockid"]))
        && words.next().is_some_and(|device| !device.is_empty())
}

#[derive(Clone, Copy, PartialEq)]
enum Iptables {
    Jump,
    Gateway,
    Undo,
}

const IPTABLES: Syntax<Iptables> = Syntax {
    options: &[
        Opt::value(b'j', "jump", Iptables::Jump),
        // The abbreviations that are too short for the parser to guess.
        Opt::value(0, "ju", Iptables::Jump),
        Opt::value(0, "j", Iptables::Jump),
        Opt::value(0, "gateway", Iptables::Gateway),
        Opt::value(0, "ga", Iptables::Gateway),
        Opt::value(b'D', "delete", Iptables::Undo),
        Opt::value(b'C', "check", Iptables::Undo),
    ],
    short_values: b"AIRNEPopsditmcg",
    long_values: "append insert replace new-chain rename-chain policy proto protocol source src destination dst \
     in-interface out-interface table match modprobe set-counters goto oif sport source-port dport \
     destination-port sports source-ports dports destination-ports ports tcp-flags tcp-option \
     icmp-type icmpv6-type state ctstate ctproto ctdir limit limit-burst mac-source comment \
     log-prefix log-level nflog-group nflog-prefix nflog-size nflog-threshold queue-num to to-source \
     to-destination to-ports reject-with mark set-mark set-xmark uid-owner gid-owner match-set string \
     hex-string algo physdev-in physdev-out src-range dst-range src-type dst-type hashlimit-name \
     hashlimit-upto hashlimit-above hashlimit-mode probability every",
    shape: Shape::Permuting,
};

/// A rule whose target is TEE, which sends copies to `--gateway`.
pub(super) fn iptables<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = IPTABLES.parse(invocation.arguments());
    let gateway = parsed.value(Iptables::Gateway).filter(|gateway| !gateway.is_empty());
    let duplicates = parsed.value(Iptables::Jump) == Some(b"TEE");
    if gateway.is_none() || !duplicates || parsed.has(Iptables::Undo) {
        return Meaning::new(Action::Local);
    }
    Meaning::new(Action::Mirror).remote(gateway)
}

#[derive(Clone, Copy, PartialEq)]
enum Nft {
    Check,
    Elsewhere,
}

const NFT: Syntax<Nft> = Syntax {
    options: &[
        Opt::flag(b'c', "check", Nft::Check),
        Opt::value(b'f', "file", Nft::Elsewhere),
        Opt::flag(b'i', "interactive", Nft::Elsewhere),
    ],
    short_values: b"DId",
    long_values: "define includepath debug",
    shape: Shape::Leading,
};

/// Rules with `dup to ADDRESS`, or in a table of a device `dup to DEVICE`. Rules in a file are not known here.
pub(super) fn nft<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let parsed = NFT.parse(invocation.arguments());
    if parsed.has(Nft::Check) {
        return Meaning::new(Action::Local);
    }
    if parsed.has(Nft::Elsewhere) {
        return Meaning::new(Action::Unknown);
    }
    let words = nft_words(&parsed.operands);
    let target = words.windows(3).find_map(|three| match three {
        [b"dup", b"to", target] => Some(*target),
        _ => None,
    });
    match target {
        Some(target) => Meaning::new(Action::Mirror).remote(Some(target).filter(|target| is_address(target))),
        None => Meaning::new(Action::Local),
    }
}

fn is_address(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<IpAddr>().is_ok())
}

/// Stands for a string in quotes, whatever it holds.
const STRING: &[u8] = b"\"";

/// Words of nft's language. It reads all arguments as one text, so that a string or a comment can go over several.
fn nft_words<'a>(arguments: &[&'a [u8]]) -> Vec<&'a [u8]> {
    let mut words = Vec::new();
    // The byte that ends what is skipped.
    let mut until = None;
    for argument in arguments {
        let mut rest: &'a [u8] = argument;
        while let [first, after @ ..] = rest {
            rest = match (until, first) {
                (Some(end), byte) => {
                    until = Some(end).filter(|end| end != byte);
                    after
                }
                (None, b'"') => {
                    until = Some(b'"');
                    words.push(STRING);
                    after
                }
                (None, b'#') => {
                    until = Some(b'\n');
                    after
                }
                (None, byte) if is_nft_word(*byte) => {
                    let end = rest.iter().position(|byte| !is_nft_word(*byte)).unwrap_or(rest.len());
                    let (word, tail) = rest.split_at_checked(end).unwrap_or((rest, &[]));
                    words.push(word);
                    tail
                }
                (None, _) => after,
            };
        }
    }
    words
}

/// Of names, numbers and addresses.
fn is_nft_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"/_.-:".contains(&byte)
}

#[derive(Clone, Copy, PartialEq)]
enum Ovs {
    DryRun,
}

const OVS: Syntax<Ovs> = Syntax {
    options: &[Opt::flag(0, "dry-run", Ovs::DryRun)],
    short_values: b"tpcCf",
    long_values: "db timeout id format data private-key certificate ca-cert bootstrap-ca-cert peer-ca-cert \
     ssl-protocols ssl-ciphers",
    shape: Shape::Leading,
};

/// Commands with `--` between them: `create Mirror`, or a mirror that a bridge is given.
pub(super) fn ovs_vsctl<'a>(invocation: &Invocation<'a>) -> Meaning<'a> {
    let words: Vec<&[u8]> = invocation.arguments().collect();
    let commands: Vec<_> =
        words.split(|word| *word == b"--").map(|command| OVS.parse(command.iter().copied())).collect();
    let mirrors = commands.iter().any(|command| ovs_mirrors(&command.operands));
    let tries = commands.iter().any(|command| command.has(Ovs::DryRun));
    Meaning::new(if mirrors && !tries { Action::Mirror } else { Action::Local })
}

fn ovs_mirrors(command: &[&[u8]]) -> bool {
    match command {
        [b"create", table, ..] => names_record(table, b"mirror"),
        [b"add", table, _, column, value, ..] => {
            names_record(table, b"bridge") && names_record(column, b"mirrors") && !value.is_empty()
        }
        [b"set", table, _, columns @ ..] => {
            names_record(table, b"bridge") && columns.iter().any(|column| gives_mirrors(column))
        }
        _ => false,
    }
}

/// `mirrors=@m`; an empty set takes them away.
fn gives_mirrors(assignment: &[u8]) -> bool {
    let mut halves = assignment.splitn(2, |&byte| byte == b'=');
    halves.next().is_some_and(|column| names_record(column, b"mirrors"))
        && halves.next().is_some_and(|value| !matches!(value, b"" | b"[]"))
}

/// Tables and columns may be cut short and are the same in capitals.
fn names_record(word: &[u8], full: &[u8]) -> bool {
    abbreviates(&word.to_ascii_lowercase(), full)
}
