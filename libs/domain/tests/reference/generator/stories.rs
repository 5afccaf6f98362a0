//! What was told in words, its reviews, and what makes an attestation void.

use super::dice::{Dice, subject, unit};
use super::history::Acts;
use super::{Theme, acts};
use egide_domain::event::{
    CaseEvent, ConsentGiven, NarrativeAttested, NarrativeRecorded, NarrativeReviewRequested, NarrativeWithheld,
    PersonIdentified, RecipientScope, SuspectDescribed,
};
use egide_domain::ids::{NarrativeId, ReviewId, Revision, SubjectId, UnitId};
use egide_domain::vocabulary::{Answer, ConsentKind, GrantorKind, Role};
use egide_domain::{AttestedNarrative, Categories};

fn review(number: u8) -> ReviewId {
    ReviewId([number; 16])
}

fn people(dice: &mut Dice) -> Vec<SubjectId> {
    (0..dice.pick(&[1, 1, 1, 1, 2, 2, 3, 0])).map(|_| subject(dice.small())).collect()
}

pub(super) fn told(dice: &mut Dice, number: u8) -> CaseEvent {
    let narrative_id = NarrativeId([number; 16]);
    CaseEvent::NarrativeRecorded(NarrativeRecorded { narrative_id, subject_ids: people(dice) })
}

fn for_unit(dice: &mut Dice) -> UnitId {
    unit(if dice.chance(92) { 1 } else { dice.small() })
}

fn attested(dice: &mut Dice, number: u8, unit_id: UnitId, subject_ids: Vec<SubjectId>) -> CaseEvent {
    CaseEvent::NarrativeAttested(NarrativeAttested {
        review_id: review(if dice.chance(96) { number } else { dice.small() }),
        narrative_id: NarrativeId([if dice.chance(97) { number } else { dice.small() }; 16]),
        subject_ids,
        unit_id: if dice.chance(97) { unit_id } else { for_unit(dice) },
        text_digest: [dice.small(); 32],
        could_tell_who_said_it: if dice.chance(94) { Some(Answer::No) } else { dice.maybe(Answer::ALL, 70) },
        // Later than anything: read just before. Otherwise read when little was known.
        case_revision: Revision(if dice.chance(90) { 1_000 } else { dice.next() % 12 }),
    })
}

/// A narrative, a request for its review, and mostly an attestation.
pub(super) fn reviewed(dice: &mut Dice) -> Acts {
    let number = dice.small();
    let unit_id = for_unit(dice);
    let subject_ids = people(dice);
    let narrative_id = NarrativeId([number; 16]);
    let recorded = NarrativeRecorded { narrative_id, subject_ids: subject_ids.clone() };
    let review_id = review(number);
    let requested = NarrativeReviewRequested { review_id, narrative_id, unit_id };
    let mut acts: Acts = vec![
        (Role::Responder, CaseEvent::NarrativeRecorded(recorded)),
        (Role::Responder, CaseEvent::NarrativeReviewRequested(requested)),
    ];
    if dice.chance(90) {
        let mut spoken_of = if dice.chance(95) { subject_ids } else { people(dice) };
        spoken_of.reverse();
        acts.push((Role::Reviewer, attested(dice, number, unit_id, spoken_of)));
    }
    if dice.chance(12) {
        acts.push(changed(dice));
    }
    acts
}

/// The same, mostly with a consent of everybody it speaks of.
pub(super) fn let_go(dice: &mut Dice, theme: Theme) -> Acts {
    let acts = reviewed(dice);
    let spoken_of: Vec<SubjectId> = acts
        .iter()
        .filter_map(|(_, event)| match event {
            CaseEvent::NarrativeRecorded(told) => Some(told.subject_ids.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let mut consents = Acts::new();
    for subject_id in spoken_of {
        let usual = acts::given(dice, theme);
        let consent = ConsentGiven {
            subject_id: Some(subject_id),
            kind: Some(ConsentKind::DataSubject),
            grantor: Some(GrantorKind::Self_),
            representative_subject_id: None,
            recipient: Some(RecipientScope::Unit(unit(1))),
            permitted: if dice.chance(90) { Categories::all() } else { usual.permitted },
            denied: if dice.chance(92) { Categories::EMPTY } else { usual.denied },
            data_period: if dice.chance(85) { None } else { usual.data_period },
            ..usual
        };
        consents.push((Role::Responder, CaseEvent::ConsentGiven(consent)));
    }
    if dice.chance(50) {
        consents.into_iter().chain(acts).collect()
    } else {
        acts.into_iter().chain(consents).collect()
    }
}

/// Something that may make what was attested void, or replace it.
pub(super) fn changed(dice: &mut Dice) -> (Role, CaseEvent) {
    let number = dice.small();
    let unit_id = for_unit(dice);
    match dice.below(7) {
        0 | 1 => {
            let review_id = review(number);
            (Role::Reviewer, CaseEvent::NarrativeWithheld(NarrativeWithheld { review_id }))
        }
        2 => {
            let described = SuspectDescribed { subject_id: subject(number) };
            (Role::Responder, CaseEvent::SuspectDescribed(described))
        }
        3 => {
            let identified = PersonIdentified { subject_id: subject(number), roles: egide_domain::Roles::EMPTY };
            (Role::Responder, CaseEvent::PersonIdentified(identified))
        }
        4 => {
            let narrative_id = NarrativeId([dice.small(); 16]);
            let requested = NarrativeReviewRequested { review_id: review(number), narrative_id, unit_id };
            (Role::Responder, CaseEvent::NarrativeReviewRequested(requested))
        }
        5 => {
            let spoken_of = people(dice);
            (Role::Reviewer, attested(dice, number, unit_id, spoken_of))
        }
        _ => (Role::Responder, told(dice, number)),
    }
}

/// Narratives that somebody wrote into a decision.
pub(super) fn made_up(dice: &mut Dice) -> Vec<AttestedNarrative> {
    (0..dice.below(2))
        .map(|_| AttestedNarrative { review_id: review(dice.small()), text_digest: [dice.small(); 32] })
        .collect()
}
