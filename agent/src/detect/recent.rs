//! A map that stays bounded: the entry used longest ago makes room.

use std::{fmt, hash::Hash};

use crate::hash::{self, Lru};

/// Most recently used entries, at most so many. It grows as it is filled.
pub(crate) struct Recent<K: Hash + Eq, V> {
    map: Lru<K, V>,
    capacity: usize,
    evicted: u64,
}

impl<K: Hash + Eq, V: Default> Recent<K, V> {
    /// An empty map for at most `capacity` entries.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { map: hash::lru_unbounded(), capacity: capacity.max(1), evicted: 0 }
    }

    /// The entry of `key`, made if need be.
    pub(crate) fn entry(&mut self, key: K) -> &mut V {
        if self.map.len() >= self.capacity && !self.map.contains(&key) {
            self.map.pop_lru();
            self.evicted += 1;
        }
        self.map.get_or_insert_mut(key, V::default)
    }

    /// The entry of `key`, which becomes the most recent.
    pub(crate) fn get(&mut self, key: &K) -> Option<&mut V> {
        self.map.get_mut(key)
    }

    /// The entry used longest ago.
    pub(crate) fn oldest(&self) -> Option<(&K, &V)> {
        self.map.peek_lru()
    }

    /// Drops the entry used longest ago; that is no eviction.
    pub(crate) fn drop_oldest(&mut self) {
        self.map.pop_lru();
    }

    /// Drops an entry.
    pub(crate) fn remove(&mut self, key: &K) {
        self.map.pop(key);
    }

    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Entries that had to make room since the start.
    pub(crate) const fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl<K: Hash + Eq, V> fmt::Debug for Recent<K, V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {} entries, {} evicted", self.map.len(), self.capacity, self.evicted)
    }
}
