//! The steps of a case: every event of it, without anything that says in words what happened.

use egide_domain::ids::SubjectId;
use egide_projection::{ModelError, Rows};
use egide_wire::proto::egide::case::v1::case_event::Payload;
use prost::Message as _;

use super::codes::{Code, List};
use super::keys::{self, RUN};
use super::row::{CaseSteps, StepRow};
use super::scribe::Place;

/// Most people named in one step; a step of more says so by naming the first.
const PEOPLE_MAX: usize = 64;

/// What a step tells of its event.
#[derive(Default)]
struct Told<'a> {
    about: &'a str,
    people: Vec<&'a str>,
    codes: Vec<Code>,
}

impl<'a> Told<'a> {
    fn about(mut self, id: &'a str) -> Self {
        self.about = id;
        self
    }

    fn of(mut self, subject_id: &'a str) -> Self {
        self.people.push(subject_id);
        self
    }

    fn of_all(mut self, subject_ids: &'a [String]) -> Self {
        self.people.extend(subject_ids.iter().map(String::as_str));
        self
    }

    fn code(self, list: List, number: i32) -> Self {
        self.codes(list, &[number])
    }

    fn codes(mut self, list: List, numbers: &[i32]) -> Self {
        self.codes.extend(numbers.iter().filter(|number| **number != 0).map(|number| Code::new(list, *number)));
        self
    }
}

/// Adds the step of this event to its case.
pub(super) fn add(place: &Place<'_>, payload: Option<&Payload>, rows: &mut Rows<'_>) -> Result<(), ModelError> {
    let event = place.event;
    let told = payload.map(told).unwrap_or_default();
    let people = told.people.iter().filter_map(|id| id.parse::<SubjectId>().ok()).take(PEOPLE_MAX);
    let about = told.about.parse::<SubjectId>().map(|id| id.as_bytes().to_vec());
    let step = StepRow {
        position: place.position,
        revision: event.revision,
        kind: event.kind.clone(),
        recorded_at: place.recorded_at,
        occurred_at: event.occurred_at,
        actor: event.actor.clone(),
        subjects: people.flat_map(|id| *id.as_bytes()).collect(),
        about: about.unwrap_or_default(),
        codes: told.codes.into_iter().map(Code::packed).collect(),
    };
    let key = keys::at(keys::case_steps(place.case_id), event.revision.saturating_sub(1) / RUN);
    // A message with one step more is the bytes of the message before and of one with that step alone.
    let mut run = rows.get(&key)?.unwrap_or_default();
    run.extend(CaseSteps { steps: vec![step] }.encode_to_vec());
    rows.insert(&key, run);
    Ok(())
}

fn told(payload: &Payload) -> Told<'_> {
    let none = Told::default;
    match payload {
        Payload::PersonIdentified(event) => none().of(&event.subject_id),
        Payload::AgeAssessed(event) => none().of(&event.subject_id),
        Payload::ContactRecorded(event) => none().of(&event.subject_id),
        Payload::WhereaboutsRecorded(event) => none().of(&event.subject_id),
        Payload::SituationRecorded(event) => none().of(&event.subject_id),
        Payload::ImmigrationRecorded(event) => none().of(&event.subject_id),
        Payload::HealthRecorded(event) => none().of(&event.subject_id),
        Payload::FinancesRecorded(event) => none().of(&event.subject_id),
        Payload::SuspectDescribed(event) => none().of(&event.subject_id),
        Payload::NarrativeRecorded(event) => none().about(&event.narrative_id).of_all(&event.subject_ids),
        Payload::TipReceived(event) => none().about(&event.tip_id),
        Payload::TriageAssessed(event) => none().code(List::Triage, event.level),
        Payload::SupervisorReviewed(event) => none().about(&event.tip_id).code(List::Review, event.outcome),
        Payload::KeyShredded(event) => none().code(List::Shred, event.scope),
        Payload::NumberAssigned(_)
        | Payload::PhraseChosen(_)
        | Payload::CaseOpened(_)
        | Payload::CaseClosed(_)
        | Payload::CaseReopened(_)
        | Payload::LegalHoldPlaced(_)
        | Payload::LegalHoldLifted(_) => none(),
        Payload::AuthorityVerified(event) => none().about(&event.verification_id).of(&event.subject_id),
        Payload::AuthorityRevoked(event) => none().about(&event.verification_id),
        Payload::WishesRecorded(event) => none().about(&event.exception_id).of(&event.subject_id),
        Payload::NarrativeReviewRequested(event) => none().about(&event.review_id),
        Payload::NarrativeAttested(event) => none().about(&event.review_id).of_all(&event.subject_ids),
        Payload::NarrativeWithheld(event) => none().about(&event.review_id),
        Payload::ContactCleared(event) => none().about(&event.contact_id).of(&event.subject_id),
        Payload::ContactMade(event) => none().about(&event.contact_id).of(&event.subject_id),
        Payload::ConsentGiven(_)
        | Payload::ConsentRefused(_)
        | Payload::ConsentWithdrawn(_)
        | Payload::ExceptionAsserted(_)
        | Payload::ExceptionConfirmed(_)
        | Payload::ExceptionLifted(_) => told_of_bases(payload),
        Payload::DisclosureDecided(_)
        | Payload::ReferralReleased(_)
        | Payload::ReferralDelivered(_)
        | Payload::ReferralAcknowledged(_)
        | Payload::ReferralRecalled(_)
        | Payload::DisclosedOutsideSystem(_)
        | Payload::ApprovalRequested(_)
        | Payload::ApprovalDecided(_)
        | Payload::ObligationNoted(_)
        | Payload::OutsideDisclosureReviewed(_)
        | Payload::ReferralExpired(_)
        | Payload::UnitNotified(_)
        | Payload::RecallAcknowledged(_) => told_of_disclosures(payload),
    }
}

/// Of what disclosures may rest on.
#[expect(clippy::wildcard_enum_match_arm, reason = "`told` names every event; this is one of its arms")]
fn told_of_bases(payload: &Payload) -> Told<'_> {
    let none = Told::default;
    match payload {
        Payload::ConsentGiven(event) => none()
            .about(&event.consent_id)
            .of(&event.subject_id)
            .codes(List::Purpose, &event.purposes)
            .codes(List::Released, &event.permitted),
        Payload::ConsentRefused(event) => none().about(&event.consent_id).of(&event.subject_id),
        Payload::ConsentWithdrawn(event) => none().about(&event.consent_id).of(&event.subject_id),
        Payload::ExceptionAsserted(event) => none()
            .about(&event.exception_id)
            .of_all(&event.subject_ids)
            .code(List::Exception, event.kind)
            .codes(List::Ground, &event.grounds)
            .code(List::Instrument, event.instrument.as_ref().map_or(0, |instrument| instrument.kind)),
        Payload::ExceptionConfirmed(event) => none().about(&event.exception_id),
        Payload::ExceptionLifted(event) => none().about(&event.exception_id).code(List::Lift, event.reason),
        _ => none(),
    }
}

/// Of disclosures and what surrounds them.
#[expect(clippy::wildcard_enum_match_arm, reason = "`told` names every event; this is one of its arms")]
fn told_of_disclosures(payload: &Payload) -> Told<'_> {
    let none = Told::default;
    match payload {
        Payload::DisclosureDecided(event) => {
            let (purpose, people) =
                event.request.as_ref().map_or((0, &[][..]), |request| (request.purpose, &request.subject_ids));
            none()
                .about(&event.decision_id)
                .of_all(people)
                .code(List::Outcome, event.outcome)
                .code(List::Purpose, purpose)
        }
        Payload::ReferralReleased(event) => none().about(&event.referral_id).of_all(&event.subject_ids),
        Payload::ReferralDelivered(event) => none().about(&event.delivery_id).code(List::Channel, event.channel),
        Payload::ReferralAcknowledged(event) => none().about(&event.referral_id),
        Payload::ReferralRecalled(event) => none().about(&event.referral_id).code(List::Recall, event.reason),
        Payload::RecallAcknowledged(event) => none().about(&event.referral_id),
        Payload::ReferralExpired(event) => none().about(&event.referral_id),
        Payload::UnitNotified(event) => none().about(&event.referral_id),
        Payload::DisclosedOutsideSystem(event) => none()
            .about(&event.disclosure_id)
            .of_all(&event.subject_ids)
            .codes(List::Released, &event.categories)
            .code(List::Channel, event.channel),
        Payload::OutsideDisclosureReviewed(event) => {
            none().about(&event.disclosure_id).code(List::OutsideReview, event.outcome)
        }
        Payload::ApprovalRequested(event) => none().about(&event.decision_id),
        Payload::ApprovalDecided(event) => {
            none().about(&event.approval_id).code(List::Approval, event.outcome).code(List::Rejection, event.reason)
        }
        Payload::ObligationNoted(event) => none()
            .about(&event.decision_id)
            .of(&event.subject_id)
            .code(List::Obligation, event.kind)
            .code(List::ObligationState, event.state),
        _ => none(),
    }
}
