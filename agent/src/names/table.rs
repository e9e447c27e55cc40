//! Names by address, and which of them make room.
//!
//! Any user has a network namespace of his own for the asking, in which he gives names to whatever he likes; and any
//! user can ask a server of his own. So what anybody can say makes room for what the host heard, and that for what its
//! servers said: never the other way round.

use std::{net::IpAddr, sync::Arc};

use crate::{
    event::BootTime,
    hash::{self, Lru},
};

/// Addresses with names. One takes 3.3 KB when a flood was made for that (8 names of 253 letters, none shared with
/// another address, in room for 16), so all of them 55 MB at most; as names are, a tenth of it.
pub(super) const ADDRESSES_MAX: usize = 16_384;
/// Names of one address. More tell nothing more: such an address serves everybody.
pub(super) const NAMES_MAX: usize = 8;

/// What a name proves, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standing {
    /// Heard in another network namespace than the host's.
    Foreign,
    /// Heard in the host's, from whomever or in a stream.
    Host,
    /// Vouched for.
    Vouched,
}

/// A name of an address.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) name: Arc<str>,
    pub(super) server: IpAddr,
    pub(super) until: BootTime,
    /// Heard in the host's network namespace, until then.
    pub(super) host_until: BootTime,
    /// Vouched for, until then.
    pub(super) vouched_until: BootTime,
}

impl Heard {
    const fn standing(&self, now: BootTime) -> Standing {
        if self.vouched_until > now {
            Standing::Vouched
        } else if self.host_until > now {
            Standing::Host
        } else {
            Standing::Foreign
        }
    }

    /// The same name, which was heard before as well.
    fn after(self, before: &Self) -> Self {
        Self {
            until: self.until.max(before.until),
            host_until: self.host_until.max(before.host_until),
            vouched_until: self.vouched_until.max(before.vouched_until),
            // Who vouched is not hidden behind who says the same.
            server: if before.vouched_until > self.vouched_until { before.server } else { self.server },
            name: self.name,
        }
    }
}

/// What is known of an address, the name heard last at the end.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) names: Vec<Heard>,
    /// The host heard more names for it than are kept, until then.
    pub(super) crowded_until: BootTime,
}

impl Known {
    fn add(&mut self, heard: Heard, now: BootTime) {
        self.names.retain(|other| other.until > now);
        let before = self.names.iter().position(|other| other.name == heard.name);
        let before = before.map(|index| self.names.remove(index));
        self.names.push(match &before {
            Some(before) => heard.after(before),
            None => heard,
        });
        if self.names.len() > NAMES_MAX {
            // The first of those that prove least, so the one heard longest ago.
            let least = self.names.iter().enumerate().min_by_key(|(_, heard)| heard.standing(now));
            if let Some((index, _)) = least {
                let gone = self.names.remove(index);
                self.crowded_until = self.crowded_until.max(gone.host_until);
            }
        }
    }

    /// That of the name that proves most; nothing when none holds any longer.
    fn standing(&self, now: BootTime) -> Option<Standing> {
        self.names.iter().filter(|heard| heard.until > now).map(|heard| heard.standing(now)).max()
    }
}

/// Addresses by what their names proved when one was last heard, those heard of last at the front.
#[derive(Debug)]
pub(super) struct Table {
    foreign: Lru<IpAddr, Known>,
    host: Lru<IpAddr, Known>,
    vouched: Lru<IpAddr, Known>,
}

impl Default for Table {
    fn default() -> Self {
        // Bounded where something is added, so that the room is not taken before it is needed.
        Self { foreign: hash::lru_unbounded(), host: hash::lru_unbounded(), vouched: hash::lru_unbounded() }
    }
}

impl Table {
    pub(super) fn get(&self, address: IpAddr) -> Option<&Known> {
        [&self.vouched, &self.host, &self.foreign].into_iter().find_map(|known| known.peek(&address))
    }

    /// Adds a name. What is forgotten for it comes back, as the most that it proved; what no longer held is no loss.
    pub(super) fn insert(&mut self, address: IpAddr, heard: Heard, now: BootTime) -> Option<Standing> {
        let known = self.tables().into_iter().find_map(|known| known.pop(&address));
        let mut known = known.unwrap_or_default();
        known.add(heard, now);
        match known.standing(now)? {
            Standing::Foreign => &mut self.foreign,
            Standing::Host => &mut self.host,
            Standing::Vouched => &mut self.vouched,
        }
        .put(address, known);
        if self.foreign.len() + self.host.len() + self.vouched.len() <= ADDRESSES_MAX {
            return None;
        }
        let is_old = |known: &Lru<IpAddr, Known>| {
            known.peek_lru().is_some_and(|(_, known)| known.standing(now).is_none())
        };
        let mut tables = self.tables();
        let gone = match tables.iter_mut().find(|known| is_old(known)) {
            Some(old) => old.pop_lru(),
            None => tables.into_iter().find_map(Lru::pop_lru),
        };
        gone.and_then(|(_, known)| known.standing(now))
    }

    /// In the order in which they make room.
    fn tables(&mut self) -> [&mut Lru<IpAddr, Known>; 3] {
        [&mut self.foreign, &mut self.host, &mut self.vouched]
    }
}
