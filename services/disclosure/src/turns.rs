//! Taking turns: of all that this instance commits to one case at a revision, one at a time. Other instances are held off by
//! the ledger; this only keeps callers of the same instance from making each other start again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use egide_domain::ids::CaseId;
use tokio::sync::OwnedMutexGuard;

/// How many cases may be remembered before those nobody waits for are forgotten.
const REMEMBERED_MAX: usize = 1_024;

/// See the module.
#[derive(Default)]
pub(crate) struct Turns(Mutex<HashMap<CaseId, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits for the case's turn; it ends when the guard is dropped.
    pub(crate) async fn take(&self, case_id: CaseId) -> OwnedMutexGuard<()> {
        let turn = self.of(case_id);
        turn.lock_owned().await
    }

    fn of(&self, case_id: CaseId) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(&case_id).and_then(Weak::upgrade) {
            return turn;
        }
        if turns.len() >= REMEMBERED_MAX {
            turns.retain(|_, turn| turn.strong_count() > 0);
        }
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        turns.insert(case_id, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_case_takes_turns_and_another_does_not_wait() {
        let turns = Turns::default();
        let first = turns.take(CaseId([1; 16])).await;
        let other = turns.take(CaseId([2; 16])).await;
        assert!(turns.of(CaseId([1; 16])).try_lock().is_err());
        drop((first, other));
        assert!(turns.of(CaseId([1; 16])).try_lock().is_ok());
    }

    #[tokio::test]
    async fn cases_nobody_waits_for_are_forgotten() {
        let turns = Turns::default();
        for number in 0..=REMEMBERED_MAX {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&(number as u64).to_be_bytes());
            drop(turns.take(CaseId(id)).await);
        }
        assert!(turns.0.lock().unwrap().len() < REMEMBERED_MAX);
    }
}
