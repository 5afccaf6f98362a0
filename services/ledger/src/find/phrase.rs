//! Comparing phrases: costly on purpose, so bounded in how many run at once.

use std::sync::Arc;
use std::time::Duration;

use egide_crypto::stretch::{StretchError, Stretched};
use egide_wire::refusal;
use tokio::sync::Semaphore;
use tonic::Status;
use zeroize::Zeroizing;

use super::fold;

/// Stretchings at once: each takes 19 MiB.
const AT_ONCE: usize = 4;
/// How long a stretching waits for its turn before it is refused.
const TURN_WITHIN: Duration = Duration::from_millis(500);
/// When to try again after that.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Letters and digits of a phrase at least.
pub(super) const PHRASE_MIN: usize = 8;
/// Letters and digits of a phrase at most.
pub(super) const PHRASE_MAX: usize = 200;

/// A phrase as it is compared. Wiped when dropped.
pub(super) struct Phrase(Zeroizing<String>);

impl Phrase {
    /// Reads what was said.
    pub(super) fn read(said: &str) -> Self {
        Self(fold::phrase(said))
    }

    /// Whether it may be chosen.
    pub(super) fn may_be_chosen(&self) -> bool {
        (PHRASE_MIN..=PHRASE_MAX).contains(&self.0.chars().count())
    }
}

/// Stretches phrases, a few at once.
pub(crate) struct Stretching(Arc<Semaphore>);

impl Stretching {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }

    /// Stretches a phrase that was chosen.
    pub(super) async fn stretch(&self, phrase: Phrase) -> Result<Stretched, Status> {
        self.run(move || Stretched::new(phrase.0.as_bytes())).await
    }

    /// Whether `phrase` is the one that was stretched; without one, the work is done all the same.
    pub(super) async fn is_of(&self, phrase: Phrase, stretched: Option<Stretched>) -> Result<bool, Status> {
        let known = stretched.is_some();
        let stretched = stretched.unwrap_or_else(Stretched::of_nothing);
        let same = self.run(move || stretched.is_of(phrase.0.as_bytes())).await?;
        Ok(same && known)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StretchError> + Send + 'static,
    ) -> Result<T, Status> {
        let turn = tokio::time::timeout(TURN_WITHIN, Arc::clone(&self.0).acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(refusal::exhausted("too many phrases are being compared; try again", RETRY_AFTER));
        };
        // Its turn ends with the work, also when whoever asked has gone.
        let worked = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(turn);
            result
        });
        match worked.await {
            Ok(Ok(result)) => Ok(result),
            Ok(Err(StretchError::Random(error))) => Err(Status::unavailable(error.to_string())),
            Ok(Err(StretchError::TooLong | StretchError::Refused)) | Err(_) => {
                Err(Status::internal("a phrase could not be stretched"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[tokio::test]
    async fn what_was_chosen_is_recognised_and_nothing_is_never() {
        let stretching = Stretching::new();
        let stretched = stretching.stretch(Phrase::read("Trois hérons bleus")).await.unwrap();
        let same = || Phrase::read("trois herons BLEUS");
        assert!(stretching.is_of(same(), Some(stretched.clone())).await.unwrap());
        assert!(!stretching.is_of(Phrase::read("trois hérons blancs"), Some(stretched)).await.unwrap());
        assert!(!stretching.is_of(same(), None).await.unwrap());
    }

    #[tokio::test]
    async fn when_all_turns_are_taken_the_next_is_refused_with_a_hint() {
        let stretching = Stretching::new();
        let _taken = Arc::clone(&stretching.0).acquire_many_owned(4).await.unwrap();
        let status = stretching.is_of(Phrase::read("trois hérons bleus"), None).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted);
    }

    #[test]
    fn a_phrase_has_a_length() {
        assert!(Phrase::read("trois hérons").may_be_chosen());
        for phrase in ["", "héron 7", "…!?  -  ", &"ab".repeat(101)] {
            assert!(!Phrase::read(phrase).may_be_chosen(), "{phrase}");
        }
    }
}
