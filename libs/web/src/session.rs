//! Who is signed in: kept here under the digest of a secret that only the browser has, with an end when nothing happens and an end
//! whatever happens.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use egide_crypto::digest::{Digest, sha256};
use egide_crypto::random::RandomUnavailable;

use crate::token::Secret;

/// Sessions of one site. After a restart there are none.
#[derive(Debug)]
pub struct Sessions<T> {
    idle: Duration,
    whole: Duration,
    most: usize,
    kept: Mutex<HashMap<Digest, Kept<T>>>,
}

#[derive(Debug)]
struct Kept<T> {
    began: Instant,
    seen: Instant,
    value: T,
}

impl<T: Clone> Sessions<T> {
    /// Sessions that end `idle` after the last request, and `whole` after they began; `most` at once.
    #[must_use]
    pub fn new(idle: Duration, whole: Duration, most: usize) -> Self {
        Self { idle, whole, most, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Kept<T>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self, kept: &Kept<T>, now: Instant) -> bool {
        now.saturating_duration_since(kept.seen) >= self.idle || now.saturating_duration_since(kept.began) >= self.whole
    }

    /// A new session under a new secret, never one that the browser had before. Of more than fit the one that was silent longest ends.
    ///
    /// # Errors
    /// [`RandomUnavailable`].
    pub fn begin(&self, value: T) -> Result<Secret, RandomUnavailable> {
        let (secret, now) = (Secret::generate()?, Instant::now());
        let mut kept = self.lock();
        if kept.len() >= self.most {
            kept.retain(|_, kept| !self.is_over(kept, now));
        }
        if kept.len() >= self.most
            && let Some(name) = kept.iter().min_by_key(|(_, kept)| kept.seen).map(|(name, _)| *name)
        {
            kept.remove(&name);
        }
        kept.insert(sha256(secret.as_bytes()), Kept { began: now, seen: now, value });
        Ok(secret)
    }

    /// The session of a secret, which lives on from now.
    pub fn get(&self, secret: &Secret) -> Option<T> {
        self.get_at(secret, Instant::now())
    }

    fn get_at(&self, secret: &Secret, now: Instant) -> Option<T> {
        let name = sha256(secret.as_bytes());
        let mut table = self.lock();
        let kept = table.get_mut(&name)?;
        if self.is_over(kept, now) {
            table.remove(&name);
            return None;
        }
        kept.seen = now;
        Some(kept.value.clone())
    }

    /// Puts another value into a session that is there.
    pub fn set(&self, secret: &Secret, value: T) {
        if let Some(kept) = self.lock().get_mut(&sha256(secret.as_bytes())) {
            kept.value = value;
        }
    }

    /// Ends a session.
    pub fn end(&self, secret: &Secret) -> Option<T> {
        self.lock().remove(&sha256(secret.as_bytes())).map(|kept| kept.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sessions(most: usize) -> Sessions<u8> {
        Sessions::new(Duration::from_secs(900), Duration::from_secs(3_600), most)
    }

    #[test]
    fn a_session_ends_when_nothing_happens_and_in_the_end() {
        let sessions = sessions(8);
        let (idle, busy) = (sessions.begin(1).unwrap(), sessions.begin(2).unwrap());
        let start = Instant::now();
        let at = |secret: &Secret, s: u64| sessions.get_at(secret, start + Duration::from_secs(s));
        for minute in 1..=59 {
            assert_eq!(at(&busy, minute * 60), Some(2), "{minute}");
        }
        assert_eq!(at(&busy, 3_600), None);
        assert_eq!(at(&idle, 900), None);
        assert_eq!(at(&idle, 0), None, "what ended does not come back");
    }

    #[test]
    fn a_session_is_found_by_its_secret_alone_and_can_be_ended() {
        let sessions = sessions(8);
        let secret = sessions.begin(1).unwrap();
        assert_eq!(sessions.get(&Secret::generate().unwrap()), None);
        sessions.set(&secret, 7);
        assert_eq!((sessions.get(&secret), sessions.end(&secret), sessions.get(&secret)), (Some(7), Some(7), None));
        assert!(!format!("{secret:?}").contains(&secret.to_text()));
    }

    #[test]
    fn the_table_has_an_end() {
        let sessions = sessions(2);
        let first = sessions.begin(1).unwrap();
        let second = sessions.begin(2).unwrap();
        sessions.get_at(&first, Instant::now() + Duration::from_secs(1));
        let third = sessions.begin(3).unwrap();
        assert_eq!((sessions.get(&first), sessions.get(&second), sessions.get(&third)), (Some(1), None, Some(3)));
    }
}
