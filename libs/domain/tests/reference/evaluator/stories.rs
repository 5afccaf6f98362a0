//! What was told in words leaves only de-identified, reviewed and attested (`ARCHITECTURE.md`, "Narratives", rules N1 to N6).

use super::case::{Case, another};
use super::verdict::Entry;
use egide_domain::event::{Actor, NarrativeAttested, NarrativeRecorded, NarrativeReviewRequested, NarrativeWithheld};
use egide_domain::ids::{NarrativeId, ReviewId, SubjectId, UnitId};
use egide_domain::vocabulary::{Answer, DataCategory, MaskLevel, Role};
use std::collections::{BTreeMap, BTreeSet};

/// A story that was told.
struct Story {
    narrative_id: NarrativeId,
    of: BTreeSet<SubjectId>,
    gone: bool,
}

/// A reviewer's word, or that it is held back (`None`).
struct Word {
    review_id: ReviewId,
    attested: Option<(NarrativeAttested, u64)>,
}

/// Everything about stories, in the order in which it was said.
#[derive(Default)]
pub(crate) struct Stories {
    stories: Vec<Story>,
    requests: BTreeMap<ReviewId, (NarrativeReviewRequested, Actor)>,
    words: Vec<Word>,
    last_name: u64,
}

impl Stories {
    pub(crate) fn named(&mut self, order: u64) {
        self.last_name = order;
    }

    pub(crate) fn told(&mut self, said: &NarrativeRecorded) {
        let of = said.subject_ids.iter().copied().collect();
        self.stories.push(Story { narrative_id: said.narrative_id, of, gone: false });
    }

    pub(crate) fn requested(&mut self, said: &NarrativeReviewRequested, by: &Actor) {
        self.requests.entry(said.review_id).or_insert_with(|| (said.clone(), by.clone()));
    }

    /// A word counts that a reviewer says who is somebody else than asked, about what was asked and nobody answered yet, and that
    /// nobody could tell who said it.
    pub(crate) fn attested(&mut self, said: &NarrativeAttested, by: &Actor, order: u64) {
        let Some((request, asked_by)) = self.requests.get(&said.review_id) else { return };
        let answered = self.words.iter().any(|word| word.review_id == said.review_id);
        let about = (request.narrative_id, request.unit_id) == (said.narrative_id, said.unit_id);
        let reviewer = by.role == Some(Role::Reviewer) && another(by, asked_by);
        if about && reviewer && !answered && said.could_tell_who_said_it == Some(Answer::No) {
            self.words.push(Word { review_id: said.review_id, attested: Some((said.clone(), order)) });
        }
    }

    pub(crate) fn withheld(&mut self, said: &NarrativeWithheld) {
        if self.requests.contains_key(&said.review_id) {
            self.words.push(Word { review_id: said.review_id, attested: None });
        }
    }

    pub(crate) fn shredded(&mut self, narrative_id: NarrativeId) {
        self.stories.iter_mut().filter(|story| story.narrative_id == narrative_id).for_each(|story| story.gone = true);
    }

    /// The last word on each story for this unit, where it is an attestation.
    fn last_words(&self, unit_id: UnitId) -> Vec<&(NarrativeAttested, u64)> {
        let mut last: BTreeMap<NarrativeId, &Word> = BTreeMap::new();
        for word in &self.words {
            let (request, _) = &self.requests[&word.review_id];
            if request.unit_id == unit_id {
                last.insert(request.narrative_id, word);
            }
        }
        last.into_values().filter_map(|word| word.attested.as_ref()).collect()
    }
}

/// What was attested for a unit and still stands: the text and of whom it speaks.
fn standing(case: &Case, unit_id: UnitId) -> Vec<&NarrativeAttested> {
    let stories = &case.stories;
    let stands = |(said, order): &&(NarrativeAttested, u64)| {
        let told: Vec<_> = stories.stories.iter().filter(|story| story.narrative_id == said.narrative_id).collect();
        let of: BTreeSet<SubjectId> = said.subject_ids.iter().copied().collect();
        let there = |who: &SubjectId| {
            let known = case.people.get(who).is_some_and(|person| !person.erased && !person.roles.is_empty());
            known || case.people.get(who).is_some_and(|person| !person.erased)
        };
        let read_at = said.case_revision.0.min(*order);
        told.len() == 1
            && told.iter().all(|story| !story.gone && story.of == of)
            && !case.erased
            && !of.is_empty()
            && of.iter().all(there)
            && stories.last_name <= read_at
    };
    stories.last_words(unit_id).into_iter().filter(stands).map(|(said, _)| said).collect()
}

/// The stories that everything found so far lets go whole, whenever it was recorded, and of whom they speak.
pub(crate) fn told_of(
    case: &Case,
    unit_id: UnitId,
    entries: &BTreeMap<(SubjectId, DataCategory), Entry>,
) -> Vec<(ReviewId, [u8; 32], BTreeSet<SubjectId>)> {
    let suspect = |who: &SubjectId| case.people[who].only_suspect();
    let lets_go = |who: &SubjectId| {
        let category = if suspect(who) { DataCategory::Suspects } else { DataCategory::Narrative };
        entries.get(&(*who, category)).is_some_and(|(level, _, period)| *level == MaskLevel::Whole && period.is_none())
    };
    let standing = standing(case, unit_id).into_iter();
    let all = standing.filter(|said| said.subject_ids.iter().all(lets_go) && !said.subject_ids.iter().all(suspect));
    all.map(|said| (said.review_id, said.text_digest, said.subject_ids.iter().copied().collect())).collect()
}
