//! Steps of what surrounds a disclosure: a second person's yes, what is owed afterwards, reviews.

use egide_domain::ids::{ApprovalId, DisclosureId, ExceptionId};
use egide_domain::vocabulary::BasisKind;
use egide_projection::ModelError;
use egide_wire::convert::Listed as _;
use egide_wire::proto::egide::audit::v1::DisclosureStep;
use egide_wire::proto::egide::case::v1::{
    ApprovalDecided, ApprovalRequested, DisclosureDecided, ExceptionConfirmed, ExceptionLifted, ObligationNoted,
    OutsideDisclosureReviewed,
};

use super::{Criteria, Scribe, keys};
use crate::model::codes::List;
use crate::model::keys::Named;
use crate::query::filter::Criterion;

impl Scribe<'_, '_, '_> {
    /// What a decision is found by when something happens to what it rests on: the approval it was made under, and exceptions.
    pub(super) fn rests_on(&mut self, decided: &DisclosureDecided) {
        let (case_id, at) = (self.place.case_id, self.place.position);
        if let Some(Ok(approval_id)) = decided.request.as_ref().map(|request| request.approval_id.parse::<ApprovalId>())
        {
            self.point(&keys::approved(case_id, approval_id), at);
        }
        for basis in &decided.bases {
            let exception = BasisKind::read(basis.kind).ok().flatten() == Some(BasisKind::Exception);
            if let (true, Ok(exception_id)) = (exception, basis.reference_id.parse::<ExceptionId>()) {
                self.rows.insert(&keys::at(keys::resting(case_id, exception_id), at), Vec::new());
            }
        }
    }

    pub(in crate::model) fn approval_requested(&mut self, requested: ApprovalRequested) -> Result<(), ModelError> {
        let at = self.at_decision(&requested.decision_id)?;
        if let Ok(approval_id) = requested.approval_id.parse::<ApprovalId>() {
            self.point_once(&keys::approval(self.place.case_id, approval_id), at)?;
        }
        let ApprovalRequested { approval_id, rules, .. } = requested;
        let mut criteria = Criteria::default();
        criteria.words(rules.iter().map(String::as_str));
        self.post_all(&criteria, at)?;
        self.put_step(at, DisclosureStep { approval_id, approval_rules: rules, ..DisclosureStep::default() });
        Ok(())
    }

    /// A step of the refusal that asked for it, and of what was decided under it: a grant can be taken back later.
    pub(in crate::model) fn approval_decided(&mut self, answer: ApprovalDecided) -> Result<(), ModelError> {
        let (case_id, approval_id) = (self.place.case_id, answer.approval_id.parse::<ApprovalId>().ok());
        let asked = approval_id.map(|id| keys::approval(case_id, id));
        let under = approval_id.map(|id| keys::approved(case_id, id));
        let under = self.pointed(under.as_deref())?;
        let at = match self.pointed(asked.as_deref())? {
            Some(at) => at,
            None => self.begin_unknown("")?,
        };
        let step = DisclosureStep {
            approval_id: answer.approval_id,
            approval_outcome: answer.outcome,
            rejection_reason: answer.reason,
            ..DisclosureStep::default()
        };
        let mut criteria = Criteria::default();
        criteria.code(List::Approval, step.approval_outcome);
        criteria.code(List::Rejection, step.rejection_reason);
        if let Some(actor) = self.place.event.actor.as_ref().filter(|actor| !actor.person.is_empty()) {
            criteria.add(Criterion::Approver(actor.person.clone()));
        }
        if let Some(under) = under.filter(|under| *under != at) {
            self.post_all(&criteria, under)?;
            self.put_step(under, step.clone());
        }
        self.post_all(&criteria, at)?;
        self.put_step(at, step);
        Ok(())
    }

    pub(in crate::model) fn obligation_noted(&mut self, noted: ObligationNoted) -> Result<(), ModelError> {
        let at = self.at_decision(&noted.decision_id)?;
        // The remark is sealed and never in the facts; it would not belong here either.
        self.noted(at, &noted)?;
        let ObligationNoted { kind, state, reason, subject_id, .. } = noted;
        let step = DisclosureStep {
            obligation: kind,
            obligation_state: state,
            obligation_reason: reason,
            subject_id,
            ..DisclosureStep::default()
        };
        self.put_step(at, step);
        Ok(())
    }

    pub(in crate::model) fn outside_reviewed(&mut self, review: &OutsideDisclosureReviewed) -> Result<(), ModelError> {
        let key = review
            .disclosure_id
            .parse::<DisclosureId>()
            .ok()
            .map(|id| keys::id(id.as_bytes(), self.place.case_id, Named::Outside));
        let at = match self.pointed(key.as_deref())? {
            Some(at) => at,
            None => self.begin_unknown(&review.disclosure_id)?,
        };
        let mut criteria = Criteria::default();
        criteria.code(List::OutsideReview, review.outcome);
        self.post_all(&criteria, at)?;
        self.put_step(at, DisclosureStep { outside_review: review.outcome, ..DisclosureStep::default() });
        Ok(())
    }

    pub(in crate::model) fn exception_confirmed(&mut self, confirmed: ExceptionConfirmed) -> Result<(), ModelError> {
        self.of_exception(DisclosureStep { exception_id: confirmed.exception_id, ..DisclosureStep::default() })
    }

    pub(in crate::model) fn exception_lifted(&mut self, lifted: ExceptionLifted) -> Result<(), ModelError> {
        let (exception_id, lift_reason) = (lifted.exception_id, lifted.reason);
        self.of_exception(DisclosureStep { exception_id, lift_reason, ..DisclosureStep::default() })
    }

    /// A step of every disclosure that was permitted on an exception before this happened to it; before, it is part of the basis.
    fn of_exception(&mut self, step: DisclosureStep) -> Result<(), ModelError> {
        let Ok(exception_id) = step.exception_id.parse::<ExceptionId>() else { return Ok(()) };
        self.exception_reviewed(exception_id)?;
        let mut criteria = Criteria::default();
        criteria.code(List::Lift, step.lift_reason);
        for (key, _) in self.rows.prefix(&keys::resting(self.place.case_id, exception_id))? {
            let at = keys::position_of(&key).ok_or(ModelError::Row)?;
            self.post_all(&criteria, at)?;
            self.met_by_review(at)?;
            self.put_step(at, step.clone());
        }
        Ok(())
    }

    /// The row of a decision; of one that is not known, a new one.
    fn at_decision(&mut self, decision_id: &str) -> Result<u64, ModelError> {
        match self.decision(decision_id)? {
            Some(at) => Ok(at),
            None => self.begin_unknown(decision_id),
        }
    }
}
