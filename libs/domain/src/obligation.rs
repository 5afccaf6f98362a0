//! What a permit binds us to afterwards.

use crate::consent::Asking;
use crate::decision::{Obligation, Reason, Reference};
use crate::exception::{Standing, statutes_of};
use crate::facts::{CaseFacts, Person};
use crate::ids::SubjectId;
use crate::policy::RegimeDuty;
use crate::set::{Categories, Reach};
use crate::statute::Duty;
use crate::time::{Millis, Timestamp};
use crate::vocabulary::{DataCategory, ExceptionKind, ObligationKind, ReasonCode};

/// Urgent referrals are phoned; the portal follows.
pub(crate) fn phone_recipient(asking: Asking<'_>) -> Obligation {
    let due_at = due(asking, asking.policy.periods().phone_recipient);
    Obligation { kind: ObligationKind::PhoneRecipient, subject_id: None, due_at }
}

/// Who asked to be told each time is told.
pub(crate) fn tell(asking: Asking<'_>, giver: SubjectId) -> Obligation {
    let due_at = due(asking, asking.policy.periods().inform_person);
    Obligation { kind: ObligationKind::InformPerson, subject_id: Some(giver), due_at }
}

/// Safe-contact rules travel with identity, contact and whereabouts alike; suspects have none.
pub(crate) fn safe_contact(person: &Person, reach: Reach, obligations: &mut Vec<Obligation>) {
    let approachable = Categories::from([DataCategory::Identity, DataCategory::Contact, DataCategory::Whereabouts]);
    if reach.categories().intersects(approachable) {
        let subject_id = Some(person.subject_id);
        obligations.push(Obligation { kind: ObligationKind::SafeContact, subject_id, due_at: None });
    }
}

/// What a disclosure of a person's data under an exception binds us to, and what statute rows say about it.
pub(crate) fn of_exception(
    standing: &Standing<'_>,
    person: &Person,
    facts: &CaseFacts,
    asking: Asking<'_>,
    reasons: &mut Vec<Reason>,
    obligations: &mut Vec<Obligation>,
) {
    let periods = asking.policy.periods();
    let mut bind = |kind, subject_id, due_at| obligations.push(Obligation { kind, subject_id, due_at });
    if let Some(review_due) = standing.review_due {
        bind(ObligationKind::ReviewBreakGlass, None, Some(review_due));
    }
    let kind = standing.exception.asserted.kind;
    let duties = asking.policy.regime_duties(kind, facts.places_of(person), asking.now);
    if duties.contains(RegimeDuty::EnterInRegister) {
        bind(ObligationKind::EnterInRegister, None, due(asking, periods.register_entry));
    }
    // To inform a suspect would be to warn them.
    if duties.contains(RegimeDuty::InformPerson) && !person.is_only_suspect() {
        bind(ObligationKind::InformPerson, Some(person.subject_id), due(asking, periods.inform_person));
    }
    if let Some(instrument) = &standing.exception.asserted.instrument
        && kind == ExceptionKind::LegalRequirement
    {
        bind(ObligationKind::AnswerInstrument, None, instrument.return_at);
        let row = standing.rule.instruments.iter().find(|row| instrument.kind == Some(row.instrument));
        // Where nothing says that the person may be told, the person is not told.
        if row.is_none_or(|row| row.no_tip_off) {
            bind(ObligationKind::NoTipOff, Some(person.subject_id), due(asking, periods.no_tip_off_review));
        }
    }
    if !person.is_only_suspect() {
        of_statutes(standing, person, facts, asking, reasons, obligations);
    }
}

/// A verified row of the place adds its duty; an unverified one is mentioned, and adds and takes away nothing.
fn of_statutes(
    standing: &Standing<'_>,
    person: &Person,
    facts: &CaseFacts,
    asking: Asking<'_>,
    reasons: &mut Vec<Reason>,
    obligations: &mut Vec<Obligation>,
) {
    // The rows know the ages themselves: some protect people of 18, too.
    if standing.exception.asserted.kind == ExceptionKind::LegalRequirement {
        return;
    }
    let periods = asking.policy.periods();
    for row in statutes_of(person, facts, asking.policy, asking.now) {
        let reference = Reference::Statute(row.id.clone());
        if !row.verified {
            reasons.push(Reason::person(ReasonCode::StatuteRowUnverified, person.subject_id, reference));
            continue;
        }
        let (kind, period) = match row.duty(person.ages_at(asking.now, asking.policy)) {
            Duty::Mandatory if row.recipients.contains(asking.kind) => (None, periods.statutory_report),
            Duty::Mandatory => (Some(ObligationKind::ReportToChildProtection), periods.statutory_report),
            Duty::Optional => (Some(ObligationKind::RecordWishes), periods.record_wishes),
            Duty::None => continue,
        };
        reasons.push(Reason::person(ReasonCode::StatuteRowApplies, person.subject_id, reference));
        if let Some(kind) = kind {
            obligations.push(Obligation { kind, subject_id: Some(person.subject_id), due_at: due(asking, period) });
        }
    }
}

/// An instant too far to be told is no date: the obligation stays, without one.
fn due(asking: Asking<'_>, period: Millis) -> Option<Timestamp> {
    asking.now.checked_add(period)
}
