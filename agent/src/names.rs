//! Which names an address was given, as the host's name servers and others answered. About the host, not about who
//! asked: the kernel does not tell that.
//!
//! An answer can be forged by whoever sends from port 53, so that two things are told apart: every name is shown, and
//! only a name from a server that this host is configured to ask, received in the host's own network namespace (within
//! another one, any user may be any server) in a datagram of its own (within a stream, any message may be part of
//! another), vouches for an address. Bounded: what proves least and was heard longest ago makes room, which is counted.

mod table;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, net::IpAddr, num::NonZeroUsize, sync::Arc};

use agent_common::net::IPPROTO_UDP;

use crate::{
    event::{self, BootTime, Resolvers},
    hash::{self, Lru},
};
use table::{Heard, Standing, Table};

/// Letters of a name that are kept: as many as a host name has at most (RFC 1035). Only bytes that host names do not
/// have, which are written with four letters each, make one longer.
const NAME_MAX: usize = 253;
/// Stands for the rest of a longer one. No rule has it, so that no rule means a name that was cut.
const REST: char = '…';
/// Servers remembered to have answered.
const SERVERS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_023);
/// Addresses of which it is remembered what clients called them.
const CLAIMS_MAX: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4_095);
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
    addresses: Table,
    /// Who answered in the host's network namespace.
    servers: Lru<IpAddr, ()>,
    /// Whom the host asks.
    resolvers: Resolvers,
    /// Since when every answer that came in is known; nothing while none are watched.
    whole_since: Option<BootTime>,
    /// When something was last missed in another network namespace.
    missed_elsewhere: BootTime,
    /// The first names that were given addresses in the host's network namespace.
    first: BTreeSet<Arc<str>>,
    /// What clients called an address themselves, in a TLS greeting or a request: the last name. What makes room is shown
    /// no more.
    claims: Lru<IpAddr, Arc<str>>,
    evicted: u64,
}

/// A name of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// The name that was asked for, lower case, without its last dot, and cut where it is longer than names are.
    pub name: Arc<str>,
    /// The server that answered last; none when nobody but the client itself calls it so.
    pub server: Option<IpAddr>,
    /// This host is configured to ask that server, it was the host that asked, and the answer was a datagram.
    pub vouched: bool,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            addresses: Table::default(),
            servers: hash::lru(SERVERS_MAX),
            resolvers: Resolvers::default(),
            whole_since: None,
            missed_elsewhere: 0,
            first: BTreeSet::new(),
            claims: hash::lru(CLAIMS_MAX),
            evicted: 0,
        }
    }
}

impl Names {
    /// The agent started; `watched` tells whether it sees answers.
    pub fn start(&mut self, watched: bool, now: BootTime) {
        self.whole_since = watched.then_some(now);
    }

    /// Answers of the host's servers may have been missed.
    pub fn miss(&mut self, now: BootTime) {
        self.whole_since = self.whole_since.map(|_| now);
    }

    /// Answers may have been missed, in other network namespaces than the host's alone.
    pub fn miss_elsewhere(&mut self, now: BootTime) {
        self.missed_elsewhere = now;
    }

    /// The servers that the host asks, from now on.
    pub fn ask(&mut self, resolvers: &Resolvers) {
        self.resolvers.clone_from(resolvers);
    }

    /// A server gave addresses for a name.
    pub fn hear(&mut self, answer: &event::Names, now: BootTime) {
        let of_host = answer.net_ns != 0 && answer.net_ns == self.resolvers.net_ns;
        let asked = of_host && self.resolvers.servers.contains(&answer.server);
        // What is said to be an answer within a stream may be a part of one, which whoever asked for it made up.
        let vouched = asked && answer.protocol == IPPROTO_UDP;
        if of_host {
            self.servers.put(answer.server, ());
        }
        if answer.cut {
            if asked {
                self.miss(now);
            } else if !of_host {
                self.miss_elsewhere(now);
            }
        }
        // The root of all names has an address where somebody plays tricks.
        if answer.name.is_empty() {
            return;
        }
        let until = now + u64::from(answer.ttl).saturating_mul(SECOND).clamp(KEPT_LEAST, KEPT_MOST);
        let name = kept(&answer.name);
        if of_host && self.first.len() < NAMES_LEAST && !answer.addresses.is_empty() {
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
            match self.addresses.insert(address.to_canonical(), heard, now) {
                None => continue,
                Some(Standing::Foreign) => self.miss_elsewhere(now),
                Some(Standing::Host | Standing::Vouched) => self.miss(now),
            }
            self.evicted += 1;
        }
    }

    /// A client calls an address by a name, which proves nothing. An address is no name.
    pub fn claim(&mut self, address: IpAddr, name: &str) {
        if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
            return;
        }
        self.claims.put(address.to_canonical(), kept(name));
    }

    /// Its names, the one heard last first; a name that is vouched for stands before those that anybody may have
    /// made up, and last what a client called it.
    #[must_use]
    pub fn of(&self, address: IpAddr, now: BootTime) -> Vec<Domain> {
        let mut domains: Vec<Domain> = self
            .alive(address, now)
            .rev()
            .map(|heard| Domain {
                name: Arc::clone(&heard.name),
                server: Some(heard.server),
                vouched: heard.vouched_until > now,
            })
            .collect();
        domains.sort_by_key(|domain| !domain.vouched);
        if let Some(name) = self.claims.peek(&address.to_canonical())
            && domains.iter().all(|domain| domain.name != *name)
        {
            domains.push(Domain { name: Arc::clone(name), server: None, vouched: false });
        }
        domains
    }

    /// Whether the address is that of a destination that `trusted` means, and of no other as far as the host heard: one
    /// that serves several names is not the trusted one alone.
    #[must_use]
    pub fn is_only(&self, address: IpAddr, trusted: impl Fn(&str) -> bool, now: BootTime) -> bool {
        let known = self.addresses.get(address.to_canonical());
        let crowded = known.is_some_and(|known| known.crowded_until > now);
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
    /// the process may have heard has been forgotten, and the address is no name server's. From the host's network
    /// namespace only names count that were heard there, since elsewhere anybody gives names to what he likes; from
    /// another one (`net_ns`, by inode number) all do, since a container asks for names where it connects.
    #[must_use]
    pub fn is_unnamed(&self, address: IpAddr, net_ns: u32, began: BootTime, now: BootTime) -> bool {
        let address = address.to_canonical();
        let of_host = net_ns != 0 && net_ns == self.resolvers.net_ns;
        let watched = self.whole_since.is_some_and(|since| {
            let since = if of_host { since } else { since.max(self.missed_elsewhere) };
            began >= since
                && now.saturating_sub(since) >= WATCHED_LEAST
                && now.saturating_sub(began) < KEPT_LEAST
        });
        watched
            && self.first.len() >= NAMES_LEAST
            && !self.alive(address, now).any(|heard| !of_host || heard.host_until > now)
            && !self.servers.contains(&address)
            && !self.resolvers.servers.contains(&address)
    }

    /// Addresses that had to make room since the last call.
    pub fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.evicted)
    }

    fn alive(&self, address: IpAddr, now: BootTime) -> impl DoubleEndedIterator<Item = &Heard> {
        let known = self.addresses.get(address.to_canonical());
        let names = known.map_or(&[][..], |known| known.names.as_slice());
        names.iter().filter(move |heard| heard.until > now)
    }
}

/// A name as it is kept.
fn kept(name: &str) -> Arc<str> {
    if name.len() <= NAME_MAX {
        return name.into();
    }
    let cut: String = name.chars().take(NAME_MAX).chain([REST]).collect();
    cut.into()
}
