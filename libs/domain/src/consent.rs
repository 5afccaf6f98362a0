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
use crate::event::{ConsentGiven, DataPeriod, Expiry, RecipientScope};
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
    /// The earlier of two ends.
    pub(crate) fn earlier(self, other: Self) -> Self {
        match (self, other) {
            (Self::Over, _) | (_, Self::Over) => Self::Over,
            (Self::Time(one), Self::Time(two)) => Self::Time(one.min(two)),
            (Self::Unlimited, end) | (end, Self::Unlimited) => end,
        }
    }

    /// The later of two ends.
    pub(crate) fn later(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unlimited, _) | (_, Self::Unlimited) => Self::Unlimited,
            (Self::Time(one), Self::Time(two)) => Self::Time(one.max(two)),
            (Self::Over, end) | (end, Self::Over) => end,
        }
    }

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

    /// Whether it is a newer word of the same person that names the denial.
    fn beats(&self, denial: &Denial) -> bool {
        self.revision > denial.revision
            && self.given.subject_id == Some(denial.subject_id)
            && self.given.supersedes.contains(&denial.consent_id)
    }
}

/// What a record denies to the recipient that asks, for the purpose it asks for.
#[derive(Debug, Clone, Copy)]
struct Denial {
    consent_id: ConsentId,
    subject_id: SubjectId,
    revision: Revision,
    categories: Categories,
}

/// All consents of a case, as they stand for one request.
#[derive(Debug)]
pub(crate) struct Consents<'a> {
    facts: &'a CaseFacts,
    asking: Asking<'a>,
    permissions: Vec<Permission<'a>>,
    denials: Vec<Denial>,
}

impl<'a> Consents<'a> {
    pub(crate) fn assess(facts: &'a CaseFacts, asking: Asking<'a>) -> Self {
        let takers = Taker::all(facts);
        let mut permissions = Vec::with_capacity(facts.consents.len());
        let mut denials = Vec::new();
        let meant = |scope: Option<RecipientScope>, purposes: Purposes| {
            scope.is_none_or(|scope| denies_to(scope, asking))
                && (purposes.is_empty() || purposes.contains(asking.purpose))
        };
        for record in &facts.consents {
            denials.extend(denial(record, meant));
            if let ConsentAct::Given(given) = &record.act {
                permissions.push(assess(facts, record, given, &takers, asking));
            }
        }
        Self { facts, asking, permissions, denials }
    }

    pub(crate) fn permissions(&self) -> &[Permission<'a>] {
        &self.permissions
    }

    /// What a person's own records deny to this recipient for this purpose, record by record.
    pub(crate) fn denials(&self, subject_id: SubjectId) -> impl Iterator<Item = (ConsentId, Categories)> {
        self.denials.iter().filter(move |denial| denial.subject_id == subject_id).filter_map(|denial| {
            let left = denial.categories.difference(self.beaten(denial));
            (!left.is_empty()).then_some((denial.consent_id, left))
        })
    }

    /// What a person's own records deny to this recipient and purpose of what this permission permits: a denial is beaten by
    /// the newer permission that names it, and by no other one.
    pub(crate) fn denied_to(&self, permission: &Permission<'_>, subject_id: SubjectId) -> Categories {
        let own = self.denials.iter().filter(|denial| denial.subject_id == subject_id);
        own.fold(Categories::EMPTY, |all, denial| {
            let beaten = if permission.beats(denial) { permission.own_data() } else { Categories::EMPTY };
            all.union(denial.categories.difference(beaten))
        })
    }

    /// What live newer permissions of the same person that name the record allow again.
    fn beaten(&self, denial: &Denial) -> Categories {
        let newer = self.permissions.iter().filter(|newer| newer.beats(denial));
        newer.fold(Categories::EMPTY, |allowed, newer| allowed.union(newer.own_data()))
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

/// What a record denies, if its scope and purposes are meant; no purposes: all. Only a person's own record denies.
fn denial(record: &ConsentRecord, meant: impl Fn(Option<RecipientScope>, Purposes) -> bool) -> Option<Denial> {
    let revision = record.revision;
    match &record.act {
        ConsentAct::Given(given) => {
            let (consent_id, subject_id, categories) = (given.consent_id, given.subject_id?, given.denied);
            let denies = !categories.is_empty() && meant(given.recipient, given.purposes);
            denies.then_some(Denial { consent_id, subject_id, revision, categories })
        }
        ConsentAct::Refused(refused) => {
            let (consent_id, subject_id) = (refused.consent_id, refused.subject_id);
            let categories = if refused.denied.is_empty() { Categories::all() } else { refused.denied };
            let denies = meant(refused.recipient, Purposes::EMPTY);
            denies.then_some(Denial { consent_id, subject_id, revision, categories })
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
struct Holds<'a> {
    /// Who gave it, if known.
    giver: Option<&'a Person>,
    failures: Set<ReasonCode>,
    until: Until,
    taken_back: Categories,
    period: Option<DataPeriod>,
}

impl<'a> Holds<'a> {
    fn of(
        facts: &'a CaseFacts,
        record: &ConsentRecord,
        given: &ConsentGiven,
        takers: &[Taker<'_>],
        policy: &Policy,
        now: Timestamp,
        delivering: Option<ReferralId>,
    ) -> Self {
        let giver = given.subject_id.and_then(|giver| facts.person(giver));
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
        let taken = takers.iter().filter(|taker| taker.takes(record, given));
        let taken_back = taken.fold(Categories::EMPTY, |taken, taker| taken.union(taker.categories));
        Self { giver, failures, until, taken_back, period }
    }
}

fn assess<'a>(
    facts: &CaseFacts,
    record: &ConsentRecord,
    given: &'a ConsentGiven,
    takers: &[Taker<'_>],
    asking: Asking<'_>,
) -> Permission<'a> {
    let Holds { giver, mut failures, until, taken_back, period } =
        Holds::of(facts, record, given, takers, asking.policy, asking.now, asking.delivering);
    let mut fail_unless = |holds: bool, code| {
        if !holds {
            failures.insert(code);
        }
    };
    fail_unless(permits_to(given.recipient, asking), ReasonCode::ConsentOtherRecipient);
    fail_unless(given.purposes.contains(asking.purpose), ReasonCode::ConsentOtherPurpose);
    let to = |kind| kind == asking.kind;
    let why = |purpose| purpose == asking.purpose;
    let minor_alone = giver::is_minor_alone(facts, given, giver, asking.policy, asking.now, to, why);
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

/// Whether a consent, by itself and whoever asks, still lets some of these categories go by the referral that rests on it.
pub(crate) fn still_lets_go(
    facts: &CaseFacts,
    consent_id: ConsentId,
    categories: Categories,
    referral_id: ReferralId,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    lets_go_until(facts, consent_id, categories, referral_id, policy, now).is_some()
}

/// Until when; `None`: it lets none of them go. Of several records of one id, of which the ledger takes the first alone, the last end.
pub(crate) fn lets_go_until(
    facts: &CaseFacts,
    consent_id: ConsentId,
    categories: Categories,
    referral_id: ReferralId,
    policy: &Policy,
    now: Timestamp,
) -> Option<Until> {
    let takers = Taker::all(facts);
    let ends = facts.consents.iter().filter_map(|record| match &record.act {
        ConsentAct::Given(given) if given.consent_id == consent_id => {
            let holds = Holds::of(facts, record, given, &takers, policy, now, Some(referral_id));
            let left = given.permitted.union(given.about_bringer).difference(holds.taken_back);
            (holds.failures.is_empty() && !left.intersection(categories).is_empty()).then_some(holds.until)
        }
        ConsentAct::Given(_) | ConsentAct::Refused(_) | ConsentAct::Withdrawn(_) => None,
    });
    ends.reduce(Until::later)
}

/// A record that takes something back of older ones: a withdrawal, or a consent that supersedes.
struct Taker<'a> {
    revision: Revision,
    /// The records it names.
    named: &'a [ConsentId],
    /// Whose consents it takes back besides, all of them: a person's, or everybody's (absent inside).
    all_of: Option<Option<SubjectId>>,
    categories: Categories,
}

impl<'a> Taker<'a> {
    fn of(facts: &CaseFacts, record: &'a ConsentRecord) -> Option<Self> {
        let revision = record.revision;
        match &record.act {
            ConsentAct::Withdrawn(withdrawn) => {
                let whose = withdrawn.subject_id;
                // One that names nothing the person had means all of theirs.
                let named = withdrawn.consent_id.is_some_and(|id| had_before(facts, record, id, whose));
                let all_of = if named { None } else { Some(whose) };
                let all = withdrawn.categories.is_empty();
                let categories = if all { Categories::all() } else { withdrawn.categories };
                Some(Self { revision, named: withdrawn.consent_id.as_slice(), all_of, categories })
            }
            // Whoever's record it is: one recorded under the wrong person must not let the older one win.
            ConsentAct::Given(ConsentGiven { supersedes: named, .. }) if !named.is_empty() => {
                Some(Self { revision, named, all_of: None, categories: Categories::all() })
            }
            ConsentAct::Given(_) | ConsentAct::Refused(_) => None,
        }
    }

    fn all(facts: &'a CaseFacts) -> Vec<Self> {
        facts.consents.iter().filter_map(|record| Self::of(facts, record)).collect()
    }

    fn takes(&self, record: &ConsentRecord, given: &ConsentGiven) -> bool {
        let theirs = |whose: Option<SubjectId>| whose.is_none() || given.subject_id == whose;
        let newer = self.revision > record.revision;
        newer && (self.named.contains(&given.consent_id) || self.all_of.is_some_and(theirs))
    }
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
