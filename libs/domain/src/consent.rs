//! The consent algebra.
//!
//! What consent allows = the union of live matching permissions − the union of matching denials. The order is the log's.
//!
//! - A permission is *live* from `not_before` (inclusive) to its end (exclusive), unless withdrawn, superseded or, when it
//!   was for one disclosure, used. It counts only when given by the person, freely, and understood.
//! - A denial has no end: expiring or withdrawing never adds. It matches by recipient and, inside a consent, by purpose.
//! - A newer denial beats an older permission, and so does a withdrawal. A newer permission beats an older denial only
//!   while it is live and only if it names the record it supersedes; what it names stops permitting, whatever happens to it.
//! - A permission to everybody permits nothing; a record that names nobody permits nothing and denies to everybody.

use crate::directory::Recipient;
use crate::event::{ConsentGiven, ConsentWithdrawn, Expiry, RecipientScope};
use crate::facts::{CaseFacts, ConsentAct, ConsentRecord};
use crate::ids::{ConsentId, ReferralId, Revision, SubjectId};
use crate::policy::Policy;
use crate::set::{Categories, Set};
use crate::time::Timestamp;
use crate::vocabulary::{Answer, ConsentKind, DataCategory, GrantorKind, Purpose, ReasonCode, RecipientKind};

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
    /// Why it does not count; empty when it does.
    pub(crate) failures: Set<ReasonCode>,
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
            let (consent_id, denied) = denial(record, subject_id, self.asking)?;
            let left = denied.difference(self.beaten(consent_id, record.revision, subject_id));
            (!left.is_empty()).then_some((consent_id, left))
        })
    }

    /// What a person's own records deny to this recipient and purpose of what this permission permits: a denial is beaten by
    /// the newer permission that names it, and by no other one.
    pub(crate) fn denied_to(&self, permission: &Permission<'_>, subject_id: SubjectId) -> Categories {
        self.facts.consents.iter().fold(Categories::EMPTY, |all, record| {
            let Some((consent_id, denied)) = denial(record, subject_id, self.asking) else { return all };
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
                given.subject_id == Some(subject_id)
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

/// What a record denies to this recipient for this purpose, if it is the person's own and denies anything.
fn denial(record: &ConsentRecord, subject_id: SubjectId, asking: Asking<'_>) -> Option<(ConsentId, Categories)> {
    match &record.act {
        ConsentAct::Given(given) => {
            let matches = given.subject_id == Some(subject_id)
                && !given.denied.is_empty()
                && given.recipient.is_none_or(|scope| denies_to(scope, asking))
                && (given.purposes.is_empty() || given.purposes.contains(asking.purpose));
            matches.then_some((given.consent_id, given.denied))
        }
        ConsentAct::Refused(refused) => {
            let matches =
                refused.subject_id == subject_id && refused.recipient.is_none_or(|scope| denies_to(scope, asking));
            let denied = if refused.denied.is_empty() { Categories::all() } else { refused.denied };
            matches.then_some((refused.consent_id, denied))
        }
        ConsentAct::Withdrawn(_) => None,
    }
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

fn assess<'a>(
    facts: &CaseFacts,
    record: &ConsentRecord,
    given: &'a ConsentGiven,
    asking: Asking<'_>,
) -> Permission<'a> {
    let until = until(given, record.recorded_at, asking.policy);
    let mut failures = Set::EMPTY;
    let mut fail_unless = |holds: bool, code| {
        if !holds {
            failures.insert(code);
        }
    };
    fail_unless(permits_to(given.recipient, asking), ReasonCode::ConsentOtherRecipient);
    fail_unless(given.purposes.contains(asking.purpose), ReasonCode::ConsentOtherPurpose);
    fail_unless(given.grantor == Some(GrantorKind::Self_), ReasonCode::RepresentativeUnverified);
    fail_unless(given.speaking_freely == Some(Answer::Yes), ReasonCode::ConsentNotFree);
    fail_unless(given.understood == Some(Answer::Yes), ReasonCode::ConsentNotUnderstood);
    fail_unless(given.not_before.is_none_or(|from| from <= asking.now), ReasonCode::ConsentNotYet);
    fail_unless(holds(until, asking.now), ReasonCode::ConsentExpired);
    fail_unless(given.standing || !is_used(facts, given.consent_id, asking.delivering), ReasonCode::ConsentUsed);
    fail_unless(given.kind.is_some(), ReasonCode::NoConsent);
    // Nobody could take it back any more.
    fail_unless(!given.subject_id.is_some_and(|giver| facts.is_erased(giver)), ReasonCode::DataErased);
    let taken_back = taken_back(facts, record, given);
    let permitted = given.permitted.difference(taken_back);
    let about_bringer = given.about_bringer.difference(taken_back);
    let something_left = !permitted.union(about_bringer).is_empty();
    fail_unless(something_left || taken_back.is_empty(), ReasonCode::ConsentWithdrawn);
    let (permitted, about_bringer) =
        if failures.is_empty() { (permitted, about_bringer) } else { (Categories::EMPTY, Categories::EMPTY) };
    Permission { given, revision: record.revision, permitted, about_bringer, until, failures }
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
