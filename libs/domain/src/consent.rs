//! The consent algebra.
//!
//! What consent allows = the union of live matching permissions − the union of matching denials. The order is the log's.
//!
//! - A permission is *live* from `not_before` (inclusive) to its end (exclusive), unless withdrawn, superseded or, when it
//!   was for one disclosure, used. It counts only when given by the person or who may speak for them, freely, understood,
//!   and while its conditions hold; see `giver` for young people alone and representatives.
//! - A denial has no end: expiring or withdrawing never adds. It matches by recipient and, inside a consent, by purpose.
//! - A newer denial beats an older permission, and so does a withdrawal. A newer permission beats an older denial only
//!   while it is live and only if it names the record it supersedes; what it names stops permitting, whatever happens to it.
//! - A permission to everybody permits nothing; a record that names nobody permits nothing and denies to everybody.

mod giver;
mod held;

pub use held::{HeldBack, HeldBy, held_back};

use crate::directory::Recipient;
use crate::event::{ConsentGiven, ConsentWithdrawn, DataPeriod, Expiry, RecipientScope};
use crate::facts::{CaseFacts, ConsentAct, ConsentRecord, Person};
use crate::ids::{ConsentId, ReferralId, Revision, SubjectId};
use crate::policy::Policy;
use crate::set::{Categories, Purposes, Set};
use crate::time::Timestamp;
use crate::vocabulary::{
    Answer, ConsentCondition, ConsentKind, DataCategory, GrantorKind, Purpose, ReasonCode, RecipientKind,
};

/// Who asks, as far as consent cares.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asking<'a> {
    pub(crate) recipient: &'a Recipient,
    pub(crate) kind: RecipientKind,
    pub(crate) purpose: Purpose,
    pub(crate) policy: &'a Policy,
    pub(crate) now: Timestamp,
    /// The referral being delivered: what it used up itself does not stand in its own way.
    pub(crate) delivering: Option<ReferralId>,
}

/// Until when something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    /// Until this time, exclusive.
    Time(Timestamp),
    /// Without end.
    Unlimited,
    /// Beyond every instant that can be told: over.
    Over,
}

impl Until {
    /// The earlier of this and another end, if there is one.
    fn and_until(self, end: Option<Timestamp>) -> Self {
        match (self, end) {
            (Self::Time(own), Some(end)) => Self::Time(own.min(end)),
            (Self::Unlimited, Some(end)) => Self::Time(end),
            (Self::Over, _) | (_, None) => self,
        }
    }
}

/// One consent, as it stands for one request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Permission<'a> {
    pub(crate) given: &'a ConsentGiven,
    revision: Revision,
    /// What it permits now; empty when it fails.
    pub(crate) permitted: Categories,
    /// What a report consent permits about the bringer now; empty when it fails.
    pub(crate) about_bringer: Categories,
    pub(crate) until: Until,
    /// Which data it reaches, by when it was recorded; absent: all.
    pub(crate) period: Option<DataPeriod>,
    /// Why it does not count; empty when it does.
    pub(crate) failures: Set<ReasonCode>,
    /// Whether what a report consent says about the bringer fails alone, because they are or may be under 18.
    pub(crate) bringer_is_minor_alone: bool,
}

impl Permission<'_> {
    /// What it says about the giver's own data.
    fn own_data(&self) -> Categories {
        match self.given.kind {
            Some(ConsentKind::DataSubject) => self.permitted,
            // About others it says what it says of suspects, which its giver may have denied before.
            Some(ConsentKind::Report) => {
                self.about_bringer.union(self.permitted.intersection(Categories::only(DataCategory::Suspects)))
            }
            None => Categories::EMPTY,
        }
    }

    pub(crate) fn is(&self, kind: ConsentKind) -> bool {
        self.given.kind == Some(kind)
    }
}

/// All consents of a case, as they stand for one request.
#[derive(Debug)]
pub(crate) struct Consents<'a> {
    facts: &'a CaseFacts,
    asking: Asking<'a>,
    permissions: Vec<Permission<'a>>,
}

impl<'a> Consents<'a> {
    pub(crate) fn assess(facts: &'a CaseFacts, asking: Asking<'a>) -> Self {
        let permission = |record: &'a ConsentRecord| match &record.act {
            ConsentAct::Given(given) => Some(assess(facts, record, given, asking)),
            ConsentAct::Refused(_) | ConsentAct::Withdrawn(_) => None,
        };
        Self { facts, asking, permissions: facts.consents.iter().filter_map(permission).collect() }
    }

    pub(crate) fn permissions(&self) -> &[Permission<'a>] {
        &self.permissions
    }

    /// What a person's own records deny to this recipient for this purpose, record by record.
    pub(crate) fn denials(&self, subject_id: SubjectId) -> impl Iterator<Item = (ConsentId, Categories)> {
        self.facts.consents.iter().filter_map(move |record| {
            let (consent_id, denied) = self.denial(record, subject_id)?;
            let left = denied.difference(self.beaten(consent_id, record.revision, subject_id));
            (!left.is_empty()).then_some((consent_id, left))
        })
    }

    fn denial(&self, record: &ConsentRecord, subject_id: SubjectId) -> Option<(ConsentId, Categories)> {
        denial(record, subject_id, |scope, purposes| {
            scope.is_none_or(|scope| denies_to(scope, self.asking))
                && (purposes.is_empty() || purposes.contains(self.asking.purpose))
        })
    }

    /// What a person's own records deny to this recipient and purpose of what this permission permits: a denial is beaten by
    /// the newer permission that names it, and by no other one.
    pub(crate) fn denied_to(&self, permission: &Permission<'_>, subject_id: SubjectId) -> Categories {
        self.facts.consents.iter().fold(Categories::EMPTY, |all, record| {
            let Some((consent_id, denied)) = self.denial(record, subject_id) else { return all };
            let beats = permission.revision > record.revision
                && permission.given.subject_id == Some(subject_id)
                && permission.given.supersedes.contains(&consent_id);
            all.union(if beats { denied.difference(permission.own_data()) } else { denied })
        })
    }

    /// What live newer permissions of the same person that name this record allow again.
    fn beaten(&self, consent_id: ConsentId, revision: Revision, subject_id: SubjectId) -> Categories {
        self.permissions
            .iter()
            .filter(|newer| {
                newer.revision > revision
                    && newer.given.subject_id == Some(subject_id)
                    && newer.given.supersedes.contains(&consent_id)
            })
            .fold(Categories::EMPTY, |allowed, newer| allowed.union(newer.own_data()))
    }

    /// Whether a person ever said something about their own data to this recipient: whatever it was, it outranks what
    /// somebody else wishes.
    pub(crate) fn has_own_record(&self, subject_id: SubjectId) -> bool {
        self.facts.consents.iter().any(|record| match &record.act {
            ConsentAct::Given(given) => {
                // A data subject's word that does not say whose it is may be anybody's.
                given.subject_id.is_none_or(|giver| giver == subject_id)
                    && given.kind != Some(ConsentKind::Report)
                    && given.recipient.is_none_or(|scope| denies_to(scope, self.asking))
            }
            ConsentAct::Refused(refused) => {
                refused.subject_id == subject_id && refused.recipient.is_none_or(|scope| denies_to(scope, self.asking))
            }
            ConsentAct::Withdrawn(withdrawn) => {
                let named = withdrawn.consent_id.is_some_and(|id| had_before(self.facts, record, id, Some(subject_id)));
                withdrawn.subject_id == Some(subject_id) && !named
            }
        })
    }
}

/// What a record denies, if it is the person's own and its scope and purposes are meant; no purposes: all.
fn denial(
    record: &ConsentRecord,
    subject_id: SubjectId,
    meant: impl Fn(Option<RecipientScope>, Purposes) -> bool,
) -> Option<(ConsentId, Categories)> {
    match &record.act {
        ConsentAct::Given(given) => {
            let denies = given.subject_id == Some(subject_id) && !given.denied.is_empty();
            (denies && meant(given.recipient, given.purposes)).then_some((given.consent_id, given.denied))
        }
        ConsentAct::Refused(refused) => {
            let denied = if refused.denied.is_empty() { Categories::all() } else { refused.denied };
            let denies = refused.subject_id == subject_id && meant(refused.recipient, Purposes::EMPTY);
            denies.then_some((refused.consent_id, denied))
        }
        ConsentAct::Withdrawn(_) => None,
    }
}

/// Whether somebody is heard about suspects, who are never asked: a potential victim or whoever brought information.
pub(crate) fn is_voice_about_suspects(facts: &CaseFacts, person: &Person) -> bool {
    !person.is_only_suspect() && (person.is_potential_victim() || facts.is_bringer(person))
}

/// Whom a refusal means, regions included where any of the recipient's may be one of them. A kind means units of that kind and the whole of an organisation of that kind.
fn denies_to(scope: RecipientScope, asking: Asking<'_>) -> bool {
    match scope {
        RecipientScope::Organization(id) => id == asking.recipient.organization_id,
        RecipientScope::Unit(id) => id == asking.recipient.unit_id,
        RecipientScope::Kind(kind) => kind == asking.kind || asking.recipient.organization_kind == Some(kind),
        RecipientScope::KindInRegion(kind, regions) => {
            let recipient = asking.recipient;
            let places = recipient.jurisdictions;
            let there = recipient.national || places.is_empty() || places.intersects(regions);
            there && denies_to(RecipientScope::Kind(kind), asking)
        }
        RecipientScope::Anyone => true,
    }
}

/// Whom a permission means. A unit's sibling is not meant, a kind is the unit's own, everybody is nobody.
fn permits_to(scope: Option<RecipientScope>, asking: Asking<'_>) -> bool {
    match scope {
        Some(RecipientScope::Organization(id)) => id == asking.recipient.organization_id,
        Some(RecipientScope::Unit(id)) => id == asking.recipient.unit_id,
        Some(RecipientScope::Kind(kind)) => kind == asking.kind,
        // All of what the unit is responsible for lies there: a unit of the whole country is not a unit of one region.
        Some(RecipientScope::KindInRegion(kind, regions)) => {
            let (recipient, places) = (asking.recipient, asking.recipient.jurisdictions);
            kind == asking.kind && !recipient.national && !places.is_empty() && places.is_subset(regions)
        }
        Some(RecipientScope::Anyone) | None => false,
    }
}

/// How one consent stands by itself, whoever asks.
struct Holds {
    failures: Set<ReasonCode>,
    until: Until,
    taken_back: Categories,
    period: Option<DataPeriod>,
}

impl Holds {
    fn of(
        facts: &CaseFacts,
        record: &ConsentRecord,
        given: &ConsentGiven,
        policy: &Policy,
        now: Timestamp,
        delivering: Option<ReferralId>,
    ) -> Self {
        let mut until = until(given, record.recorded_at, policy);
        let mut failures = giver::fails(given);
        if given.grantor == Some(GrantorKind::Representative) {
            match giver::represented_until(facts, given, &record.by, policy, now) {
                Ok(end) => until = until.and_until(end),
                Err(code) => failures.insert(code),
            }
        }
        let mut fail_unless = |holds: bool, code| {
            if !holds {
                failures.insert(code);
            }
        };
        // A stretch of time without bounds is all of it.
        let period = given.data_period.filter(|period| period.from.is_some() || period.until.is_some());
        let urgent = !given.conditions.contains(ConsentCondition::OnlyWhenUrgent) || facts.is_urgent(now, policy);
        fail_unless(given.speaking_freely == Some(Answer::Yes), ReasonCode::ConsentNotFree);
        fail_unless(given.understood == Some(Answer::Yes), ReasonCode::ConsentNotUnderstood);
        fail_unless(given.not_before.is_none_or(|from| from <= now), ReasonCode::ConsentNotYet);
        fail_unless(holds(until, now), ReasonCode::ConsentExpired);
        fail_unless(given.standing || !is_used(facts, given.consent_id, delivering), ReasonCode::ConsentUsed);
        fail_unless(given.kind.is_some(), ReasonCode::NoConsent);
        fail_unless(period.is_none_or(|period| !period.is_empty()), ReasonCode::ConsentDataPeriod);
        fail_unless(urgent, ReasonCode::ConsentCondition);
        // Nobody could take it back any more.
        fail_unless(!given.subject_id.is_some_and(|giver| facts.is_erased(giver)), ReasonCode::DataErased);
        Self { failures, until, taken_back: taken_back(facts, record, given), period }
    }
}

fn assess<'a>(
    facts: &CaseFacts,
    record: &ConsentRecord,
    given: &'a ConsentGiven,
    asking: Asking<'_>,
) -> Permission<'a> {
    let Holds { mut failures, until, taken_back, period } =
        Holds::of(facts, record, given, asking.policy, asking.now, asking.delivering);
    let mut fail_unless = |holds: bool, code| {
        if !holds {
            failures.insert(code);
        }
    };
    fail_unless(permits_to(given.recipient, asking), ReasonCode::ConsentOtherRecipient);
    fail_unless(given.purposes.contains(asking.purpose), ReasonCode::ConsentOtherPurpose);
    let to = |kind| kind == asking.kind;
    let why = |purpose| purpose == asking.purpose;
    let minor_alone = giver::is_minor_alone(facts, given, asking.policy, asking.now, to, why);
    fail_unless(!minor_alone || !giver::speaks_of_giver_only(given), ReasonCode::ConsentMinorAlone);
    let permitted = given.permitted.difference(taken_back);
    let about_bringer = given.about_bringer.difference(taken_back);
    let something_left = !permitted.union(about_bringer).is_empty();
    fail_unless(something_left || taken_back.is_empty(), ReasonCode::ConsentWithdrawn);
    let (permitted, about_bringer) = match (failures.is_empty(), minor_alone) {
        (true, false) => (permitted, about_bringer),
        (true, true) => (permitted, Categories::EMPTY),
        (false, _) => (Categories::EMPTY, Categories::EMPTY),
    };
    let revision = record.revision;
    Permission {
        given,
        revision,
        permitted,
        about_bringer,
        until,
        period,
        failures,
        bringer_is_minor_alone: minor_alone,
    }
}

fn until(given: &ConsentGiven, recorded_at: Timestamp, policy: &Policy) -> Until {
    match given.expiry {
        Expiry::At(end) => Until::Time(end),
        Expiry::Unlimited => Until::Unlimited,
        Expiry::Absent => match recorded_at.checked_add(policy.periods().consent_default) {
            Some(end) => Until::Time(end),
            None => Until::Over,
        },
    }
}

fn holds(until: Until, now: Timestamp) -> bool {
    match until {
        Until::Time(end) => now < end,
        Until::Unlimited => true,
        Until::Over => false,
    }
}

/// A consent for one disclosure is used by the release that rests on it, recalled or not, delivered or not.
fn is_used(facts: &CaseFacts, consent_id: ConsentId, delivering: Option<ReferralId>) -> bool {
    facts.referrals.iter().filter(|referral| Some(referral.released.referral_id) != delivering).any(|referral| {
        let decision = facts.decision(referral.released.decision_id);
        // A release whose decision is not known may rest on anything.
        decision.is_none_or(|decision| decision.bases.iter().any(|basis| basis.consent_id() == Some(consent_id)))
    })
}

/// What newer records took back of a consent: withdrawals, and consents that supersede it.
fn taken_back(facts: &CaseFacts, record: &ConsentRecord, given: &ConsentGiven) -> Categories {
    let newer = facts.consents.iter().filter(|other| other.revision > record.revision);
    newer.fold(Categories::EMPTY, |taken, other| {
        let more = match &other.act {
            ConsentAct::Withdrawn(withdrawn) if withdraws(facts, other, withdrawn, given) => {
                if withdrawn.categories.is_empty() { Categories::all() } else { withdrawn.categories }
            }
            // Whoever's record it is: one recorded under the wrong person must not let the older one win.
            ConsentAct::Given(successor) if successor.supersedes.contains(&given.consent_id) => Categories::all(),
            ConsentAct::Withdrawn(_) | ConsentAct::Given(_) | ConsentAct::Refused(_) => Categories::EMPTY,
        };
        taken.union(more)
    })
}

/// Whether a withdrawal means this consent: by name, or because it names nothing the person had, and then all of theirs.
fn withdraws(facts: &CaseFacts, record: &ConsentRecord, withdrawn: &ConsentWithdrawn, given: &ConsentGiven) -> bool {
    let whose = withdrawn.subject_id;
    let of_this_person = whose.is_none() || given.subject_id == whose;
    withdrawn.consent_id.map_or(of_this_person, |named| {
        named == given.consent_id || (of_this_person && !had_before(facts, record, named, whose))
    })
}

/// Whether a record of this id stood when a withdrawal named it, the person's own where it says whose. One that came after
/// it must not make the withdrawal smaller.
fn had_before(facts: &CaseFacts, withdrawal: &ConsentRecord, consent_id: ConsentId, whose: Option<SubjectId>) -> bool {
    let older = facts.consents.iter().filter(|record| record.revision < withdrawal.revision);
    older.into_iter().any(|record| match &record.act {
        ConsentAct::Given(given) => given.consent_id == consent_id && (whose.is_none() || given.subject_id == whose),
        ConsentAct::Refused(refused) => {
            refused.consent_id == consent_id && whose.is_none_or(|whose| refused.subject_id == whose)
        }
        ConsentAct::Withdrawn(_) => false,
    })
}
