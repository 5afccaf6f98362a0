//! The consent algebra, statement by statement.

use crate::story::*;
use egide_domain::CaseEvent;
use egide_domain::event::{Expiry, RecipientScope};
use egide_domain::ids::Revision;
use egide_domain::vocabulary::Channel;
use egide_domain::vocabulary::{
    Answer, ConsentKind, DataCategory::*, GrantorKind, MaskLevel, PersonRole, Purpose::*, ReasonCode, RecipientKind,
    ReviewOutcome,
};

fn given() -> Story {
    Story::with_people()
}

fn to_shelter(number: u8) -> egide_domain::event::ConsentGiven {
    consent(number, VICTIM, shelter().scope(), SupportService)
}

fn asked(categories: &[egide_domain::vocabulary::DataCategory]) -> Ask {
    ask(&shelter(), SupportService, categories)
}

#[test]
fn nothing_leaves_without_a_basis() {
    given().when(&asked(&[Contact])).denies(ReasonCode::NoConsent).says_of(ReasonCode::NoConsent, VICTIM, Contact);
}

#[test]
fn a_consent_lets_exactly_the_named_categories_of_its_giver_go() {
    let then = given().consents(to_shelter(1).permitting(&[Contact, Situation])).when(&asked(&[Contact, Identity]));
    then.permits(&[(VICTIM, Contact)]);
    then.says(ReasonCode::CoveredByConsent).says_of(ReasonCode::NoConsent, VICTIM, Identity);
}

#[test]
fn one_persons_consent_never_shows_another() {
    let story = given().person(OTHER_VICTIM, &[PersonRole::PotentialVictim]);
    let then = story.consents(to_shelter(1).permitting(&[Identity, Contact])).when(&asked(&[Identity, Contact]));
    then.permits(&[(VICTIM, Identity), (VICTIM, Contact)]);
    then.says_of(ReasonCode::NoConsent, OTHER_VICTIM, Identity);
}

#[test]
fn permissions_add_up() {
    let story = given().consents(to_shelter(1).permitting(&[Contact])).consents(to_shelter(2).permitting(&[Identity]));
    let then = story.when(&asked(&[Contact, Identity]));
    then.permits(&[(VICTIM, Identity), (VICTIM, Contact)]);
    assert_eq!(then.0.bases.len(), 2);
}

#[test]
fn each_mask_entry_names_the_bases_that_let_it_through() {
    let story =
        given().consents(to_shelter(1).permitting(&[Contact])).consents(to_shelter(2).permitting(&[Contact, Identity]));
    let decision = story.when(&asked(&[Contact, Identity])).0;
    let indexes: Vec<Vec<u32>> = decision.mask.entries().iter().map(|entry| entry.bases.iter().collect()).collect();
    assert_eq!(indexes, [vec![1], vec![0, 1]]);
}

#[test]
fn a_denial_in_one_record_beats_a_permission_in_another() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact, Identity]))
        .consents(to_shelter(2).permitting(&[Situation]).denying(&[Identity]));
    let then = story.when(&asked(&[Contact, Identity, Situation]));
    then.permits(&[(VICTIM, Contact), (VICTIM, Situation)]);
    then.says_of(ReasonCode::ConsentDenies, VICTIM, Identity);
}

#[test]
fn a_newer_refusal_beats_an_older_permission() {
    let story = given().consents(to_shelter(1).permitting(&[Contact, Identity])).refuses(
        2,
        VICTIM,
        shelter().scope(),
        &[Identity],
    );
    story.when(&asked(&[Contact, Identity])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_refusal_that_names_nothing_refuses_everything() {
    let story =
        given().consents(to_shelter(1).permitting(&[Contact, Identity])).refuses(2, VICTIM, shelter().scope(), &[]);
    story.when(&asked(&[Contact, Identity])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_newer_permission_does_not_beat_an_older_denial_by_being_newer() {
    let story =
        given().refuses(1, VICTIM, shelter().scope(), &[Contact]).consents(to_shelter(2).permitting(&[Contact]));
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_newer_permission_beats_an_older_denial_that_it_names() {
    let story = given()
        .refuses(1, VICTIM, shelter().scope(), &[Contact, Identity])
        .consents(to_shelter(2).permitting(&[Contact]).superseding(&[1]));
    story.when(&asked(&[Contact, Identity])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_superseding_permission_beats_only_what_it_permits_while_it_lives() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact]))
        .refuses(2, VICTIM, shelter().scope(), &[Contact])
        .consents(to_shelter(3).permitting(&[Contact]).superseding(&[2]).until(Expiry::At(after(HOUR))));
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    let then = story.wait(HOUR).when(&asked(&[Contact]));
    then.denies(ReasonCode::ConsentDenies).says(ReasonCode::ConsentExpired);
}

#[test]
fn an_older_permission_cannot_name_a_denial_that_comes_after_it() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).superseding(&[2])).refuses(
        2,
        VICTIM,
        shelter().scope(),
        &[Contact],
    );
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn nobody_supersedes_what_another_person_refused() {
    let story = given()
        .person(OTHER_VICTIM, &[PersonRole::PotentialVictim])
        .refuses(1, VICTIM, shelter().scope(), &[Contact])
        .consents(to_shelter(2).permitting(&[Contact]));
    let mut stranger = to_shelter(3).permitting(&[Contact]).superseding(&[1]);
    stranger.subject_id = Some(OTHER_VICTIM);
    story.consents(stranger).when(&asked(&[Contact])).permits(&[(OTHER_VICTIM, Contact)]);
}

#[test]
fn what_is_superseded_no_longer_permits() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact, Identity]))
        .consents(to_shelter(2).permitting(&[Contact]).superseding(&[1]));
    story.when(&asked(&[Contact, Identity])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_denial_outlives_the_consent_it_stands_in() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact]).denying(&[Identity]).until(Expiry::At(after(HOUR))))
        .consents(to_shelter(2).permitting(&[Identity]))
        .wait(HOUR);
    story.when(&asked(&[Contact, Identity])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn withdrawing_a_refusal_adds_nothing() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact]))
        .refuses(2, VICTIM, shelter().scope(), &[Contact])
        .withdraws(Some(2), Some(VICTIM), &[]);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_withdrawal_ends_the_consent_it_names_and_no_other() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact]))
        .consents(to_shelter(2).permitting(&[Identity]))
        .withdraws(Some(1), Some(VICTIM), &[]);
    let then = story.when(&asked(&[Contact, Identity]));
    then.permits(&[(VICTIM, Identity)]).says(ReasonCode::ConsentWithdrawn);
}

#[test]
fn a_withdrawal_can_take_back_a_part() {
    let story =
        given().consents(to_shelter(1).permitting(&[Contact, Identity])).withdraws(Some(1), Some(VICTIM), &[Identity]);
    story.when(&asked(&[Contact, Identity])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn a_withdrawal_without_or_with_an_unknown_record_takes_back_everything_of_the_person() {
    for number in [None, Some(200)] {
        let story = given()
            .consents(to_shelter(1).permitting(&[Contact]))
            .consents(to_shelter(2).permitting(&[Identity]))
            .withdraws(number, Some(VICTIM), &[]);
        story.when(&asked(&[Contact, Identity])).denies(ReasonCode::ConsentWithdrawn);
    }
}

#[test]
fn a_withdrawal_that_names_another_persons_record_takes_back_both() {
    let mut other = to_shelter(2).permitting(&[Contact]);
    other.subject_id = Some(OTHER_VICTIM);
    let story = given()
        .person(OTHER_VICTIM, &[PersonRole::PotentialVictim])
        .consents(to_shelter(1).permitting(&[Contact]))
        .consents(other)
        .withdraws(Some(2), Some(VICTIM), &[]);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentWithdrawn);
}

#[test]
fn a_withdrawal_of_nobody_in_particular_takes_back_everything_of_the_case() {
    let story = given().consents(to_shelter(1).permitting(&[Contact])).withdraws(None, None, &[]);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentWithdrawn);
}

#[test]
fn a_consent_given_after_a_withdrawal_counts() {
    let story = given()
        .consents(to_shelter(1).permitting(&[Contact]))
        .withdraws(None, Some(VICTIM), &[])
        .consents(to_shelter(2).permitting(&[Contact]));
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn the_end_is_exclusive() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).until(Expiry::At(after(HOUR))));
    story.clone().wait(HOUR - 1).when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    story.clone().wait(HOUR).when(&asked(&[Contact])).denies(ReasonCode::ConsentExpired);
    story.wait(HOUR + 1).when(&asked(&[Contact])).denies(ReasonCode::ConsentExpired);
}

#[test]
fn the_beginning_is_inclusive() {
    let mut later = to_shelter(1).permitting(&[Contact]);
    later.not_before = Some(after(HOUR));
    let story = given().consents(later);
    story.clone().wait(HOUR - 1).when(&asked(&[Contact])).denies(ReasonCode::ConsentNotYet);
    story.wait(HOUR).when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn no_word_about_the_end_means_the_policys_period_from_when_it_was_recorded() {
    let period = POLICY.periods().consent_default.0;
    let story = given().wait(DAY).consents(to_shelter(1).permitting(&[Contact]).until(Expiry::Absent));
    story.clone().wait(period - 1).when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    story.wait(period).when(&asked(&[Contact])).denies(ReasonCode::ConsentExpired);
}

#[test]
fn expressly_unlimited_has_no_end() {
    let story = given().consents(to_shelter(1).permitting(&[Contact])).wait(100 * 365 * DAY);
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn an_end_that_already_passed_is_none_of_the_others() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).until(Expiry::At(after(-1))));
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentExpired);
}

#[test]
fn only_free_consent_counts() {
    for answer in [None, Some(Answer::No), Some(Answer::Unknown)] {
        let mut forced = to_shelter(1).permitting(&[Contact]);
        forced.speaking_freely = answer;
        given().consents(forced).when(&asked(&[Contact])).denies(ReasonCode::ConsentNotFree);
    }
}

#[test]
fn only_understood_consent_counts() {
    for answer in [None, Some(Answer::No), Some(Answer::Unknown)] {
        let mut unclear = to_shelter(1).permitting(&[Contact]);
        unclear.understood = answer;
        given().consents(unclear).when(&asked(&[Contact])).denies(ReasonCode::ConsentNotUnderstood);
    }
}

#[test]
fn a_denial_counts_however_it_was_given() {
    let mut forced = to_shelter(2).denying(&[Contact]);
    forced.speaking_freely = Some(Answer::No);
    forced.understood = None;
    forced.grantor = Some(GrantorKind::Representative);
    let story = given().consents(to_shelter(1).permitting(&[Contact])).consents(forced);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_representatives_consent_does_not_count_yet() {
    for grantor in [Some(GrantorKind::Representative), None] {
        let mut by_other = to_shelter(1).permitting(&[Contact]);
        by_other.grantor = grantor;
        by_other.representative_subject_id = Some(FRIEND);
        let story = given().person(FRIEND, &[PersonRole::ThirdParty]).consents(by_other);
        story.when(&asked(&[Contact])).denies(ReasonCode::RepresentativeUnverified);
    }
}

#[test]
fn a_consent_of_no_kind_permits_nothing_and_denies_all_the_same() {
    let mut odd = to_shelter(1).permitting(&[Contact]).denying(&[Identity]);
    odd.kind = None;
    let story = given().consents(odd).consents(to_shelter(2).permitting(&[Identity]));
    story.when(&asked(&[Contact, Identity])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_permission_to_everybody_permits_nothing() {
    let everybody = consent(1, VICTIM, RecipientScope::Anyone, SupportService).permitting(&[Contact]);
    given().consents(everybody).when(&asked(&[Contact])).denies(ReasonCode::ConsentOtherRecipient);
}

#[test]
fn a_record_that_names_no_recipient_permits_to_nobody_and_denies_to_everybody() {
    let mut nameless = to_shelter(1).permitting(&[Contact]).denying(&[Identity]);
    nameless.recipient = None;
    let story = given().consents(nameless).consents(to_shelter(2).permitting(&[Identity]));
    let then = story.when(&asked(&[Contact, Identity]));
    then.denies(ReasonCode::ConsentOtherRecipient).says(ReasonCode::ConsentDenies);
}

#[test]
fn a_refusal_to_everybody_reaches_everybody() {
    let story =
        given().consents(to_shelter(1).permitting(&[Contact])).refuses(2, VICTIM, RecipientScope::Anyone, &[Contact]);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn a_consent_to_an_organisation_a_unit_or_a_kind_reaches_it() {
    let scopes = [
        RecipientScope::Organization(shelter().organization_id()),
        RecipientScope::Unit(shelter().id()),
        RecipientScope::Kind(RecipientKind::SupportService),
    ];
    for scope in scopes {
        let story = given().consents(consent(1, VICTIM, scope, SupportService).permitting(&[Contact]));
        story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    }
    let other = consent(1, VICTIM, RecipientScope::Kind(RecipientKind::Court), SupportService).permitting(&[Contact]);
    given().consents(other).when(&asked(&[Contact])).denies(ReasonCode::ConsentOtherRecipient);
}

#[test]
fn a_consent_for_another_purpose_permits_nothing() {
    let other = consent(1, VICTIM, shelter().scope(), Investigation).permitting(&[Contact]);
    given().consents(other).when(&asked(&[Contact])).denies(ReasonCode::ConsentOtherPurpose);
}

#[test]
fn a_denial_inside_a_consent_is_for_its_purpose_and_a_refusal_for_all() {
    let for_other = consent(1, VICTIM, shelter().scope(), Investigation).denying(&[Contact]);
    let story = given().consents(for_other).consents(to_shelter(2).permitting(&[Contact]));
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn consent_for_one_disclosure_is_used_by_the_first_release() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).once());
    let story = story.releases(1, &asked(&[Contact]));
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentUsed);
}

#[test]
fn consent_for_one_disclosure_stays_used_after_a_recall() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).once());
    let story = story.releases(1, &asked(&[Contact])).recalls(1);
    story.when(&asked(&[Contact])).denies(ReasonCode::ConsentUsed);
}

#[test]
fn a_standing_consent_is_not_used_up() {
    let story = given().consents(to_shelter(1).permitting(&[Contact])).releases(1, &asked(&[Contact]));
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn third_parties_and_children_leave_on_their_own_consent_only() {
    let story = given()
        .person(FRIEND, &[PersonRole::ThirdParty])
        .person(CHILD, &[PersonRole::Child])
        .consents(to_shelter(1).permitting(&[Identity, OtherPeople]));
    let then = story.clone().when(&asked(&[Identity]).about(&[FRIEND, CHILD]));
    then.denies(ReasonCode::NoConsent);
    let own = consent(2, FRIEND, shelter().scope(), SupportService).permitting(&[Identity]);
    story.consents(own).when(&asked(&[Identity]).about(&[FRIEND, CHILD])).permits(&[(FRIEND, Identity)]);
}

#[test]
fn the_caller_is_protected_unless_the_caller_consents() {
    let story = given().consents(to_shelter(1).permitting(&[Identity]));
    let then = story.clone().when(&asked(&[Identity]).about(&[CALLER]));
    then.denies(ReasonCode::BringerProtected).says_of(ReasonCode::BringerProtected, CALLER, Identity);
    let own = consent(2, CALLER, shelter().scope(), SupportService).permitting(&[Identity]);
    story.consents(own).when(&asked(&[Identity]).about(&[CALLER])).permits(&[(CALLER, Identity)]);
}

#[test]
fn a_victims_or_callers_consent_that_names_suspects_lets_suspects_go() {
    for giver in [VICTIM, CALLER] {
        let told = consent(1, giver, police().scope(), Investigation).permitting(&[Suspects]);
        let then = given().consents(told).when(&ask(&police(), Investigation, &[Suspects, Identity]));
        then.permits(&[(SUSPECT, Suspects)]);
    }
}

#[test]
fn a_third_partys_consent_does_not_let_suspects_go() {
    let told = consent(1, FRIEND, police().scope(), Investigation).permitting(&[Suspects]);
    let story = given().person(FRIEND, &[PersonRole::ThirdParty]).consents(told);
    story.when(&ask(&police(), Investigation, &[Suspects])).denies(ReasonCode::NoConsent);
}

#[test]
fn a_suspects_own_consent_counts_for_nothing() {
    let told = consent(1, SUSPECT, police().scope(), Investigation).permitting(&[Suspects, Identity]);
    given().consents(told).when(&ask(&police(), Investigation, &[Suspects, Identity])).denies(ReasonCode::NoConsent);
}

#[test]
fn a_victims_denial_holds_back_suspects_whoever_permits_them() {
    let told = consent(1, CALLER, police().scope(), Investigation).permitting(&[Suspects]);
    let story = given().consents(told).refuses(2, VICTIM, police().scope(), &[Suspects]);
    story.when(&ask(&police(), Investigation, &[Suspects])).denies(ReasonCode::ConsentDenies);
}

#[test]
fn everything_about_a_suspect_stands_under_suspects() {
    let told = consent(1, VICTIM, police().scope(), Investigation).permitting(&[Identity, Contact]);
    let then = given().consents(told).when(&ask(&police(), Investigation, &[Identity, Contact]).about(&[SUSPECT]));
    then.denies(ReasonCode::CategoryNotReleasable);
}

#[test]
fn who_is_suspect_and_potential_victim_is_treated_as_victim() {
    let told = consent(1, VICTIM, police().scope(), Investigation).permitting(&[Suspects]);
    let story = given().person(SUSPECT, &[PersonRole::PotentialVictim]).consents(told);
    story.when(&ask(&police(), Investigation, &[Suspects, Identity]).about(&[SUSPECT])).denies(ReasonCode::NoConsent);
}

#[test]
fn a_tip_that_waits_for_review_closes_consent() {
    for channel in [Channel::WebForm, Channel::Email] {
        let story = given().tip(channel).consents(to_shelter(1).permitting(&[Contact]));
        story.when(&asked(&[Contact])).denies(ReasonCode::TipNotReviewed);
        let reviewed = story.reviewed(ReviewOutcome::Report);
        reviewed.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    }
}

#[test]
fn a_tip_not_to_be_reported_closes_consent() {
    let story = given().tip(Channel::Phone).consents(to_shelter(1).permitting(&[Contact]));
    story.when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
    story.reviewed(ReviewOutcome::DoNotReport).when(&asked(&[Contact])).denies(ReasonCode::TipNotToReport);
}

#[test]
fn insufficient_information_closes_consent_until_it_is_assessed_again() {
    use egide_domain::vocabulary::TriageLevel::{Insufficient, NotUrgent};
    let story = given().consents(to_shelter(1).permitting(&[Contact])).triaged(Insufficient);
    story.when(&asked(&[Contact])).denies(ReasonCode::TriageInsufficient);
    story.triaged(NotUrgent).when(&asked(&[Contact])).permits(&[(VICTIM, Contact)]);
}

#[test]
fn an_unreadable_record_denies_everything() {
    let story = given().consents(to_shelter(1).permitting(&[Contact])).and(CaseEvent::Unreadable);
    story.when(&asked(&[Contact])).denies(ReasonCode::RecordUnreadable);
}

#[test]
fn a_named_basis_is_the_only_one_used() {
    use egide_domain::decision::Basis;
    let story = given().consents(to_shelter(1).permitting(&[Contact])).consents(to_shelter(2).permitting(&[Identity]));
    let then = story.when(&asked(&[Contact, Identity]).relying_on(&[Basis::Consent(consent_id(2))]));
    then.permits(&[(VICTIM, Identity)]);
    assert_eq!(then.0.bases, [Basis::Consent(consent_id(2))]);
}

#[test]
fn a_permit_ends_with_the_consent_it_rests_on() {
    let story = given().consents(to_shelter(1).permitting(&[Contact]).until(Expiry::At(after(2 * HOUR))));
    assert_eq!(story.when(&asked(&[Contact])).0.expires_at, Some(after(2 * HOUR)));
    let standing = given().consents(to_shelter(1).permitting(&[Contact]));
    let life = POLICY.periods().decision_life;
    assert_eq!(standing.when(&asked(&[Contact])).0.expires_at, START.checked_add(life));
}

#[test]
fn purposes_reach_categories_up_to_a_level() {
    let all = egide_domain::Categories::all();
    let mut everything = to_shelter(1);
    everything.permitted = all;
    let then = given().consents(everything).when(&asked(&[Contact, Finances, Narrative, RecordKeeping]));
    then.permits_up_to(&[(VICTIM, Contact, MaskLevel::Whole), (VICTIM, Finances, MaskLevel::Generalised)]);
    then.says(ReasonCode::NarrativeNotAttested).says(ReasonCode::CategoryNotReleasable);
}

#[test]
fn a_decision_records_what_it_was_made_on() {
    let decision = given().consents(to_shelter(1).permitting(&[Contact])).when(&asked(&[Contact])).0;
    assert_eq!(decision.case_revision, Revision(6));
    assert_eq!(decision.directory_revision, Revision(3));
    assert_eq!(decision.decided_at, START);
    assert_eq!(decision.policy_version, *POLICY.version());
}

#[test]
fn a_report_consent_is_no_consent_of_a_data_subject() {
    let mut wish = to_shelter(1).permitting(&[Contact]);
    wish.kind = Some(ConsentKind::Report);
    given().consents(wish).when(&asked(&[Contact])).denies(ReasonCode::NoConsent);
}

#[test]
fn a_permit_on_several_consents_ends_with_the_first_of_them() {
    let of = |first, second| {
        let story = given()
            .consents(to_shelter(1).permitting(&[Contact]).until(Expiry::At(after(first))))
            .consents(to_shelter(2).permitting(&[Identity]).until(Expiry::At(after(second))));
        story.when(&asked(&[Contact, Identity])).0.expires_at
    };
    assert_eq!(of(HOUR, 2 * HOUR), Some(after(HOUR)));
    assert_eq!(of(2 * HOUR, HOUR), Some(after(HOUR)));
}
