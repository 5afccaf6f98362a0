//! The whole answer: released = requested ∩ basis ∩ purpose ∩ agreement, person by person and category by category.

use super::case::{Case, Exception, Person, Said};
use super::consent::Asked;
use super::exception;
use super::recipient::Unit;
use super::tables::{Levels, Tables};
use egide_domain::decision::{Basis, Request};
use egide_domain::event::ConsentGiven;
use egide_domain::ids::{ReferralId, SubjectId};
use egide_domain::vocabulary::{
    Channel, DataCategory, ExceptionKind, MaskLevel, ObligationKind, PersonRole, Purpose, ReasonCode, RecipientKind,
    ReviewOutcome, TriageLevel,
};
use std::collections::{BTreeMap, BTreeSet};

/// What lets a category of a person through, and how far each.
type Found = BTreeMap<(SubjectId, DataCategory), BTreeMap<Basis, MaskLevel>>;

/// Until when the records hold that let something through, exclusive.
type Ends = Vec<i64>;

/// An answer, in a form that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) permit: bool,
    pub(crate) refusals: BTreeSet<ReasonCode>,
    pub(crate) entries: BTreeMap<(SubjectId, DataCategory), (MaskLevel, BTreeSet<Basis>)>,
    pub(crate) bases: BTreeSet<Basis>,
    pub(crate) obligations: BTreeSet<(ObligationKind, Option<SubjectId>, Option<i64>)>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) urgent: bool,
}

/// A question to the gate.
pub(crate) struct Question<'a> {
    pub(crate) case: &'a Case,
    pub(crate) unit: Option<Unit<'a>>,
    pub(crate) request: &'a Request,
    pub(crate) tables: &'a Tables,
    pub(crate) now: i64,
    pub(crate) delivering: Option<ReferralId>,
}

/// What refuses the request as a whole; complete.
fn refusals(question: &Question<'_>) -> BTreeSet<ReasonCode> {
    let (case, request) = (question.case, question.request);
    let mut codes = BTreeSet::new();
    let mut refuse = |applies: bool, code: ReasonCode| {
        if applies {
            codes.insert(code);
        }
    };
    refuse(!case.opened, ReasonCode::CaseUnknown);
    refuse(case.closed, ReasonCode::CaseClosed);
    refuse(case.unreadable, ReasonCode::RecordUnreadable);
    refuse(case.erased, ReasonCode::DataErased);
    refuse(request.purpose.is_none(), ReasonCode::PurposeMissing);
    let right = |unit: &&Unit<'_>| unit.organization.organization_id == request.organization_id;
    let known = question.unit.as_ref().filter(right);
    match known {
        None => refuse(true, ReasonCode::RecipientUnknown),
        Some(unit) => {
            refuse(unit.unreadable, ReasonCode::RecordUnreadable);
            refuse(unit.kind().is_none(), ReasonCode::RecipientUnknown);
            refuse(!unit.organization.verified, ReasonCode::RecipientUnverified);
            refuse(unit.suspended, ReasonCode::RecipientSuspended);
            // Neither the unit's record nor the tables may be silent about the purpose.
            let served = |purpose: Purpose| {
                unit.kind()
                    .is_none_or(|kind| unit.may_receive_for(purpose) && question.tables.has_ceiling(purpose, kind))
            };
            refuse(request.purpose.is_some_and(|purpose| !served(purpose)), ReasonCode::PurposeNotOfUnit);
        }
    }
    if let Some(first) = request.supplementary_to {
        match case.referral(first) {
            Some(referral) if !referral.recalled => {
                refuse(referral.released.unit_id != request.unit_id, ReasonCode::SupplementaryOtherAgency);
            }
            Some(_) | None => refuse(true, ReasonCode::SupplementaryUnknown),
        }
    }
    codes
}

fn asked_people<'a>(case: &'a Case, request: &Request) -> BTreeMap<SubjectId, &'a Person> {
    let asked = |id: &SubjectId| request.subject_ids.is_empty() || request.subject_ids.contains(id);
    case.people.iter().filter(|(id, _)| asked(id)).map(|(id, person)| (*id, person)).collect()
}

/// Consent waits for the review of tips and yields to a supervisor's no and to insufficient information.
fn consent_may_speak(asked: &Asked<'_>) -> bool {
    let triaged =
        asked.case.triage(asked.tables, asked.now) != Some(TriageLevel::Insufficient) && !not_to_report(asked);
    let waits = |channel: Option<Channel>| match channel {
        Some(Channel::Phone | Channel::Chat | Channel::InPerson) => false,
        Some(Channel::WebForm | Channel::Email) | None => true,
    };
    triaged && asked.case.tips.iter().all(|tip| !waits(tip.channel) || tip.review.is_some())
}

fn reports(asked: &Asked<'_>) -> bool {
    asked.unit.kind() == Some(RecipientKind::InvestigatingAgency)
}

fn not_to_report(asked: &Asked<'_>) -> bool {
    asked.case.tips.iter().any(|tip| tip.review == Some(ReviewOutcome::DoNotReport))
}

type Records<'a> = Vec<&'a Said<ConsentGiven>>;

fn own_consents<'a>(asked: &'a Asked<'_>, who: SubjectId, person: &Person, category: DataCategory) -> Records<'a> {
    if !consent_may_speak(asked) {
        return Vec::new();
    }
    let givers: Vec<SubjectId> = if person.only_suspect() { tellers(asked) } else { vec![who] };
    let permissions = givers.iter().flat_map(|giver| asked.own(*giver, category));
    permissions.filter(|record| !givers.iter().any(|giver| asked.denied(*giver, category, record))).collect()
}

/// Who may tell about suspects: potential victims, and whoever brought information.
fn tellers(asked: &Asked<'_>) -> Vec<SubjectId> {
    let may_tell = |(id, person): &(&SubjectId, &Person)| {
        !person.only_suspect() && (person.is(PersonRole::PotentialVictim) || asked.case.is_bringer(**id))
    };
    asked.case.people.iter().filter(may_tell).map(|(id, _)| *id).collect()
}

/// How far report consents reach into a category of a person, each for itself.
fn report_consents<'a>(
    asked: &'a Asked<'_>,
    who: SubjectId,
    person: &Person,
    category: DataCategory,
) -> Vec<(&'a Said<ConsentGiven>, MaskLevel)> {
    let mut found = Vec::new();
    // A report waits for triage, too.
    let triaged = asked.case.triage(asked.tables, asked.now).is_some();
    let investigation = asked.purpose == Purpose::Investigation;
    if !investigation
        || !triaged
        || !consent_may_speak(asked)
        || !reports(asked)
        || !asked.unit.has_jurisdiction(&asked.case.places_of(person))
    {
        return found;
    }
    for record in &asked.case.given {
        let said = &record.what;
        let decided = said
            .tip_id
            .and_then(|tip| asked.case.tip(tip))
            .is_some_and(|tip| tip.review == Some(ReviewOutcome::Report) && tip.bringer == said.subject_id);
        if !decided || !asked.report_holds(record, category) {
            continue;
        }
        // Denials of suspects are those of everybody who may tell about them; otherwise the person's own.
        let deniers = if person.only_suspect() { tellers(asked) } else { vec![who] };
        if deniers.iter().any(|denier| asked.denied(*denier, category, record)) {
            continue;
        }
        let level = if person.only_suspect() {
            said.permitted.contains(category).then_some(MaskLevel::Whole)
        } else if said.subject_id == Some(who) {
            said.about_bringer.contains(category).then_some(MaskLevel::Whole)
        } else if !said.permitted.contains(category) || asked.case.is_bringer(who) {
            None
        } else if person.is(PersonRole::PotentialVictim) && !asked.spoke(who) {
            match category {
                DataCategory::Identity => asked.tables.report_victim_identity.then_some(MaskLevel::Whole),
                other => asked.tables.report_victim.get(&other).copied(),
            }
        } else {
            None
        };
        if let Some(level) = level {
            found.push((record, level));
        }
    }
    found
}

fn one(category: DataCategory, level: MaskLevel) -> Levels {
    Levels::from([(category, level)])
}

/// Everything that lets something through, cut to what it is bounded by.
fn find(question: &Question<'_>, asked: &Asked<'_>, kind: RecipientKind) -> (Found, Ends) {
    let mut ends = Ends::new();
    let request = question.request;
    let mut found = Found::new();
    let mut bound = asked.tables.ceiling(asked.purpose, kind);
    if asked.unit.anonymous_only() {
        bound = exception::lower(&bound, &asked.tables.anonymous);
    }
    let agreed = asked.unit.agreed(asked.purpose, asked.now).unwrap_or_default();
    let stand_in = asked.tables.stand_in(asked.purpose, kind);
    for (who, person) in asked_people(asked.case, request) {
        let abroad = asked.case.abroad_for(person) && asked.purpose != Purpose::SupportService;
        if person.erased || abroad {
            continue;
        }
        for category in request.categories.iter() {
            // Everything about somebody who is only a suspect stands under suspects.
            let elsewhere = person.only_suspect() && category != DataCategory::Suspects;
            let no_suspect = category == DataCategory::Suspects && !person.is(PersonRole::Suspect);
            let never = matches!(category, DataCategory::Narrative | DataCategory::RecordKeeping);
            if never || elsewhere || no_suspect {
                continue;
            }
            let mut bases: Vec<(Basis, Levels, Option<i64>)> = Vec::new();
            if agreed.contains(&category) {
                for record in own_consents(asked, who, person, category) {
                    let basis = Basis::Consent(record.what.consent_id);
                    bases.push((basis, one(category, MaskLevel::Whole), asked.end(record)));
                }
                for (record, level) in report_consents(asked, who, person, category) {
                    let basis = Basis::ReportConsent(record.what.consent_id);
                    bases.push((basis, one(category, level), asked.end(record)));
                }
            }
            if stand_in.contains(&category) {
                for exception in exception::of(asked.case) {
                    let basis = Basis::Exception(exception.asserted.exception_id, exception.asserted.kind);
                    bases.push((basis, asked.reach(exception, who, person), asked.exception_end(exception)));
                }
            }
            for (basis, reach, end) in bases {
                let relied = request.relies_on.is_empty() || request.relies_on.contains(&basis);
                let Some(level) = exception::lower(&reach, &bound).get(&category).copied().filter(|_| relied) else {
                    continue;
                };
                let known = found.entry((who, category)).or_default().entry(basis).or_insert(level);
                *known = (*known).max(level);
                ends.extend(end);
            }
        }
    }
    (found, ends)
}

pub(crate) fn evaluate(question: &Question<'_>) -> Answer {
    let refusals = refusals(question);
    let urgent_case = question.case.urgent(question.tables, question.now);
    let denied = Answer { refusals: refusals.clone(), urgent: urgent_case, ..Answer::default() };
    let (Some(unit), Some(purpose)) = (&question.unit, question.request.purpose) else { return denied };
    let Some(kind) = unit.kind() else { return denied };
    if !refusals.is_empty() {
        return denied;
    }
    let asked = Asked {
        case: question.case,
        unit,
        purpose,
        tables: question.tables,
        now: question.now,
        delivering: question.delivering,
    };
    let (found, ends) = find(question, &asked, kind);
    if found.is_empty() {
        return denied;
    }
    let highest = |bases: &BTreeMap<Basis, MaskLevel>| *bases.values().max().expect("at least one");
    let bases: BTreeSet<Basis> = found.values().flat_map(|bases| bases.keys().copied()).collect();
    let urgent =
        urgent_case || resting_on(&asked, &bases).any(|it| it.asserted.kind != ExceptionKind::LegalRequirement);
    Answer {
        permit: true,
        refusals,
        entries: found
            .iter()
            .map(|(place, bases)| (*place, (highest(bases), bases.keys().copied().collect())))
            .collect(),
        obligations: obligations(&asked, &found, &bases, urgent),
        // As long as the policy lets a permit wait, and no longer than anything it rests on.
        expires_at: ends.into_iter().chain([question.now + question.tables.period("decision_life")]).min(),
        bases,
        urgent,
    }
}

fn resting_on<'a>(asked: &'a Asked<'_>, bases: &'a BTreeSet<Basis>) -> impl Iterator<Item = &'a Exception> {
    exception::of(asked.case).filter(|it| bases.contains(&Basis::Exception(it.asserted.exception_id, it.asserted.kind)))
}

/// Whether a provision in force of a regime that is named obliges to this, where the person is.
fn obliged(asked: &Asked<'_>, kind: ExceptionKind, person: &Person, duty: &str) -> bool {
    let places = asked.case.places_of(person);
    asked.tables.provisions.iter().any(|provision| {
        provision.standing.counts(asked.now)
            && provision.exceptions.contains(&kind)
            && (provision.everywhere || places.iter().any(|place| provision.jurisdictions.contains(place)))
            && provision.obliges.contains(duty)
    })
}

fn obligations(
    asked: &Asked<'_>,
    found: &Found,
    bases: &BTreeSet<Basis>,
    urgent: bool,
) -> BTreeSet<(ObligationKind, Option<SubjectId>, Option<i64>)> {
    let mut owed = BTreeSet::new();
    let within = |name: &str| Some(asked.now + asked.tables.period(name));
    if urgent {
        owed.insert((ObligationKind::PhoneRecipient, None, within("phone_recipient")));
    }
    for exception in resting_on(asked, bases) {
        let kind = exception.asserted.kind;
        let rule = asked.tables.exception(kind);
        let basis = Basis::Exception(exception.asserted.exception_id, exception.asserted.kind);
        let people: BTreeSet<SubjectId> =
            found.iter().filter(|(_, bases)| bases.contains_key(&basis)).map(|((who, _), _)| *who).collect();
        if !exception.confirmed {
            let due = Some(exception.at + asked.tables.period("break_glass_review"));
            owed.insert((ObligationKind::ReviewBreakGlass, None, due));
        }
        if let Some(instrument) = &exception.asserted.instrument
            && exception.asserted.kind == ExceptionKind::LegalRequirement
        {
            owed.insert((ObligationKind::AnswerInstrument, None, instrument.return_at.map(|at| at.0)));
        }
        for who in people {
            let person = &asked.case.people[&who];
            if obliged(asked, kind, person, "inform_person") && !person.only_suspect() {
                owed.insert((ObligationKind::InformPerson, Some(who), within("inform_person")));
            }
            if obliged(asked, kind, person, "enter_in_register") {
                owed.insert((ObligationKind::EnterInRegister, None, within("register_entry")));
            }
            let no_tip_off = exception.asserted.instrument.as_ref().is_some_and(|instrument| {
                rule.instruments.iter().any(|row| Some(row.instrument) == instrument.kind && row.no_tip_off)
            });
            if no_tip_off {
                owed.insert((ObligationKind::NoTipOff, Some(who), None));
            }
            if exception.asserted.kind == ExceptionKind::LegalRequirement || person.only_suspect() {
                continue;
            }
            for row in asked.statutes_for(person) {
                let told = asked.unit.kind().is_some_and(|kind| row.recipients.contains(&kind));
                if asked.mandatory(row, person) && !told {
                    owed.insert((ObligationKind::ReportToChildProtection, Some(who), within("statutory_report")));
                }
                if asked.optional(row, person) {
                    owed.insert((ObligationKind::RecordWishes, Some(who), within("record_wishes")));
                }
            }
        }
    }
    for (who, category) in found.keys() {
        let reachable = matches!(category, DataCategory::Identity | DataCategory::Contact | DataCategory::Whereabouts);
        if reachable {
            owed.insert((ObligationKind::SafeContact, Some(*who), None));
        }
    }
    owed
}
