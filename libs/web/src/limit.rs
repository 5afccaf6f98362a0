//! How often somebody may ask: a bucket for each name (an address, a person), so many names at once.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module. When the table is full of names whose buckets are in use, whoever is new is refused: a flood from everywhere shuts
/// out newcomers for moments, and nobody who was there.
#[derive(Debug)]
pub struct Limit<K> {
    burst: u32,
    every: Duration,
    most: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    left: u32,
    since: Instant,
}

impl<K: Eq + Hash> Limit<K> {
    /// `burst` at once and then one `every` so long, for `most` names.
    #[must_use]
    pub fn new(burst: u32, every: Duration, most: usize) -> Self {
        Self { burst, every, most, buckets: Mutex::default() }
    }

    /// Whether `name` may ask now; counts as one time.
    pub fn admits(&self, name: K) -> bool {
        self.admits_at(name, Instant::now())
    }

    fn admits_at(&self, name: K, now: Instant) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(&name) && buckets.len() >= self.most {
            buckets.retain(|_, bucket| self.refilled(*bucket, now).left < self.burst);
            if buckets.len() >= self.most {
                return false;
            }
        }
        let bucket = buckets.entry(name).or_insert(Bucket { left: self.burst, since: now });
        *bucket = self.refilled(*bucket, now);
        match bucket.left.checked_sub(1) {
            Some(left) => {
                bucket.left = left;
                true
            }
            None => false,
        }
    }

    fn refilled(&self, bucket: Bucket, now: Instant) -> Bucket {
        let passed = now.saturating_duration_since(bucket.since).as_millis() / self.every.as_millis().max(1);
        let more = u32::try_from(passed).unwrap_or(u32::MAX);
        if more >= self.burst.saturating_sub(bucket.left) {
            return Bucket { left: self.burst, since: now };
        }
        let since = self.every.checked_mul(more).and_then(|passed| bucket.since.checked_add(passed)).unwrap_or(now);
        Bucket { left: bucket.left.saturating_add(more), since }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_then_one_at_a_time() {
        let limit = Limit::new(3, Duration::from_secs(1), 8);
        let start = Instant::now();
        let at = |ms: u64| limit.admits_at("a", start + Duration::from_millis(ms));
        assert_eq!([at(0), at(0), at(0), at(0), at(900)], [true, true, true, false, false]);
        assert_eq!([at(1_000), at(1_900), at(2_000), at(2_100)], [true, false, true, false]);
        assert!(limit.admits_at("b", start), "another name has its own");
        assert_eq!([at(60_000), at(60_000), at(60_000), at(60_000)], [true, true, true, false]);
    }

    #[test]
    fn the_table_has_an_end_and_whoever_is_in_it_goes_on() {
        let limit = Limit::new(2, Duration::from_secs(1), 2);
        let start = Instant::now();
        assert!(limit.admits_at(1, start) && limit.admits_at(2, start));
        assert!(!limit.admits_at(3, start), "no room");
        assert!(limit.admits_at(1, start));
        assert!(limit.admits_at(3, start + Duration::from_secs(5)), "full buckets make room");
    }
}
