//! Admission of reviews of narratives: who requested a review does not attest, and nothing is attested of what has changed.

use super::{Admission, ViolationReason};
use crate::event::{NarrativeAttested, NarrativeReviewRequested, NarrativeWithheld};
use crate::facts::{ReviewState, same_people};
use crate::vocabulary::{Answer, Role};

impl Admission<'_> {
    pub(super) fn check_review_requested(&mut self, requested: &NarrativeReviewRequested) {
        let known = self.facts.review(requested.review_id).is_some();
        self.refuse_if(known, "review_id", ViolationReason::DuplicateId);
        // Whoever attests must be another person, so it must be known who asked.
        self.refuse_if(self.actor.person.is_none(), "actor.person", ViolationReason::PersonRequired);
        self.check_narrative(requested.narrative_id);
    }

    pub(super) fn check_attested(&mut self, attested: &NarrativeAttested) {
        const FIELD: &str = "review_id";
        self.refuse_if(!self.actor.acts_as(Role::Reviewer), "actor.role", ViolationReason::ReviewerRequired);
        let told = attested.could_tell_who_said_it != Some(Answer::No);
        self.refuse_if(told, "could_tell_who_said_it", ViolationReason::TellsWhoSaidIt);
        self.check_narrative(attested.narrative_id);
        self.check_subjects("subject_ids", &attested.subject_ids);
        self.refuse_if(attested.subject_ids.is_empty(), "subject_ids", ViolationReason::SubjectMissing);
        let narrative = self.facts.narrative(attested.narrative_id);
        let others = narrative.is_some_and(|known| !same_people(&known.subject_ids, &attested.subject_ids));
        self.refuse_if(others, "subject_ids", ViolationReason::OtherReview);
        let changed = self.facts.named > attested.case_revision || attested.case_revision > self.facts.revision;
        self.refuse_if(changed, "case_revision", ViolationReason::NamesChanged);
        let Some(review) = self.facts.review(attested.review_id) else {
            return self.refuse(FIELD, ViolationReason::ReviewUnknown);
        };
        self.refuse_if(review.state != ReviewState::Open, FIELD, ViolationReason::AlreadyReviewed);
        let other = review.narrative_id != attested.narrative_id || review.unit_id != attested.unit_id;
        self.refuse_if(other, FIELD, ViolationReason::OtherReview);
        let another = self.actor.is_another_person_than(&review.by);
        self.refuse_if(!another, "actor.person", ViolationReason::SamePerson);
    }

    /// Holding back needs little: a person, and a review to hold back.
    pub(super) fn check_withheld(&mut self, withheld: &NarrativeWithheld) {
        self.refuse_if(self.actor.person.is_none(), "actor.person", ViolationReason::PersonRequired);
        match self.facts.review(withheld.review_id).map(|review| &review.state) {
            None => self.refuse("review_id", ViolationReason::ReviewUnknown),
            Some(ReviewState::Withheld) => self.refuse("review_id", ViolationReason::AlreadyReviewed),
            Some(ReviewState::Open | ReviewState::Attested(_) | ReviewState::Replaced) => {}
        }
    }
}
