//! Which names an address was given, as the host's name servers and others answered. About the host, not about who
//! asked: the kernel does not tell that.
//!
//! An answer can be forged by whoever sends from port 53, so that two things are told apart: every name is shown, and
//! only a name from a server that this host is configured to ask, received in the host's own network namespace (within
//! another one, any user may be any server), vouches for an address. Bounded: the address heard of longest ago makes
//! room, which is counted.

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::IpAddr, num::NonZeroUsize, sync::Arc};

use lru::LruCache;

use crate::event::{self, BootTime, Resolvers};

/// Addresses with names. Each takes a few hundred bytes, so that a flood of long names costs some 30 MB at most.
const ADDRESSES_MAX: usize = 16_384;
/// Names of one address. More tell nothing more: such an address serves everybody.
const NAMES_MAX: usize = 8;
/// Servers remembered to have answered.
const SERVERS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// A name holds for this long at least: connections outlive the seconds that a server names, and programs remember
/// what they were told for longer than they should.
const KEPT_LEAST: u64 = 12 * 3_600 * SECOND;
/// And for this long at most, whatever a server says.
const KEPT_MOST: u64 = 7 * 24 * 3_600 * SECOND;
/// Until answers were watched for this long, that a name is missing says nothing.
const WATCHED_LEAST: u64 = 30 * 60 * SECOND;
/// And until so many names were seen to be given addresses: on a host that asks for names in another way, none are.
const NAMES_LEAST: usize = 16;

/// Names by address.
#[derive(Debug)]
pub struct Names {
    addresses: LruCache<IpAddr, Known>,
    /// Who answered.
    servers: LruCache<IpAddr, ()>,
    /// Whom the host asks.
    resolvers: Resolvers,
    /// Since when every answer that came in is known; nothing while none are watched.
    whole_since: Option<BootTime>,
    /// The first names that were given addresses.
    first: BTreeSet<Arc<str>>,
    evicted: u64,
}

/// What is known of an address, the name heard last at the end.
#[derive(Debug, Default)]
struct Known {
    names: Vec<Heard>,
    /// It had more names than are kept, until then.
    crowded_until: BootTime,
}

#[derive(Debug)]
struct Heard {
    name: Arc<str>,
    server: IpAddr,
    until: BootTime,
    /// Heard in the host's network namespace, until then.
    host_until: BootTime,
    /// Heard there from a server that the host asks, until then.
    vouched_until: BootTime,
}

/// A name of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The name that was asked for, lower case, without its last dot.
    pub name: Arc<str>,
    /// The server that answered last.
    pub server: IpAddr,
    /// This host is configured to ask that server, and it was the host that asked.
    pub vouched: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            // Bounded where something is added, so that the room is not taken before it is needed.
            addresses: LruCache::unbounded(),
            servers: LruCache::new(SERVERS_MAX),
            resolvers: Resolvers::default(),
            whole_since: None,
            first: BTreeSet::new(),
            evicted: 0,
        }
    }
}

impl Names {
    /// The agent started; `watched` tells whether it sees answers.
    pub fn start(&mut self, watched: bool, now: BootTime) {
        self.whole_since = watched.then_some(now);
    }

    /// Answers may have been missed.
    pub fn miss(&mut self, now: BootTime) {
        self.whole_since = self.whole_since.map(|_| now);
    }

    /// The servers that the host asks, from now on.
    pub fn ask(&mut self, resolvers: &Resolvers) {
        self.resolvers.clone_from(resolvers);
    }

    /// A server gave addresses for a name.
    pub fn hear(&mut self, answer: &event::Names, now: BootTime) {
        let of_host = answer.net_ns != 0 && answer.net_ns == self.resolvers.net_ns;
        let vouched = of_host && self.resolvers.servers.contains(&answer.server);
        self.servers.put(answer.server, ());
        if answer.cut && vouched {
            self.miss(now);
        }
        // The root of all names has an address where somebody plays tricks.
        if answer.name.is_empty() {
            return;
        }
        let until = now + u64::from(answer.ttl).saturating_mul(SECOND).clamp(KEPT_LEAST, KEPT_MOST);
        let name: Arc<str> = answer.name.as_str().into();
        if self.first.len() < NAMES_LEAST && !answer.addresses.is_empty() {
            self.first.insert(Arc::clone(&name));
        }
        for &address in &answer.addresses {
            let heard = Heard {
                name: Arc::clone(&name),
                server: answer.server,
                until,
                host_until: if of_host { until } else { 0 },
                vouched_until: if vouched { until } else { 0 },
            };
            self.insert(address.to_canonical(), heard, now);
        }
    }

    /// Its names, the one heard last first; a name that is vouched for stands before those that anybody may have
    /// made up.
    #[must_use]
    pub fn of(&self, address: IpAddr, now: BootTime) -> Vec<Domain> {
        let mut domains: Vec<Domain> = self
            .alive(address, now)
            .rev()
            .map(|heard| Domain {
                name: Arc::clone(&heard.name),
                server: heard.server,
                vouched: heard.vouched_until > now,
            })
            .collect();
        domains.sort_by_key(|domain| !domain.vouched);
        domains
    }

    /// Whether the address is that of a destination that `trusted` means, and of no other as far as the host heard: one
    /// that serves several names is not the trusted one alone.
    #[must_use]
    pub fn is_only(&self, address: IpAddr, trusted: impl Fn(&str) -> bool, now: BootTime) -> bool {
        let crowded = self.known(address).is_some_and(|known| known.crowded_until > now);
        let mut vouched = false;
        for heard in self.alive(address, now).filter(|heard| heard.host_until > now) {
            if !trusted(&heard.name) {
                return false;
            }
            vouched |= heard.vouched_until > now;
        }
        vouched && !crowded
    }

    /// Whether it means something that a process which began at `began` connects to an address without a name: answers
    /// were watched from before it began and for long enough, none was missed, names are seen on this host, none that
    /// the process may have heard has been forgotten, and the address is no name server's.
    #[must_use]
    pub fn is_unnamed(&self, address: IpAddr, began: BootTime, now: BootTime) -> bool {
        let address = address.to_canonical();
        let watched = self.whole_since.is_some_and(|since| {
            began >= since
                && now.saturating_sub(since) >= WATCHED_LEAST
                && now.saturating_sub(began) < KEPT_LEAST
        });
        watched
            && self.first.len() >= NAMES_LEAST
            && self.alive(address, now).next().is_none()
            && !self.servers.contains(&address)
            && !self.resolvers.servers.contains(&address)
    }

    /// Addresses that had to make room since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn insert(&mut self, address: IpAddr, heard: Heard, now: BootTime) {
        if self.addresses.len() >= ADDRESSES_MAX && !self.addresses.contains(&address) {
            let forgotten = self.addresses.pop_lru();
            // What holds no longer is no loss.
            if forgotten.is_some_and(|(_, known)| known.names.iter().any(|heard| heard.until > now)) {
                self.evicted += 1;
                self.miss(now);
            }
        }
        let known = self.addresses.get_or_insert_mut(address, Known::default);
        known.names.retain(|other| other.until > now);
        let before = known.names.iter().position(|other| other.name == heard.name);
        let before = before.map(|index| known.names.remove(index));
        if known.names.len() >= NAMES_MAX {
            let oldest = known.names.remove(0);
            known.crowded_until = known.crowded_until.max(oldest.host_until);
        }
        let heard = match before {
            Some(before) => Heard {
                until: heard.until.max(before.until),
                host_until: heard.host_until.max(before.host_until),
                vouched_until: heard.vouched_until.max(before.vouched_until),
                // Who vouched is not hidden behind who says the same.
                server: if before.vouched_until > heard.vouched_until { before.server } else { heard.server },
                ..heard
            },
            None => heard,
        };
        known.names.push(heard);
    }

    fn known(&self, address: IpAddr) -> Option<&Known> {
        self.addresses.peek(&address.to_canonical())
    }

    fn alive(&self, address: IpAddr, now: BootTime) -> impl DoubleEndedIterator<Item = &Heard> {
        let names = self.known(address).map_or(&[][..], |known| known.names.as_slice());
        names.iter().filter(move |heard| heard.until > now)
    }
}
