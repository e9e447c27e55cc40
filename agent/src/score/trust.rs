//! Trust rules: who may send what to where. A rule lowers the weight of what it covers and is named in the record.

use std::{
    collections::HashMap, ffi::OsStr, net::IpAddr, os::unix::ffi::OsStrExt as _, path::Path as FsPath,
};

use crate::{
    config::Trust,
    event::{BootTime, Bytes, Guard, Remote},
    names::Names,
    process::Process,
};

/// Nanoseconds of a day, the period of a volume cap.
const DAY_NS: u64 = 86_400_000_000_000;

/// The rules and what they have covered so far.
#[derive(Debug, Default)]
pub struct Rules {
    rules: Vec<Trust>,
    used: HashMap<usize, Used>,
}

#[derive(Debug, Default)]
struct Used {
    since: BootTime,
    bytes: u64,
}

impl Rules {
    /// Rules in the order of the configuration: the first that covers a flow is named.
    #[must_use]
    pub fn new(rules: &[Trust]) -> Self {
        Self { rules: rules.to_vec(), used: HashMap::new() }
    }

    /// The rule that covers `process` sending to `to`, an end and the place where it is mounted if it is a file
    /// system; its index, or none. A rule whose daily volume is used
    /// up covers nothing.
    #[must_use]
    pub fn covering(
        &self,
        process: &Process,
        to: (Remote, Option<&Bytes>),
        names: &Names,
        now: BootTime,
    ) -> Option<usize> {
        self.rules.iter().enumerate().position(|(index, rule)| {
            let used = self.used.get(&index).filter(|used| now.saturating_sub(used.since) < DAY_NS);
            let left = rule.daily_bytes.is_none_or(|cap| used.is_none_or(|used| used.bytes < cap));
            left && covers(rule, process, to, names, now)
        })
    }

    /// Bytes were sent under a rule.
    pub fn spend(&mut self, index: usize, bytes: u64, now: BootTime) {
        let used = self.used.entry(index).or_insert(Used { since: now, bytes: 0 });
        if now.saturating_sub(used.since) >= DAY_NS {
            *used = Used { since: now, bytes: 0 };
        }
        used.bytes = used.bytes.saturating_add(bytes);
    }

    /// What rules covered so far: name, since when their day counts, bytes.
    pub fn used(&self) -> impl Iterator<Item = (&str, BootTime, u64)> {
        self.rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| Some((rule, self.used.get(&index)?)))
            .map(|(rule, used)| (rule.name.as_str(), used.since, used.bytes))
    }

    /// Takes over what the rule of that name covered before the agent was started, if there still is one.
    pub fn restore(&mut self, name: &str, since: BootTime, bytes: u64) {
        if let Some(index) = self.rules.iter().position(|rule| rule.name == name) {
            self.used.insert(index, Used { since, bytes });
        }
    }

    /// Name of a rule.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<&str> {
        self.rules.get(index).map(|rule| rule.name.as_str())
    }
}

/// Whether every condition of `rule` that is given holds.
fn covers(
    rule: &Trust,
    process: &Process,
    (remote, place): (Remote, Option<&Bytes>),
    names: &Names,
    now: BootTime,
) -> bool {
    let address = remote.ip();
    let uid = process.ids.uid.to_string();
    let user = process.identity.user.as_deref();
    let unit = process.identity.unit.as_deref();
    let container = process.identity.container.as_deref();
    rule.executable.as_ref().is_none_or(|globs| {
        // A deleted executable or a memfd has a path that says nothing about its content; so has one that anybody may
        // put there.
        !process.exe_unlinked
            && process.identity.guard != Guard::Others
            && std::str::from_utf8(process.exe.bytes.as_slice())
                .is_ok_and(|path| globs.is_match(FsPath::new(path)))
    }) && (rule.users.is_empty() || rule.users.iter().any(|name| Some(name.as_str()) == user || *name == uid))
        && (rule.units.is_empty() || rule.units.iter().any(|name| Some(name.as_str()) == unit))
        && (rule.containers.is_empty()
            || rule.containers.iter().any(|id| container.is_some_and(|full| full.starts_with(id.as_str()))))
        && (rule.destinations.is_empty() && rule.domains.is_empty() && rule.places.is_none()
            || place.zip(rule.places.as_ref()).is_some_and(|(place, globs)| {
                globs.is_match(FsPath::new(OsStr::from_bytes(place.as_slice())))
            })
            || address.is_some_and(|address| {
                rule.destinations.iter().any(|net| net.contains(&address))
                    || is_named(rule, address, names, now)
            }))
        && (rule.ports.is_empty() || rule.ports.contains(&remote.port()))
}

/// Whether all names of the address are names that the rule trusts.
fn is_named(rule: &Trust, address: IpAddr, names: &Names, now: BootTime) -> bool {
    let trusted = |name: &str| rule.domains.iter().any(|domain| domain.matches(name));
    !rule.domains.is_empty() && names.is_only(address, trusted, now)
}

#[cfg(test)]
mod tests;
