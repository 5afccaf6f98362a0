//! The facts of cases, folded from the rows. Folds are kept, so that asking again costs only what has happened since. A kept fold
//! is never newer than a view: nothing is applied while somebody holds one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use egide_domain::Policy;
use egide_domain::facts::CaseFacts;
use egide_domain::ids::CaseId;
use egide_domain::time::Timestamp;
use egide_projection::{ModelError, Projection, View};

use crate::model::{self, Waiting, case_of, end_of, ending_prefix, event_key, waiting_prefix};

/// Folds kept at once; beyond that all are made again.
const KEPT_MAX: usize = 4_096;

/// See the module.
pub(crate) struct Cases {
    projection: Projection<Waiting>,
    policy: Arc<Policy>,
    kept: Mutex<HashMap<CaseId, Arc<CaseFacts>>>,
}

impl Cases {
    pub(crate) fn new(projection: Projection<Waiting>, policy: Arc<Policy>) -> Self {
        Self { projection, policy, kept: Mutex::default() }
    }

    pub(crate) const fn projection(&self) -> &Projection<Waiting> {
        &self.projection
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Goes through the cases in which something waits, or through one case only.
    pub(crate) fn each(
        &self,
        only: Option<CaseId>,
        mut visit: impl FnMut(CaseId, &CaseFacts),
    ) -> Result<(), ModelError> {
        let view = self.projection.view();
        if let Some(case_id) = only {
            let facts = self.facts(&view, case_id)?;
            visit(case_id, &facts);
            return Ok(());
        }
        for row in view.prefix(&waiting_prefix()) {
            let (key, _) = row?;
            let case_id = case_of(&key).ok_or(ModelError::Row)?;
            let facts = self.facts(&view, case_id)?;
            visit(case_id, &facts);
        }
        Ok(())
    }

    /// Goes through the cases of which a referral may have come to its end. Only those are folded: many wait for months.
    pub(crate) fn ending(&self, now: Timestamp, mut visit: impl FnMut(CaseId, &CaseFacts)) -> Result<(), ModelError> {
        let view = self.projection.view();
        for row in view.prefix(&ending_prefix()) {
            let (key, end) = row?;
            if end_of(&end)? <= now {
                let case_id = case_of(&key).ok_or(ModelError::Row)?;
                let facts = self.facts(&view, case_id)?;
                visit(case_id, &facts);
            }
        }
        Ok(())
    }

    /// Of a case that does not exist, the facts of nothing.
    fn facts(&self, view: &View<'_>, case_id: CaseId) -> Result<Arc<CaseFacts>, ModelError> {
        let mut facts = self.kept().get(&case_id).cloned().unwrap_or_default();
        let from = event_key(case_id, facts.revision.0.saturating_add(1));
        for row in view.range(from..=event_key(case_id, u64::MAX)) {
            let (_, row) = row?;
            model::apply(Arc::make_mut(&mut facts), &row)?;
        }
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(case_id, Arc::clone(&facts));
        Ok(facts)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, HashMap<CaseId, Arc<CaseFacts>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
