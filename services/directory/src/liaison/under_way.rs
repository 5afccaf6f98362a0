//! What somebody outside holds a secret for: kept under the secret's digest, for a time, so many at once.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use egide_crypto::digest::Digest;
use egide_crypto::random::{RandomUnavailable, random_bytes};

use super::name_of;

/// Bytes of a secret: nobody guesses 256 bits.
pub(super) const SECRET_BYTES: usize = 32;

/// See the module. When it is full the oldest is forgotten: whoever floods it makes others begin again, and locks nobody out.
#[derive(Debug)]
pub(super) struct UnderWay<T> {
    most: usize,
    life_s: i64,
    kept: Mutex<HashMap<Digest, (i64, T)>>,
}

impl<T> UnderWay<T> {
    pub(super) fn new(most: usize, life_s: i64) -> Self {
        Self { most, life_s, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, (i64, T)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps it, and answers with the secret it is asked for with.
    pub(super) fn keep(&self, value: T, now_s: i64) -> Result<[u8; SECRET_BYTES], RandomUnavailable> {
        let secret = random_bytes::<SECRET_BYTES>()?;
        let mut kept = self.lock();
        if kept.len() >= self.most {
            kept.retain(|_, (since_s, _)| now_s.saturating_sub(*since_s) < self.life_s);
        }
        if kept.len() >= self.most
            && let Some(oldest) = kept.iter().min_by_key(|(_, (since_s, _))| *since_s).map(|(name, _)| *name)
        {
            kept.remove(&oldest);
        }
        kept.insert(name_of(&secret), (now_s, value));
        Ok(secret)
    }

    /// Takes it away: once.
    pub(super) fn take(&self, secret: &[u8], now_s: i64) -> Option<T> {
        let (since_s, value) = self.lock().remove(&name_of(secret))?;
        (now_s.saturating_sub(since_s) < self.life_s).then_some(value)
    }
}

impl<T: Clone> UnderWay<T> {
    /// Leaves it there.
    pub(super) fn get(&self, secret: &[u8], now_s: i64) -> Option<T> {
        let kept = self.lock();
        let (since_s, value) = kept.get(&name_of(secret))?;
        (now_s.saturating_sub(*since_s) < self.life_s).then(|| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_taken_once_and_in_time() {
        let under_way = UnderWay::new(8, 300);
        let secret = under_way.keep("a", 1_000).unwrap();
        assert_eq!(under_way.get(&secret, 1_299), Some("a"));
        assert_eq!(under_way.get(&secret, 1_300), None);
        assert_eq!(under_way.take(&[0; 32], 1_000), None);
        assert_eq!(under_way.take(&secret, 1_299), Some("a"));
        assert_eq!(under_way.take(&secret, 1_299), None);
        let late = under_way.keep("b", 1_000).unwrap();
        assert_eq!(under_way.take(&late, 1_300), None);
    }

    #[test]
    fn so_many_at_once_and_then_the_oldest_goes() {
        let under_way = UnderWay::new(2, 300);
        let first = under_way.keep(1, 1_000).unwrap();
        let second = under_way.keep(2, 1_001).unwrap();
        let third = under_way.keep(3, 1_002).unwrap();
        assert_eq!(under_way.get(&first, 1_002), None);
        assert_eq!((under_way.get(&second, 1_002), under_way.get(&third, 1_002)), (Some(2), Some(3)));
    }
}
