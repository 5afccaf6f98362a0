//! Whether whoever gave a consent could: young people alone, and representatives.

use crate::age::{Majority, is_minor};
use crate::event::{Actor, ConsentGiven};
use crate::facts::{AuthorityFacts, CaseFacts, Person};
use crate::policy::Policy;
use crate::set::Set;
use crate::time::Timestamp;
use crate::vocabulary::{
    Authority, ConsentCapacity, ConsentKind, GrantorKind, PersonRole, Purpose, ReasonCode, RecipientKind, Role,
};

/// Whether somebody who is or may be under 18 speaks for themself, and about themself, without being able to alone. Of a
/// report consent this is so of what it says about the bringer; about others it is no consent of a data subject. `person`: who
/// gave it, if known.
pub(super) fn is_minor_alone(
    facts: &CaseFacts,
    given: &ConsentGiven,
    person: Option<&Person>,
    policy: &Policy,
    now: Timestamp,
    to: impl Fn(RecipientKind) -> bool,
    why: impl Fn(Purpose) -> bool,
) -> bool {
    if given.grantor != Some(GrantorKind::Self_) {
        return false;
    }
    let may_be_minor = match person.map_or(Majority::Unknown, |person| person.majority_at(now, policy)) {
        Majority::Minor => true,
        Majority::Adult => false,
        Majority::Unknown => person.is_some_and(|person| person.was_minor) || given.age_at_grant.is_some_and(is_minor),
    };
    if !may_be_minor {
        return false;
    }
    let covered = person.is_some_and(|person| {
        let lowest = person.ages_at(now, policy).map(|ages| ages.lowest);
        let places = facts.places_of(person);
        lowest.is_some_and(|lowest| {
            policy.mature_minors().iter().any(|row| {
                let purposes = row.purposes.iter().filter(|purpose| why(*purpose));
                let mut pairs = purposes.flat_map(|purpose| row.recipients.iter().map(move |kind| (purpose, kind)));
                pairs.any(|(purpose, kind)| to(kind) && row.covers(purpose, kind, places, lowest, now))
            })
        })
    });
    given.capacity != Some(ConsentCapacity::MatureMinor) || !covered
}

/// Until when a representative may speak for the giver, exclusive; `None`: until it is revoked.
///
/// # Errors
/// Why the representative may not.
pub(super) fn represented_until(
    facts: &CaseFacts,
    given: &ConsentGiven,
    recorded_by: &Actor,
    policy: &Policy,
    now: Timestamp,
) -> Result<Option<Timestamp>, ReasonCode> {
    const UNVERIFIED: ReasonCode = ReasonCode::RepresentativeUnverified;
    let named = given.representative_subject_id.and_then(|representative| facts.person(representative));
    let representative = named.ok_or(UNVERIFIED)?;
    if representative.roles.contains(PersonRole::Suspect) {
        return Err(ReasonCode::RepresentativeIsSuspect);
    }
    let giver = given.subject_id.and_then(|giver| facts.person(giver)).ok_or(UNVERIFIED)?;
    let authority = given.authority.ok_or(UNVERIFIED)?;
    if authority == Authority::ParentOrGuardian && giver.majority_at(now, policy) == Majority::Adult {
        return Err(UNVERIFIED);
    }
    let counts = |known: &&AuthorityFacts| {
        let verified = &known.verified;
        verified.subject_id == giver.subject_id
            && verified.representative_subject_id == representative.subject_id
            && verified.authority == authority
            && known.by.acts_as(Role::Supervisor)
            && known.by.is_another_person_than(recorded_by)
            && !known.revoked
            && verified.expires_at.is_none_or(|expires_at| now < expires_at)
    };
    // Of several the one that lasts longest.
    let ends = facts.authorities.iter().filter(counts).map(|known| known.verified.expires_at);
    let last = ends.reduce(|one, two| one.and_then(|one| two.map(|two| one.max(two))));
    last.ok_or(UNVERIFIED)
}

/// What of its giver keeps a whole record from counting, whoever asks; see [`is_minor_alone`] for what depends on that.
pub(super) fn fails(given: &ConsentGiven) -> Set<ReasonCode> {
    let mut failures = Set::EMPTY;
    if given.capacity == Some(ConsentCapacity::Doubtful) {
        failures.insert(ReasonCode::ConsentCapacity);
    }
    if given.grantor.is_none() {
        failures.insert(ReasonCode::RepresentativeUnverified);
    }
    failures
}

/// Whether a minor alone takes the whole record away, and not only what it says about the bringer.
pub(super) fn speaks_of_giver_only(given: &ConsentGiven) -> bool {
    given.kind != Some(ConsentKind::Report)
}
