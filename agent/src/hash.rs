//! Tables of the hot path.
//!
//! Their keys are numbers that the kernel gave out, most of them, and are hashed several times an event. The hash has a
//! seed of its own in each process, as the standard one, at a tenth of its cost: who cannot see it cannot choose keys that
//! meet in one place.

use std::{hash::Hash, num::NonZeroUsize};

use foldhash::fast::RandomState;

/// A map.
pub type Map<K, V> = std::collections::HashMap<K, V, RandomState>;
/// A set.
pub type Set<K> = std::collections::HashSet<K, RandomState>;
/// A map whose entry that was used longest ago makes room.
pub type Lru<K, V> = lru::LruCache<K, V, RandomState>;

/// A cache of at most so many entries, for which it takes the room at once.
#[must_use]
pub fn lru<K: Hash + Eq, V>(capacity: NonZeroUsize) -> Lru<K, V> {
    Lru::with_hasher(capacity, RandomState::default())
}

/// A cache that is bounded where something is added to it, and takes the room only as it is needed.
#[must_use]
pub fn lru_unbounded<K: Hash + Eq, V>() -> Lru<K, V> {
    Lru::unbounded_with_hasher(RandomState::default())
}
