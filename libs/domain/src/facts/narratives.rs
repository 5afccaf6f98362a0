//! Narratives and their reviews, as they stand.
//!
//! An attestation holds only while everything it was made from stands: the narrative, whom it speaks of, the names of the
//! case's people.

use super::CaseFacts;
use crate::decision::AttestedNarrative;
use crate::event::{
    Actor, NarrativeAttested, NarrativeRecorded, NarrativeReviewRequested, NarrativeWithheld, Recorded,
};
use crate::ids::{NarrativeId, ReviewId, Revision, SubjectId, UnitId};
use crate::time::Timestamp;
use crate::vocabulary::{Answer, Role};
use serde::{Deserialize, Serialize};

/// A narrative of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeFacts {
    /// The narrative.
    pub narrative_id: NarrativeId,
    /// The people it speaks of.
    pub subject_ids: Vec<SubjectId>,
    /// Whether it was erased, by itself or with one of them.
    pub erased: bool,
}

/// What was attested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attestation {
    /// The people the text speaks of.
    pub subject_ids: Vec<SubjectId>,
    /// The salted digest of the text.
    pub text_digest: [u8; 32],
    /// The case's revision at which the narrative and the names were read.
    pub made_on: Revision,
    /// Who attested it.
    pub by: Actor,
    /// Where that stands in the case.
    pub at: Revision,
}

/// How a review stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReviewState {
    /// It waits for a reviewer.
    Open,
    /// The text was attested; whether that still holds says [`CaseFacts::attested`].
    Attested(Attestation),
    /// A newer review of the same narrative for the same unit took its place.
    Replaced,
    /// The narrative stays withheld.
    Withheld,
}

/// A review of a narrative for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewFacts {
    /// The review.
    pub review_id: ReviewId,
    /// The narrative.
    pub narrative_id: NarrativeId,
    /// The recipient unit.
    pub unit_id: UnitId,
    /// Who requested it.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// How it stands.
    pub state: ReviewState,
}

impl CaseFacts {
    /// A narrative.
    #[must_use]
    pub fn narrative(&self, narrative_id: NarrativeId) -> Option<&NarrativeFacts> {
        self.narratives.iter().find(|narrative| narrative.narrative_id == narrative_id)
    }

    /// A review of a narrative.
    #[must_use]
    pub fn review(&self, review_id: ReviewId) -> Option<&ReviewFacts> {
        self.reviews.iter().find(|review| review.review_id == review_id)
    }

    /// The reviews that wait for a reviewer: of narratives that are still there.
    pub fn open_reviews(&self) -> impl Iterator<Item = &ReviewFacts> {
        let waits = |review: &&ReviewFacts| {
            let there = self.narrative(review.narrative_id).is_some_and(|narrative| !narrative.erased);
            matches!(review.state, ReviewState::Open) && there
        };
        self.reviews.iter().filter(waits)
    }

    /// What is attested for a unit and holds, in the order of the reviews.
    pub fn attested_for(&self, unit_id: UnitId) -> impl Iterator<Item = (AttestedNarrative, &Attestation)> {
        let of_unit = self.reviews.iter().filter(move |review| review.unit_id == unit_id);
        of_unit.filter_map(|review| {
            let attestation = self.attested(review)?;
            let text_digest = attestation.text_digest;
            Some((AttestedNarrative { review_id: review.review_id, text_digest }, attestation))
        })
    }

    /// The attestation of a review, while it holds: the narrative is there, one of its id, and speaks of exactly those people,
    /// who are all known and none of them erased; and nobody's name was recorded since it was read.
    #[must_use]
    pub fn attested<'a>(&'a self, review: &'a ReviewFacts) -> Option<&'a Attestation> {
        let ReviewState::Attested(attestation) = &review.state else { return None };
        let mut told = self.narratives.iter().filter(|narrative| narrative.narrative_id == review.narrative_id);
        let (narrative, another) = (told.next()?, told.next());
        let known = |subject_id: &SubjectId| self.person(*subject_id).is_some_and(|person| !person.erased);
        let holds = another.is_none()
            && !narrative.erased
            && !self.erased
            && !attestation.subject_ids.is_empty()
            && same_people(&narrative.subject_ids, &attestation.subject_ids)
            && attestation.subject_ids.iter().all(known)
            && self.named <= attestation.made_on;
        holds.then_some(attestation)
    }

    pub(super) fn apply_narrative(&mut self, told: &NarrativeRecorded) {
        self.narratives.push(NarrativeFacts {
            narrative_id: told.narrative_id,
            subject_ids: told.subject_ids.clone(),
            erased: self.erased,
        });
    }

    /// An id that is taken stays with what was requested first.
    pub(super) fn apply_review(&mut self, requested: &NarrativeReviewRequested, by: &Actor, at: Timestamp) {
        let NarrativeReviewRequested { review_id, narrative_id, unit_id } = *requested;
        if self.review(review_id).is_none() {
            let by = by.clone();
            self.reviews.push(ReviewFacts { review_id, narrative_id, unit_id, by, at, state: ReviewState::Open });
        }
    }

    /// Only a reviewer who is another person than requested the review attests, what was requested and is still open, and only
    /// that nobody could tell who said it.
    pub(super) fn apply_attestation<E>(&mut self, attested: &NarrativeAttested, recorded: &Recorded<E>) {
        let actor = &recorded.actor;
        let counts = self.review(attested.review_id).is_some_and(|review| {
            review.state == ReviewState::Open
                && review.narrative_id == attested.narrative_id
                && review.unit_id == attested.unit_id
                && actor.acts_as(Role::Reviewer)
                && actor.is_another_person_than(&review.by)
        });
        if !counts || attested.could_tell_who_said_it != Some(Answer::No) {
            return;
        }
        self.replace_attestations(attested.narrative_id, attested.unit_id);
        if let Some(review) = self.review_mut(attested.review_id) {
            review.state = ReviewState::Attested(Attestation {
                subject_ids: attested.subject_ids.clone(),
                text_digest: attested.text_digest,
                // Nobody reads what stands behind their own word.
                made_on: attested.case_revision.min(recorded.revision),
                by: actor.clone(),
                at: recorded.revision,
            });
        }
    }

    /// Holding back needs little: whoever says it, and whatever was attested of the narrative for that unit before.
    pub(super) fn apply_withheld(&mut self, withheld: &NarrativeWithheld) {
        let Some(review) = self.review(withheld.review_id) else { return };
        self.replace_attestations(review.narrative_id, review.unit_id);
        if let Some(review) = self.review_mut(withheld.review_id) {
            review.state = ReviewState::Withheld;
        }
    }

    fn replace_attestations(&mut self, narrative_id: NarrativeId, unit_id: UnitId) {
        for review in &mut self.reviews {
            let same = review.narrative_id == narrative_id && review.unit_id == unit_id;
            if same && matches!(review.state, ReviewState::Attested(_)) {
                review.state = ReviewState::Replaced;
            }
        }
    }

    fn review_mut(&mut self, review_id: ReviewId) -> Option<&mut ReviewFacts> {
        self.reviews.iter_mut().find(|review| review.review_id == review_id)
    }
}

/// Whether two lists name the same people, in whatever order and however often.
pub(crate) fn same_people(one: &[SubjectId], other: &[SubjectId]) -> bool {
    one.iter().all(|subject_id| other.contains(subject_id)) && other.iter().all(|subject_id| one.contains(subject_id))
}
