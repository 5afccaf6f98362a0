//! The three mandatory exceptions: whether one stands, whom it reaches and how far (hotline policy, rows 5, 6 and 10).

use crate::age::{Ages, Majority};
use crate::consent::Asking;
use crate::decision::Basis;
use crate::event::{ExceptionAsserted, Instrument};
use crate::facts::{CaseFacts, ExceptionFacts, Person};
use crate::ids::SubjectId;
use crate::policy::{ExceptionRecipient, ExceptionRule, Policy};
use crate::set::{Categories, Reach, Set};
use crate::statute::{Duty, StatuteRow};
use crate::time::Timestamp;
use crate::vocabulary::{DataCategory, ExceptionGround, ExceptionKind, InstrumentKind, ReasonCode, Role};

/// Whether what is asserted is a subpoena of the defence: a hold and a refusal, never a basis.
#[must_use]
pub fn is_defence_subpoena(asserted: &ExceptionAsserted) -> bool {
    asserted.kind == ExceptionKind::LegalRequirement
        && asserted.instrument.as_ref().and_then(|instrument| instrument.kind) == Some(InstrumentKind::DefenceSubpoena)
}

/// When an exception ends, exclusive: its life by policy, counted from when it was recorded. `None`: it has no life.
#[must_use]
pub fn ends_at(exception: &ExceptionFacts, policy: &Policy) -> Option<Timestamp> {
    exception.at.checked_add(policy.exception(exception.asserted.kind)?.life)
}

/// Whether an exception's life is not over; lifted or not, confirmed or not.
#[must_use]
pub fn is_alive(exception: &ExceptionFacts, policy: &Policy, now: Timestamp) -> bool {
    ends_at(exception, policy).is_some_and(|end| now < end)
}

/// An exception that stands for one request: confirmed, or broken glass within its time, and for this recipient.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing<'a> {
    pub(crate) exception: &'a ExceptionFacts,
    pub(crate) rule: &'a ExceptionRule,
    /// How far it reaches for this recipient and purpose.
    pub(crate) ceiling: Reach,
    pub(crate) jurisdiction_required: bool,
    pub(crate) minors_only: bool,
    /// Whether only a statute row reaches this recipient, and then only for people where that row is in force.
    pub(crate) by_statute: bool,
    /// Until when, exclusive: its life, or while unconfirmed the time in which it must be reviewed.
    pub(crate) until: Timestamp,
    /// When the second person's review is due, where one acted alone.
    pub(crate) review_due: Option<Timestamp>,
}

impl Standing<'_> {
    pub(crate) fn basis(&self) -> Basis {
        Basis::Exception(self.exception.asserted.exception_id, self.exception.asserted.kind)
    }
}

/// Whether an exception stands for this request, whoever the person.
///
/// # Errors
/// Every reason why it does not.
pub(crate) fn stands<'a>(
    exception: &'a ExceptionFacts,
    facts: &CaseFacts,
    asking: Asking<'_>,
    policy: &'a Policy,
) -> Result<Standing<'a>, Set<ReasonCode>> {
    if is_defence_subpoena(&exception.asserted) {
        return Err(Set::only(ReasonCode::DefenceSubpoena));
    }
    let (Some(rule), Some(end)) = (policy.exception(exception.asserted.kind), ends_at(exception, policy)) else {
        return Err(Set::only(ReasonCode::ExceptionExpired));
    };
    let mut reasons = Set::EMPTY;
    if exception.is_lifted() {
        reasons.insert(ReasonCode::ExceptionLifted);
    }
    if end <= asking.now {
        reasons.insert(ReasonCode::ExceptionExpired);
    }
    if !rule.grounds.intersects(exception.asserted.grounds) {
        reasons.insert(ReasonCode::NoException);
    }
    if exception.asserted.kind == ExceptionKind::LegalRequirement {
        reasons = reasons.union(instrument_fails(exception.asserted.instrument.as_ref(), rule, asking));
    }
    let reached = reached(exception, rule, facts, asking, policy);
    let alone = acts_alone(exception, rule, policy);
    let (until, review_due) = match (&exception.confirmation, alone) {
        (Some(_), _) => (end, None),
        (None, Some(review_due)) if reached.is_some_and(|to| to.break_glass) && asking.now < review_due => {
            (end.min(review_due), Some(review_due))
        }
        (None, _) => {
            reasons.insert(ReasonCode::ExceptionUnconfirmed);
            (end, None)
        }
    };
    match reached {
        Some(to) if reasons.is_empty() => Ok(Standing {
            exception,
            rule,
            ceiling: to.ceiling,
            jurisdiction_required: to.jurisdiction_required,
            minors_only: to.minors_only,
            by_statute: to.by_statute,
            until,
            review_due,
        }),
        Some(_) => Err(reasons),
        None => {
            reasons.insert(ReasonCode::ExceptionOtherRecipient);
            Err(reasons)
        }
    }
}

/// One supervisor, or where the rule says so a responder, acting alone because minutes matter: until when that stands without
/// a second person. That no supervisor was there to be asked, the ledger saw to when the responder said so.
fn acts_alone(exception: &ExceptionFacts, rule: &ExceptionRule, policy: &Policy) -> Option<Timestamp> {
    let by_responder = rule.responder_alone && exception.by.acts_as(Role::Responder);
    let may = exception.asserted.break_glass
        && (exception.by.acts_as(Role::Supervisor) || by_responder)
        && exception.asserted.kind != ExceptionKind::LegalRequirement;
    if may { exception.at.checked_add(policy.periods().break_glass_review) } else { None }
}

#[derive(Debug, Clone, Copy)]
struct Reached {
    ceiling: Reach,
    jurisdiction_required: bool,
    break_glass: bool,
    minors_only: bool,
    by_statute: bool,
}

impl From<&ExceptionRecipient> for Reached {
    fn from(row: &ExceptionRecipient) -> Self {
        Self {
            ceiling: row.ceiling,
            jurisdiction_required: row.jurisdiction_required,
            break_glass: row.break_glass,
            minors_only: row.minors_only,
            by_statute: false,
        }
    }
}

/// How an exception reaches the recipient: by the hotline's own rule, otherwise, for a minor, by a verified statute row of
/// the place of one of them, which only ever adds.
fn reached(
    exception: &ExceptionFacts,
    rule: &ExceptionRule,
    facts: &CaseFacts,
    asking: Asking<'_>,
    policy: &Policy,
) -> Option<Reached> {
    let fits = |row: &&ExceptionRecipient| row.recipient == asking.kind && row.purpose == asking.purpose;
    if let Some(row) = rule.recipients.iter().find(fits) {
        return Some(row.into());
    }
    let statute = policy.statute_recipients();
    if exception.asserted.kind != ExceptionKind::Minor || statute.purpose != asking.purpose {
        return None;
    }
    let added = named_people(&exception.asserted, facts).any(|person| statute_adds(person, facts, asking, policy));
    added.then_some(Reached {
        ceiling: statute.ceiling,
        jurisdiction_required: true,
        break_glass: false,
        minors_only: true,
        by_statute: true,
    })
}

/// Whether a verified row demands a report about the person to this kind of recipient. One that leaves it open at that age
/// is no mandatory exception; an age nobody knows counts as under 18 here, for so it was asserted.
fn statute_adds(person: &Person, facts: &CaseFacts, asking: Asking<'_>, policy: &Policy) -> bool {
    let ages = match person.majority_at(asking.now, policy) {
        Majority::Unknown => Some(Ages::UNDER_18),
        Majority::Minor | Majority::Adult => person.ages_at(asking.now, policy),
    };
    let demands =
        |row: &StatuteRow| row.verified && row.recipients.contains(asking.kind) && row.duty(ages) == Duty::Mandatory;
    statutes_of(person, facts, policy, asking.now).any(demands)
}

/// The statute rows in force where a person is.
pub(crate) fn statutes_of<'p>(
    person: &Person,
    facts: &CaseFacts,
    policy: &'p Policy,
    now: Timestamp,
) -> impl Iterator<Item = &'p StatuteRow> {
    let places = facts.places_of(person);
    policy.statutes().iter().filter(move |row| places.contains(row.jurisdiction) && row.in_force(now))
}

/// Why an instrument is no basis for this request; empty when it is.
fn instrument_fails(instrument: Option<&Instrument>, rule: &ExceptionRule, asking: Asking<'_>) -> Set<ReasonCode> {
    let Some(instrument) = instrument else { return Set::only(ReasonCode::InstrumentIncomplete) };
    let complete = !instrument.issuer.is_empty()
        && !instrument.issued_on.is_empty()
        && !instrument.scope.is_empty()
        && instrument.document_digest.is_some();
    let (Some(kind), Some(unit_id), true) = (instrument.kind, instrument.unit_id, complete) else {
        return Set::only(ReasonCode::InstrumentIncomplete);
    };
    let row = rule.instruments.iter().find(|row| row.instrument == kind);
    let names_recipient = row.is_some_and(|row| row.recipients.contains(asking.kind));
    if names_recipient && unit_id == asking.recipient.unit_id {
        Set::EMPTY
    } else {
        Set::only(ReasonCode::ExceptionOtherRecipient)
    }
}

/// How far a standing exception reaches into one person's data; nothing, with the reasons, where it does not.
pub(crate) fn reach_of(
    standing: &Standing<'_>,
    person: &Person,
    facts: &CaseFacts,
    asking: Asking<'_>,
    policy: &Policy,
) -> Result<Reach, ReasonCode> {
    let asserted = &standing.exception.asserted;
    let named = asserted.subject_ids.contains(&person.subject_id);
    let scope = scope_of(standing);
    if person.is_only_suspect() {
        // Suspects are never asked: they are reached with the people in danger, under an instrument when it names them.
        let reached = match asserted.kind {
            ExceptionKind::LegalRequirement => named,
            ExceptionKind::Minor | ExceptionKind::ImminentDanger => {
                let with = |victim: &Person| {
                    age_fits(standing, victim, asking).is_ok()
                        && (!standing.by_statute || statute_adds(victim, facts, asking, policy))
                };
                named_people(asserted, facts).any(with)
            }
        };
        if !reached {
            return Err(ReasonCode::NoException);
        }
        in_jurisdiction(standing, person, facts, asking)?;
        return Ok(scope.within(Categories::only(DataCategory::Suspects)));
    }
    if !named {
        return Err(ReasonCode::NoException);
    }
    age_fits(standing, person, asking)?;
    if standing.by_statute && !statute_adds(person, facts, asking, policy) {
        return Err(ReasonCode::ExceptionOtherRecipient);
    }
    in_jurisdiction(standing, person, facts, asking)?;
    // What is told about suspects concerns suspects: about anybody else it leaves on their own consent only.
    Ok(scope.within(Categories::all().without(DataCategory::Suspects)))
}

fn scope_of(standing: &Standing<'_>) -> Reach {
    match &standing.exception.asserted.instrument {
        Some(instrument) if standing.exception.asserted.kind == ExceptionKind::LegalRequirement => {
            standing.ceiling.within(instrument.scope)
        }
        Some(_) | None => standing.ceiling,
    }
}

fn named_people<'a>(asserted: &'a ExceptionAsserted, facts: &'a CaseFacts) -> impl Iterator<Item = &'a Person> {
    let people = asserted.subject_ids.iter().filter_map(|subject_id: &SubjectId| facts.person(*subject_id));
    people.filter(|person| !person.is_only_suspect())
}

fn in_jurisdiction(
    standing: &Standing<'_>,
    person: &Person,
    facts: &CaseFacts,
    asking: Asking<'_>,
) -> Result<(), ReasonCode> {
    if standing.jurisdiction_required && !asking.recipient.has_jurisdiction(facts.places_of(person)) {
        return Err(ReasonCode::OutsideJurisdiction);
    }
    Ok(())
}

/// Whether the person's age is one the exception reaches. An age nobody knows counts as minor only for the exception of
/// that name, on the ground of suspected abuse, with a supervisor behind it: a responder alone is none.
fn age_fits(standing: &Standing<'_>, person: &Person, asking: Asking<'_>) -> Result<(), ReasonCode> {
    if !standing.minors_only {
        return Ok(());
    }
    let exception = standing.exception;
    let vouched = exception.asserted.kind == ExceptionKind::Minor
        && exception.asserted.grounds.contains(ExceptionGround::SuspectedAbuse)
        && (exception.confirmation.is_some() || exception.by.acts_as(Role::Supervisor));
    match person.majority_at(asking.now, asking.policy) {
        Majority::Minor => Ok(()),
        Majority::Unknown if vouched => Ok(()),
        Majority::Unknown | Majority::Adult => Err(ReasonCode::NotAMinor),
    }
}
