//! What was told in words, and its reviews.

use crate::ids::{NarrativeId, ReviewId, Revision, SubjectId, UnitId};
use crate::vocabulary::Answer;
use serde::{Deserialize, Serialize};

/// What was told, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeRecorded {
    /// The narrative.
    pub narrative_id: NarrativeId,
    /// The people it speaks of.
    pub subject_ids: Vec<SubjectId>,
}

/// A review of a narrative was requested, for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeReviewRequested {
    /// The review.
    pub review_id: ReviewId,
    /// The narrative.
    pub narrative_id: NarrativeId,
    /// The recipient unit.
    pub unit_id: UnitId,
}

/// A reviewer attested the exact text that may leave for one unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeAttested {
    /// The review.
    pub review_id: ReviewId,
    /// The narrative.
    pub narrative_id: NarrativeId,
    /// The people it speaks of.
    pub subject_ids: Vec<SubjectId>,
    /// The recipient unit.
    pub unit_id: UnitId,
    /// The salted digest of the text.
    pub text_digest: [u8; 32],
    /// Whether the suspect or somebody local could tell who said this.
    pub could_tell_who_said_it: Option<Answer>,
    /// The case's revision at which the narrative and the names of its people were read.
    pub case_revision: Revision,
}

/// A narrative was not attested, or its attestation is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NarrativeWithheld {
    /// The review.
    pub review_id: ReviewId,
}
