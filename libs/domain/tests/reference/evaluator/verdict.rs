//! The whole answer: released = requested ∩ basis ∩ purpose ∩ agreement, person by person and category by category.

use super::case::{Case, Exception, Person, Referral, Said};
use super::consent::Asked;
use super::exception;
use super::recipient::Unit;
use super::stories;
use super::tables::Tables;
use egide_domain::Timestamp;
use egide_domain::decision::{Basis, Request};
use egide_domain::event::ConsentGiven;
use egide_domain::ids::{ReferralId, ReviewId, SubjectId};
use egide_domain::vocabulary::{
    Channel, ConsentCondition, DataCategory, ExceptionKind, GrantorKind, MaskLevel, ObligationKind, PersonRole,
    Purpose, ReasonCode, RecipientKind, ReviewOutcome, Role, TriageLevel,
};
use std::collections::{BTreeMap, BTreeSet};

/// From when to when data was recorded that an entry reaches.
pub(crate) type Period = (Option<i64>, Option<i64>);

/// One thing that lets a category of a person through.
struct Grant<'a> {
    basis: Basis,
    level: MaskLevel,
    /// Until when it does, exclusive.
    end: Option<i64>,
    period: Option<Period>,
    consent: Option<&'a Said<ConsentGiven>>,
    exception: Option<&'a Exception>,
}

/// What lets a category of a person through.
type Found<'a> = BTreeMap<(SubjectId, DataCategory), Vec<Grant<'a>>>;

/// An entry: how much, what lets it through, and from which time.
pub(crate) type Entry = (MaskLevel, BTreeSet<Basis>, Option<Period>);

/// An answer, in a form that can be compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) permit: bool,
    pub(crate) refusals: BTreeSet<ReasonCode>,
    pub(crate) entries: BTreeMap<(SubjectId, DataCategory), Entry>,
    pub(crate) bases: BTreeSet<Basis>,
    pub(crate) obligations: BTreeSet<(ObligationKind, Option<SubjectId>, Option<i64>)>,
    pub(crate) expires_at: Option<i64>,
    pub(crate) urgent: bool,
    /// The rules under which somebody must approve.
    pub(crate) approval_rules: BTreeSet<String>,
    /// The attested texts that leave.
    pub(crate) narratives: BTreeSet<(ReviewId, [u8; 32])>,
    /// Which basis covers something of whom, if only nobody had to approve it.
    pub(crate) covering: BTreeSet<(SubjectId, Basis)>,
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
            Some(referral) if !referral.recalled || corrected(referral) => {
                refuse(referral.released.unit_id != request.unit_id, ReasonCode::SupplementaryOtherAgency);
            }
            Some(_) | None => refuse(true, ReasonCode::SupplementaryUnknown),
        }
    }
    codes
}

/// A corrected referral follows the one that was recalled for it.
fn corrected(referral: &Referral) -> bool {
    referral.replaced
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
            let alone = said.grantor != Some(GrantorKind::Self_) || asked.old_enough_alone(record);
            (alone && said.about_bringer.contains(category)).then_some(MaskLevel::Whole)
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

fn consented<'a>(asked: &Asked<'_>, basis: Basis, record: &'a Said<ConsentGiven>, level: MaskLevel) -> Grant<'a> {
    let instant = |at: Option<Timestamp>| at.map(|at| at.0);
    // A period without bounds is none.
    let bounds = record.what.data_period.map(|period| (instant(period.from), instant(period.until)));
    let period = bounds.filter(|bounds| *bounds != (None, None));
    Grant { basis, level, end: asked.end(record), period, consent: Some(record), exception: None }
}

/// Everything that lets one category of a person through, not yet bounded.
fn grants<'a>(
    asked: &'a Asked<'_>,
    kind: RecipientKind,
    who: SubjectId,
    person: &Person,
    category: DataCategory,
) -> Vec<Grant<'a>> {
    let mut grants = Vec::new();
    // A case abroad is referred, never reported: to a support service or a line abroad, on consent of the person's own.
    let abroad = asked.case.abroad_for(person);
    let refers = matches!(kind, RecipientKind::ForeignHotline | RecipientKind::SupportService);
    if person.erased || (abroad && !refers) {
        return grants;
    }
    if asked.unit.agreed(asked.purpose, asked.now).unwrap_or_default().contains(&category) {
        for record in own_consents(asked, who, person, category) {
            let basis = Basis::Consent(record.what.consent_id);
            grants.push(consented(asked, basis, record, MaskLevel::Whole));
        }
        let reported = if abroad { Vec::new() } else { report_consents(asked, who, person, category) };
        for (record, level) in reported {
            let basis = Basis::ReportConsent(record.what.consent_id);
            grants.push(consented(asked, basis, record, level));
        }
    }
    if !abroad && asked.tables.stand_in(asked.purpose, kind).contains(&category) {
        for exception in exception::of(asked.case) {
            let Some(level) = asked.reach(exception, who, person).get(&category).copied() else { continue };
            let basis = Basis::Exception(exception.asserted.exception_id, exception.asserted.kind);
            let end = asked.exception_end(exception);
            grants.push(Grant { basis, level, end, period: None, consent: None, exception: Some(exception) });
        }
    }
    grants
}

/// Everything that lets something through, cut to what it is bounded by.
fn find<'a>(question: &Question<'_>, asked: &'a Asked<'_>, kind: RecipientKind) -> Found<'a> {
    let request = question.request;
    let mut found = Found::new();
    let mut bound = asked.tables.ceiling(asked.purpose, kind);
    if asked.unit.anonymous_only() {
        bound = exception::lower(&bound, &asked.tables.anonymous);
    }
    for (who, person) in asked_people(asked.case, request) {
        for category in request.categories.iter() {
            // Everything about somebody who is only a suspect stands under suspects.
            let elsewhere = person.only_suspect() && category != DataCategory::Suspects;
            let no_suspect = category == DataCategory::Suspects && !person.is(PersonRole::Suspect);
            let never = category == DataCategory::RecordKeeping;
            let Some(bound) = bound.get(&category).copied() else { continue };
            if never || elsewhere || no_suspect {
                continue;
            }
            let mut all = grants(asked, kind, who, person, category);
            // What was told leaves on the word of whom it speaks of, and on nobody else's.
            all.retain(|grant| category != DataCategory::Narrative || matches!(grant.basis, Basis::Consent(_)));
            all.retain(|grant| request.relies_on.is_empty() || request.relies_on.contains(&grant.basis));
            all.iter_mut().for_each(|grant| grant.level = grant.level.min(bound));
            let all = of_one_time(all);
            if !all.is_empty() {
                found.insert((who, category), all);
            }
        }
    }
    found
}

/// What reaches data of any time counts alone; otherwise only what reaches the longest time, the earliest of equals.
fn of_one_time(grants: Vec<Grant<'_>>) -> Vec<Grant<'_>> {
    let (bounded, whole): (Vec<Grant<'_>>, Vec<Grant<'_>>) = grants.into_iter().partition(|it| it.period.is_some());
    if !whole.is_empty() {
        return whole;
    }
    let length = |grant: &Grant<'_>| match grant.period {
        Some((Some(from), Some(until))) => until - from,
        Some(_) | None => i64::MAX,
    };
    let order = |grant: &Grant<'_>| grant.consent.map(|record| record.order);
    let longest = bounded.iter().map(length).max();
    let mut longest: Vec<_> = bounded.into_iter().filter(|grant| Some(length(grant)) == longest).collect();
    longest.sort_by_key(order);
    longest.truncate(1);
    longest
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
    let mut found = find(question, &asked, kind);
    let entries = found.iter().map(|(place, grants)| (*place, entry(grants))).collect();
    let told = stories::told_of(question.case, question.request.unit_id, &entries);
    let told = if question.request.categories.contains(DataCategory::Narrative) { told } else { Vec::new() };
    found.retain(|(who, category), _| {
        *category != DataCategory::Narrative || told.iter().any(|(_, _, of)| of.contains(who))
    });
    if found.is_empty() {
        return denied;
    }
    let all = || found.values().flatten();
    let in_danger = |grant: &Grant<'_>| {
        grant.exception.is_some_and(|exception| exception.asserted.kind != ExceptionKind::LegalRequirement)
    };
    let urgent = urgent_case || all().any(in_danger);
    let covers = |(place, grants): (&(SubjectId, DataCategory), &Vec<Grant<'_>>)| {
        let who = place.0;
        grants.iter().map(move |grant| (who, grant.basis)).collect::<Vec<_>>()
    };
    let covering = found.iter().flat_map(covers).collect();
    let rules = approval_rules(&asked, kind, &found);
    let approved = if rules.is_empty() { Some(None) } else { approved_until(question, &rules).map(Some) };
    let Some(approved_until) = approved else {
        let (code, approval_rules) = if question.request.approval_id.is_none() {
            (ReasonCode::ApprovalRequired, rules.into_iter().map(|rule| rule.id).collect())
        } else {
            (ReasonCode::ApprovalInvalid, BTreeSet::new())
        };
        return Answer { refusals: BTreeSet::from([code]), approval_rules, urgent, covering, ..denied };
    };
    // As long as the policy lets a permit wait, and no longer than anything it rests on, the approval included.
    let longest = question.now + question.tables.period("decision_life");
    let ends = all().filter_map(|grant| grant.end).chain([longest]).chain(approved_until);
    Answer {
        permit: true,
        refusals,
        entries: found.iter().map(|(place, grants)| (*place, entry(grants))).collect(),
        obligations: obligations(&asked, &found, urgent),
        expires_at: ends.min(),
        bases: all().map(|grant| grant.basis).collect(),
        urgent,
        approval_rules: BTreeSet::new(),
        narratives: told.into_iter().map(|(review_id, digest, _)| (review_id, digest)).collect(),
        covering,
    }
}

fn entry(grants: &[Grant<'_>]) -> Entry {
    let level = grants.iter().map(|grant| grant.level).max().expect("at least one");
    (level, grants.iter().map(|grant| grant.basis).collect(), grants[0].period)
}

/// A rule that asks for an approval, as it applies.
struct Rule {
    id: String,
    roles: BTreeSet<Role>,
    life: i64,
}

/// Which rules ask for an approval of what was found. What acts alone under broken glass waits for nobody.
fn approval_rules(asked: &Asked<'_>, kind: RecipientKind, found: &Found<'_>) -> Vec<Rule> {
    let name = |basis: Basis| match basis {
        Basis::Consent(_) => "consent",
        Basis::ReportConsent(_) => "report_consent",
        Basis::Exception(_, kind) => kind.name(),
    };
    let alone = |grant: &Grant<'_>| grant.exception.is_some_and(|exception| !exception.confirmed);
    let mut rules = Vec::new();
    for row in &asked.tables.approvals {
        let concerned = row.recipients.contains(&kind) && row.purposes.contains(&asked.purpose);
        let rests = found.iter().any(|((_, category), grants)| {
            let waits = |grant: &Grant<'_>| !alone(grant) && row.bases.contains(name(grant.basis));
            row.categories.contains(category) && grants.iter().any(waits)
        });
        if concerned && rests {
            rules.push(Rule { id: row.id.clone(), roles: row.roles.clone(), life: row.life });
        }
    }
    let on_condition = |grant: &Grant<'_>| {
        grant.consent.is_some_and(|record| record.what.conditions.contains(ConsentCondition::WithApproval))
    };
    if found.values().flatten().any(on_condition) {
        rules.push(Rule {
            id: "consent-condition".to_owned(),
            roles: asked.tables.condition_roles.clone(),
            life: asked.tables.condition_life,
        });
    }
    rules
}

/// Until when the approval counts that the request names, if it was given for exactly this, by somebody whom every rule names,
/// who is not who asked, and not too long ago; a delivery uses what was used in time.
fn approved_until(question: &Question<'_>, rules: &[Rule]) -> Option<i64> {
    let approval = question.case.approvals.get(&question.request.approval_id?)?;
    let life = rules.iter().map(|rule| rule.life).min().unwrap_or(0);
    let asked_for = &question.case.decisions.get(&approval.asked.decision_id)?.request;
    let same = *asked_for == Request { approval_id: None, ..question.request.clone() };
    if approval.rejected || !same {
        return None;
    }
    let (at, by) = approval.granted.as_ref()?;
    let entitled = rules.iter().all(|rule| by.role.is_some_and(|role| rule.roles.contains(&role)));
    let in_time = question.delivering.is_some() || question.now < at + life;
    (entitled && in_time).then_some(at + life)
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
    found: &Found<'_>,
    urgent: bool,
) -> BTreeSet<(ObligationKind, Option<SubjectId>, Option<i64>)> {
    let mut owed = BTreeSet::new();
    let within = |name: &str| Some(asked.now + asked.tables.period(name));
    if urgent {
        owed.insert((ObligationKind::PhoneRecipient, None, within("phone_recipient")));
    }
    for ((who, category), grants) in found {
        let person = &asked.case.people[who];
        for grant in grants {
            if let Some(exception) = grant.exception {
                of_exception(asked, exception, *who, person, &mut owed);
            }
            let tell =
                |record: &&Said<ConsentGiven>| record.what.conditions.contains(ConsentCondition::TellMeAfterwards);
            if let Some(giver) = grant.consent.filter(tell).and_then(|record| record.what.subject_id) {
                owed.insert((ObligationKind::InformPerson, Some(giver), within("inform_person")));
            }
        }
        if matches!(category, DataCategory::Identity | DataCategory::Contact | DataCategory::Whereabouts) {
            owed.insert((ObligationKind::SafeContact, Some(*who), None));
        }
    }
    owed
}

type Owed = BTreeSet<(ObligationKind, Option<SubjectId>, Option<i64>)>;

fn of_exception(asked: &Asked<'_>, exception: &Exception, who: SubjectId, person: &Person, owed: &mut Owed) {
    let within = |name: &str| Some(asked.now + asked.tables.period(name));
    let kind = exception.asserted.kind;
    let legal = kind == ExceptionKind::LegalRequirement;
    if !exception.confirmed {
        let due = Some(exception.at + asked.tables.period("break_glass_review"));
        owed.insert((ObligationKind::ReviewBreakGlass, None, due));
    }
    if let Some(instrument) = exception.asserted.instrument.as_ref().filter(|_| legal) {
        owed.insert((ObligationKind::AnswerInstrument, None, instrument.return_at.map(|at| at.0)));
        let rows = &asked.tables.exception(kind).instruments;
        if rows.iter().any(|row| Some(row.instrument) == instrument.kind && row.no_tip_off) {
            owed.insert((ObligationKind::NoTipOff, Some(who), within("no_tip_off_review")));
        }
    }
    // To inform a suspect would be to warn them.
    if obliged(asked, kind, person, "inform_person") && !person.only_suspect() {
        owed.insert((ObligationKind::InformPerson, Some(who), within("inform_person")));
    }
    if obliged(asked, kind, person, "enter_in_register") {
        owed.insert((ObligationKind::EnterInRegister, None, within("register_entry")));
    }
    if legal || person.only_suspect() {
        return;
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
