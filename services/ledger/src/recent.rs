//! A bounded cache: what was used lately stays.

use std::collections::HashMap;
use std::hash::Hash;

/// At most so many values. Two generations: when the newer is full, the older is dropped.
pub(crate) struct Recent<K, V> {
    capacity: usize,
    newer: HashMap<K, V>,
    older: HashMap<K, V>,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// At most `capacity` values, and at least two.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, newer: HashMap::new(), older: HashMap::new() }
    }

    /// The value, which counts as used now.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if let Some((key, value)) = self.older.remove_entry(key) {
            self.insert(key, value);
        }
        self.newer.get_mut(key)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) {
        self.older.remove(&key);
        if self.newer.len() >= (self.capacity / 2).max(1) && !self.newer.contains_key(&key) {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_lately_stays_and_the_number_is_bounded() {
        let mut recent = Recent::new(4);
        for number in 0..100 {
            recent.insert(number, number);
            assert!(recent.get_mut(&0).is_some(), "used all along, after {number}");
            assert!(recent.newer.len() + recent.older.len() <= 4);
        }
        assert_eq!(recent.get_mut(&99), Some(&mut 99));
        assert_eq!(recent.get_mut(&50), None);
    }

    #[test]
    fn a_newer_value_takes_the_place_of_the_older() {
        let mut recent = Recent::new(2);
        recent.insert("a", 1);
        recent.insert("b", 1);
        recent.insert("a", 2);
        assert_eq!(recent.get_mut(&"a"), Some(&mut 2));
    }
}
