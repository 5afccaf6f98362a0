//! Which narratives a decision lets through: those that were attested for the unit, while that holds, and of which everybody they
//! speak of lets them go.
//!
//! Who lets a narrative go: a person, by consent of their own that names the category; somebody who is only a suspect and is never
//! asked, by whatever lets everything told about them go whole. A narrative that speaks of suspects only has nobody who
//! could have named it and stays. Data of some time only is not enough: a text tells of more times than the one it was written in.

use crate::bases::Grant;
use crate::decision::{AttestedNarrative, Mask};
use crate::facts::{Attestation, CaseFacts, Person};
use crate::ids::{SubjectId, UnitId};
use crate::vocabulary::{DataCategory, MaskLevel};

/// Whether what was found for a person lets narratives go that speak of them.
pub(crate) fn is_let_go_by(person: &Person, grants: &[Grant]) -> bool {
    let category = person.category_of(DataCategory::Narrative);
    grants.iter().any(|grant| grant.reach.level(category) == Some(MaskLevel::Whole) && grant.period.is_none())
}

/// Of whom attested narratives speak that everybody lets go.
pub(crate) fn spoken_of(facts: &CaseFacts, unit_id: UnitId, lets_go: impl Fn(SubjectId) -> bool) -> Vec<SubjectId> {
    let all = facts.attested_for(unit_id).filter(|(_, attestation)| everybody(facts, attestation, &lets_go));
    all.flat_map(|(_, attestation)| attestation.subject_ids.iter().copied()).collect()
}

/// The attested narratives that a mask lets through.
pub(crate) fn let_through(facts: &CaseFacts, unit_id: UnitId, mask: &Mask) -> Vec<AttestedNarrative> {
    let covered = |subject_id: SubjectId| {
        let person = facts.person(subject_id);
        person.is_some_and(|person| mask.lets_go_whole(subject_id, person.category_of(DataCategory::Narrative)))
    };
    let all = facts.attested_for(unit_id).filter(|(_, attestation)| everybody(facts, attestation, covered));
    all.map(|(narrative, _)| narrative).collect()
}

/// Whether everybody a narrative speaks of lets it go, among them somebody who could name it.
fn everybody(facts: &CaseFacts, attestation: &Attestation, lets_go: impl Fn(SubjectId) -> bool) -> bool {
    let asked = |subject_id: &SubjectId| facts.person(*subject_id).is_some_and(|person| !person.is_only_suspect());
    attestation.subject_ids.iter().any(asked) && attestation.subject_ids.iter().all(|subject_id| lets_go(*subject_id))
}

/// Takes narratives out of what was found for a person of whom none can be let through; whether there was anything.
pub(crate) fn take_out(grants: &mut Vec<Grant>) -> bool {
    let mut found = false;
    for grant in grants.iter_mut() {
        let left = grant.reach.categories().without(DataCategory::Narrative);
        found |= left != grant.reach.categories();
        grant.reach = grant.reach.within(left);
    }
    grants.retain(|grant| !grant.reach.is_nothing());
    found
}

/// Whether the mask of a recorded decision covers everybody of each narrative that stands in it, and each was attested for the unit
/// and holds.
pub(crate) fn all_hold(facts: &CaseFacts, unit_id: UnitId, mask: &Mask, narratives: &[AttestedNarrative]) -> bool {
    let held = let_through(facts, unit_id, mask);
    narratives.iter().all(|narrative| held.contains(narrative))
}
