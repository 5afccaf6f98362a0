//! Consents that somebody else gave for the person.

use crate::story::*;
use egide_domain::event::{AuthorityRevoked, AuthorityVerified, ConsentGiven};
use egide_domain::ids::{SubjectId, VerificationId};
use egide_domain::vocabulary::{
    AgeBand, Authority, DataCategory::*, GrantorKind, PersonRole, Purpose, ReasonCode, Role,
};
use egide_domain::{Actor, CaseEvent, Timestamp};

const MOTHER: SubjectId = FRIEND;

fn wish() -> ConsentGiven {
    ConsentGiven {
        grantor: Some(GrantorKind::Representative),
        representative_subject_id: Some(MOTHER),
        authority: Some(Authority::ParentOrGuardian),
        ..consent(1, VICTIM, shelter().scope(), Purpose::SupportService).permitting(&[Contact])
    }
}

fn verified(authority: Authority, expires_at: Option<Timestamp>) -> AuthorityVerified {
    AuthorityVerified {
        verification_id: VerificationId([1; 16]),
        subject_id: VICTIM,
        representative_subject_id: MOTHER,
        authority,
        expires_at,
    }
}

fn verifies(story: Story, by: &Actor, verified: AuthorityVerified) -> Story {
    story.by(by, CaseEvent::AuthorityVerified(verified))
}

fn family() -> Story {
    Story::with_people().person(MOTHER, &[PersonRole::ThirdParty]).age(VICTIM, AgeBand::Under16)
}

fn parent() -> AuthorityVerified {
    verified(Authority::ParentOrGuardian, None)
}

fn asked() -> Ask {
    ask(&shelter(), Purpose::SupportService, &[Contact])
}

#[test]
fn without_a_verification_a_representative_permits_nothing() {
    family().consents(wish()).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
}

#[test]
fn a_verified_parent_consents_for_a_child_whichever_came_first() {
    let before = verifies(family(), &supervisor(), parent()).consents(wish());
    before.when(&asked()).permits(&[(VICTIM, Contact)]);
    let after = verifies(family().consents(wish()), &supervisor(), parent());
    after.when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn only_another_supervisor_than_recorded_the_consent_verifies() {
    let by = |actor: &Actor| verifies(family().consents(wish()), actor, parent());
    by(&staff("r.roy", Role::Responder)).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    by(&service()).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    let same = family().by(&supervisor(), CaseEvent::ConsentGiven(wish()));
    verifies(same.clone(), &supervisor(), parent()).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    verifies(same, &other_supervisor(), parent()).when(&asked()).permits(&[(VICTIM, Contact)]);
    let nobody = family().by(&service(), CaseEvent::ConsentGiven(wish()));
    verifies(nobody, &supervisor(), parent()).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
}

#[test]
fn a_verification_counts_for_exactly_these_two() {
    let other_child = AuthorityVerified { subject_id: OTHER_VICTIM, ..parent() };
    let other_parent = AuthorityVerified { representative_subject_id: CALLER, ..parent() };
    for wrong in [other_child, other_parent] {
        let story = verifies(family(), &supervisor(), wrong).consents(wish());
        story.when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    }
}

#[test]
fn the_authority_claimed_is_the_one_verified() {
    let story = verifies(family(), &supervisor(), verified(Authority::CourtAppointed, None));
    story.clone().consents(wish()).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    let silent = ConsentGiven { authority: None, ..wish() };
    story.consents(silent).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
}

#[test]
fn a_parent_speaks_until_the_child_is_grown_up_and_a_guardian_of_a_court_beyond() {
    let grown_up = |authority| {
        let story = family().age(VICTIM, AgeBand::Adult);
        let story = verifies(story, &supervisor(), verified(authority, None));
        story.consents(ConsentGiven { authority: Some(authority), ..wish() })
    };
    grown_up(Authority::ParentOrGuardian).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
    grown_up(Authority::CourtAppointed).when(&asked()).permits(&[(VICTIM, Contact)]);
    let unknown = Story::with_people().person(MOTHER, &[PersonRole::ThirdParty]).consents(wish());
    verifies(unknown, &supervisor(), parent()).when(&asked()).permits(&[(VICTIM, Contact)]);
}

#[test]
fn an_authority_that_ended_is_none_and_what_rests_on_it_ends_with_it() {
    let story = verifies(family(), &supervisor(), verified(Authority::ParentOrGuardian, Some(after(HOUR))));
    let story = story.consents(wish());
    assert_eq!(story.when(&asked()).0.expires_at, Some(after(HOUR)));
    story.clone().wait(HOUR - 1).when(&asked()).permits(&[(VICTIM, Contact)]);
    story.wait(HOUR).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
}

#[test]
fn of_two_verifications_the_longer_counts() {
    let short = verified(Authority::ParentOrGuardian, Some(after(HOUR)));
    let long =
        AuthorityVerified { verification_id: VerificationId([2; 16]), expires_at: Some(after(2 * HOUR)), ..short };
    let story = verifies(verifies(family(), &supervisor(), long), &supervisor(), short).consents(wish());
    assert_eq!(story.when(&asked()).0.expires_at, Some(after(2 * HOUR)));
}

#[test]
fn what_was_revoked_is_none() {
    let story = verifies(family(), &supervisor(), parent()).consents(wish());
    let revoked = CaseEvent::AuthorityRevoked(AuthorityRevoked { verification_id: VerificationId([1; 16]) });
    story.and(revoked).when(&asked()).denies(ReasonCode::RepresentativeUnverified);
}

#[test]
fn a_suspect_represents_nobody() {
    let story = verifies(family(), &supervisor(), parent()).consents(wish()).person(MOTHER, &[PersonRole::Suspect]);
    story.when(&asked()).denies(ReasonCode::RepresentativeIsSuspect);
}

#[test]
fn a_child_needs_no_maturity_where_a_parent_speaks_and_loses_no_denial() {
    let story = verifies(family(), &supervisor(), parent()).consents(wish());
    story.clone().when(&asked()).does_not_say(ReasonCode::ConsentMinorAlone);
    story.refuses(2, VICTIM, shelter().scope(), &[Contact]).when(&asked()).denies(ReasonCode::ConsentDenies);
}
