//! Unwrapped keys, for a while: bounded in number, and in time, so that a key destroyed through another instance is out of
//! use here soon after.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use egide_crypto::seal::DataKey;
use tokio::time::Instant;

use crate::name::KeyName;

/// How long an unwrapped key is used without looking whether its entry still stands.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(30);

struct Kept {
    key: Arc<DataKey>,
    until: Instant,
}

/// Two generations: what was used lately survives when the older one is dropped.
pub(crate) struct Cache {
    capacity: usize,
    recent: HashMap<KeyName, Kept>,
    older: HashMap<KeyName, Kept>,
    /// How many keys were forgotten so far.
    forgotten: u64,
}

impl Cache {
    /// At most `capacity` keys, and at least two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, recent: HashMap::new(), older: HashMap::new(), forgotten: 0 }
    }

    /// How many keys were forgotten so far: whoever fetches a key asks before, and hands it to [`Cache::insert`].
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    pub(crate) fn get(&mut self, name: &KeyName, now: Instant) -> Option<Arc<DataKey>> {
        if let Some(kept) = self.older.remove(name) {
            self.keep(*name, kept);
        }
        let kept = self.recent.get(name)?;
        if kept.until <= now {
            self.recent.remove(name);
            return None;
        }
        Some(Arc::clone(&kept.key))
    }

    /// Keeps a key, unless some key was forgotten since it was fetched: it may be this one.
    pub(crate) fn insert(&mut self, name: KeyName, key: Arc<DataKey>, now: Instant, forgotten: u64) {
        if forgotten != self.forgotten {
            return;
        }
        self.older.remove(&name);
        self.keep(name, Kept { key, until: now + KEPT_FOR });
    }

    pub(crate) fn forget(&mut self, name: &KeyName) {
        self.forgotten = self.forgotten.wrapping_add(1);
        self.recent.remove(name);
        self.older.remove(name);
    }

    fn keep(&mut self, name: KeyName, kept: Kept) {
        if self.recent.len() >= (self.capacity / 2).max(1) {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(name, kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egide_domain::ids::CaseId;

    fn name(byte: u8) -> KeyName {
        KeyName::Case { case: CaseId([byte; 16]) }
    }

    fn insert(cache: &mut Cache, byte: u8, now: Instant) {
        let forgotten = cache.forgotten();
        cache.insert(name(byte), Arc::new(DataKey::generate().unwrap()), now, forgotten);
    }

    #[test]
    fn what_was_used_lately_stays_and_the_number_is_bounded() {
        let (mut cache, now) = (Cache::new(4), Instant::now());
        for byte in 0..100 {
            insert(&mut cache, byte, now);
            assert!(cache.get(&name(0), now).is_some(), "used all along, after {byte}");
            assert!(cache.recent.len() + cache.older.len() <= 4);
        }
        assert!(cache.get(&name(50), now).is_none());
    }

    #[test]
    fn a_key_is_looked_up_again_after_a_while() {
        let (mut cache, now) = (Cache::new(4), Instant::now());
        insert(&mut cache, 1, now);
        assert!(cache.get(&name(1), now + KEPT_FOR - Duration::from_millis(1)).is_some());
        assert!(cache.get(&name(1), now + KEPT_FOR).is_none());
    }

    #[test]
    fn a_key_taken_out_is_gone_from_both_generations() {
        let (mut cache, now) = (Cache::new(4), Instant::now());
        for byte in 1..=3 {
            insert(&mut cache, byte, now);
        }
        for byte in 1..=3 {
            cache.forget(&name(byte));
            assert!(cache.get(&name(byte), now).is_none());
        }
    }

    #[test]
    fn a_key_that_was_being_fetched_while_one_was_forgotten_is_not_kept() {
        let (mut cache, now) = (Cache::new(4), Instant::now());
        let before = cache.forgotten();
        cache.forget(&name(1));
        cache.insert(name(1), Arc::new(DataKey::generate().unwrap()), now, before);
        assert!(cache.get(&name(1), now).is_none());
        insert(&mut cache, 1, now);
        assert!(cache.get(&name(1), now).is_some());
    }
}
